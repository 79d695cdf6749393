"""``st-relbert compare``: is one model better than another, on the questions that both answered?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from st_relbert.cli import options
from st_relbert.cli.output import percent, show

_RESULTS = "what st-relbert evaluate --output wrote: a file or a folder"


def run(
    first: Annotated[str, typer.Argument(help=f"the first model's results, {_RESULTS}")],
    second: Annotated[str, typer.Argument(help="the second model's")],
    as_json: options.Json = False,
) -> None:
    """Compare two models' answers to the same questions.

    McNemar's exact test on the questions that both answered: how likely is a difference as large as theirs, if neither
    is better?
    """
    results = [read_results(path) for path in (first, second)]
    shared = [name for name in results[0] if name in results[1]]
    if not shared:
        raise ValueError(
            f"{first!r} has the question sets {', '.join(results[0])} and {second!r} has {', '.join(results[1])}, "
            "expected at least one in common."
        )
    rows = [_row(name, *(of_model[name] for of_model in results)) for name in shared]
    if not as_json:
        shown = {"first": percent, "second": percent, "p value": "{:.2g}".format}
        rows = [{name: shown.get(name, lambda value: value)(value) for name, value in row.items()} for row in rows]
    show(rows, as_json)


def _row(name: str, first: SetResult, second: SetResult) -> dict[str, Any]:
    from st_relbert.evaluation import mcnemar

    if first.digest != second.digest:
        raise ValueError(f"The two files' questions of {name!r} differ. Evaluate both models on the same data.")
    result = mcnemar(first.correct, second.correct)
    return {
        "set": name,
        "questions": len(first.correct),
        "first": first.accuracy,
        "second": second.accuracy,
        "only first right": result.first_only,
        "only second right": result.second_only,
        "p value": result.p_value,
    }


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
