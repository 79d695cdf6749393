"""Outputs that are whole or not there, and are written by one process at a time.

What is written stands in a workspace beside its place until it is done: `.st-relbert-DIGEST-RANDOM` with the new one
in `new` and, while a folder is replaced, the old one in `old`. The digest is that of the output's name, so nothing
that an output may be called collides with it, and the next process that writes the output finds what a killed one left.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

_Name = str | os.PathLike[str]
_TABLE_WRITERS: dict[str, Any] = {".csv": pa.csv.CSVWriter, ".parquet": pa.parquet.ParquetWriter}
TABLES = tuple(_TABLE_WRITERS)
"""The suffixes of tables that `table_output` writes."""


def check_output(
    path: _Name, overwrite: bool, folder_of: str | None = "modules.json", suffixes: Sequence[str] = ()
) -> None:
    """Raise `ValueError` for an output that cannot be written, before any work is done for it.

    An output that exists is replaced only with `overwrite`, and a folder only if it holds `folder_of`, by default the
    list of modules of a saved model; if that is None, no folder is replaced. The name has to be UTF-8 and to end in
    one of the suffixes, if there are any; its parent is made and has to be writable.
    """
    if suffixes:
        check_suffix(path, suffixes)
    target = Path(path)
    _digest(target)
    try:
        if target.exists() and not overwrite:
            raise ValueError(f"{str(target)!r} exists already. Choose another output, or replace it with --overwrite.")
        if target.is_dir() and folder_of is None:
            raise ValueError(f"{str(target)!r} is a folder, so it is not replaced. Choose another output.")
        if target.is_dir() and any(target.iterdir()) and not (target / str(folder_of)).exists():
            raise ValueError(
                f"{str(target)!r} is a folder without {folder_of}, so it is not replaced. Choose another output."
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".st-relbert-", dir=target.parent):
            pass
    except OSError as error:
        raise ValueError(f"Cannot write to {str(target.parent)!r}: {error}. Choose another output.") from error


@contextmanager
def output_lock(path: _Name) -> Iterator[None]:
    """Keep others from writing an output, from before the work until the output is in place.

    Folders above it are made. What a process left behind that was killed is removed; an old output that it had moved
    aside is moved back. Raises `ValueError` if another process (or thread) holds the lock, with its number and machine;
    or if nothing can be written there.
    """
    target = Path(path).absolute()
    digest = _digest(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(target.parent / f".st-relbert-{digest}.lock", timeout=0, is_singleton=True)
        lock.acquire()
    except Timeout:
        holder = ""
        with suppress(OSError):
            holder = Path(lock.lock_file).read_text(encoding="utf-8")
        raise ValueError(
            f"{str(path)!r} is being written by {holder or 'another process'}. Wait for it, or choose another output."
        ) from None
    except (OSError, ValueError) as error:
        raise ValueError(f"Cannot write to {str(target.parent)!r}: {error}. Choose another output.") from error
    first = lock.lock_counter == 1  # the same process may hold it already
    try:
        if first:
            Path(lock.lock_file).write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")
            for workspace in _workspaces(target):
                _clear(workspace, target)
        yield
    finally:
        if first:
            with suppress(OSError):  # while it is held: who opens it now notices that it is gone
                os.unlink(lock.lock_file)
        lock.release()


@contextmanager
def atomic_output(path: _Name) -> Iterator[Path]:
    """Give a temporary name to write a file or a folder to, and move it into place when all went well.

    What is there is replaced, and kept if writing fails. Raises `ValueError` if another process is writing the output,
    or nothing can be written there.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_output(Path(folder) / "out.txt") as temporary:
    ...         _ = temporary.write_text("done")
    ...     (Path(folder) / "out.txt").read_text()
    'done'
    """
    target = Path(path).absolute()
    with output_lock(target):
        workspace = _workspace(target)
        try:
            (workspace / "new").mkdir()
            temporary = workspace / "new" / target.name
            yield temporary
            _let_others_read(temporary, (workspace / "new").stat().st_mode & 0o666)
            _move(temporary, target, workspace)
        finally:
            _clear(workspace, target)


def move_into_place(source: Path, path: _Name) -> None:
    """Move a whole file or folder to its place in the same file system, in place of what is there; see `atomic_output`.

    Until then, and if that fails, it stays where it is.
    """
    target = Path(path).absolute()
    with output_lock(target):
        workspace = _workspace(target)
        try:
            _move(source, target, workspace)
        finally:
            _clear(workspace, target)


def check_suffix(path: _Name, suffixes: Sequence[str]) -> str:
    """The suffix of an output, which says how it is written. Raises `ValueError` if it is none of these."""
    suffix = Path(path).suffix.lower()
    if suffix not in suffixes:
        expected = " or ".join(filter(None, (", ".join(suffixes[:-1]), suffixes[-1])))
        raise ValueError(f"The output is {os.fspath(path)!r}, expected a name that ends in {expected}.")
    return suffix


@contextmanager
def table_output(path: _Name, schema: pa.Schema) -> Iterator[Any]:
    """Yield a writer that appends tables of a schema to one file, by `write_table`.

    Raises `ValueError` for a suffix that is none of `TABLES`; see also `atomic_output`.
    """
    writer = _TABLE_WRITERS[check_suffix(path, TABLES)]
    with atomic_output(path) as temporary, writer(temporary, schema) as file:
        yield file


def write_arrays(path: _Name, arrays: dict[str, NDArray[Any]], metadata: dict[str, str]) -> None:
    """Write named arrays as a safetensors file, with metadata that says what they are."""
    with atomic_output(path) as temporary:
        save_file(arrays, temporary, metadata)


def read_arrays(path: _Name) -> tuple[dict[str, NDArray[Any]], dict[str, str]] | None:
    """The arrays and the metadata that `write_arrays` wrote; None if there is no such file.

    Raises `ValueError` if it is damaged.
    """
    try:
        with safe_open(path, "numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except FileNotFoundError:
        return None
    except Exception as error:  # safetensors has errors of its own
        raise ValueError(f"{os.fspath(path)!r} is damaged: {error}.") from error


def mend(path: _Name) -> None:
    """Put back what a killed process had moved aside to replace an output, and remove what it left.

    Raises `ValueError` if another process is writing the output.
    """
    target = Path(path).absolute()
    if any(_workspaces(target)):
        with output_lock(target):
            pass


def _workspace(target: Path) -> Path:
    # Beside the target: a move is one step within a file system only.
    return Path(tempfile.mkdtemp(prefix=f".st-relbert-{_digest(target)}-", dir=target.parent))


def _workspaces(target: Path) -> Iterator[Path]:
    return target.parent.glob(f".st-relbert-{_digest(target)}-*")


def _move(source: Path, target: Path, workspace: Path) -> None:
    flush(source)
    # A folder that is not empty cannot be replaced in one step: the old one steps aside, and back on failure.
    if target.is_dir() or (source.is_dir() and target.exists()):
        os.replace(target, workspace / "old")
    os.replace(source, target)
    _flush_folder(target.parent)


def _let_others_read(path: Path, mode: int) -> None:
    """Give files the mode of any new file here: safetensors writes its own for the owner alone."""
    for file in (path, *path.rglob("*")):
        if file.is_file() and not file.is_symlink():
            file.chmod(mode)


def _digest(target: Path) -> str:
    try:
        name = target.name.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"The name {target.name!r} is not UTF-8. Choose another output.") from error
    return hashlib.blake2b(name, digest_size=8).hexdigest()


def _clear(workspace: Path, target: Path) -> None:
    """Remove a workspace; an old output in it goes back to its place, if that is empty."""
    if (workspace / "old").exists() and not target.exists():
        os.replace(workspace / "old", target)
    shutil.rmtree(workspace, ignore_errors=True)


def flush(path: Path) -> None:
    """Have a file, or all of a folder, written to the disk itself."""
    if path.is_dir():
        for each in path.iterdir():
            flush(each)
        _flush_folder(path)
        return
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _flush_folder(path: Path) -> None:
    if os.name == "nt":  # Windows opens no folders
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
