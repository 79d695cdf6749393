"""The checkpoints of a run: only the same run resumes from them, and only if they are undamaged."""

from __future__ import annotations

import json
import logging
import re
import shutil
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

# What the folder contains besides checkpoints. The trainer writes the first two; we write a description of the run, and
# the vectors of a distillation's teacher.
_EVALUATION, _LOGS, _RUN, TEACHER = "eval", "runs", "run.json", "teacher.safetensors"
_CHECKSUMS = "checksums.json"


class CheckpointFolder:
    """The folder `{output}-checkpoints` next to a trained model, from which an interrupted run is resumed."""

    def __init__(self, output: str) -> None:
        target = Path(output)
        self.path = target.with_name(f"{target.name}-checkpoints")

    def complete(self) -> list[Path]:
        """Return the completely written checkpoints, oldest first."""
        folders = [folder for folder in self._checkpoints() if (folder / _CHECKSUMS).is_file()]
        return sorted(folders, key=lambda folder: int(folder.name.split("-")[1]))

    def _checkpoints(self) -> list[Path]:
        return [path for path in self.path.glob("checkpoint-*") if _is_checkpoint(path)]

    def begin(self, run: Mapping[str, Any], overwrite: bool) -> None:
        """Make room for a new run. `run` describes it in JSON values, for `resume` to compare.

        Raises `ValueError` if there are checkpoints of an earlier run and `overwrite` is False, or if the folder
        contains anything else, which is never removed.
        """
        if self.path.exists():
            if foreign := [path.name for path in self.path.iterdir() if not _is_ours(path)]:
                raise ValueError(
                    f"The folder for checkpoints, {str(self.path)!r}, contains {foreign[0]!r}, which is not a "
                    "checkpoint. Choose another output."
                )
            if self.complete() and not overwrite:
                raise ValueError(
                    f"{str(self.path)!r} contains the checkpoints of an interrupted run. "
                    "Continue with --resume, or start over with --overwrite."
                )
            self.clear()
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / _RUN).write_text(json.dumps(run, indent=2), encoding="utf-8")

    def resume(self, run: Mapping[str, Any]) -> str:
        """Return the newest undamaged checkpoint of the run that `begin` was called for.

        Raises `ValueError` if there is none, or if they belong to another run; the error says what differs.
        """
        checkpoints = self.complete()
        if not checkpoints:
            raise ValueError(f"Nothing to resume: {str(self.path)!r} contains no checkpoint. Omit --resume.")
        self._compare(run)
        for checkpoint in reversed(checkpoints):
            damage = _damage(checkpoint)
            if damage is None:
                return str(checkpoint)
            logger.warning("The checkpoint %s is damaged and is not used: %s.", checkpoint, damage)
        raise ValueError(
            f"All checkpoints in {str(self.path)!r} are damaged (in the newest, {_damage(checkpoints[-1])}). "
            "Start over with --overwrite."
        )

    def _compare(self, run: Mapping[str, Any]) -> None:
        try:
            before = dict(json.loads((self.path / _RUN).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise ValueError(
                f"Cannot read {str(self.path / _RUN)!r}, which describes the interrupted run ({error}). "
                "Start over with --overwrite."
            ) from error
        now = json.loads(json.dumps(run))
        differences = [
            f"other {name}" if name.endswith("_digest") else f"{name}={before.get(name)!r} (now {now.get(name)!r})"
            for name in sorted(before.keys() | now.keys())
            if before.get(name) != now.get(name)
        ]
        if differences:
            listed = ", ".join(differences).replace("_digest", "")
            raise ValueError(
                f"The checkpoints in {str(self.path)!r} belong to a run with {listed}. Resume with the settings and "
                "data of that run, or start over with --overwrite."
            )

    @contextmanager
    def cleared_without_checkpoint(self) -> Iterator[None]:
        """Remove what a run has written to the folder if the run fails before its first checkpoint."""
        try:
            yield
        except BaseException:
            if not self.complete():
                self.clear()
            raise

    def clear(self) -> None:
        """Remove the checkpoints, but keep the logs."""
        for path in [*self._checkpoints(), self.path / _EVALUATION]:
            shutil.rmtree(path, ignore_errors=True)
        for name in (_RUN, TEACHER):
            (self.path / name).unlink(missing_ok=True)
        if self.path.is_dir() and not any(self.path.iterdir()):
            self.path.rmdir()


def _is_checkpoint(path: Path) -> bool:
    """Return whether a run made the folder; "checkpoint-best" is a copy that somebody keeps."""
    return re.fullmatch("checkpoint-[0-9]+", path.name) is not None


def _is_ours(path: Path) -> bool:
    return _is_checkpoint(path) or path.name in (_EVALUATION, _LOGS, _RUN, TEACHER)


def write_checksums(checkpoint: Path) -> None:
    """Mark a checkpoint as completely written, with the checksums of its files."""
    (checkpoint / _CHECKSUMS).write_text(json.dumps(_checksums(checkpoint), indent=2), encoding="utf-8")


def _checksums(checkpoint: Path) -> dict[str, int]:
    files = sorted(path for path in checkpoint.rglob("*") if path.is_file() and path.name != _CHECKSUMS)
    return {path.relative_to(checkpoint).as_posix(): _checksum(path) for path in files}


def _checksum(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while block := file.read(2**20):
            value = zlib.crc32(block, value)
    return value


def _damage(checkpoint: Path) -> str | None:
    """Return what is wrong with a checkpoint, or None."""
    try:
        expected = dict(json.loads((checkpoint / _CHECKSUMS).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError):
        return f"{_CHECKSUMS} cannot be read"
    found = _checksums(checkpoint)
    for name, checksum in expected.items():
        if found.get(name) != checksum:
            return f"{name} is missing" if name not in found else f"{name} has changed since it was written"
    return None
