"""Write outputs atomically, by one process at a time.

Until an output is complete, it is kept in a workspace in the same folder: `.st-relbert-DIGEST-RANDOM`, with the new
output in `new` and, while a folder is being replaced, the old one in `old`. The digest is made from the output's name,
so that it fits any name, and the next process that writes the output finds what a killed process left behind.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from filelock import FileLock, SoftFileLock, Timeout
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

TEMPORARY = ".st-relbert-"  # the names of temporary files and folders begin with this

_Name = str | os.PathLike[str]


def check_output(path: _Name, overwrite: bool, folder_of: str | None = None, suffixes: Sequence[str] = ()) -> None:
    """Raise `ValueError` if an output cannot be written, before any work is done for it.

    The output is a file, or a folder if `folder_of` names the file that all such folders contain, such as
    `modules.json` for a model. An existing output is replaced only with `overwrite`, a file only by a file, and a
    folder only if it is empty or contains `folder_of`. The name has to be valid UTF-8 and end in one of the suffixes,
    if any. The parent is created and has to be writable.
    """
    if suffixes:
        check_suffix(path, suffixes)
    target = Path(path)
    _digest(target)
    try:
        if target.exists() and not overwrite:
            raise ValueError(f"{str(target)!r} already exists. Choose another output, or replace it with --overwrite.")
        _check_kind(target, folder=folder_of is not None)
        if target.is_dir() and Path.cwd().is_relative_to(target.resolve()):
            raise ValueError(
                f"{str(target)!r} contains the current folder, so it is not replaced. Choose another output."
            )
        if folder_of and target.is_dir() and any(target.iterdir()) and not (target / folder_of).exists():
            raise ValueError(
                f"{str(target)!r} is a folder without {folder_of}, so it is not replaced. Choose another output."
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=target.parent):
            pass
    except OSError as error:
        raise ValueError(f"Cannot write to {str(target.parent)!r}: {error}. Choose another output.") from error


@contextmanager
def output_lock(path: _Name) -> Iterator[None]:
    """Keep others from writing an output, from before the work starts until the output is in place.

    Parent folders are created. Anything left behind by a killed process is removed, and an old output that it had moved
    aside is moved back. Raises `ValueError` if another process (or thread) holds the lock, naming the process and its
    machine, or if the location is not writable.
    """
    target = Path(path).absolute()
    name = f"{TEMPORARY}{_digest(target)}.lock"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(target.parent / name, timeout=0, is_singleton=True)
        lock.acquire()
    except Timeout:
        raise ValueError(
            f"{str(path)!r} is being written by {_holder(lock.lock_file)}. Wait for it to finish, or choose another "
            "output."
        ) from None
    except (OSError, ValueError) as error:
        raise ValueError(f"Cannot write to {str(target.parent)!r}: {error}. Choose another output.") from error
    first = lock.lock_counter == 1  # this process may already hold the lock
    # On file systems without flock, the lock is a file that filelock itself writes, in the same form, and removes. If
    # the process that it names no longer runs, the next one takes the lock over.
    native = not isinstance(lock, SoftFileLock)
    try:
        if first:
            if native:
                with suppress(OSError):  # on Windows, only filelock itself can write to the file while it is locked
                    Path(lock.lock_file).write_text(f"{os.getpid()}\n{socket.gethostname()}\n", encoding="utf-8")
            for workspace in _workspaces(target):
                _clear(workspace, target)
        yield
    finally:
        if first and native:
            with suppress(OSError):  # before the release, so that whoever opens it now notices that it is gone
                os.unlink(lock.lock_file)
        lock.release()


@contextmanager
def atomic_output(path: _Name) -> Iterator[Path]:
    """Yield a temporary path for a file or folder, and move what is written there into place on success.

    An existing output is replaced, or kept if writing fails. Raises `ValueError` if another process is writing the
    output, or the location is not writable.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_output(Path(folder) / "out.txt") as temporary:
    ...         _ = temporary.write_text("done")
    ...     (Path(folder) / "out.txt").read_text()
    'done'
    """
    target = Path(path).absolute()
    with _workspace(target) as workspace:
        (workspace / "new").mkdir()
        temporary = workspace / "new" / target.name
        yield temporary
        _let_others_read(temporary, (workspace / "new").stat().st_mode & 0o666)
        _move(temporary, target, workspace)


def move_into_place(source: Path, path: _Name) -> None:
    """Move a complete file or folder into place on the same file system, replacing what is there; see `atomic_output`.

    If the move fails, the source stays where it is.
    """
    target = Path(path).absolute()
    with _workspace(target) as workspace:
        _move(source, target, workspace)


def check_suffix(path: _Name, suffixes: Sequence[str]) -> str:
    """Return the suffix of an output, which decides its format. Raises `ValueError` if it is not in `suffixes`."""
    suffix = Path(path).suffix.lower()
    if suffix not in suffixes:
        expected = " or ".join(filter(None, (", ".join(suffixes[:-1]), suffixes[-1])))
        raise ValueError(f"The output is {os.fspath(path)!r}, expected a name that ends in {expected}.")
    return suffix


def check_columns(path: _Name, schema: pa.Schema, write: Callable[[pa.Schema], object]) -> None:
    """Raise `ValueError` if the format of an output cannot hold a column, before any work is done for it.

    `write` writes a file of this format without rows.
    """
    for field in schema:
        try:
            write(pa.schema([field]))
        except (pa.ArrowException, RuntimeError, ValueError) as error:  # LanceDB raises the latter two
            raise ValueError(
                f"{os.fspath(path)!r} cannot hold the column {field.name!r} of type {field.type}. Rename or convert "
                f"it, leave it out with --drop {field.name}, or choose another format."
            ) from error


class CsvWriter(AbstractContextManager["CsvWriter"]):
    """Writes tables of a schema to a CSV file, with lists and objects as JSON.

    Raises an Arrow error for columns that are not text, such as bytes.
    """

    def __init__(self, file: Any, schema: pa.Schema) -> None:
        if any(map(_is_bytes, schema.types)):  # Arrow itself raises an error only for bytes that are not UTF-8
            raise pa.ArrowTypeError("CSV holds text, not bytes.")
        kinds = [pa.string() if pa.types.is_nested(kind) else kind for kind in schema.types]
        self._schema = pa.schema(list(zip(schema.names, kinds, strict=True)))
        self._writer = pa.csv.CSVWriter(file, self._schema)

    def __exit__(self, *error: object) -> None:
        self._writer.close()

    def write_table(self, table: pa.Table) -> None:
        """Write the rows of a table."""
        columns = [_as_json(column) if pa.types.is_nested(column.type) else column for column in table.columns]
        self._writer.write_table(pa.table(columns, schema=self._schema))


_TABLE_WRITERS: dict[str, Any] = {".csv": CsvWriter, ".parquet": pa.parquet.ParquetWriter}
TABLES = tuple(_TABLE_WRITERS)
"""The suffixes of the tables that `table_output` can write."""


def check_table_columns(path: _Name, schema: pa.Schema) -> None:
    """Raise `ValueError` if `table_output` cannot write a column."""
    writer = _TABLE_WRITERS[check_suffix(path, TABLES)]
    check_columns(path, schema, lambda one: writer(pa.BufferOutputStream(), one))


def file_name(name: str) -> str:
    """Return a name as part of a file's name: what some file systems refuse is escaped, so that no two names collide.

    >>> file_name("relbert/u2"), file_name("U2 (50%)")
    ('relbert%2Fu2', 'U2 (50%25)')
    """
    return re.sub(r'[%/\\:*?"<>|\x00-\x1f]', lambda match: f"%{ord(match[0]):02X}", name)


@contextmanager
def table_output(path: _Name, schema: pa.Schema) -> Iterator[Any]:
    """Yield a writer whose `write_table` appends tables with the given schema to one file.

    Raises `ValueError` if the suffix is not in `TABLES`; see also `atomic_output`.
    """
    writer = _TABLE_WRITERS[check_suffix(path, TABLES)]
    with atomic_output(path) as temporary, writer(temporary, schema) as file:
        yield file


def scores_column(path: _Name, scores: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return scores for a file of `table_output`: rounded to four decimals in CSV, which people read."""
    values = scores.astype(np.float64)
    return values.round(4) if Path(path).suffix.lower() == ".csv" else values


