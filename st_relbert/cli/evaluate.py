"""``st-relbert evaluate``: score a model by analogy questions, or by all sets of the papers."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from st_relbert.cli import options
from st_relbert.cli.output import percent, say, show

if TYPE_CHECKING:
    from st_relbert.data import AnalogyQuestion
    from st_relbert.evaluation import Outcome, Result

_SPLITS = {"train", "test", "validation"}
_TASKS = ["analogy", "classification", "mapping", "similarity"]


def run(
    model: options.Model,
    suite: Annotated[
        Literal["relbert"] | None, typer.Option(help="all sets of the papers, from the hub or $ST_RELBERT_DATA")
    ] = None,
    analogies: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SET...",
            help="question sets: JSON Lines files, folders, hub ids such as relbert/analogy_questions/u2, or "
            "starter/held_out_pairs and starter/held_out_relations (shipped)",
        ),
    ] = None,
    template: options.Template = None,
    pooling: options.Pooling = None,
    batch_size: options.BatchSize = 64,
    tasks: Annotated[list[str], typer.Option(metavar="TASK...", help="tasks of the suite")] = _TASKS,
    write_card: Annotated[
        bool, typer.Option("--write-card", help="write the suite's results into the model's card")
    ] = False,
    output: Annotated[
        str | None,
        typer.Option(help="write the results to this JSON file; with --suite to this folder, one file a task"),
    ] = None,
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Score a model by analogy questions, or by all sets of the papers.

    Of an analogy question the choice with the highest cosine to the stem is taken. With --suite relbert all sets of the
    papers that can be had: analogy questions, lexical relation classification, relation mapping, degrees of relational
    similarity.
    """
    if bool(suite) == bool(analogies):
        raise ValueError("Expected either --analogies SET... or --suite relbert.")
    if analogies and write_card:
        raise ValueError("--write-card writes the suite's results. Add --suite relbert, in place of --analogies.")
    if suite:
        _run_suite(model, template, pooling, batch_size, tasks, write_card, output, overwrite, as_json, quiet)
    else:
        _run_analogies(model, template, pooling, batch_size, analogies or [], output, overwrite, as_json, quiet)


def _run_analogies(
    model: str,
    template: str | None,
    pooling: Any,
    batch_size: int,
    analogies: list[str],
    output: str | None,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    from st_relbert import RelBERT
    from st_relbert.evaluation import AnalogyEvaluator
    from st_relbert.files.outputs import atomic_output, check_output

    if output:
        check_output(output, overwrite)
    evaluator = AnalogyEvaluator(load_sets(analogies), batch_size=batch_size, show_progress_bar=not quiet)
    loaded = RelBERT(model, template=template, pooling=pooling)
    results = [
        _result(name, evaluator.sets[name], outcomes) for name, outcomes in evaluator.outcomes_by_set(loaded).items()
    ]
    if as_json:
        show(results, as_json)
    else:
        show([_row(result) for result in results])
    if output:
        with atomic_output(output) as temporary:
            temporary.write_text(json.dumps({"model": model, "results": results}) + "\n", encoding="utf-8")


def _run_suite(
    model: str,
    template: str | None,
    pooling: Any,
    batch_size: int,
    tasks: list[str],
    write_card: bool,
    output: str | None,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    from st_relbert import RelBERT
    from st_relbert.evaluation import check_model_folder, run_suite, write_results, write_suite
    from st_relbert.files.outputs import atomic_output, check_output

    if output:
        check_output(output, overwrite, folder_of="suite.json")
    if write_card:
        check_model_folder(model)
    loaded = RelBERT(model, template=template, pooling=pooling, reduction="sum")
    report = run_suite(loaded, tasks, batch_size, show_progress_bar=not quiet)
    if not report.results:
        name, reason = next(iter(report.skipped.items()))
        raise ValueError(f"No set of the suite can be had. Set ST_RELBERT_DATA to a folder with them. {name}: {reason}")
    show([asdict(result) if as_json else suite_row(result) for result in report.results], as_json)
    if report.skipped and not as_json:
        say(f"Left out, because they cannot be had: {', '.join(report.skipped)}.")
    if output:
        with atomic_output(output) as temporary:
            temporary.mkdir()
            about = {"model": model, "template": loaded.template, "aggregation": loaded.pooling}
            write_suite(temporary, report, about)
    if write_card:
        write_results(Path(model), report.results)


def load_sets(names: list[str]) -> dict[str, Any]:
    """Load question sets under their short names.

    Raises:
        ValueError: If one cannot be had, or two have the same short name.
    """
    from st_relbert.data import load_questions

    sets: dict[str, Any] = {}
    for name in names:
        if set_name(name) in sets:
            raise ValueError(
                f"Two question sets would be called {set_name(name)!r}. Leave one out, or rename its file."
            )
        sets[set_name(name)] = load_questions(name)
    return sets


def set_name(name: str) -> str:
    """What to call a question set: ``u2`` for ``data/u2``, ``data/u2/test.jsonl`` and ``data/u2.jsonl``.

    >>> set_name("data/u2"), set_name("data/u2/test.jsonl"), set_name("data/u2.jsonl")
    ('u2', 'u2', 'u2')
    """
    path = Path(os.path.normpath(name))
    if path.suffix != ".jsonl":
        return path.name
    return path.parent.name if path.stem in _SPLITS and path.parent.name else path.stem


def suite_row(result: Result) -> dict[str, Any]:
    """A result of the suite, as people read it."""
    form = "{:.3f}".format if result.metric == "spearman" else percent  # a correlation is no share
    return {
        "task": result.task,
        "set": result.dataset,
        "metric": result.metric,
        "value": form(result.value),
        "95 % interval": " to ".join(map(form, result.interval or ())),
        "count": result.count,
    }


def _row(result: dict[str, Any]) -> dict[str, Any]:
    return {
        "set": result["set"],
        "questions": result["questions"],
        "accuracy": percent(result["accuracy"]),
        "95 % interval": " to ".join(map(percent, result["interval"])),
        "ties": result["ties"],
    }


def _result(name: str, questions: list[AnalogyQuestion], outcomes: list[Outcome]) -> dict[str, Any]:
    from st_relbert.evaluation import bootstrap_interval
    from st_relbert.evaluation.base import digest

    correct = [outcome.correct for outcome in outcomes]
    low, high = bootstrap_interval(correct)
    return {
        "set": name,
        "questions": len(outcomes),
        "accuracy": sum(correct) / len(correct),
        "interval": [low, high],
        "ties": sum(outcome.tied for outcome in outcomes),
        "predictions": [outcome.predicted for outcome in outcomes],
        "correct": correct,
        "digest": digest(questions),
    }
