"""The checkpoints of a run: used only if they are whole, and resumed only by the same run."""

from __future__ import annotations

import json
import logging
import shutil
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

# What the folder holds beside the checkpoints: the trainer writes the first two, we write what the run is, and what the
# teacher of a distillation says of its pairs.
_EVALUATION, _LOGS, _RUN, TEACHER = "eval", "runs", "run.json", "teacher.safetensors"
_CHECKSUMS = "checksums.json"


class CheckpointFolder:
    """The folder `{output}-checkpoints` beside a trained model, from which an interrupted run is resumed."""

    def __init__(self, output: str) -> None:
        target = Path(output)
        self.path = target.with_name(f"{target.name}-checkpoints")

    def complete(self) -> list[Path]:
        """The checkpoints that were written to the end, oldest first."""
        folders = [path.parent for path in self.path.glob(f"checkpoint-*/{_CHECKSUMS}")]
        return sorted(folders, key=lambda folder: int(folder.name.split("-")[1]))

    def begin(self, run: Mapping[str, Any], overwrite: bool) -> None:
        """Make room for a new run; `run` says what it is, as JSON holds it, and `resume` compares it.

        Raises `ValueError` if there are checkpoints of an earlier run and `overwrite` does not allow to remove them, or
        if the folder holds something else, which is never removed.
        """
        if self.path.exists():
            if foreign := [path.name for path in self.path.iterdir() if not _is_ours(path)]:
                raise ValueError(
                    f"{str(self.path)!r}, where the checkpoints would go, holds {foreign[0]!r}, which is no "
                    "checkpoint. Choose another output."
                )
            if self.complete() and not overwrite:
                raise ValueError(
                    f"{str(self.path)!r} holds the checkpoints of an interrupted run. "
                    "Go on with --resume, or begin anew with --overwrite."
                )
            self.clear()
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / _RUN).write_text(json.dumps(run, indent=2), encoding="utf-8")

    def resume(self, run: Mapping[str, Any]) -> str:
        """Find the newest checkpoint that is as it was written, of the run that `begin` was told of.

        Raises `ValueError` if there is none, or it is of another run; the error says what differs.
        """
        checkpoints = self.complete()
        if not checkpoints:
            raise ValueError(f"Nothing to resume: {str(self.path)!r} has no checkpoint. Leave out --resume.")
        self._compare(run)
        for checkpoint in reversed(checkpoints):
            damage = _damage(checkpoint)
            if damage is None:
                return str(checkpoint)
            logger.warning("%s is damaged, so it is not used: %s.", checkpoint, damage)
        raise ValueError(
            f"All checkpoints in {str(self.path)!r} are damaged; of the newest, {_damage(checkpoints[-1])}. "
            "Begin anew with --overwrite."
        )

    def _compare(self, run: Mapping[str, Any]) -> None:
        try:
            before = dict(json.loads((self.path / _RUN).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise ValueError(
                f"{str(self.path / _RUN)!r}, which says what run the checkpoints are of, cannot be read ({error}). "
                "Begin anew with --overwrite."
            ) from error
        now = json.loads(json.dumps(run))
        differences = [
            f"other {name}" if name.endswith("_digest") else f"{name} {before.get(name)!r} (now {now.get(name)!r})"
            for name in sorted(before.keys() | now.keys())
            if before.get(name) != now.get(name)
        ]
        if differences:
            listed = ", ".join(differences).replace("_digest", "")
            raise ValueError(
                f"The checkpoints in {str(self.path)!r} are of a run with {listed}. Resume with the settings and data "
                "of that run, or begin anew with --overwrite."
            )

    def clear(self) -> None:
        """Remove the checkpoints; logs stay."""
        for path in [*self.path.glob("checkpoint-*"), self.path / _EVALUATION]:
            shutil.rmtree(path, ignore_errors=True)
        for name in (_RUN, TEACHER):
            (self.path / name).unlink(missing_ok=True)
        if self.path.is_dir() and not any(self.path.iterdir()):
            self.path.rmdir()


def _is_ours(path: Path) -> bool:
    return path.name.startswith("checkpoint-") or path.name in (_EVALUATION, _LOGS, _RUN, TEACHER)


def write_checksums(checkpoint: Path) -> None:
    """Mark a checkpoint as written to the end, with the checksums of its files."""
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
    """What is wrong with a checkpoint; None if nothing is."""
    try:
        expected = dict(json.loads((checkpoint / _CHECKSUMS).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError):
        return f"{_CHECKSUMS} cannot be read"
    found = _checksums(checkpoint)
    for name, checksum in expected.items():
        if found.get(name) != checksum:
            return f"{name} is missing" if name not in found else f"{name} is not as it was written"
    return None
