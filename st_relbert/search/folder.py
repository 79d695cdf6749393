"""The folder of an index: which paths are allowed, locking, moving it into place, and detecting damage."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

from filelock import BaseFileLock, FileLock

from st_relbert.environment import import_extra
from st_relbert.files import outputs

TABLE = "pairs"
FOLDER = f"{TABLE}.lance"
CALIBRATION = "calibration.json"
MEANS = "relation_means.safetensors"
WORDS, WORD_VECTORS = "vocabulary.json", "vocabulary.safetensors"
_LOCK = "write.lock"
# Seconds to wait for another writer: building the approximate index of some million rows takes minutes.
_PATIENCE = 900


def check_place(path: Path, overwrite: bool) -> None:
    """Raise `ValueError` if a store may not be written to a path.

    That is the case if something other than a store is there, a store has foreign files next to it, or a store may not
    be replaced. A store without a version is empty and may always be replaced.
    """
    if not path.exists():
        return
    names = {file.name for file in path.iterdir()} if path.is_dir() else {path.name}
    if names <= {_LOCK}:
        return
    if FOLDER not in names:
        raise ValueError(f"{str(path)!r} exists and is not an index, so it is not replaced. Choose another path.")
    foreign = names - {FOLDER, CALIBRATION, MEANS, WORDS, WORD_VECTORS, _LOCK}
    # A process that was killed while it wrote a file may have left its workspace; see `outputs`.
    if others := sorted(name for name in foreign if not name.startswith(outputs.TEMPORARY)):
        raise ValueError(
            f"The index {str(path)!r} also contains the file {others[0]!r}, so it is not replaced. Choose another path."
        )
    if not overwrite and has_versions(path):
        raise ValueError(f"The index {str(path)!r} already exists. Choose another path, or overwrite it.")


def has_versions(path: Path) -> bool:
    """Return whether there is an index that can be opened, one whose table has been written at least once."""
    return any((path / FOLDER / "_versions").glob("*.manifest"))


def require_index(path: Path) -> None:
    """Raise `ValueError` if there is no index at a path, or it is not finished.

    An index that a killed build had moved aside is put back.
    """
    if has_versions(path):
        return
    outputs.mend(path)
    if has_versions(path):
        return
    if has_versions(_partial_of(path)):
        raise ValueError(
            f"The index {str(path)!r} is not finished: its build was interrupted. Run the same st-relbert index build "
            "command again to resume it."
        )
    if (path / FOLDER).is_dir():
        raise ValueError(
            f"The index {str(path)!r} is incomplete and has no rows. Build it again with st-relbert index build."
        )
    raise ValueError(f"{str(path)!r} is not an index. Make one with RelationIndex.create or st-relbert index build.")


def _partial_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.partial")


@contextmanager
def workspace(path: Path, overwrite: bool) -> Iterator[tuple[Path, BaseFileLock]]:
    """Yield the folder next to `path` in which one process builds an index, and its lock.

    The folder still contains what an interrupted build left. Raises `ValueError` if `overwrite` does not allow
    replacing what is at the path, or another process is building the index.
    """
    outputs.mend(path)
    check_place(path, overwrite)
    partial = _partial_of(path)
    check_place(partial, overwrite=True)
    partial.mkdir(parents=True, exist_ok=True)
    lock = lock_of(partial)
    try:
        lock.acquire(timeout=0)
    except TimeoutError as error:
        raise ValueError(
            f"Another process is building {str(path)!r}. Wait for it to finish, or choose another path."
        ) from error
    try:
        check_place(path, overwrite)  # the other process may just have finished
        yield partial, lock
    finally:
        lock.release()


def move_into_place(source: Path, path: Path, overwrite: bool) -> None:
    """Move a complete store to its place. An existing store stays until then."""
    check_place(path, overwrite)
    # Make sure that nobody is writing.
    with held(lock_of(path), path) if path.exists() else nullcontext():
        outputs.move_into_place(source, path)


def lock_of(path: Path) -> BaseFileLock:
    """Return the lock that a writer must hold."""
    return FileLock(path / _LOCK)


@contextmanager
def held(lock: BaseFileLock, path: Path) -> Iterator[None]:
    """Hold the lock, so that there is one writer at a time. Waits for a limited time."""
    try:
        lock.acquire(timeout=_PATIENCE)
    except TimeoutError as error:
        raise OSError(
            f"Another process has been writing to {str(path)!r} for {_PATIENCE // 60} minutes. Wait for it to finish, "
            "or stop it, then try again. The rows added before are kept."
        ) from error
    try:
        yield
    finally:
        lock.release()


def connect(path: Path) -> Any:
    """Return the LanceDB database in the folder. Raises `MissingExtraError` if LanceDB is not installed."""
    lancedb = import_extra("lancedb", "search")
    # Always the latest version: another process may have added rows.
    return lancedb.connect(os.fspath(path), read_consistency_interval=timedelta(0))


_FULL = re.compile(r"No space left|File too large|os error (28|122)\b")
_OF_SYSTEM = re.compile(r"os error (?!2\b|5\b)\d+|[Cc]ommit conflict|[Tt]imed? ?out")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an error of LanceDB into one that names the cause: a full disk, a system error, or a damaged index."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # a panic in Rust is not an Exception
        if _FULL.search(str(error)):
            free = shutil.disk_usage(path).free
            raise OSError(
                f"There is no space left for {str(path)!r} ({free / 2**20:,.0f} MiB free). Free some space and add the "
                "rows again. Those added before are kept."
            ) from error
        if _OF_SYSTEM.search(str(error)):
            raise OSError(f"Cannot use the index {str(path)!r}: {reason_of(error)}.") from error
        raise ValueError(
            f"The index {str(path)!r} is damaged ({_damaged_file(path, error)}: {reason_of(error)}). Build it again "
            "(st-relbert index build --overwrite), or restore a backup."
        ) from error


def reason_of(error: BaseException) -> str:
    """Return the first line of a LanceDB error, without locations in Rust's sources."""
    line = (str(error).strip() or type(error).__name__).split("\n")[0]
    line = re.split(r",? ?/\S*/(?:registry|rustc|library)/|,? /rustc/", line)[0]
    return line.removeprefix("lance error: ").rstrip(" .")[:200]


def _damaged_file(path: Path, error: BaseException) -> str:
    """Return the file that an error names, else an empty file, else the folder."""
    if named := re.search(rf"{re.escape(FOLDER)}/([^\s,:]+)", str(error)):
        return f"{FOLDER}/{named[1]}"
    empty = (file for file in path.rglob("*") if file.is_file() and file.name != _LOCK and not file.stat().st_size)
    return next((file.relative_to(path).as_posix() for file in empty), f"a file in {FOLDER}")
