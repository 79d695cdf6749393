"""Read rows and queries from files of pairs, relation sets and lines of words."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from st_relbert.data.shipped import SHIPPED
from st_relbert.data.sources import place_of, read_records, require
from st_relbert.files.columns import column_vectors
from st_relbert.files.options import TableOptions
from st_relbert.files.tables import PairTable, is_table, read_tables, rows_of_relation
from st_relbert.files.text import Row
from st_relbert.identity import MODEL_METADATA, ModelIdentity
from st_relbert.search.rows import digest_of, records, schema_of

_RELATION_SET = ("relation_type", "positives")


@dataclass(frozen=True)
class PairSource:
    """Rows for an index, such as a file of pairs or a relation set. Each iteration reads them again.

    Args:
        read: A function that starts to read the rows.
        columns: The Arrow types of the columns besides head, tail and relation.
        total: The number of rows. None: it is unknown.
        identity: The model that made the rows' vectors. None: the rows have no vectors.
    """

    read: Callable[[], Iterator[Any]]
    columns: Mapping[str, Any]
    total: int | None
    identity: ModelIdentity | None = None

    def __iter__(self) -> Iterator[Any]:
        """Read the rows one by one."""
        return self.read()

    def require_vectors_of(self, model: ModelIdentity) -> None:
        """Raise `ValueError` if the rows have vectors of another model."""
        if self.identity is not None:
            self.identity.require_same(model)

    @cached_property
    def digest(self) -> str:
        """A digest that shows whether the rows are the same another time. To compute it, all rows are checked.

        Raises `ValueError` if a column cannot be created or a row is not a pair.
        """
        schema_of(self.columns, dimension=1)
        return digest_of(self, self.columns)


def as_pair_source(rows: Iterable[Any], columns: Mapping[str, Any] | None = None) -> PairSource:
    """Make a source from rows in memory, as `RelationIndex.add` takes them. A source is returned as it is.

    `columns` are the types of further columns; if there are none, a source keeps its own. Raises `ValueError` if the
    rows can only be read once.
    """
    if isinstance(rows, PairSource):
        return replace(rows, columns=columns) if columns else rows
    if isinstance(rows, Iterator):
        raise ValueError(
            f"The rows are a {type(rows).__name__}, which can only be read once, expected a list, a Dataset or the "
            "result of open_pair_source: all rows are checked before the first is encoded."
        )
    return PairSource(lambda: iter(records(rows)), columns or {}, len(rows) if isinstance(rows, Sized) else None)


def open_pair_source(name_or_path: str, options: TableOptions = TableOptions()) -> PairSource:  # noqa: B008  # frozen
    """Open a file of pairs or a relation set.

    Args:
        name_or_path: A table of pairs, optionally with `relation` and further columns (see `read_table`). Or the output
            of `st-relbert encode`, a Parquet file or a folder of them, whose vectors are used as they are. Or a
            relation set, whose positive pairs are labelled with their relations: a JSON Lines file with
            `relation_type` and `positives`, a folder with `train.jsonl`, a data set on the hub, or `"starter"`.
        options: How to read a table.

    Raises:
        ValueError: If there is nothing of this kind, or it is malformed.
    """
    if not is_table(name_or_path):
        return _relation_set(name_or_path)
    return _from_tables(read_tables(name_or_path, options, vectors=True))


def _from_tables(tables: Sequence[PairTable]) -> PairSource:
    first = tables[0]
    taken = (first.head, first.tail, first.relation, "vector")
    further = {field.name: field.type for field in first.schema if field.name not in taken}
    identities = [_identity(table.schema, table.path) for table in tables]
    if any(identity != identities[0] for identity in identities):
        raise ValueError(
            f"{first.path!r} and the files next to it contain vectors of several models. Add the files of one model."
        )

    def read() -> Iterator[Mapping[str, Any]]:
        return (row for table in tables for batch in table.batches() for row in _rows(batch, table))

    return PairSource(read, further, sum(table.rows for table in tables), identities[0])


def _rows(batch: Any, table: PairTable) -> list[dict[str, Any]]:
    taken = (table.head, table.tail, table.relation, "vector")
    further = batch.select([name for name in batch.schema.names if name not in taken]).to_pylist()
    rows = [
        {"head": head, "tail": tail, **values} for (head, tail), values in zip(table.pairs(batch), further, strict=True)
    ]
    if table.relation:
        for row, relation in zip(rows, batch.column(table.relation).to_pylist(), strict=True):
            row["relation"] = relation if str(relation).strip() else None  # a blank cell means no relation
    if "vector" in batch.schema.names:
        for row, vector in zip(rows, column_vectors(batch.column("vector")), strict=True):
            row["vector"] = vector
    return rows


def _identity(schema: Any, path: str) -> ModelIdentity | None:
    """Return the model that made the vectors of a table. None: it has no vectors."""
    if "vector" not in schema.names:
        return None
    metadata = schema.metadata or {}
    if MODEL_METADATA not in metadata:
        raise ValueError(
            f"{path!r} has a column 'vector', but does not name the model that made it, as files of st-relbert encode "
            "do. Rename the column to encode the pairs again."
        )
    return ModelIdentity.from_json(metadata[MODEL_METADATA])


def _relation_set(name_or_path: str) -> PairSource:
    # Users who search an index want all that is known, not only what a model may be trained on.
    records, source = read_records(name_or_path, ["all" if name_or_path == SHIPPED else "train"])
    rows = []
    for number, record in enumerate(records):
        where = f"{source}, {place_of(record, number)}"
        require(record, _RELATION_SET, where)
        rows += [row.cells for row in rows_of_relation(Row(where, record))]
    return PairSource(rows.__iter__, {}, len(rows))


def read_queries(name: str, expected: str, fits: Callable[[int], bool]) -> Iterator[list[str]]:
    """Yield queries, reading each only when it is needed.

    Args:
        name: A text file with one query per line, its words separated by tabs; `-` for the standard input; or a file of
            pairs (CSV, TSV, JSON Lines, Parquet), each of which is a query.
        expected: What a query consists of, for error messages.
        fits: Returns whether a query may have this many words.

    Raises:
        ValueError: If the file cannot be read, or a line is not a query.
    """
    if fits(2) and is_table(name) and not name.lower().endswith(".txt"):
        yield from ([row["head"], row["tail"]] for row in open_pair_source(name))
        return
    try:
        with nullcontext(sys.stdin) if name == "-" else open(name, encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                text = line.removeprefix("\ufeff") if number == 1 else line
                if not text.strip():
                    continue
                query = [word.strip() for word in text.split("\t")]
                if not fits(len(query)) or not all(query):
                    raise ValueError(
                        f"Line {number} of the queries is {text.strip()!r}, expected {expected}, separated by tabs."
                    )
                yield query
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"Cannot read the queries {name!r} as UTF-8 text: {error}.") from error
