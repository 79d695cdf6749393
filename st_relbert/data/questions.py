"""Analogy questions and mapping problems, checked."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any, TypeVar

import numpy as np

from st_relbert.data.sources import place_of, read_records, require
from st_relbert.pairs import Pair, as_pair, as_pairs

_T = TypeVar("_T")

FEWEST_TERMS = 2
QUESTION_EXAMPLE = '{"stem": ["Tokyo", "Japan"], "choice": [["cat", "dog"], ["Rome", "Italy"]], "answer": 1}'
_MAPPING_EXAMPLE = (
    '{"source": ["sun", "planet"], "target": ["nucleus", "electron"], "target_random": ["electron", "nucleus"]}'
)


@dataclass(frozen=True)
class AnalogyQuestion:
    """A stem pair, the pairs to choose from, the index of the right one, and the group the question belongs to."""

    stem: Pair
    choices: list[Pair]
    answer: int
    prefix: str = ""

    @classmethod
    def from_record(cls, record: Mapping[str, Any], where: str) -> AnalogyQuestion:
        """Check a record in the hub's columns; an error calls it `where`.

        It has `stem` (a pair), `choice` (a list of pairs), `answer` (an index into `choice`), and optionally `prefix`.
        Raises `ValueError` if a column is missing, something is not a pair, or `answer` is no index.
        """
        require(dict(record), ["stem", "choice", "answer"], where, QUESTION_EXAMPLE)
        if not isinstance(record["choice"], Sequence | np.ndarray):
            raise ValueError(f"{where} has the choice {record['choice']!r}, expected a list of pairs.")
        choices = as_pairs(record["choice"], f"{where}, choice")
        answer = record["answer"]
        if isinstance(answer, bool) or not isinstance(answer, int | np.integer) or not 0 <= answer < len(choices):
            raise ValueError(f"{where} has the answer {answer!r}, expected an index from 0 to {len(choices) - 1}.")
        prefix = str(record.get("prefix") or "")
        return cls(as_pair(record["stem"], f"{where}, the stem"), choices, int(answer), prefix)


def as_questions(records: Iterable[Mapping[str, Any]], source: str = "analogy questions") -> list[AnalogyQuestion]:
    """Check analogy questions. Raises `ValueError` if there are none, or one is malformed."""
    return _checked(AnalogyQuestion.from_record, records, source, "questions")


def as_problems(
    records: Iterable[Mapping[str, Any]], source: str = "relation mapping problems"
) -> list[MappingProblem]:
    """Check relation mapping problems. Raises `ValueError` if there are none, or one is malformed."""
    return _checked(MappingProblem.from_record, records, source, "problems")


def _checked(check: Callable[[Any, str], _T], records: Iterable[Any], source: str, what: str) -> list[_T]:
    checked = [check(record, f"{source}, {place_of(record, row)}") for row, record in enumerate(records)]
    if not checked:
        raise ValueError(f"{source}: no {what}, expected at least one.")
    return checked


def load_questions(name_or_path: str | os.PathLike[str], split: str | None = None) -> list[dict[str, Any]]:
    """Load analogy questions.

    Args:
        name_or_path: A JSON Lines file, or a folder with one a split, in the columns of `relbert/analogy_questions`
            (`stem`, `choice`, `answer`); or that data set on the hub, `relbert/analogy_questions/u2`; or
            `"starter/held_out_pairs"` and the others that the package ships; or the files of SAT, Google, BATS or MSR
            as they are published, of which the latter three get wrong choices (see `choice_questions`); or a CSV file
            of `data questions`.
        split: The split; None: `test`, or `validation` where there is no test split.

    Returns:
        The records.

    Raises:
        ValueError: If nothing is there or a record is malformed.
    """
    records, source = read_records(name_or_path, [split] if split else ["test", "validation"], QUESTION_EXAMPLE)
    as_questions(records, source)
    return records


@dataclass(frozen=True)
class MappingProblem:
    """Source terms, the target terms in the right order, and the target terms in the order in which they are given."""

    source: list[str]
    target: list[str]
    given: list[str]

    @classmethod
    def from_record(cls, record: Mapping[str, Any], where: str) -> MappingProblem:
        """Check a record in the hub's columns; an error calls it `where`.

        It has lists of terms: `source`, `target` (in the right order) and `target_random` (as given). Raises
        `ValueError` if a column is missing, is no list of at least two terms, or holds a term twice, or if the lists do
        not fit together.
        """
        columns = ["source", "target", "target_random"]
        require(dict(record), columns, where, _MAPPING_EXAMPLE)
        source, target, given = (_terms(record[column], f"{where}, {column}") for column in columns)
        if len(source) != len(target):
            raise ValueError(
                f"{where} has {len(source)} source terms {source!r} and {len(target)} target terms {target!r}, "
                "expected as many targets as sources."
            )
        if sorted(target) != sorted(given):
            raise ValueError(
                f"{where} has the target_random {given!r}, expected the terms of target {target!r} in some order."
            )
        return cls(source, target, given)

    def source_pairs(self) -> list[Pair]:
        """All `n (n - 1)` ordered pairs of source terms, in the order of `itertools.permutations`."""
        return list(permutations(self.source, 2))

    def given_pairs(self) -> list[Pair]:
        """All `n (n - 1)` ordered pairs of target terms as given, in the order of `itertools.permutations`."""
        return list(permutations(self.given, 2))


def _terms(values: Any, where: str) -> list[str]:
    if not isinstance(values, list | tuple | np.ndarray) or len(values) < FEWEST_TERMS:
        raise ValueError(f"{where} is {values!r}, expected a list of at least {FEWEST_TERMS} terms.")
    terms = [head for head, _ in as_pairs(((value, value) for value in values), f"{where}, term")]
    term, count = Counter(terms).most_common(1)[0]
    if count > 1:
        raise ValueError(f"{where} is {terms!r}, with {term!r} {count} times, expected each term once.")
    return terms