def write_arrays(path: _Name, arrays: dict[str, NDArray[Any]], metadata: dict[str, str]) -> None:
    """Write named arrays and metadata to a safetensors file."""
    with atomic_output(path) as temporary:
        save_file(arrays, temporary, metadata)


def read_arrays(path: _Name) -> tuple[dict[str, NDArray[Any]], dict[str, str]] | None:
    """Return the arrays and metadata written by `write_arrays`, or None if the file does not exist.

    Raises `ValueError` if the file is damaged.
    """
    try:
        with safe_open(path, "numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except FileNotFoundError:
        return None
    except Exception as error:  # safetensors has its own exceptions
        raise ValueError(f"{os.fspath(path)!r} is damaged: {error}.") from error


def mend(path: _Name) -> None:
    """Restore an output that a killed process had moved aside, and remove what that process left behind.

    Raises `ValueError` if another process is writing the output.
    """
    target = Path(path).absolute()
    if any(_workspaces(target)):
        with output_lock(target):
            pass


def _holder(lock_file: str) -> str:
    """Say which process holds a lock, as far as its file tells."""
    with suppress(OSError, ValueError):
        process, machine, *_ = Path(lock_file).read_text(encoding="utf-8").splitlines()
        return f"process {process} on {machine}"
    return "another process"


def _is_bytes(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


def _as_json(column: pa.ChunkedArray) -> pa.Array:
    values = column.to_pylist()
    texts = [None if value is None else json.dumps(value, ensure_ascii=False, default=str) for value in values]
    return pa.array(texts, pa.string())


@contextmanager
def _workspace(target: Path) -> Iterator[Path]:
    """Lock an output, and yield a workspace for it."""
    with output_lock(target):
        # In the target's folder, because a move is atomic only within a file system.
        workspace = Path(tempfile.mkdtemp(prefix=f"{TEMPORARY}{_digest(target)}-", dir=target.parent))
        try:
            yield workspace
        finally:
            _clear(workspace, target)


def _workspaces(target: Path) -> Iterator[Path]:
    """Find the workspaces that killed processes left behind."""
    return target.parent.glob(f"{TEMPORARY}{_digest(target)}-*")


def _check_kind(target: Path, *, folder: bool) -> None:
    """Raise `ValueError` if a folder would replace a file, a file a folder, or either a device such as /dev/null."""
    kind = "folder" if target.is_dir() else "file" if target.is_file() else "special file"
    expected = "folder" if folder else "file"
    if target.exists() and kind != expected:
        raise ValueError(
            f"{str(target)!r} is a {kind}, expected a {expected} or a new name, so it is not replaced. Choose another "
            "output."
        )


def _move(source: Path, target: Path, workspace: Path) -> None:
    flush(source)
    _check_kind(target, folder=source.is_dir())
    # A non-empty folder cannot be replaced in one step: move the old one aside, and back if the move fails.
    if target.is_dir():
        os.replace(target, workspace / "old")
    os.replace(source, target)
    _flush_folder(target.parent)


def _let_others_read(path: Path, mode: int) -> None:
    """Give files the usual mode of new files, because safetensors makes its files readable by the owner only."""
    for file in (path, *path.rglob("*")):
        if file.is_file() and not file.is_symlink():
            file.chmod(mode)


def _digest(target: Path) -> str:
    try:
        name = target.name.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"The name {target.name!r} is not valid UTF-8. Choose another output.") from error
    return hashlib.blake2b(name, digest_size=8).hexdigest()


def _clear(workspace: Path, target: Path) -> None:
    """Remove a workspace. If the target is missing, first move the old output back."""
    if (workspace / "old").exists() and not target.exists():
        os.replace(workspace / "old", target)
    shutil.rmtree(workspace, ignore_errors=True)


def flush(path: Path) -> None:
    """Flush a file, or everything in a folder, to disk."""
    if path.is_dir():
        for each in path.iterdir():
            flush(each)
        _flush_folder(path)
        return
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _flush_folder(path: Path) -> None:
    if os.name == "nt":  # Windows cannot open folders
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
