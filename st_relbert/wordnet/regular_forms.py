"""Regular inflection of English words, by rule."""

from __future__ import annotations

import re

# One vowel between consonants, in a word of one syllable: its last letter is doubled (stop, stopped).
_DOUBLING = re.compile(r"(?:[^aeiou]*|[^aeiou]*qu)[aeiou][bdfgklmnprtvz]")
# A consonant and y: the y becomes i (carry, carried).
_CONSONANT_Y = re.compile(r".*[^aeiou]y")
_SIBILANT = re.compile(r".*(?:s|x|z|ch|sh)")
_SYLLABLE = re.compile(r"[aeiouy]+")


def with_s(word: str) -> str:
    """The plural of a noun, or the third person of a verb.

    >>> [with_s(word) for word in ("dog", "box", "city", "day")]
    ['dogs', 'boxes', 'cities', 'days']
    """
    if _CONSONANT_Y.fullmatch(word):
        return f"{word[:-1]}ies"
    return f"{word}es" if _SIBILANT.fullmatch(word) else f"{word}s"


def with_ed(word: str) -> str:
    """The past of a verb.

    >>> [with_ed(word) for word in ("walk", "bake", "carry", "stop", "visit")]
    ['walked', 'baked', 'carried', 'stopped', 'visited']
    """
    return f"{_before_e(word)}ed"


def with_ing(word: str) -> str:
    """The present participle of a verb.

    >>> [with_ing(word) for word in ("walk", "bake", "carry", "stop", "see", "die")]
    ['walking', 'baking', 'carrying', 'stopping', 'seeing', 'dying']
    """
    if word.endswith("ie"):
        return f"{word[:-2]}ying"
    if word.endswith("e") and not word.endswith(("ee", "oe", "ye")):
        return f"{word[:-1]}ing"
    return f"{_doubled(word)}ing"


def with_er(word: str) -> str:
    """The comparative of an adjective.

    >>> [with_er(word) for word in ("tall", "large", "happy", "big")]
    ['taller', 'larger', 'happier', 'bigger']
    """
    return f"{_before_e(word)}er"


def with_est(word: str) -> str:
    """The superlative of an adjective.

    >>> with_est("tall")
    'tallest'
    """
    return f"{_before_e(word)}est"


def syllables(word: str) -> int:
    """About how many syllables a word has: groups of vowels, without a silent e at the end.

    >>> [syllables(word) for word in ("tall", "large", "happy", "little", "careful")]
    [1, 1, 2, 2, 3]
    """
    silent = word.endswith("e") and not word.endswith("le")
    return max(1, len(_SYLLABLE.findall(word)) - silent)


def _before_e(word: str) -> str:
    if word.endswith("e"):
        return word[:-1]
    return f"{word[:-1]}i" if _CONSONANT_Y.fullmatch(word) else _doubled(word)


def _doubled(word: str) -> str:
    return word + word[-1] if _DOUBLING.fullmatch(word) else word
