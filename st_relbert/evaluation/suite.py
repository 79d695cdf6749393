"""All sets of the papers at once."""

from __future__ import annotations

import importlib.metadata
import json
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sentence_transformers import SentenceTransformer
from tqdm.auto import tqdm

from st_relbert.data.questions import load_questions
from st_relbert.data.sources import DATA_DIR_VARIABLE, STARTER, read_records
from st_relbert.evaluation.analogy import AnalogyEvaluator, accuracy_by_prefix
from st_relbert.evaluation.base import Result, digest
from st_relbert.evaluation.classification import RelationClassificationEvaluator
from st_relbert.evaluation.mapping import RelationMappingEvaluator, shares_right
from st_relbert.evaluation.similarity import RelationalSimilarityEvaluator
from st_relbert.evaluation.statistics import bootstrap_interval
from st_relbert.vectors import EncodeCache

SUITE: dict[str, tuple[str, ...]] = {
    "analogy": (
        "sat_full",
        "sat",
        "u2",
        "u4",
        "google",
        "bats",
        "scan",
        "conceptnet_relational_similarity",
        "t_rex_relational_similarity",
        "nell_relational_similarity",
    ),
    "classification": ("BLESS", "CogALexV", "EVALution", "K&H+N", "ROOT09"),
    "mapping": ("relation_mapping",),
    "similarity": ("semeval2012",),
}
"""The sets of the papers, by task, in the order of their tables; and SemEval-2012 Task 2."""

VALIDATION_SETS = tuple(
    f"{name}/validation"
    for name in ("conceptnet_relational_similarity", "t_rex_relational_similarity", "nell_relational_similarity")
)
"""Analogy questions to choose settings by, not to report."""

_WITHOUT_VALIDATION = ("CogALexV",)
Records = list[dict[str, Any]]


def load_analogies(name: str) -> Records:
    """The questions of a set of ``relbert/analogy_questions``.

    Args:
        name: The set (``"u2"``), of which the split ``test`` is read; a set and a split
            (``"conceptnet_relational_similarity/validation"``); or a shipped set (``"starter/held_out_pairs"``).

    Raises:
        ValueError: If they are nowhere, or malformed.
    """
    data_set, _, split = name.partition("/")
    if data_set == STARTER:
        return load_questions(name, "test")
    return load_questions(f"relbert/analogy_questions/{data_set}", split or "test")


def load_classification(name: str) -> dict[str, Records]:
    """The splits ``train``, ``test`` and, where there is one, ``validation`` of a lexical relation data set.

    Raises:
        ValueError: If they are nowhere.
    """
    splits = {"train": "train", "test": "test"} | ({} if name in _WITHOUT_VALIDATION else {"validation": "val"})
    source = f"relbert/lexical_relation_classification/{name}"
    return {key: read_records(source, [split])[0] for key, split in splits.items()}


def load_mapping(name: str) -> Records:
    """The problems of ``relbert/{name}``.

    Raises:
        ValueError: If they are nowhere.
    """
    return read_records(f"relbert/{name}", ["test"])[0]


def load_similarity(name: str) -> dict[str, Records]:
    """The gold ratings and MaxDiff questions of SemEval-2012 Task 2, from ``$ST_RELBERT_DATA``; no hub has them.

    Args:
        name: The beginning of the two files' names.

    Raises:
        ValueError: If they are not there.
    """
    folder = Path(os.environ.get(DATA_DIR_VARIABLE, "."))
    records = {}
    for key, part in (("ratings", "gold_ratings"), ("maxdiff", "maxdiff")):
        path = folder / f"{name}_{part}.jsonl"
        if not path.is_file():
            raise ValueError(f"There is no file {str(path)!r}. Set {DATA_DIR_VARIABLE} to the folder that has it.")
        records[key] = read_records(path, [])[0]
    return records


_PACKAGES = ("st-relbert", "sentence-transformers", "transformers", "torch", "scikit-learn", "numpy")


def write_suite(folder: Path, report: SuiteReport, model: dict[str, Any]) -> None:
    """Write a report.

    ``analogy.forward.json``, ``classification.json`` and ``relation_mapping.json`` are what the reference library's
    commands write; ``suite.json`` holds everything, with versions and counts. A task without results has no file.

    Args:
        folder: An existing folder.
        report: The report.
        model: What to say about the model: ``model`` (name or path), ``template``, ``aggregation``.
    """
    accuracies = {_analogy_key(result.dataset): result.value for result in report.results if result.task == "analogy"}
    if accuracies:
        _write(folder / "analogy.forward.json", {"distance_function": "cosine_similarity", **model, **accuracies})
    classified = {result.dataset for result in report.results if result.task == "classification"}
    if classified:
        _write(folder / "classification.json", {_hub_name(name): _classified(report, name) for name in classified})
    for result in report.results:
        if result.task == "mapping":
            _write(folder / f"{result.dataset}.json", {"accuracy": result.value, **report.details[result.dataset]})
    _write(
        folder / "suite.json",
        {
            **model,
            "date": str(datetime.now(tz=UTC).date()),
            "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
            **asdict(report),
        },
    )


def _analogy_key(name: str) -> str:
    return name if name == "sat_full" or "/" in name else f"{name}/test"


def _hub_name(name: str) -> str:
    return f"lexical_relation_classification/{name}"


def _classified(report: SuiteReport, name: str) -> dict[str, Any]:
    details = report.details[name]
    metrics = {f"test/{metric}": value for metric, value in details["metrics"].items()}
    return {"classifier_config": details["classifier_config"], **metrics}


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


logger = logging.getLogger(__name__)

Scored = tuple[list[Result], dict[str, Any]]


