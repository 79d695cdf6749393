"""The results of an evaluation, in the card of a saved model."""

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
"""A figure; see `EvaluationResult.rows`."""

METRICS = {
    "f1_micro": ("F1", "f1"),
    "f1_macro": ("F1 (macro)", "f1_macro"),
    "maxdiff_accuracy": ("MaxDiff accuracy", "maxdiff_accuracy"),
    "spearman": ("Spearman", "spearmanr"),
}
"""How published cards write metrics: their names and types. Any other is called as it is, with a capital."""

CARD = "README.md"
EVAL_RESULTS = ".eval_results/st-relbert.yaml"
_START = "<!-- st-relbert: evaluation results -->"
_END = "<!-- st-relbert: end of the evaluation results -->"
# From a start to the next end, without another start between: a lone start must not swallow what follows it.
_OLD_TABLE = re.compile(f"{re.escape(_START)}(?:(?!{re.escape(_START)})[\\s\\S])*?{re.escape(_END)}")
_TRAINING_DETAILS = re.compile(r"^## Training Details[ \t]*\r?\n", re.MULTILINE)
_DECIMALS = 4


def write_results(
    folder: str | os.PathLike[str], results: Sequence[EvaluationResult], *, model_name: str | None = None
) -> None:
    """Write results into the card of a saved model, its `README.md`, and to `.eval_results/` as the hub reads them.

    The card's head gets a `model-index` in the form of the published RelBERT cards, its text a table. Both replace
    those of an earlier call; all else stays. A model without a card gets one.

    Args:
        folder: The folder of the model.
        results: The results, for instance of `run_suite`.
        model_name: The model's name in the `model-index`; by default the name there, or else that of the folder.

    Raises:
        ValueError: If the folder is not that of a saved model, a result cannot be shown (there are none, the task is
            not in `EVALUATORS`, a figure is not finite or occurs twice), or the card cannot be read.

    Source: the card of relbert/relbert-bert-base-nce-semeval2012.
    """
    rows = check_results(results)
    path = check_model_folder(folder)
    card = _load(path / CARD) if (path / CARD).is_file() else _new_card(path.resolve().name)
    index = merge_model_index(card.data.get("model-index"), rows, model_name or path.resolve().name)
    if model_name:
        index[0]["name"] = model_name
    card.data["model-index"] = index
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
    """The figures of results that a card can show; see `write_results` for what it cannot."""
    if not results:
        raise ValueError("The results are empty, expected at least one EvaluationResult.")
    for index, result in enumerate(results):
        if result.task not in EVALUATORS:
            raise ValueError(
                f"results[{index}] has the task {result.task!r}, expected one of: {', '.join(EVALUATORS)}."
            )
        if (result.task, result.dataset) in [(earlier.task, earlier.dataset) for earlier in results[:index]]:
            raise ValueError(f"results[{index}] is of {result.dataset!r} a second time, expected each set once.")
        for metric, value in result.metrics.items():
            if not math.isfinite(value):
                raise ValueError(
                    f"results[{index}] ({result.dataset}) has the {metric} {value}, expected a finite number."
                )
    return [row for result in results for row in result.rows()]


def as_eval_result(row: Row) -> EvalResult:
    """One figure (see `EvaluationResult.rows`) as published cards write it, to four decimals.

    Beyond the published form the data set has a `config`, by which huggingface_hub tells the sets of one type apart;
    those without it would be joined into one when a card is saved. Your own sets have no `args`, which name the hub's.
    A method other than the papers' stands in the names of task and metric, and in the metric's type.

    Source: the card of relbert/relbert-bert-base-nce-semeval2012. (It calls EVALution's data set "BLESS"; this does
    not.)
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
        # A string, as in the published cards, where huggingface_hub's annotation has a dict.
        dataset_args=task.hub_of(row["dataset"]),  # type: ignore[arg-type]
        metric_name=metric_name,
        metric_type=metric_type,
        metric_value=round(float(row["value"]), _DECIMALS),
    )


def as_hub_entries(results: Sequence[EvaluationResult]) -> list[dict[str, Any]]:
    """The primary figures on the hub's sets, in the form of `.eval_results/`; only those got in the papers' way.

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
    """How cards write a metric: its name and its type."""
    metric, method = row["metric"], row["method"]
    name, kind = METRICS.get(metric, (metric.replace("_", " ").capitalize(), metric))
    return (f"{name}, {method}", f"{kind}_{method.replace(', ', '_')}") if method else (name, kind)


def merge_model_index(index: list[dict[str, Any]] | None, rows: Sequence[Row], model_name: str) -> list[dict[str, Any]]:
    """Put figures into a copy of a card's model index, or into a new one with the name of the model.

    They replace those of an earlier call, all of them, and entries of other origin for the same sets; what else is
    there stays as it is.
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
    """Whether an earlier call wrote the entry, which its `config` shows, or its set has been evaluated again."""
    task, dataset = entry["task"], entry["dataset"]
    kinds = {(each.suite.type, each.suite.dataset_type) for each in EVALUATORS.values()}
    written_by_us = (task["type"], dataset["type"]) in kinds and dataset.get("config") is not None
    return written_by_us or (task["type"], task.get("name")) in names


def check_model_folder(folder: str | os.PathLike[str]) -> Path:
    """Make sure that a folder holds a model, so that a card may be written there.

    Raises `ValueError` if it is no folder, or has neither `modules.json` nor `config.json`.
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
    """Read a card with its model index as it stands.

    `ModelCard` would take the index apart and put it together again: published entries, which have no `config`,
    would be joined into one and lose their names. It is only asked whether the card is well-formed.
    """
    try:
        ModelCard.load(path)
        card: RepoCard = RepoCard.load(path)
    except Exception as error:  # also YAML's own, which huggingface_hub lets through
        reason = " ".join(str(error).split()).removesuffix(".")
        raise ValueError(f"{str(path)!r} cannot be read: {reason}. Correct its head, or remove the file.") from error
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
