"""The data of SemEval-2012 Task 2: ratings and questions, brought together by relation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from st_relbert.evaluation.similarity_relation import SimilarityRelation
from st_relbert.sources import require

Rows = dict[str, tuple[Mapping[str, Any], str]]


def as_similarity_relations(
    ratings: Iterable[Mapping[str, Any]], maxdiff: Iterable[Mapping[str, Any]], split: str | None = "testing"
) -> list[SimilarityRelation]:
    """Check the records of ratings and of questions and join them by relation.

    Pairs are matched as they are spelled: upper case counts. (In the task's data every pair of a question is rated
    under the very same spelling. A pair without a rating is kept: it counts in its questions only.)

    Args:
        ratings: A record a relation: ``relation_type``, ``split``, ``paradigms`` (pairs), ``pairs`` (``[head, tail,
            rating]`` each).
        maxdiff: A record a relation: ``relation_type``, ``split``, ``questions``, each with ``pairs`` (four pairs),
            ``least`` and ``most`` (votes for each of the four).
        split: The split to take; None: all relations.

    Returns:
        The relations of the split, in the order of ``ratings``.

    Raises:
        ValueError: If something is malformed (the error names the row), a relation occurs twice or lacks its ratings
            or its questions, or the split has no relation.
    """
    rated = _rows(ratings, "ratings", ["paradigms", "pairs"], split)
    asked = _rows(maxdiff, "maxdiff", ["questions"], split)
    for relation, (_, where) in asked.items():
        if relation not in rated:
            raise ValueError(f"{where} is of the relation {relation!r}, which has no ratings{_in(split)}.")
    for relation, (_, where) in rated.items():
        if relation not in asked:
            raise ValueError(f"{where} is of the relation {relation!r}, which has no questions{_in(split)}.")
    return [
        SimilarityRelation.of(record, asked[relation][0], where, asked[relation][1])
        for relation, (record, where) in rated.items()
    ]


def _rows(records: Iterable[Mapping[str, Any]], source: str, columns: list[str], split: str | None) -> Rows:
    """The records of a split by relation, each with how to name it in an error."""
    rows: Rows = {}
    wheres: dict[str, str] = {}
    splits = set()
    for index, record in enumerate(records):
        where = f"{source}, row {index}"
        require(dict(record), ["relation_type", "split", *columns], where)
        relation = record["relation_type"]
        if not isinstance(relation, str):
            raise ValueError(f"{where} has the relation_type {relation!r}, expected a string such as '1/a'.")
        if relation in wheres:
            raise ValueError(f"{where} is of the relation {relation!r}, as is {wheres[relation]}, expected it once.")
        wheres[relation] = where
        splits.add(str(record["split"]))
        if split is None or record["split"] == split:
            rows[relation] = record, f"{where} ({relation})"
    if not rows:
        found = ", ".join(map(repr, sorted(splits))) or "nothing"
        raise ValueError(f"{source} has no relation{_in(split)}, expected at least one (splits found: {found}).")
    return rows


def _in(split: str | None) -> str:
    return "" if split is None else f" in the split {split!r}"
