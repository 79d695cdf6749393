"""`st-relbert evaluate` and `compare`: score a model on questions, and compare two models."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from st_relbert.cli import options
from st_relbert.cli.output import percent, say, show

if TYPE_CHECKING:
    from st_relbert.evaluation import EvaluationReport, EvaluationResult

_SPLITS = {"train", "test", "validation"}


Suite = Annotated[
    Literal["relbert"] | None, typer.Option(help="all sets of the papers, from the hub or $ST_RELBERT_DATA")
]
Analogies = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SET...",
        help="question sets: JSON Lines files, CSV files of data questions, folders, hub ids such as "
        "relbert/analogy_questions/u2 or .../u2/validation, or starter/held_out_pairs and starter/held_out_relations "
        "(shipped)",
    ),
]
Tasks = Annotated[
    list[str] | None, typer.Option(metavar="TASK...", help="tasks of the suite, such as analogy; all by default")
]
Classifier = Annotated[
    Literal["mlp", "linear"] | None,
    typer.Option(
        help="the suite's classifier of lexical relations: mlp, the papers' grid, by default; or linear, a probe "
        "that takes seconds instead of minutes"
    ),
]
WriteCard = Annotated[bool, typer.Option("--write-card", help="add the suite's results to the model card")]
Output = Annotated[
    str | None, typer.Option(help="write results to this JSON file; with --suite, to this folder, one file per task")
]


def evaluate(
    model: options.Model,
    suite: Suite = None,
    analogies: Analogies = None,
    template: options.Template = None,
    pooling: options.Pooling = None,
    batch_size: options.BatchSize = 64,
    tasks: Tasks = None,
    classifier: Classifier = None,
    write_card: WriteCard = False,
    output: Output = None,
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Score a model on analogy questions, or on all sets of the papers.

    The answer to an analogy question is the choice with the highest cosine to the stem. --suite relbert runs all sets
    of the papers that can be found: analogy questions, lexical relation classification, relation mapping, degrees of
    relational similarity.
    """
    if bool(suite) == bool(analogies):
        raise ValueError("Pass either --analogies SET... or --suite relbert.")
    if analogies and (write_card or tasks or classifier):
        raise ValueError(
            "--write-card, --tasks and --classifier are for the suite. Pass --suite relbert instead of --analogies."
        )
    from st_relbert import RelBERT
    from st_relbert.evaluation import check_model_folder, write_results
    from st_relbert.evaluation.suite import check_tasks
    from st_relbert.files.outputs import check_output

    if output:
        check_output(output, overwrite, folder_of="suite.json" if suite else None)
    if write_card:
        check_model_folder(model)
    check_tasks(tasks or [])
    sets = load_sets(analogies or [])
    prompt: dict[str, Any] = {"template": template, "pooling": pooling}
    # As the published figures: a classifier sees the length of the vectors, a cosine does not.
    loaded = RelBERT(model, **prompt, reduction="sum" if suite else None)
    settings: dict[str, Any] = {"batch_size": batch_size, "show_progress_bar": not quiet}
    if suite:
        report = _run_suite(loaded, tasks, {**settings, "classifier": classifier or "mlp"})
    else:
        report = _run_analogies(loaded, sets, settings)
    show(report.rows() if as_json else _as_shown(report), as_json)
    for name, reason in ({} if as_json else report.skipped).items():
        say(f"Left out {name}: {' '.join(reason.split())}")
    if output:
        _write(output, report, {"model": model, "template": loaded.template, "aggregation": loaded.pooling}, suite)
    if write_card:
        write_results(Path(model), report.results)


def _write(output: str, report: EvaluationReport, about: dict[str, Any], suite: str | None) -> None:
    from st_relbert.evaluation import write_report, write_report_folder
    from st_relbert.files.outputs import atomic_output

    with atomic_output(output) as temporary:
        if suite:
            temporary.mkdir()
        (write_report_folder if suite else write_report)(temporary, report, about)


def _run_suite(model: Any, tasks: list[str] | None, settings: dict[str, Any]) -> EvaluationReport:
    from st_relbert.evaluation import run_suite

    report = run_suite(model, tasks, **settings)
    if not report.results:
        name, reason = next(iter(report.skipped.items()))
        raise ValueError(
            f"No set of the suite can be scored. Set ST_RELBERT_DATA to a folder that contains them. {name}: {reason}"
        )
    return report


