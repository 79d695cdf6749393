"""Evaluation results in the card of a saved model."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import (
    EvalResult,
    EvalResultEntry,
    ModelCard,
    ModelCardData,
    RepoCard,
    eval_result_entries_to_yaml,
)
from huggingface_hub.repocard_data import eval_results_to_model_index

from st_relbert.evaluation.base import SuiteTask
from st_relbert.evaluation.results import EvaluationResult
from st_relbert.evaluation.suite import EVALUATORS
from st_relbert.files.outputs import atomic_output
from st_relbert.model_card import RelBERTModelCardData

Row = Mapping[str, Any]
"""One figure of a result; see `EvaluationResult.rows`."""

METRICS = {
    "f1_micro": ("F1", "f1"),
    "f1_macro": ("F1 (macro)", "f1_macro"),
    "maxdiff_accuracy": ("MaxDiff accuracy", "maxdiff_accuracy"),
    "spearman": ("Spearman", "spearmanr"),
}
"""The names and types of metrics in published cards. Any other metric keeps its own name, with a capital."""

CARD = "README.md"
EVAL_RESULTS = ".eval_results/st-relbert.yaml"
_START = "<!-- st-relbert: evaluation results -->"
_END = "<!-- st-relbert: end of the evaluation results -->"
# From a start to the next end, with no other start in between: a lone start must not swallow the text after it.
_OLD_TABLE = re.compile(f"{re.escape(_START)}(?:(?!{re.escape(_START)})[\\s\\S])*?{re.escape(_END)}")
_TRAINING_DETAILS = re.compile(r"^## Training Details[ \t]*\r?\n", re.MULTILINE)
_DECIMALS = 4


def write_results(folder: str | os.PathLike[str], results: Sequence[EvaluationResult]) -> None:
    """Write results into the card of a saved model (`README.md`) and to `.eval_results/`, where the hub reads them.

    The card's metadata gets a `model-index` in the form of the published RelBERT cards, and its text gets a table. Both
    replace those of an earlier call; everything else stays as it is. If the model has no card, one is created.

    Args:
        folder: The folder of the model.
        results: The results, for instance from `run_suite`.

    Raises:
        ValueError: If the folder does not contain a saved model, there are no results, a result cannot be shown (its
            task is not in `EVALUATORS`, a figure is not finite, a set occurs twice), or the card cannot be read.

    Source: the card of relbert/relbert-bert-base-nce-semeval2012.
    """
    rows = check_results(results)
    path = check_model_folder(folder)
    card = _load(path / CARD) if (path / CARD).is_file() else _new_card(path.resolve().name)
    card.data["model-index"] = merge_model_index(card.data.get("model-index"), rows, path.resolve().name)
    line_break = "\r\n" if "\r\n" in card.text else "\n"
    card.text = _with_table(card.text, _results_section(rows), line_break)
    with atomic_output(path / CARD) as temporary:
        card.save(temporary)
    if entries := as_hub_entries(results):
        (path / EVAL_RESULTS).parent.mkdir(exist_ok=True)
        with atomic_output(path / EVAL_RESULTS) as temporary:
            temporary.write_text(yaml.safe_dump(entries, sort_keys=False, allow_unicode=True), encoding="utf-8")
    else:
        (path / EVAL_RESULTS).unlink(missing_ok=True)


def check_results(results: Sequence[EvaluationResult]) -> list[Row]:
    """Return the figures of results, after checking that a card can show them; see `write_results`."""
    if not results:
        raise ValueError("The results are empty, expected at least one EvaluationResult.")
    for index, result in enumerate(results):
        if result.task not in EVALUATORS:
            raise ValueError(
                f"results[{index}] has the task {result.task!r}, expected one of: {', '.join(EVALUATORS)}."
            )
        if (result.task, result.dataset) in [(earlier.task, earlier.dataset) for earlier in results[:index]]:
            raise ValueError(f"results[{index}] is a second result for {result.dataset!r}, expected each set once.")
        for metric, value in result.metrics.items():
            if not math.isfinite(value):
                raise ValueError(
                    f"results[{index}] ({result.dataset}) has the {metric} {value}, expected a finite number."
                )
    return [row for result in results for row in result.rows()]


def as_eval_result(row: Row) -> EvalResult:
    """Convert one figure (see `EvaluationResult.rows`) to the form of published cards, with four decimals.

    Unlike in the published form, the data set has a `config`. Without it, huggingface_hub cannot distinguish sets of
    the same type and would merge them when saving a card. The `args` name the hub's data set; your own sets have none.
    A method other than the papers' is added to the names of the task and the metric, and to the metric's type.

    Source: the card of relbert/relbert-bert-base-nce-semeval2012 (which calls EVALution's data set "BLESS"; this
    function does not).
    """
    task = _suite(row)
    name = task.sets.get(row["dataset"], row["dataset"])
    metric_name, metric_type = _metric(row)
    about = [part for part in (name, row["method"]) if part and part != task.title]
    return EvalResult(
        task_name=f"{task.title} ({', '.join(about)})" if about else task.title,
        task_type=task.type,
        dataset_name=name,
        dataset_type=task.dataset_type,
        dataset_config=row["dataset"],
        # A string, as in the published cards, although huggingface_hub's annotation says dict.
        dataset_args=task.hub_of(row["dataset"]),  # type: ignore[arg-type]
        metric_name=metric_name,
        metric_type=metric_type,
        metric_value=round(float(row["value"]), _DECIMALS),
    )


def as_hub_entries(results: Sequence[EvaluationResult]) -> list[dict[str, Any]]:
    """Convert the primary figures on the hub's sets to entries of `.eval_results/`; only those by the papers' method.

    Source: https://huggingface.co/docs/hub/eval-results.
    """
    entries = []
    for result in results:
        data_set = EVALUATORS[result.task].suite.hub_of(result.dataset)
        if data_set and not result.method:
            row = next(result.rows())
            spread = ", 95 % interval {:.4f} to {:.4f}".format(*row["interval"]) if row["interval"] else ""
            entry = EvalResultEntry(
                dataset_id=data_set,
                task_id=result.dataset,
                value=round(float(row["value"]), _DECIMALS),
                date=str(datetime.now(tz=timezone.utc).date()),
                notes=f"{_metric(row)[0]} over {result.count:,} {_suite(row).counted}{spread}; st-relbert",
            )
            entries.append(entry)
    return eval_result_entries_to_yaml(entries)


def _suite(row: Row) -> SuiteTask:
    return EVALUATORS[row["task"]].suite


def _metric(row: Row) -> tuple[str, str]:
    """Return the name and type of a metric in cards."""
    metric, method = row["metric"], row["method"]
    name, kind = METRICS.get(metric, (metric.replace("_", " ").capitalize(), metric))
    return (f"{name}, {method}", f"{kind}_{method.replace(', ', '_')}") if method else (name, kind)


def merge_model_index(index: list[dict[str, Any]] | None, rows: Sequence[Row], model_name: str) -> list[dict[str, Any]]:
    """Put figures into a copy of a card's model index, or into a new index with the model's name.

    They replace all figures of an earlier call, and entries from elsewhere for the same sets. All other entries stay
    as they are.
    """
    ours = eval_results_to_model_index(model_name, [as_eval_result(row) for row in rows])
    if not index:
        return ours
    entries = ours[0]["results"]
    names = {(entry["task"]["type"], entry["task"]["name"]) for entry in entries}
    kept = [
        {**model, "results": [entry for entry in model["results"] if not _is_replaced(entry, names)]} for model in index
    ]
    kept[0]["results"] += entries
    return [model for model in kept if model["results"]]


def _is_replaced(entry: dict[str, Any], names: set[tuple[str, str]]) -> bool:
    """Whether an earlier call wrote the entry (it then has a `config`), or its set has been evaluated again."""
    task, dataset = entry["task"], entry["dataset"]
    kinds = {(each.suite.type, each.suite.dataset_type) for each in EVALUATORS.values()}
    written_by_us = (task["type"], dataset["type"]) in kinds and dataset.get("config") is not None
    return written_by_us or (task["type"], task.get("name")) in names


def check_model_folder(folder: str | os.PathLike[str]) -> Path:
    """Check that a folder contains a model, so that a card can be written there.

    Raises `ValueError` if it is not a folder, or has neither `modules.json` nor `config.json`.
    """
    path = Path(folder)
    if not any((path / name).is_file() for name in ("modules.json", "config.json")):
        found = "has neither modules.json nor config.json" if path.is_dir() else "is not a folder"
        raise ValueError(
            f"{os.fspath(folder)!r} {found}, expected the folder of a saved model. Save the model first, with "
            "model.save_pretrained(folder)."
        )
    return path


def _load(path: Path) -> RepoCard:
    """Read a card, leaving its model index unchanged.

    `ModelCard` would parse and rebuild the index: published entries, which have no `config`, would be merged into one
    and lose their names. It is only used to check that the card is well-formed.
    """
    try:
        ModelCard.load(path)
        card: RepoCard = RepoCard.load(path)
    except Exception as error:  # includes YAML errors, which huggingface_hub does not catch
        reason = " ".join(str(error).split()).removesuffix(".")
        raise ValueError(
            f"{str(path)!r} cannot be read: {reason}. Correct its metadata, or remove the file."
        ) from error
    if not len(card.data):
        card.data = _head()
    return card


def _head() -> ModelCardData:
    defaults = RelBERTModelCardData()
    return ModelCardData(tags=defaults.tags, pipeline_tag="sentence-similarity", library_name="sentence-transformers")


def _new_card(name: str) -> RepoCard:
    text = (
        f"\n# {name}\n\nA [sentence-transformers](https://www.SBERT.net) model that embeds the relation of two words.\n"
    )
    return RepoCard(f"---\n{_head().to_yaml()}\n---\n{text}")


def _results_section(rows: Sequence[Row]) -> str:
    lines = ["| Task | Data set | Metric | Value (95 % interval) | Scored over |", "|---|---|---|---|---|"]
    for row in rows:
        interval = " ({:.3f} to {:.3f})".format(*row["interval"]) if row["interval"] else ""
        cells = [
            _suite(row).title,
            _cell(as_eval_result(row).dataset_name),
            _metric(row)[0],
            f"{row['value']:.3f}{interval}",
            f"{row['count']:,} {_suite(row).counted}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([_START, "", "## Evaluation results", "", *lines, "", _END])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _with_table(text: str, section: str, line_break: str) -> str:
    section = section.replace("\n", line_break)
    if _OLD_TABLE.search(text):
        return _OLD_TABLE.sub(lambda _: section, text, count=1)
    if details := _TRAINING_DETAILS.search(text):
        start = details.start()
        return f"{text[:start]}{section}{line_break * 2}{text[start:]}"
    separator = line_break if text.endswith("\n") else line_break * 2
    return f"{text}{separator}{section}{line_break}"
