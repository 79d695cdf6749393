"""Vectors on disk, a block at a time, so that a long encoding can be interrupted."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from st_relbert.files import atomic_output


class VectorBlocks:
    """The blocks of an output that are done: Parquet files beside it, each whole or not there.

    Args:
        output: The file that the blocks will become; they are kept in ``{output}.partial`` until then.
        made_from: What the vectors depend on, as JSON has it.

    Raises:
        ValueError: If there are blocks that were made from something else.
    """

    def __init__(self, output: str, made_from: Mapping[str, Any]) -> None:
        self.output = output
        self.folder = Path(f"{output}.partial")
        self.folder.mkdir(parents=True, exist_ok=True)
        manifest = self.folder / "made_from.json"
        if not manifest.exists():
            with atomic_output(manifest) as temporary:
                temporary.write_text(json.dumps(made_from), encoding="utf-8")
        then = json.loads(manifest.read_text(encoding="utf-8"))
        changed = [name for name, value in made_from.items() if then.get(name) != value]
        if changed:
            name = changed[0]
            raise ValueError(
                f"{str(self.folder)!r} holds a part of the same output made with another {name} ({then.get(name)}, now "
                f"{made_from[name]}). Go on with that one, choose another output, or delete the folder."
            )
        self._files = sorted(self.folder.glob("*.parquet"))
        self.rows = sum(pa.parquet.read_metadata(file).num_rows for file in self._files)
        """The number of rows that are done."""

    def add(self, batches: Sequence[Any]) -> None:
        """Write the next block.

        Args:
            batches: Record batches of one schema.
        """
        file = self.folder / f"{len(self._files):08}.parquet"
        table = pa.Table.from_batches(batches)
        with atomic_output(file) as temporary:
            pa.parquet.write_table(table, temporary)
        self._files.append(file)
        self.rows += table.num_rows

    def join(self, schema: Any) -> None:
        """Write the output, a block at a time, and remove the blocks.

        Args:
            schema: The schema of the rows.
        """
        with atomic_output(self.output) as temporary, pa.parquet.ParquetWriter(temporary, schema) as writer:
            for file in self._files:
                writer.write_table(pa.parquet.read_table(file))
        shutil.rmtree(self.folder)


def file_state(path: str) -> dict[str, Any]:
    """What tells a file from another version of it: its path, size and time."""
    state = os.stat(path)
    return {"path": os.path.abspath(path), "bytes": state.st_size, "modified": state.st_mtime_ns}
