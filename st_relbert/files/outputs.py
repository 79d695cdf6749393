"""Output that is either whole or not there."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


def check_output(path: str | os.PathLike[str], overwrite: bool, folder_of: str = "modules.json") -> None:
    """Refuse an output that cannot be written, before any work is done for it.

    Args:
        path: Where a file or a model folder is to go.
        overwrite: Whether what is there may be replaced.
        folder_of: The file by which a folder is known that may be replaced; by default that of a saved model.

    Raises:
        ValueError: If something is there and ``overwrite`` is not set, if it is a folder without that file (which is
            never replaced), or if its parent cannot be written to.
    """
    target = Path(path)
    if target.exists() and not overwrite:
        raise ValueError(f"{str(target)!r} exists already. Choose another output, or replace it with --overwrite.")
    if target.is_dir() and any(target.iterdir()) and not (target / folder_of).is_file():
        raise ValueError(
            f"{str(target)!r} is a folder without {folder_of}, so it is not replaced. Choose another output."
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".st-relbert-", dir=target.parent):
            pass
    except OSError as error:
        raise ValueError(f"Cannot write to {str(target.parent)!r}: {error}. Choose another output.") from error


@contextmanager
def atomic_output(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary name to write a file or a folder to, and move it into place when all went well.

    Args:
        path: Where the output is to go; what is there is replaced, and kept if writing fails.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with atomic_output(Path(folder) / "out.txt") as temporary:
        ...         _ = temporary.write_text("done")
        ...     (Path(folder) / "out.txt").read_text()
        'done'
    """
    target = Path(path)
    # Beside the target: a move is one step within a file system only.
    with tempfile.TemporaryDirectory(prefix=".st-relbert-", dir=target.parent) as workspace:
        temporary = Path(workspace) / target.name
        yield temporary
        if not target.is_dir():
            os.replace(temporary, target)
            return
        # A folder that is not empty cannot be replaced in one step: the old one steps aside, and back on failure.
        aside = Path(workspace) / "replaced"
        os.replace(target, aside)
        try:
            os.replace(temporary, target)
        except OSError:
            os.replace(aside, target)
            raise


@contextmanager
def output_lock(path: str | os.PathLike[str]) -> Iterator[None]:
    """Keep other processes from writing the same output, from before the work until the output is in place.

    Args:
        path: Where the output is to go; a local path. The lock is a hidden file beside it, which goes with the holder.

    Raises:
        ValueError: If another process holds it; says which. Or if the folder cannot be written to.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder, output_lock(Path(folder) / "out.txt"):
        ...     sorted(os.listdir(folder))
        ['.out.txt.holder', '.out.txt.lock']
    """
    target = Path(os.path.abspath(path))
    holder = target.with_name(f".{target.name}.holder")  # not in the lock file, which cannot be read everywhere
    lock = FileLock(target.with_name(f".{target.name}.lock"), timeout=0)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        who = holder.read_text(encoding="utf-8") if holder.is_file() else "another process"
        raise ValueError(f"{str(path)!r} is being written by {who}. Wait for it, or choose another output.") from error
    except OSError as error:
        raise ValueError(f"Cannot write to {str(target.parent)!r}: {error}. Choose another output.") from error
    try:
        holder.write_text(f"process {os.getpid()} on {platform.node()}", encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
