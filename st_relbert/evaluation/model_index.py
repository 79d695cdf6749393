"""Results in the form of a model card's ``model-index``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from huggingface_hub import EvalResult
from huggingface_hub.repocard_data import eval_results_to_model_index

from st_relbert.evaluation.results import Result


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
