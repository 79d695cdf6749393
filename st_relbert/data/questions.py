"""Load and check analogy questions and mapping problems."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any, TypeVar

import numpy as np

from st_relbert.data.sources import place_of, read_records, require
from st_relbert.pairs import Pair, as_pair, as_pairs, pairs_of_list

_T = TypeVar("_T")

FEWEST_TERMS = 2
QUESTION_EXAMPLE = '{"stem": ["Tokyo", "Japan"], "choice": [["cat", "dog"], ["Rome", "Italy"]], "answer": 1}'
_MAPPING_EXAMPLE = (
    '{"source": ["sun", "planet"], "target": ["nucleus", "electron"], "target_random": ["electron", "nucleus"]}'
)


@dataclass(frozen=True)
class AnalogyQuestion:
    """An analogy question: the stem, the choices, the index of the right choice, and the question's group."""

    stem: Pair
    choices: list[Pair]
    answer: int
    prefix: str = ""

    @classmethod
    def from_record(cls, record: Mapping[str, Any], where: str) -> AnalogyQuestion:
        """Make a question from a record with the columns used on the hub; errors refer to the record as `where`.

        The columns are `stem` (a pair), `choice` (a list of pairs), `answer` (an index into `choice`), and optionally
        `prefix`. Raises `ValueError` if a column is missing, a pair is malformed, or `answer` is not a valid index.
        """
        require(record, ["stem", "choice", "answer"], where, QUESTION_EXAMPLE)
        choices = pairs_of_list(record["choice"], f"{where}, choice")
        if not choices:
            raise ValueError(f"{where} has no choices, expected at least one pair.")
        answer = record["answer"]
        if isinstance(answer, bool) or not isinstance(answer, int | np.integer) or not 0 <= answer < len(choices):
            raise ValueError(f"{where} has the answer {answer!r}, expected an index from 0 to {len(choices) - 1}.")
        prefix = record.get("prefix")
        return cls(
            as_pair(record["stem"], f"{where}, the stem"), choices, int(answer), "" if prefix is None else str(prefix)
        )


def as_questions(records: Iterable[Mapping[str, Any]], source: str = "analogy questions") -> list[AnalogyQuestion]:
    """Make questions from records. Raises `ValueError` if there are none, or one is malformed."""
    return _checked(AnalogyQuestion.from_record, records, source, "questions")


def as_problems(
    records: Iterable[Mapping[str, Any]], source: str = "relation mapping problems"
) -> list[MappingProblem]:
    """Make mapping problems from records. Raises `ValueError` if there are none, or one is malformed."""
    return _checked(MappingProblem.from_record, records, source, "problems")


def _checked(check: Callable[[Any, str], _T], records: Iterable[Any], source: str, what: str) -> list[_T]:
    checked = [check(record, f"{source}, {place_of(record, row)}") for row, record in enumerate(records)]
    if not checked:
        raise ValueError(f"{source}: no {what}, expected at least one.")
    return checked


def load_questions(name_or_path: str | os.PathLike[str], split: str | None = None) -> list[dict[str, Any]]:
    """Load analogy questions.

    Args:
        name_or_path: A JSON Lines file, or a folder with one per split, with the columns of `relbert/analogy_questions`
            (`stem`, `choice`, `answer`); that data set on the hub, such as `relbert/analogy_questions/u2`; a set that
            the package ships, such as `"starter/held_out_pairs"`; the published files of SAT, Google, BATS or MSR (the
            last three get wrong choices, see `choice_questions`); or a CSV file written by `data questions`. The name
            may end in a split: `relbert/analogy_questions/u2/validation`.
        split: The split. None means that of the name, and otherwise `test`, or `validation` if there is no test split.

    Returns:
        The records.

    Raises:
        ValueError: If nothing is found, or a record is malformed.
    """
    splits = [split] if split else ["test", "validation"]
    data_set, _, last = os.fspath(name_or_path).rpartition("/")
    if split is None and data_set and last in splits and not os.path.exists(name_or_path):
        name_or_path, splits = data_set, [last]
    records, source = read_records(name_or_path, splits, QUESTION_EXAMPLE)
    as_questions(records, source)
    return records


@dataclass(frozen=True)
class MappingProblem:
    """A mapping problem: source terms, target terms in the right order, and target terms in the given order."""

    source: list[str]
    target: list[str]
    given: list[str]

    @classmethod
    def from_record(cls, record: Mapping[str, Any], where: str) -> MappingProblem:
        """Make a problem from a record with the columns used on the hub; errors refer to the record as `where`.

        The columns are lists of terms: `source`, `target` (in the right order) and `target_random` (as given). Raises
        `ValueError` if a column is missing, is not a list of at least two terms or repeats a term, or if the lists do
        not match.
        """
        columns = ["source", "target", "target_random"]
        require(record, columns, where, _MAPPING_EXAMPLE)
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
        """Return all `n (n - 1)` ordered pairs of source terms, in the order of `itertools.permutations`."""
        return list(permutations(self.source, 2))

    def given_pairs(self) -> list[Pair]:
        """Return all `n (n - 1)` ordered pairs of target terms as given, in the order of `itertools.permutations`."""
        return list(permutations(self.given, 2))


def _terms(values: Any, where: str) -> list[str]:
    if not isinstance(values, list | tuple | np.ndarray) or len(values) < FEWEST_TERMS:
        raise ValueError(f"{where} is {values!r}, expected a list of at least {FEWEST_TERMS} terms.")
    terms = [head for head, _ in as_pairs(((value, value) for value in values), f"{where}, term")]
    term, count = Counter(terms).most_common(1)[0]
    if count > 1:
        raise ValueError(f"{where} is {terms!r}, which has {term!r} {count} times, expected each term once.")
    return terms
