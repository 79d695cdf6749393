"""Where the rows of an index come from: files of pairs, or relation sets."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from st_relbert.pair_files import FORMATS, open_pairs, read_batches
from st_relbert.pairs import as_pair
from st_relbert.sources import read_records, require

_RELATION_SET = ("relation_type", "positives")


@dataclass(frozen=True)
class PairSource:
    """Rows for :meth:`RelationIndex.add`.

    Args:
        rows: The rows, read as they are asked for.
        columns: The Arrow types of the columns besides head, tail and relation.
        total: The number of rows.
    """

    rows: Iterator[Mapping[str, Any]]
    columns: dict[str, Any]
    total: int


def open_pair_source(name_or_path: str, columns: Sequence[str] = ("head", "tail")) -> PairSource:
    """Open a file of pairs or a relation set.

    Args:
        name_or_path: A CSV, TSV, JSON Lines or Parquet file with a column for the heads, one for the tails, optionally
            ``relation`` and further ones. Or a relation set, whose positive pairs are labelled with their relations: a
            JSON Lines file with ``relation_type`` and ``positives``, a folder with ``train.jsonl``, a data set on the
            hub, or ``"starter"``.
        columns: The names of the columns of heads and tails.

    Raises:
        ValueError: If it is none of these.
    """
    if os.path.splitext(name_or_path)[1].lower() not in FORMATS:
        return _relation_set(name_or_path)
    try:
        return _file(name_or_path, columns)
    except ValueError:
        if not _is_relation_set(name_or_path):
            raise
        return _relation_set(name_or_path)


def _file(path: str, columns: Sequence[str]) -> PairSource:
    source = open_pairs(path, columns)
    words = dict(zip(columns, ("head", "tail"), strict=True))
    further = {field.name: field.type for field in source.schema if field.name not in (*columns, "relation")}
    rows = (
        {words.get(name, name): value for name, value in row.items()}
        for batch in read_batches(source, path)
        for row in batch.to_pylist()
    )
    return PairSource(rows, further, source.count_rows())


def _is_relation_set(path: str) -> bool:
    if not os.path.isfile(path) or not path.lower().endswith(".jsonl"):
        return False
    records, _ = read_records(path, [])
    return bool(records) and all(column in records[0] for column in _RELATION_SET)


def _relation_set(name_or_path: str) -> PairSource:
    records, source = read_records(name_or_path, ["train"])
    for number, record in enumerate(records):
        require(record, _RELATION_SET, f"{source}, row {number}")
    labelled = [
        (str(record["relation_type"]), as_pair(pair, f"{source}, row {number}, positive {position}"))
        for number, record in enumerate(records)
        for position, pair in enumerate(record["positives"])
    ]
    rows = ({"head": head, "tail": tail, "relation": relation} for relation, (head, tail) in labelled)
    return PairSource(rows, {}, len(labelled))
