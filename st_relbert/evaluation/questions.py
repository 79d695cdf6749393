"""Analogy questions: which choice stands in the same relation as the stem?"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from st_relbert.pairs import Pair, as_pair, as_pairs
from st_relbert.sources import read_records, require


@dataclass(frozen=True)
class AnalogyQuestion:
    """A stem pair, the pairs to choose from, the index of the right one, and the group the question belongs to."""

    stem: Pair
    choices: list[Pair]
    answer: int
    prefix: str = ""

    @classmethod
    def of(cls, record: Mapping[str, Any], where: str) -> AnalogyQuestion:
        """Check a record in the hub's columns.

        Args:
            record: ``stem`` (a pair), ``choice`` (a list of pairs), ``answer`` (an index into ``choice``), and
                optionally ``prefix``.
            where: How to name the record in an error.

        Raises:
            ValueError: If a column is missing, something is not a pair, or ``answer`` is no index.
        """
        require(dict(record), ["stem", "choice", "answer"], where)
        if not isinstance(record["choice"], Sequence | np.ndarray):
            raise ValueError(f"{where} has the choice {record['choice']!r}, expected a list of pairs.")
        choices = as_pairs(record["choice"], f"{where}, choice")
        answer = record["answer"]
        if isinstance(answer, bool) or not isinstance(answer, int | np.integer) or not 0 <= answer < len(choices):
            raise ValueError(f"{where} has the answer {answer!r}, expected an index from 0 to {len(choices) - 1}.")
        prefix = str(record.get("prefix") or "")
        return cls(as_pair(record["stem"], f"{where}, the stem"), choices, int(answer), prefix)


def as_questions(records: Iterable[Mapping[str, Any]], source: str = "analogy questions") -> list[AnalogyQuestion]:
    """Check analogy questions in the hub's columns; see :meth:`AnalogyQuestion.of`.

    Raises:
        ValueError: If there are none, or one is malformed.
    """
    questions = [AnalogyQuestion.of(record, f"{source}, row {row}") for row, record in enumerate(records)]
    if not questions:
        raise ValueError(f"{source}: no questions, expected at least one.")
    return questions


def load_questions(name_or_path: str | os.PathLike[str], split: str | None = None) -> list[dict[str, Any]]:
    """Load analogy questions.

    Args:
        name_or_path: A JSON Lines file, or a folder with one a split, in the columns of ``relbert/analogy_questions``
            (``stem``, ``choice``, ``answer``); or that data set on the hub, ``relbert/analogy_questions/u2``; or
            ``"starter/held_out_pairs"`` and ``"starter/held_out_relations"``, which the package ships.
        split: The split; None: ``test``, or ``validation`` where there is no test split.

    Returns:
        The records.

    Raises:
        ValueError: If nothing is there or a record is malformed.
    """
    records, source = read_records(name_or_path, [split] if split else ["test", "validation"])
    as_questions(records, source)
    return records
