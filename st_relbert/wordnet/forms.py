"""The inflected forms of a word: irregular ones from the exception lists, regular ones by rule."""

from __future__ import annotations

from collections.abc import Sequence

from st_relbert.wordnet.regular_forms import with_ed, with_er, with_est, with_ing, with_s

# What the exception lists do not say: words that stay as they are, and nouns without a plural.
_UNCHANGED_VERBS = ("broadcast", "burst", "cast", "cost", "forecast", "hurt", "must", "ought", "spread", "thrust")
_WITHOUT_PLURAL = ("aircraft", "clothing", "deer", "equipment", "fish", "furniture", "jewelry", "machinery", "sheep")
_WITHOUT_THIRD_PERSON_RULE = ("be", "have", "must", "ought")


def noun_forms(base: str, exceptions: Sequence[str]) -> dict[str, str]:
    """The plural of a noun.

    Args:
        base: The noun.
        exceptions: Its forms in the exception list.

    Returns:
        The plural as ``"plural"`` or ``"irregular plural"``, or nothing, where it is uncertain.

    >>> noun_forms("dog", []), noun_forms("mouse", ["mice"]), noun_forms("scissors", [])
    ({'plural': 'dogs'}, {'irregular plural': 'mice'}, {})
    """
    if exceptions:
        # "Busses" is no irregular plural, and of several it is uncertain which one is usual.
        usual = len(exceptions) == 1 and not (exceptions[0].startswith(base) and exceptions[0].endswith("s"))
        return {"irregular plural": exceptions[0]} if usual else {}
    # Photos, but potatoes; and what ends in s may be a plural already.
    if base in _WITHOUT_PLURAL or base.endswith("o") or (base.endswith("s") and not base.endswith("ss")):
        return {}
    return {"plural": with_s(base)}


def verb_forms(base: str, exceptions: Sequence[str]) -> dict[str, str]:
    """The forms of a verb.

    Args:
        base: The verb.
        exceptions: Its forms in the exception list.

    Returns:
        Those of the ``"third person"``, ``"present participle"``, ``"past"`` or ``"irregular past"`` and ``"irregular
        past participle"`` that are certain.

    >>> verb_forms("stop", ["stopped", "stopping"])
    {'third person': 'stops', 'present participle': 'stopping', 'past': 'stopped'}
    >>> verb_forms("sing", ["sang", "sung"])["irregular past participle"]
    'sung'
    """
    forms = {}
    if base not in _WITHOUT_THIRD_PERSON_RULE and not base.endswith("o"):
        forms["third person"] = with_s(base)
    participle = next((form for form in exceptions if form.endswith("ing")), None)
    forms["present participle"] = participle or with_ing(base)
    pasts = [form for form in exceptions if not form.endswith("ing") and form != base]
    if not exceptions and base not in _UNCHANGED_VERBS:
        forms["past"] = with_ed(base)
    elif len(pasts) == 1:
        forms |= _only_past(base, pasts[0])
    elif len(pasts) == 2 and (ordered := _past_and_participle(*pasts)):
        forms |= zip(("irregular past", "irregular past participle"), ordered, strict=True)
    return forms


def adjective_forms(base: str, exceptions: Sequence[str]) -> dict[str, str]:
    """The ``"comparative"`` and the ``"superlative"`` of an adjective, where they are regular.

    Args:
        base: The adjective.
        exceptions: Its forms in the exception list, which has those whose spelling changes (bigger).

    >>> adjective_forms("tall", []), adjective_forms("bad", ["worse", "worst"])
    ({'comparative': 'taller', 'superlative': 'tallest'}, {})
    """
    forms = {"comparative": with_er(base), "superlative": with_est(base)}
    return {name: form for name, form in forms.items() if not exceptions or form in exceptions}


def _only_past(base: str, form: str) -> dict[str, str]:
    if form.endswith("ed") and form.startswith(base[:-1]) and len(form) > len(base):
        return {"past": form}
    # Beat, beat, beaten; show, showed, shown: the list has no past because it is no exception.
    participle = form.endswith("en") or form == f"{base}n"
    return {"irregular past participle" if participle else "irregular past": form}


def _past_and_participle(first: str, second: str) -> tuple[str, str] | None:
    """Which one of two forms is the past: went, gone; sang, sung; None if it is uncertain."""
    for past, participle in ((first, second), (second, first)):
        if past.replace("a", "u") == participle and "a" in past:
            return past, participle
    for past, participle in ((first, second), (second, first)):
        if participle.endswith(("n", "ne")) and not past.endswith(("n", "ne")):
            return past, participle
    return None
