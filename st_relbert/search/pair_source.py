"""Where the rows of an index come from: files of pairs, or relation sets."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from st_relbert.location import Location
from st_relbert.model_identity import MODEL_METADATA, ModelIdentity
from st_relbert.pair_files import DONE, FORMATS, open_pairs, read_batches
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
        identity: The model whose vectors the rows have already, if they have.
    """

    rows: Iterator[Mapping[str, Any]]
    columns: dict[str, Any]
    total: int
    identity: ModelIdentity | None = None


def open_pair_source(name_or_path: str, columns: Sequence[str] = ("head", "tail")) -> PairSource:
    """Open a file of pairs or a relation set.

    Args:
        name_or_path: A CSV, TSV, JSON Lines or Parquet file with a column for the heads, one for the tails, optionally
            ``relation`` and further ones. Or what ``st-relbert encode`` wrote, a Parquet file or a folder of them: its
            vectors are taken as they are. Or a relation set, whose positive pairs are labelled with their relations: a
            JSON Lines file with ``relation_type`` and ``positives``, a folder with ``train.jsonl``, a data set on the
            hub, or ``"starter"``.
        columns: The names of the columns of heads and tails.

    Raises:
        ValueError: If it is none of these.
    """
    encoded = (Location.of(name_or_path) / DONE).exists
    if not encoded and os.path.splitext(name_or_path)[1].lower() not in FORMATS:
        return _relation_set(name_or_path)
    try:
        return _file(name_or_path, columns)
    except ValueError:
        if not _is_relation_set(name_or_path):
            raise
        return _relation_set(name_or_path)


def _file(path: str, columns: Sequence[str]) -> PairSource:
    source = open_pairs(path, columns, vectors=True)
    taken = (*columns, "relation", "vector")
    further = {field.name: field.type for field in source.schema if field.name not in taken}
    rows = (row for batch in read_batches(source, path) for row in _rows(batch, columns))
    return PairSource(rows, further, source.count_rows(), _identity(source.schema, path))


def _rows(batch: Any, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    words = dict(zip(columns, ("head", "tail"), strict=True))
    rows = ({words.get(name, name): value for name, value in row.items()} for row in _without_vectors(batch))
    if "vector" not in batch.schema.names:
        return rows
    column = batch.column("vector")
    vectors = column.flatten().to_numpy().reshape(len(column), -1)
    return ({**row, "vector": vector} for row, vector in zip(rows, vectors, strict=True))


def _without_vectors(batch: Any) -> list[dict[str, Any]]:
    names = [name for name in batch.schema.names if name != "vector"]
    rows: list[dict[str, Any]] = batch.select(names).to_pylist()
    return rows


def _identity(schema: Any, path: str) -> ModelIdentity | None:
    """Whose the vectors are, if there are any."""
    if "vector" not in schema.names:
        return None
    metadata = schema.metadata or {}
    if MODEL_METADATA not in metadata:
        raise ValueError(
            f"{path!r} has a column 'vector', but does not name the model that made it, as st-relbert encode does. "
            "Rename the column, and the pairs are encoded anew."
        )
    return ModelIdentity.from_json(metadata[MODEL_METADATA])


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
