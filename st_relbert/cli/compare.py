"""`st-relbert compare`: is one model better than another, on the questions that both answered?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from st_relbert.cli import options
from st_relbert.cli.output import percent, show

if TYPE_CHECKING:
    from st_relbert.evaluation import EvaluationResult

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
    from st_relbert.evaluation import read_results

    results = [read_results(path) for path in (first, second)]
    answered = [{name: result for name, result in of_model.items() if result.correct} for of_model in results]
    shared = [name for name in answered[0] if name in answered[1]]
    if not shared:
        has = [", ".join(of_model) or "none" for of_model in answered]
        raise ValueError(
            f"{first!r} has answers to the question sets {has[0]} and {second!r} to {has[1]}, "
            "expected at least one in common."
        )
    rows = [_row(name, *(of_model[name] for of_model in answered)) for name in shared]
    if not as_json:
        shown = {"first": percent, "second": percent, "p value": "{:.2g}".format}
        rows = [{name: shown.get(name, lambda value: value)(value) for name, value in row.items()} for row in rows]
    show(rows, as_json)


def _row(name: str, first: EvaluationResult, second: EvaluationResult) -> dict[str, Any]:
    from st_relbert.evaluation import mcnemar

    if first.digest != second.digest:
        raise ValueError(f"The two files' questions of {name!r} differ. Evaluate both models on the same data.")
    if first.method != second.method:
        methods = " and ".join(repr(each.method or "the papers'") for each in (first, second))
        raise ValueError(
            f"The two files' answers to {name!r} were got by different methods, {methods}. Evaluate both models by "
            "one, such as one --classifier."
        )
    answers = first.correct or [], second.correct or []
    result = mcnemar(*answers)
    return {
        "set": name,
        "questions": first.count,
        "first": sum(answers[0]) / first.count,
        "second": sum(answers[1]) / second.count,
        "only first right": result.first_only,
        "only second right": result.second_only,
        "p value": result.p_value,
    }
