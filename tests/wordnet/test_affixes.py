import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_relbert.wordnet.affixes import NEGATIONS, SUFFIXES, negation_of, suffix_of


@pytest.mark.parametrize(
    ("base", "derived", "part", "suffix"),
    [
        ("move", "movement", "noun", "ment"),
        ("inform", "information", "noun", "ation"),
        ("Marx", "Marxist", "noun", "ist"),
        ("modern", "modernize", "verb", "ize"),
        ("lazy", "lazily", "adverb", "ily"),
        ("history", "historical", "adjective", "ical"),
        ("teacher", "teach", "verb", None),
        ("run", "run", "noun", None),
        ("see", "sight", "noun", None),
        ("string", "stringing", "noun", None),
        ("go", "going", "noun", None),
    ],
)
def test_suffixes(base, derived, part, suffix):
    assert suffix_of(base, derived, part) == suffix


@given(st.text(max_size=12), st.text(max_size=12), st.sampled_from(sorted(SUFFIXES)))
def test_no_two_words_are_made_of_each_other(first, second, part):
    assert suffix_of(first, second, part) is None or suffix_of(second, first, part) is None
    assert negation_of(first, second) is None or negation_of(second, first) is None


@pytest.mark.parametrize("prefix", NEGATIONS)
def test_negations(prefix):
    assert negation_of("moral", f"{prefix}moral") == f"{prefix.rstrip('-')}-"
    assert negation_of(f"{prefix}moral", "moral") is None
