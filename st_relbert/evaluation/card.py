"""Results of an evaluation in the card of a saved model."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple

from huggingface_hub import EvalResult, ModelCard, ModelCardData, RepoCard
from huggingface_hub.repocard_data import eval_results_to_model_index

from st_relbert.evaluation.base import Result
from st_relbert.files.outputs import atomic_output
from st_relbert.model_card import RelBERTModelCardData


class _Task(NamedTuple):
    """How published cards write a task of the suite; ``names``: its data sets by their names on the hub."""

    name: str
    type: str
    dataset_type: str
    counted: str
    hub: str | None
    names: dict[str, str]


TASKS = {
    "mapping": _Task(
        "Relation Mapping",
        "sorting-task",
        "relation-mapping",
        "problems",
        "relbert/relation_mapping",
        {"relation_mapping": "Relation Mapping"},
    ),
    "analogy": _Task(
        "Analogy Questions",
        "multiple-choice-qa",
        "analogy-questions",
        "questions",
        "relbert/analogy_questions",
        {
            "sat_full": "SAT full",
            "sat": "SAT",
            "bats": "BATS",
            "google": "Google",
            "u2": "U2",
            "u4": "U4",
            "scan": "SCAN",
            "conceptnet_relational_similarity": "ConceptNet Analogy",
            "t_rex_relational_similarity": "TREX Analogy",
            "nell_relational_similarity": "NELL-ONE Analogy",
        },
    ),
    "classification": _Task(
        "Lexical Relation Classification",
        "classification",
        "relation-classification",
        "pairs",
        "relbert/lexical_relation_classification",
        {name: name for name in ("BLESS", "CogALexV", "EVALution", "K&H+N", "ROOT09")},
    ),
    # In no published card; the data are on no hub.
    "similarity": _Task(
        "Relational Similarity",
        "relational-similarity",
        "relational-similarity",
        "relations",
        None,
        {"semeval2012": "SemEval-2012 Task 2"},
    ),
}
"""The tasks as the card of relbert/relbert-bert-base-nce-semeval2012 writes them."""

METRICS = {
    "accuracy": ("Accuracy", "accuracy"),
    "f1_micro": ("F1", "f1"),
    "f1_macro": ("F1 (macro)", "f1_macro"),
    "maxdiff_accuracy": ("MaxDiff accuracy", "maxdiff_accuracy"),
    "spearman": ("Spearman", "spearmanr"),
}
"""Names and types of the metrics, likewise."""

_DECIMALS = 4


def check_results(results: Sequence[Result]) -> None:
    """Refuse results that a card cannot show.

    Raises:
        ValueError: If there are none, a task or a metric is unknown, a value is not finite, or a figure occurs twice.
    """
    if not results:
        raise ValueError("The results are empty, expected at least one Result.")
    seen = set()
    for index, result in enumerate(results):
        for what, value, known in (("task", result.task, TASKS), ("metric", result.metric, METRICS)):
            if value not in known:
                raise ValueError(f"results[{index}] has the {what} {value!r}, expected one of: {', '.join(known)}.")
        if not math.isfinite(result.value):
            raise ValueError(f"results[{index}] ({result.dataset}) has the value {result.value}, expected a number.")
        key = result.task, result.dataset, result.metric
        if key in seen:
            raise ValueError(f"results[{index}] is {result.metric} on {result.dataset!r} a second time, expected once.")
        seen.add(key)


def as_eval_result(result: Result) -> EvalResult:
    """One figure as published cards write it, to four decimals.

    Beyond the published form the data set has a ``config``: huggingface_hub tells the sets of one type apart by it,
    and joins those without into one when it saves a card. Sets of your own have no ``args``, which name the hub's.

    Args:
        result: A checked result.

    Source: the card of relbert/relbert-bert-base-nce-semeval2012. (It calls EVALution's data set "BLESS"; this does
    not.)
    """
    task = TASKS[result.task]
    name = task.names.get(result.dataset, result.dataset)
    metric_name, metric_type = METRICS[result.metric]
    return EvalResult(
        task_name=task.name if task.name == name else f"{task.name} ({name})",
        task_type=task.type,
        dataset_name=name,
        dataset_type=task.dataset_type,
        dataset_config=result.dataset,
        # A string, as in the published cards, where huggingface_hub's annotation has a dict.
        dataset_args=task.hub if result.dataset in task.names else None,  # type: ignore[arg-type]
        metric_name=metric_name,
        metric_type=metric_type,
        metric_value=round(float(result.value), _DECIMALS),
    )


def merge_model_index(
    index: list[dict[str, Any]] | None, results: Sequence[Result], model_name: str
) -> list[dict[str, Any]]:
    """Put results into a model index.

    Args:
        index: What the card has; None or empty: nothing.
        results: Checked results. They replace those of an earlier call, all of them, and entries of other origin for
            the same sets; what else is there stays as it is.
        model_name: The name for an index that is new.

    Returns:
        The index; ``index`` itself is not changed.
    """
    ours = eval_results_to_model_index(model_name, [as_eval_result(result) for result in results])
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
    """Whether an earlier call wrote the entry, which its ``config`` shows, or its set is evaluated anew."""
    task, dataset = entry["task"], entry["dataset"]
    kinds = {(kind.type, kind.dataset_type) for kind in TASKS.values()}
    written_by_us = (task["type"], dataset["type"]) in kinds and dataset.get("config") is not None
    return written_by_us or (task["type"], task.get("name")) in names


CARD = "README.md"
CONFIG = "finetuning_config.json"
_START = "<!-- st-relbert: evaluation results -->"
_END = "<!-- st-relbert: end of the evaluation results -->"
# From a start to the next end, without another start between: a lone start must not swallow what follows it.
_OLD_TABLE = re.compile(f"{re.escape(_START)}(?:(?!{re.escape(_START)})[\\s\\S])*?{re.escape(_END)}")
_TRAINING_DETAILS = re.compile(r"^## Training Details[ \t]*\r?\n", re.MULTILINE)
_TRAINING_HEADING = "### Training hyperparameters"


def write_results(folder: str | os.PathLike[str], results: Sequence[Result], model_name: str | None = None) -> None:
    """Write results into the card of a saved model, its ``README.md``.

    The head gets a ``model-index`` in the form of the published RelBERT cards, the text a table. Both replace those of
    an earlier call; all else stays. Where the record of the training lies beside the model
    (``finetuning_config.json``) and the text does not list its settings yet, a section lists them; of a local folder
    it gives the name only. A model without a card gets one.

    Args:
        folder: The folder of the model.
        results: The figures, for instance of :func:`st_relbert.evaluation.run_suite`.
        model_name: The model's name in the ``model-index``; by default the name there, or else that of the folder.

    Raises:
        ValueError: If the folder is no saved model, a result cannot be shown (see
            :func:`st_relbert.evaluation.card.check_results`), or the card or the record cannot be read.

    Source: the card of relbert/relbert-bert-base-nce-semeval2012.
    """
    check_results(results)
    path = check_model_folder(folder)
    card = _load(path / CARD) if (path / CARD).is_file() else _new_card(path.resolve().name)
    index = merge_model_index(card.data.get("model-index"), results, model_name or path.resolve().name)
    if model_name:
        index[0]["name"] = model_name
    card.data["model-index"] = index
    line_break = "\r\n" if "\r\n" in card.text else "\n"
    if (path / CONFIG).is_file():
        card.text = _with_training(card.text, _training_section(_read_config(path / CONFIG)), line_break)
    card.text = _with_table(card.text, _results_section(results), line_break)
    with atomic_output(path / CARD) as temporary:
        card.save(temporary)


def check_model_folder(folder: str | os.PathLike[str]) -> Path:
    """Make sure that a model lies in a folder, so that a card may be written there.

    Raises:
        ValueError: If it is no folder, or has neither ``modules.json`` nor ``config.json``.
    """
    path = Path(folder)
    if not path.is_dir():
        raise ValueError(
            f"{os.fspath(folder)!r} is no folder, expected that of a saved model. Save the model first, with "
            "model.save_pretrained(folder)."
        )
    if not any((path / name).is_file() for name in ("modules.json", "config.json")):
        raise ValueError(
            f"{os.fspath(folder)!r} has neither modules.json nor config.json, expected the folder of a saved model. "
            "Save the model there first, with model.save_pretrained(folder)."
        )
    return path


def _load(path: Path) -> RepoCard:
    """Read a card with its model index as it stands.

    ``ModelCard`` would take the index apart and put it together again: published entries, which have no ``config``,
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


