"""Locate, read and write files on the local file system or in an object store."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

import pyarrow as pa
import pyarrow.fs

from st_relbert.files.outputs import TEMPORARY, atomic_output

DONE = "_SUCCESS"  # marks a folder of Parquet files as complete, as in Hadoop and Spark
MADE_FROM = "_made_from.json"  # in a folder that `encode_files` writes; readers skip names that begin with _


@dataclass(frozen=True)
class Location:
    """An absolute path in a `pyarrow.fs.FileSystem`; it can be sent to other processes and machines."""

    filesystem: Any
    path: str

    @classmethod
    def of(cls, name: str | os.PathLike[str]) -> Location:
        """Return the location of a path, or of a URI such as `s3://bucket/pairs.parquet`.

        Access to an object store is configured as in Arrow, by environment variables or the URI's query
        (`?region=eu-west-1`). Raises `ValueError` for a blank name, or a URI of an unknown kind.
        """
        check_named(name)
        name = os.fspath(name)
        if "://" not in name:
            return cls(pa.fs.LocalFileSystem(), _with_slashes(os.path.abspath(name)))
        try:
            return cls(*pa.fs.FileSystem.from_uri(name))
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"Cannot use {name!r}: {error}. Expected a path, or a URI such as s3://...") from error

    def __truediv__(self, name: str) -> Location:
        """The location of a file in this folder."""
        return Location(self.filesystem, f"{self.path}/{name}")

    @property
    def parent(self) -> Location:
        """The folder that contains this file or folder."""
        return Location(self.filesystem, self.path.rpartition("/")[0])

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def info(self) -> Any:
        """Type, size and time, as `pyarrow.fs.FileInfo`."""
        return self.filesystem.get_file_info(self.path)

    @property
    def exists(self) -> bool:
        """Whether there is a file or a folder at the path."""
        return bool(self.info.type != pa.fs.FileType.NotFound)

    def names(self) -> list[str]:
        """Return the sorted names in this folder; an empty list if it does not exist or is a file."""
        if self.info.is_file:
            return []
        selector = pa.fs.FileSelector(self.path, allow_not_found=True)
        return sorted(info.base_name for info in self.filesystem.get_file_info(selector))

    def read_text(self) -> str:
        """Return the text of this file."""
        return str(self.read().to_pybytes().decode())

    @property
    def local(self) -> bool:
        """Whether the location is on this machine's file system."""
        return isinstance(self.filesystem, pa.fs.LocalFileSystem)

    @contextmanager
    def writing(self) -> Iterator[Any]:
        """Yield a stream to a temporary file, which is moved here on success."""
        if self.local:
            with atomic_output(self.path) as local, open(local, "wb") as file:
                yield file
            return
        temporary = self.parent / f"{TEMPORARY}{uuid.uuid4().hex}"
        try:
            with self.filesystem.open_output_stream(temporary.path) as stream:
                yield stream
            self.filesystem.move(temporary.path, self.path)
        except BaseException:
            temporary.remove()
            raise

    def write(self, content: Any) -> None:
        """Write bytes atomically."""
        with self.writing() as stream:
            stream.write(content)

    def write_text(self, text: str) -> None:
        """Write text atomically."""
        self.write(text.encode())

    def read(self) -> Any:
        """Return the content of this file as a buffer, without decompressing it."""
        with self.filesystem.open_input_file(self.path) as file:
            return file.read_buffer()

    def remove(self) -> None:
        """Remove this file, or this folder and its contents. It need not exist."""
        with suppress(FileNotFoundError):
            if self.info.type == pa.fs.FileType.Directory:
                self.filesystem.delete_dir(self.path)
            else:
                self.filesystem.delete_file(self.path)


def check_named(path: str | os.PathLike[str]) -> None:
    """Raise `ValueError` for a blank name, which would mean the current folder."""
    if not os.fspath(path).strip():
        raise ValueError(f"The name is {os.fspath(path)!r}, expected that of a file or folder.")


def expand(pattern: str | os.PathLike[str]) -> list[str]:
    """Return the files that match a pattern, or the Parquet files in a folder, sorted. Any other name is returned.

    A pattern is a path or URI with `*` in its last part only. It matches hidden files, whose names begin with `.`, only
    if it begins with `.` itself. In a folder, names that begin with `_` or `.` are skipped. Raises `ValueError` if
    nothing matches, or a folder of vectors is not finished.
    """
    pattern = os.fspath(pattern)
    bare, mark, query = pattern.partition("?") if "://" in pattern else (_with_slashes(pattern), "", "")
    place = Location.of(pattern)
    if place.info.type == pa.fs.FileType.Directory:
        if (place / MADE_FROM).exists and not (place / DONE).exists:
            raise ValueError(f"{pattern!r} is not finished. Run the command that writes it again.")
        folder, last = f"{bare.rstrip('/')}/", "[!._]*.parquet"
    else:
        folder, separator, last = bare.rpartition("/")
        if "*" not in last or place.exists:
            return [pattern]
        folder += separator
        place = Location.of(f"{folder or '.'}{mark}{query}")
    names = [name for name in place.names() if fnmatch(name, last) and (last[0] == "." or name[0] != ".")]
    if not names:
        raise ValueError(f"No file matches {pattern!r}.")
    return [f"{folder}{name}{mark}{query}" for name in names]


def _with_slashes(path: str) -> str:
    """Return a path as Arrow has it on Windows too."""
    return path.replace(os.sep, "/")
