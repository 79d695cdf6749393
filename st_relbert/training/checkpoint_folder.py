"""The checkpoints of a run, beside its output."""

from __future__ import annotations

import shutil
from pathlib import Path

# Besides the checkpoints, the trainer writes these here.
_EVALUATION, _LOGS = "eval", "runs"


class CheckpointFolder:
    """The folder ``{output}-checkpoints``, from which an interrupted run is resumed.

    Args:
        output: Where the trained model is to go.
    """

    def __init__(self, output: str) -> None:
        target = Path(output)
        self.path = target.with_name(f"{target.name}-checkpoints")

    def whole(self) -> list[Path]:
        """The checkpoints that were written to the end, oldest first."""
        # The trainer's state is written last.
        states = self.path.glob("checkpoint-*/trainer_state.json")
        return sorted((path.parent for path in states), key=lambda folder: int(folder.name.split("-")[1]))

    def prepare(self, resume: bool, overwrite: bool) -> str | None:
        """Find the checkpoint to resume, or make room for a new run.

        Args:
            resume: Whether to go on with an interrupted run.
            overwrite: Whether the checkpoints of an earlier run may be removed.

        Returns:
            The checkpoint; None for a new run.

        Raises:
            ValueError: If there is none to resume; if there are some and neither was asked for; if the folder holds
                something else, which is never removed.
        """
        checkpoints = self.whole()
        if resume:
            if not checkpoints:
                raise ValueError(f"Nothing to resume: {str(self.path)!r} has no checkpoint. Leave out --resume.")
            return str(checkpoints[-1])
        if not self.path.exists():
            return None
        if foreign := [path.name for path in self.path.iterdir() if not _is_ours(path)]:
            raise ValueError(
                f"{str(self.path)!r}, where the checkpoints would go, holds {foreign[0]!r}, which is none. "
                "Choose another output."
            )
        if checkpoints and not overwrite:
            raise ValueError(
                f"{str(self.path)!r} holds the checkpoints of an interrupted run. "
                "Go on with --resume, or begin anew with --overwrite."
            )
        self.clear()
        return None

    def clear(self) -> None:
        """Remove the checkpoints; logs stay."""
        for path in [*self.path.glob("checkpoint-*"), self.path / _EVALUATION]:
            shutil.rmtree(path, ignore_errors=True)
        if self.path.is_dir() and not any(self.path.iterdir()):
            self.path.rmdir()


def _is_ours(path: Path) -> bool:
    return path.name.startswith("checkpoint-") or path.name in (_EVALUATION, _LOGS)