def _run_analogies(model: Any, sets: dict[str, Any], settings: dict[str, Any]) -> EvaluationReport:
    from st_relbert.evaluation import AnalogyEvaluator, EvaluationReport
    from st_relbert.vectors import EncodeCache

    cached: Any = EncodeCache(model)
    evaluators = [AnalogyEvaluator(questions, name, **settings) for name, questions in sets.items()]
    return EvaluationReport([evaluator.evaluate(cached) for evaluator in evaluators], pairs=len(cached))


def load_sets(names: list[str]) -> dict[str, Any]:
    """Load question sets under their short names, or under their full names if short names clash.

    Raises `ValueError` if a set cannot be loaded, or is named twice.
    """
    from st_relbert.data import load_questions

    short = Counter(map(set_name, names))
    sets: dict[str, Any] = {}
    for name in names:
        called = set_name(name) if short[set_name(name)] == 1 else name
        if called in sets:
            raise ValueError(f"The question set {name!r} was given twice. Leave one out.")
        sets[called] = load_questions(name)
    return sets


def set_name(name: str) -> str:
    """Return the short name of a question set: `u2` for `data/u2`, `data/u2/test.jsonl` and `data/u2.jsonl.gz`.

    >>> set_name("data/u2"), set_name("data/u2/test.jsonl"), set_name("data/u2.jsonl.gz")
    ('u2', 'u2', 'u2')
    >>> set_name("relbert/analogy_questions/u2/validation")
    'u2/validation'
    """
    from st_relbert.files.text import stem_of, suffix_of

    path = Path(os.path.normpath(name))
    if suffix_of(path.name) not in (".jsonl", ".csv"):
        return f"{path.parent.name}/{path.name}" if path.name in _SPLITS and path.parent.name else path.name
    stem = stem_of(path.name)
    return path.parent.name if stem in _SPLITS and path.parent.name else stem


def _as_shown(report: EvaluationReport) -> list[dict[str, Any]]:
    """Return the figures, formatted for the table."""
    rows = []
    for result in report.results:
        for row in result.rows():
            form = "{:.3f}".format if row["metric"] == "spearman" else percent  # a correlation is not a share
            shown = {
                "task": row["task"],
                "set": row["dataset"],
                "metric": ", ".join(filter(None, (row["metric"], row["method"]))),
                "value": form(row["value"]),
                "95 % interval": " to ".join(map(form, row["interval"] or ())),
                "count": row["count"],
                "ties": result.extras.get("ties"),
            }
            rows.append(shown)
    return rows


_RESULTS = "what st-relbert evaluate --output wrote: a file or a folder"


def compare(
    first: Annotated[str, typer.Argument(help=f"the first model's results, {_RESULTS}")],
    second: Annotated[str, typer.Argument(help="the second model's")],
    as_json: options.Json = False,
) -> None:
    """Compare two models' answers to the same questions.

    McNemar's exact test on the questions that both answered: how likely is a difference as large as theirs, if neither
    is better?
    """
    from st_relbert.evaluation import read_results

    answered = [
        {(result.task, result.dataset): result for result in read_results(path).values() if result.correct}
        for path in (first, second)
    ]
    shared = [each for each in answered[0] if each in answered[1]]
    if not shared:
        has = [", ".join(name for _, name in of_model) or "none" for of_model in answered]
        raise ValueError(
            f"{first!r} has answers to the question sets {has[0]} and {second!r} to {has[1]}, "
            "expected at least one in common."
        )
    of_name = Counter(name for _, name in shared)
    rows = [
        _compared(name if of_name[name] == 1 else f"{task}/{name}", *(of_model[task, name] for of_model in answered))
        for task, name in shared
    ]
    if not as_json:
        shown = {"first": percent, "second": percent, "p value": "{:.2g}".format}
        rows = [{name: shown.get(name, lambda value: value)(value) for name, value in row.items()} for row in rows]
    show(rows, as_json)


def _compared(name: str, first: EvaluationResult, second: EvaluationResult) -> dict[str, Any]:
    from st_relbert.evaluation import mcnemar

    if first.digest != second.digest:
        raise ValueError(f"The two files have different questions for {name!r}. Evaluate both models on the same data.")
    if first.method != second.method:
        methods = " and ".join(repr(each.method or "the papers'") for each in (first, second))
        raise ValueError(
            f"The two files' answers to {name!r} come from different methods, {methods}. Evaluate both models with the "
            "same method, such as the same --classifier."
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
