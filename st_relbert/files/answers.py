"""Tables of answers, as `classify` and `mine` give them: CSV or Parquet, whole or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from st_relbert.files.outputs import atomic_output

_WRITERS: dict[str, Any] = {".csv": pa.csv.CSVWriter, ".parquet": pa.parquet.ParquetWriter}


def check_answers_name(path: str | os.PathLike[str]) -> None:
    """Refuse a name that does not say how the answers are to be written, before any work is done for them.

    Raises:
        ValueError: If it ends neither in `.csv` nor in `.parquet`.
    """
    if Path(path).suffix.lower() not in _WRITERS:
        raise ValueError(f"The output is {str(path)!r}, expected a name that ends in .csv or .parquet.")


@contextmanager
def answers_writer(path: str | os.PathLike[str], schema: pa.Schema) -> Iterator[Any]:
    """Give what writes tables of answers one after the other, by `write_table`.

    Args:
        path: The file.
        schema: The columns of each table.

    Raises:
        ValueError: See `check_answers_name`, and `atomic_output`.
    """
    check_answers_name(path)
    with atomic_output(path) as temporary, _WRITERS[Path(path).suffix.lower()](temporary, schema) as writer:
        yield writer