@dataclass
class SuiteReport:
    """What a run of the suite gave.

    Args:
        results: The figures.
        details: For each set, by name, what the figures come from: predictions, chosen classifiers, counts.
        skipped: The sets that could not be had, and why.
        seconds: How long each set took.
        pairs: How many distinct pairs were encoded.
        seed: The seed of the classifiers.
    """

    results: list[Result] = field(default_factory=list)
    details: dict[str, dict[str, Any]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    pairs: int = 0
    seed: int = 0


def run_suite(
    model: SentenceTransformer,
    tasks: Sequence[str] | Mapping[str, Sequence[str]] = tuple(SUITE),
    batch_size: int = 64,
    show_progress_bar: bool = True,
    seed: int = 0,
    classifier: Any = "mlp",
) -> SuiteReport:
    """Evaluate a model on all sets that can be had.

    A pair is encoded once, however many sets it is in. A set that is nowhere, or malformed, is left out and reported.

    Args:
        model: A SentenceTransformer that takes pairs.
        tasks: Some of ``"analogy"``, ``"classification"``, ``"mapping"``, ``"similarity"``, with all their sets
            (:data:`SUITE`); or the names of the sets by task, for others: ``{"analogy": ["u2", *VALIDATION_SETS]}``.
        batch_size: Pairs encoded at a time.
        show_progress_bar: Show a bar over the sets, and the progress within each.
        seed: Seed of the classifiers, the only part of an evaluation that draws numbers.
        classifier: That of the lexical relations: `"mlp"`, the grid of the papers, `"linear"`, a probe in seconds, or
            any scikit-learn classifier. The published models' own figures are of `MLPClassifier(random_state=0)`.

    Raises:
        ValueError: If a task is none of the known ones, or the model gives a pair a vector that cannot be scored.
    """
    if unknown := [task for task in tasks if task not in SUITE]:
        raise ValueError(f"Unknown task {unknown[0]!r}, expected one of {', '.join(SUITE)}.")
    cached: Any = EncodeCache(model)
    options = {"batch_size": batch_size, "show_progress_bar": show_progress_bar}
    report = SuiteReport(seed=seed)
    by_task = tasks if isinstance(tasks, Mapping) else {task: SUITE[task] for task in tasks}
    sets = [(task, name) for task, names in by_task.items() for name in names]
    for task, name in tqdm(sets, desc="Sets", disable=not show_progress_bar):
        load, score = _TASKS[task]
        try:
            data = load(name)
        except ValueError as error:
            report.skipped[name] = str(error)
            logger.info("Left out %s: %s", name, error)
            continue
        started = time.monotonic()
        extra = {"seed": seed, "classifier": classifier} if task == "classification" else {}
        results, report.details[name] = score(cached, name, data, options | extra)
        report.results += results
        report.seconds[name] = round(time.monotonic() - started, 1)
    report.pairs = len(cached)
    return report


def _score_analogies(model: Any, name: str, data: Any, options: dict[str, Any]) -> Scored:
    evaluator = AnalogyEvaluator(data, name, **options)
    outcomes = evaluator.outcomes(model)
    correct = [outcome.correct for outcome in outcomes]
    accuracy = float(np.mean(correct))
    details = {
        "predictions": [outcome.predicted for outcome in outcomes],
        "correct": correct,
        "ties": sum(outcome.tied for outcome in outcomes),
        "by_prefix": accuracy_by_prefix(evaluator.questions, outcomes),
        "digest": digest(evaluator.questions),
    }
    return [Result("analogy", name, "accuracy", accuracy, len(correct), bootstrap_interval(correct))], details


def _score_classification(model: Any, name: str, data: Any, options: dict[str, Any]) -> Scored:
    evaluator = RelationClassificationEvaluator(**data, name="", **options)
    metrics = evaluator.compute_metrics(model)
    interval = bootstrap_interval(evaluator.correct)
    count = len(evaluator.correct)
    results = [
        Result("classification", name, "f1_micro", metrics["f1_micro"], count, interval),
        Result("classification", name, "f1_macro", metrics["f1_macro"], count),
    ]
    details = {
        "metrics": metrics,
        "classifier_config": evaluator.chosen,
        "correct": evaluator.correct,
        "digest": digest((evaluator.test.pairs, evaluator.test.labels)),
    }
    return results, details


def _score_mapping(model: Any, name: str, data: Any, options: dict[str, Any]) -> Scored:
    evaluator = RelationMappingEvaluator(data, name, **options)
    predicted = evaluator.predict(model)
    shares = shares_right(evaluator.problems, predicted)
    problems = [
        {"source": problem["source"], "true": problem["target"], "pred": order, "accuracy": share}
        for problem, order, share in zip(data, predicted, shares, strict=True)
    ]
    result = Result("mapping", name, "accuracy", float(np.mean(shares)), len(shares), bootstrap_interval(shares))
    return [result], {"prediction": problems}


def _score_similarity(model: Any, name: str, data: Any, options: dict[str, Any]) -> Scored:
    scores = RelationalSimilarityEvaluator(**data, name=name, **options).relation_scores(model)
    results = []
    for metric in ("maxdiff_accuracy", "spearman"):
        values = [getattr(score, metric) for score in scores.values()]
        interval = bootstrap_interval(values)
        results.append(Result("similarity", name, metric, float(np.mean(values)), len(values), interval))
    return results, {"relations": {relation: score._asdict() for relation, score in scores.items()}}


_TASKS: dict[str, tuple[Callable[[str], Any], Callable[..., Scored]]] = {
    "analogy": (load_analogies, _score_analogies),
    "classification": (load_classification, _score_classification),
    "mapping": (load_mapping, _score_mapping),
    "similarity": (load_similarity, _score_similarity),
}
