"""Word pairs: validation, folding for comparison, and labels of negatives in a batch."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from numbers import Integral, Real
from typing import Any, TypeAlias

import numpy as np

Pair: TypeAlias = tuple[str, str]
"""A head and a tail; either may consist of several words ("New York")."""

LONGEST_WORD = 10_000
"""The maximum length of a word in characters. Anything longer is text by mistake, and takes minutes to tokenize."""

_NOT_IN_NAMES = {"Cc": "a control character", "Cs": "a lone surrogate", "Zl": "a line break", "Zp": "a line break"}


def counted(number: int, noun: str) -> str:
    """Return a number and its noun, in singular or plural, for use in messages.

    >>> counted(1, "pair"), counted(1200, "pair")
    ('1 pair', '1,200 pairs')
    """
    return f"{number:,} {noun}{'s' * (number != 1)}"


def check_positive(**numbers: Any) -> None:
    """Raise `ValueError` if an argument, passed by its name, is not a positive whole number."""
    for name, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, Integral) or number < 1:
            raise ValueError(f"{name} is {number!r}, expected a positive whole number.")


def check_seed(seed: Any) -> None:
    """Raise `ValueError` for a random seed that NumPy does not take."""
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= int(seed) < 2**32:
        raise ValueError(f"seed is {seed!r}, expected a whole number from 0 to {2**32 - 1}.")


def check_known(what: str, value: Any, known: Iterable[Any]) -> None:
    """Raise `ValueError` if an argument, called `what`, is not one of the known values."""
    choices = list(known)
    if value not in choices:
        raise ValueError(f"Unknown {what} {value!r}, expected one of {', '.join(map(repr, choices))}.")


def check_number(what: str, value: Any, *, may_be_0: bool) -> None:
    """Raise `ValueError` if an argument, called `what`, is not a finite number above 0, or at least 0."""
    is_number = not isinstance(value, bool) and isinstance(value, Real) and math.isfinite(value)
    if not is_number or value < 0 or (value == 0 and not may_be_0):
        wanted = "of at least 0" if may_be_0 else "above 0"
        raise ValueError(f"The {what} is {value!r}, expected a finite number {wanted}.")


def check_relation_name(name: Any, where: str) -> str:
    """Return the name of a relation as a string. Whole numbers are valid names too.

    Raises `ValueError` if the name is blank, or contains a control character, a line break or a lone surrogate.
    """
    if not isinstance(name, str | int) or isinstance(name, bool):
        raise ValueError(
            f"{where}: the relation is {name!r} of type {type(name).__name__}, expected a name such as 'capital'."
        )
    text = str(name)
    if not text.strip():
        raise ValueError(f"{where}: the relation is {text!r}, expected a name with a visible character.")
    if unseen := next((char for char in text if unicodedata.category(char) in _NOT_IN_NAMES), None):
        raise ValueError(
            f"{where}: the name of the relation {text!r} contains {_NOT_IN_NAMES[unicodedata.category(unseen)]}, "
            f"{unseen!r}, expected plain text. Rename the relation."
        )
    return text


def is_flat_pair(value: Any) -> bool:
    """Return whether `value` is a single pair rather than a batch of pairs.

    >>> is_flat_pair(("Tokyo", "Japan")), is_flat_pair([("Tokyo", "Japan")])
    (True, False)
    """
    # Not a Series: with two words, it could be a row of a table as well as a column.
    return not _is_series(value) and _may_be_pair(value) and all(isinstance(word, str) for word in value)


def as_pair(value: Any, where: str) -> Pair:
    """Check that `value` (a tuple, list, array or Series) consists of two words, and return them unchanged.

    Raises `ValueError` if a word has no visible character or is too long. The error calls the pair `where` ("pair 3").
    """
    if isinstance(value, str):
        raise ValueError(
            f"{where} is the string {_shorten(value)}, expected two words. "
            'Write one pair as [("head", "tail")], a list that holds one tuple.'
        )
    if not _may_be_pair(value):
        raise ValueError(f'{where} is {_shorten(value)}, expected two words such as ("Tokyo", "Japan").')
    head, tail = value.tolist() if isinstance(value, np.ndarray) else value
    check_word(head, f"the head of {where}")
    check_word(tail, f"the tail of {where}")
    return head, tail


def as_pairs(values: Any, where: str = "pair") -> list[Pair]:
    """Check a batch of pairs; see `as_pair`.

    The batch may be any ordered iterable: a list, array, `datasets` column, pandas or polars Series, or generator.
    It may also be a DataFrame with the columns `head` and `tail`, or with just two columns. Errors refer to a pair as
    `where` and its number, starting at 0.

    >>> as_pairs([["Tokyo", "Japan"], ("Paris", "France")])
    [('Tokyo', 'Japan'), ('Paris', 'France')]
    """
    return [
        # Fast path for the common case, without building an error text: this runs for every embedded pair.
        value
        if type(value) is tuple and len(value) == 2 and _is_plain_word(value[0]) and _is_plain_word(value[1])
        else as_pair(value, f"{where} {index}")
        for index, value in enumerate(_batch(values))
    ]


def pairs_of_list(values: Any, where: str) -> list[Pair]:
    """Check a list of pairs from a record; errors refer to a pair as `where` and its number."""
    if not isinstance(values, list | tuple | np.ndarray):
        raise ValueError(f"{where}s are {values!r:.60}, expected a list of [head, tail] pairs.")
    return as_pairs(values, where)


def _may_be_pair(value: Any) -> bool:
    is_array = isinstance(value, np.ndarray) and value.ndim > 0
    may_hold_words = isinstance(value, list | tuple) or is_array or _is_series(value)
    return may_hold_words and len(value) == 2


def _is_series(value: Any) -> bool:
    """Return whether `value` is a pandas or polars Series, without importing either."""
    return hasattr(value, "to_numpy") and not hasattr(value, "columns")


def _batch(values: Any) -> Iterator[Any]:
    """Iterate over the items of a batch, or over the rows of a DataFrame."""
    if hasattr(values, "columns") and hasattr(values, "to_numpy"):
        return _rows(values)
    if not isinstance(values, str | bytes | Mapping | set | frozenset):
        with suppress(TypeError):
            return iter(values)
    raise ValueError(
        f"The input is {_shorten(values)}{', which has no order' if isinstance(values, set | frozenset) else ''}. "
        'Expected pairs of words such as [("Tokyo", "Japan"), ("Paris", "France")].'
    )


def _rows(frame: Any) -> Iterator[Any]:
    names = list(frame.columns)
    if {"head", "tail"} <= set(names):
        return iter(frame[["head", "tail"]].to_numpy())
    if len(names) != 2:
        raise ValueError(
            f"The DataFrame has the columns {_shorten(names)}, expected head and tail, or two columns. "
            "Select them: frame[[head_column, tail_column]]."
        )
    return iter(frame.to_numpy())


def _is_plain_word(word: Any) -> bool:
    """Return whether `word` is printable, non-blank text, which needs no further checks."""
    return (
        isinstance(word, str) and word.isprintable() and not word.isspace() and word != "" and len(word) <= LONGEST_WORD
    )


def check_word(word: Any, where: str) -> None:
    """Raise `ValueError` if `word`, called `where`, is not text with a visible character, or is too long."""
    if _is_plain_word(word):
        return
    if not isinstance(word, str):
        raise ValueError(f"{where} is {_shorten(word)} of type {type(word).__name__}, expected a string.")
    if len(word) > LONGEST_WORD:
        raise ValueError(
            f"{where} is {word[:30]!r}... ({len(word):,} characters), expected a word of at most {LONGEST_WORD:,}."
        )
    if any("\ud800" <= char <= "\udfff" for char in word):
        raise ValueError(
            f"{where} is {_shorten(word)}, which contains a lone surrogate, so it is not valid Unicode. "
            "Decode the source with the correct encoding, or with errors='replace'."
        )
    # Tokenizers drop control and format characters, so a word of only those would vanish from its prompt.
    if not any(char.isprintable() and not char.isspace() for char in word):
        raise ValueError(f"{where} is {_shorten(word)}, expected a word with at least one visible character.")


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def negative_label(relation: int) -> int:
    """Return the label of a pair that is only a negative of a relation: -1, -2, ... The function is its own inverse.

    >>> negative_label(0), negative_label(1), negative_label(-2)
    (-1, -2, 1)
    """
    return -1 - relation


def folded_word(word: str) -> str:
    """Normalize a word for comparison.

    Case, underscores versus white space, and composed versus decomposed accents make no difference.

    >>> folded_word("New_York") == folded_word(" new  york ")
    True
    >>> folded_word("Caf\u00e9") == folded_word("CAFE\u0301")
    True
    """
    # Unicode's canonical caseless match. Only casefold, not lower, makes "Straße" and "STRASSE" equal.
    folds = unicodedata.normalize("NFD", unicodedata.normalize("NFD", word).casefold())
    return " ".join(folds.replace("_", " ").split())


def folded(pair: Pair) -> Pair:
    """Normalize a pair for comparison: fold its words (see `folded_word`) and ignore its direction.

    >>> folded(("New_York ", "city")) == folded(("City", "new york"))
    True
    """
    head, tail = folded_word(pair[0]), folded_word(pair[1])
    return (head, tail) if head <= tail else (tail, head)
