"""By which ending or beginning one word is made of another."""

from __future__ import annotations

from st_relbert.wordnet.wordnet import ADJECTIVE, ADVERB, NOUN, VERB

_USUAL = {
    NOUN: "ability ibility ation ition ution sion tion ion ment ance ence ancy ency ness ity ty ship hood dom ism ist "
    "ician ian an eer er or ar ant ent ee ess ette age al ure ing ry cy th y ics ology",
    VERB: "ize ise ify fy ate en",
    ADJECTIVE: "able ible ical ial ual al ic ary ory ous ious eous ative itive ive ful less ish like some ly ed ing "
    "ant ent ate ar ean ian an ese y",
    ADVERB: "ically ably ibly ily ly wards ward wise",
}
# The longest one that fits counts.
SUFFIXES = {part: sorted(usual.split(), key=len, reverse=True) for part, usual in _USUAL.items()}
NEGATIONS = ("un", "in", "im", "il", "ir", "dis", "non", "non-", "anti", "mis", "de", "a")
_SHARED = 3  # letters at the beginning, which a word has to have in common with what is made of it


def suffix_of(base: str, derived: str, part: str) -> str | None:
    """The ending by which a word is made of another one.

    Args:
        base: What it may be made of.
        derived: The word that may have an ending.
        part: The part of speech of ``derived``.

    Returns:
        The ending, or None if the word has none of the usual ones, begins differently, or is not longer: then it is not
        plain which one is made of the other (creation, create).

    Example:
        >>> suffix_of("teach", "teacher", "noun"), suffix_of("decide", "decision", "noun")
        ('er', 'sion')
        >>> suffix_of("creation", "create", "verb") is None
        True
    """
    if len(derived) <= len(base) or derived[:_SHARED].lower() != base[:_SHARED].lower():
        return None
    suffix = next((suffix for suffix in SUFFIXES[part] if derived.endswith(suffix)), None)
    # A stem of at least the shared letters: the "ing" of "string" is no ending.
    if suffix is None or base.endswith(suffix) or len(derived) - len(suffix) < _SHARED:
        return None
    return suffix


def negation_of(base: str, derived: str) -> str | None:
    """The beginning or ending by which a word is made the opposite of another one.

    Example:
        >>> negation_of("happy", "unhappy"), negation_of("careful", "careless"), negation_of("hot", "cold")
        ('un-', '-less', None)
    """
    prefix = next((prefix for prefix in NEGATIONS if derived == prefix + base), None)
    if prefix is not None:
        return f"{prefix.rstrip('-')}-"
    if derived.endswith("less") and base == f"{derived.removesuffix('less')}ful":
        return "-less"
    return None
