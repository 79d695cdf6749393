"""The relation set that ``st-relbert data`` writes, its report beside it, and what is said of both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from st_relbert.files.outputs import atomic_output, check_output

if TYPE_CHECKING:
    from st_relbert.data import RelationSet


def check_relation_file(output: str, overwrite: bool) -> None:
    """Refuse an output that cannot be written.

    Raises:
        ValueError: If it is no JSON Lines file, or it or its report cannot be written.
    """
    path = Path(output)
    if path.suffix != ".jsonl":
        raise ValueError(f"The output is {output!r}, expected a name that ends in .jsonl.")
    for each in (path, _report(path)):
        check_output(each, overwrite)


def write_relation_file(output: str, relations: RelationSet, report: Mapping[str, Any]) -> str:
    """Write a relation set and its figures; the names of both files, in words."""
    path = Path(output)
    with atomic_output(_report(path)) as temporary:
        temporary.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    with atomic_output(path) as temporary:
        lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in relations.records())
        temporary.write_text("".join(lines), encoding="utf-8")
    return f"{path} and {_report(path)}"


def table_of_dropped(dropped: Mapping[str, int], in_all: int, pairs: int, width: int = 0) -> list[str]:
    """Lay out how many pairs were left out for each test set.

    Args:
        dropped: Their number by test set.
        in_all: How many there are in all: some stand in several sets.
        pairs: How many pairs there were before.
        width: The least width of the first column.
    """
    width = max([width, len("test set"), *map(len, dropped)])
    lines = [f"{'test set':<{width}}  pairs left out"]
    lines += [f"{name:<{width}}  {count:>14,}" for name, count in dropped.items()]
    return [*lines, f"{'all':<{width}}  {in_all:>14,} of {pairs:,}"]


def _report(path: Path) -> Path:
    return path.with_suffix(".report.json")
