"""The pieces that the rows of files are embedded in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from st_relbert.pair_files import open_pairs, read_batches
from st_relbert.pairs import as_pairs

BLOCK_ROWS = 8_192  # what an interruption costs each worker at most


class Block(NamedTuple):
    """Some rows of a file that follow each other.

    Args:
        number: The block's place among all blocks of all files.
        path: The file.
        start: Its first row.
        rows: The number of rows.
    """

    number: int
    path: str
    start: int
    rows: int


def plan_blocks(paths: Sequence[str], columns: Sequence[str]) -> tuple[list[Block], Any]:
    """Check all rows, and divide them into blocks.

    Args:
        paths: Files of pairs; see :func:`st_relbert.pair_files.open_pairs`.
        columns: The names of the columns of heads and tails.

    Returns:
        The blocks, at least one, and the schema that all files have.

    Raises:
        ValueError: If a file cannot be read, lacks a column or has others than the first, or a row is no pair.
    """
    blocks: list[Block] = []
    schema: Any = None
    for path in paths:
        source = open_pairs(path, columns)
        if schema is None:
            schema = source.schema
        elif not source.schema.equals(schema):
            raise ValueError(
                f"{path!r} has the columns {_described(source.schema)}, expected those of {paths[0]!r}: "
                f"{_described(schema)}."
            )
        rows = _check(source, path, columns)
        blocks += [
            Block(len(blocks) + nth, path, start, min(BLOCK_ROWS, rows - start))
            for nth, start in enumerate(range(0, rows, BLOCK_ROWS))
        ]
    return blocks or [Block(0, paths[0], 0, 0)], schema


def pairs_of(batch: Any, columns: Sequence[str]) -> list[Any]:
    """The pairs of a table or record batch."""
    return list(zip(*(batch.column(name).to_pylist() for name in columns), strict=True))


def _check(source: Any, path: str, columns: Sequence[str]) -> int:
    """The number of pairs; an error if one is none."""
    count = 0
    for batch in read_batches(source, path, columns):
        count += len(as_pairs(pairs_of(batch, columns), f"{path}, row", first=count))
    return count


def _described(schema: Any) -> str:
    return ", ".join(f"{field.name} ({field.type})" for field in schema)
