"""What ``st-relbert evaluate --output`` wrote, read again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class SetResult:
    """Which questions of a set a model answered rightly.

    Args:
        correct: One entry a question.
        digest: Of the questions; see :func:`st_relbert.evaluation.base.digest`.
    """

    correct: list[bool]
    digest: str

    @property
    def accuracy(self) -> float:
        """The share of right answers."""
        return sum(self.correct) / len(self.correct)


def read_results(path: str) -> dict[str, SetResult]:
    """Read the results of a model, by question set.

    Args:
        path: The file that ``st-relbert evaluate --analogies`` wrote, or the folder that ``--suite`` wrote (or
            ``suite.json`` in it), of which the sets with one answer a question are read.

    Raises:
        ValueError: If there is no such file, or it holds no results.
    """
    file = Path(path) / "suite.json" if Path(path).is_dir() else Path(path)
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
        if "details" in content:
            found = {name: details for name, details in content["details"].items() if "correct" in details}
        else:
            found = {result["set"]: result for result in content["results"]}
        results = {name: _as_result(result) for name, result in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path!r} holds no results ({type(error).__name__}: {error}), expected what st-relbert evaluate --output "
            "writes. Run it again."
        ) from error
    if not results:
        raise ValueError(f"{path!r} holds the answers to no question set. Evaluate on some, and pass --output.")
    return results


def _as_result(result: dict[str, Any]) -> SetResult:
    correct = result["correct"]
    if not isinstance(correct, list) or not correct or not all(isinstance(value, bool) for value in correct):
        raise TypeError("'correct' is no list of booleans")
    return SetResult(correct, str(result["digest"]))