def _results_section(results: Sequence[Result]) -> str:
    rows = ["| Task | Data set | Metric | Value (95 % interval) | Scored over |", "|---|---|---|---|---|"]
    for result in results:
        shown = as_eval_result(result)
        interval = " ({:.3f} to {:.3f})".format(*result.interval) if result.interval else ""
        cells = [
            TASKS[result.task].name,
            _cell(shown.dataset_name),
            METRICS[result.metric][0],
            f"{result.value:.3f}{interval}",
            f"{result.count:,} {TASKS[result.task].counted}",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join([_START, "", "## Evaluation results", "", *rows, "", _END])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _with_table(text: str, section: str, line_break: str) -> str:
    section = section.replace("\n", line_break)
    if _OLD_TABLE.search(text):
        return _OLD_TABLE.sub(lambda _: section, text, count=1)
    if details := _TRAINING_DETAILS.search(text):
        start = details.start()
        return f"{text[:start]}{section}{line_break * 2}{text[start:]}"
    return _append(text, section, line_break)


def _with_training(text: str, section: str, line_break: str) -> str:
    if re.search(rf"^{_TRAINING_HEADING}[ \t]*\r?$", text, re.MULTILINE):
        return text
    section = section.replace("\n", line_break)
    if details := _TRAINING_DETAILS.search(text):
        end = details.end()
        return f"{text[:end]}{line_break}{section}{line_break}{text[end:]}"
    return _append(text, section, line_break)


def _append(text: str, section: str, line_break: str) -> str:
    separator = line_break if text.endswith("\n") else line_break * 2
    return f"{text}{separator}{section}{line_break}"


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{str(path)!r} is not JSON: {error}. Correct it, or remove the file.") from error
    if not isinstance(config, dict):
        raise ValueError(f"{str(path)!r} holds {config!r}, expected a JSON object. Correct it, or remove the file.")
    return config


def _training_section(config: dict[str, Any]) -> str:
    """The reference library's keys, those of the loss in their place; not ``st_relbert``, which the file has."""
    facts: dict[str, Any] = {}
    for key, value in config.items():
        if key == "loss_function_config" and isinstance(value, dict):
            facts.update(value)
        elif key != "st_relbert":
            facts[key] = value
    lines = [f"- {key}: {_shown(key, value)}" for key, value in facts.items()]
    return "\n".join([_TRAINING_HEADING, "", *lines, "", f"All settings are in [{CONFIG}]({CONFIG})."])


def _shown(key: str, value: Any) -> str:
    if value is None or isinstance(value, bool | int | float):
        return str(value)
    text = " ".join(str(value).split())
    if key in ("model", "data") and _is_local(text):
        text = PureWindowsPath(text).name or "a local folder"
    # As code: Markdown would take the <subj> of a template for an HTML tag, and not show it.
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _is_local(text: str) -> bool:
    is_absolute = PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute()
    return is_absolute or text.startswith(("~", "."))
