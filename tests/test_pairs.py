import unicodedata

import numpy as np
import pandas
import polars
import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from st_relbert.pairs import as_pair, as_pairs, folded, folded_word, is_flat_pair


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("Tokyo", r'is the string \'Tokyo\', expected two words. Write one pair as \[\("head", "tail"\)\]'),
        (("Tokyo",), r"is \('Tokyo',\), expected two words"),
        (("a", "b", "c"), "expected two words"),
        (None, "is None, expected two words"),
        (float("nan"), "is nan, expected two words"),
        (7, "is 7, expected two words"),
        ({"head": "a", "tail": "b"}, "expected two words"),
        ((None, "b"), "the head of pair 3 is None of type NoneType, expected a string"),
        (("a", float("nan")), "the tail of pair 3 is nan of type float, expected a string"),
        ((1, "b"), "the head of pair 3 is 1 of type int"),
        (("", "b"), "at least one visible character"),
        (("a", " \t\n"), "the tail of pair 3"),
        (("\x00\x07", "b"), "at least one visible character"),
        (("a", "\u200b\u200e"), "at least one visible character"),
        (("a", "b\ud800"), "lone surrogate"),
        (np.array("a"), "expected two words"),
        (
            ("a", "b" * 10_001),
            r"the tail of pair 3 is 'b{30}'\.\.\. \(10,001 characters\), expected a word of at most 10,000",
        ),
    ],
)
def test_a_malformed_pair_is_an_error_that_shows_it(value, message):
    with pytest.raises(ValueError, match=message):
        as_pair(value, "pair 3")


@pytest.mark.parametrize(
    "pair",
    [("a", "b"), (" Tokyo ", "Japan"), ("tab\tinside", "b"), ("שלום", "عالم"), ("👍", "東京"), ("x" * 10_000, "y")],
)
def test_words_are_kept_as_they_are(pair):
    assert as_pair(list(pair), "pair") == pair


def test_long_values_are_shortened_in_errors():
    with pytest.raises(ValueError, match="expected two words") as error:
        as_pair(["x" * 1000], "pair")
    assert len(str(error.value)) < 200


PAIRS = [("Tokyo", "Japan"), ("Paris", "France"), ("Rome", "Italy")]
LISTS = [list(pair) for pair in PAIRS]
BATCHES = {
    "array": np.array(PAIRS),
    "array of objects": np.array(PAIRS, dtype=object),
    "column": Dataset.from_dict({"pair": LISTS})["pair"],
    "pandas Series": pandas.Series(PAIRS),
    "pandas DataFrame": pandas.DataFrame(PAIRS, columns=["head", "tail"]),
    "pandas columns in another order": pandas.DataFrame(
        [(7, tail, head) for head, tail in PAIRS], columns=["id", "tail", "head"]
    ),
    "pandas columns without names": pandas.DataFrame(PAIRS),
    "polars Series": polars.Series(LISTS),
    "polars DataFrame": polars.DataFrame(PAIRS, schema=["head", "tail"], orient="row"),
    "polars columns of other names": polars.DataFrame(PAIRS, schema=["city", "country"], orient="row"),
    "keys": dict.fromkeys(PAIRS).keys(),
}


@pytest.mark.parametrize("name", BATCHES)
def test_batches_may_be_tables_and_arrays(name):
    assert as_pairs(BATCHES[name]) == PAIRS


def test_batches_may_be_read_once():
    heads, tails = zip(*PAIRS, strict=True)
    assert as_pairs(zip(heads, tails, strict=True)) == as_pairs(pair for pair in PAIRS) == PAIRS
    assert as_pairs(as_pairs(PAIRS)) == PAIRS
    assert repr(as_pairs(PAIRS)[0]) == "('Tokyo', 'Japan')"


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (None, r"The input is None. Expected pairs of words such as \[\("),
        (7, "The input is 7. Expected pairs"),
        ("Tokyo", "The input is 'Tokyo'. Expected pairs"),
        (np.array("Tokyo"), "Expected pairs"),
        ({"head": ["a"], "tail": ["b"]}, "The input is {'head'.*Expected pairs"),
        ({("a", "b")}, "which has no order"),
        ([("a", "b"), {"head": "a", "tail": "b"}], "pair 1 is {'head': 'a', 'tail': 'b'}, expected two words"),
        (
            pandas.DataFrame(["a"], columns=["head"]),
            r"has the columns \['head'\], expected head and tail, or two columns",
        ),
        (polars.DataFrame({"a": ["a"], "b": ["b"], "c": ["c"]}), r"columns \['a', 'b', 'c'\].*frame\[\["),
        (
            pandas.DataFrame({"head": ["a", float("nan")], "tail": ["b", "c"]}),
            "the head of pair 1 is nan of type float",
        ),
        (polars.DataFrame({"head": ["a", None], "tail": ["b", "c"]}), "the head of pair 1 is None of type NoneType"),
        (polars.DataFrame({"head": ["a"], "tail": [1]}), "the tail of pair 0 is 1 of type int"),
        (pandas.Series(["a", "b"]), "pair 0 is the string 'a'"),
    ],
)
def test_a_malformed_batch_is_an_error_that_shows_it(batch, message):
    with pytest.raises(ValueError, match=message):
        as_pairs(batch)


def test_the_error_names_a_pair_by_the_given_word_and_number():
    with pytest.raises(ValueError, match="row 2 is None"):
        as_pairs([("a", "b"), ("c", "d"), None], "row")


@given(st.text(), st.text())
def test_a_pair_of_strings_is_kept_or_rejected(head, tail):
    try:
        assert as_pair((head, tail), "pair") == (head, tail)
    except ValueError:
        visible = [any(char.isprintable() and not char.isspace() for char in word) for word in (head, tail)]
        surrogate = any("\ud800" <= char <= "\udfff" for char in head + tail)
        assert surrogate or not all(visible)


def test_a_flat_pair_is_not_a_batch():
    assert is_flat_pair(["a", "b"]) and is_flat_pair(np.array(["a", "b"]))
    assert not is_flat_pair([["a", "b"], ["c", "d"]])
    assert not is_flat_pair("ab")
    assert not is_flat_pair(pandas.Series(["a", "b"]))  # it could be a column of two words or a row
    assert not is_flat_pair(["a", "b", "c"])


@given(st.text(), st.sampled_from(["NFC", "NFD"]))
def test_all_spellings_of_a_word_fold_to_the_same(word, form):
    fold = folded_word(word)
    assert folded_word(fold) == fold
    for other in (unicodedata.normalize(form, word), word.casefold(), f" {word}\t", word.replace(" ", "_")):
        assert folded_word(other) == fold


@given(st.text(), st.text())
def test_folded_pairs_ignore_direction(head, tail):
    assert folded((head, tail)) == folded((tail, head))


def test_different_words_fold_differently():
    assert (
        len({folded_word(word) for word in ("resume", "résumé", "ice cream", "icecream", "ice-cream", "m2", "m²")}) == 7
    )
