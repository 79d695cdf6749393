"""The evaluation suite: all sets of the papers at once."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sentence_transformers import SentenceTransformer
from tqdm.auto import tqdm

from st_relbert.evaluation.analogy import AnalogyEvaluator
from st_relbert.evaluation.base import RelationEvaluator
from st_relbert.evaluation.classification import RelationClassificationEvaluator
from st_relbert.evaluation.mapping import RelationMappingEvaluator
from st_relbert.evaluation.results import EvaluationReport
from st_relbert.evaluation.similarity import RelationalSimilarityEvaluator
from st_relbert.pairs import check_known
from st_relbert.vectors import EncodeCache

logger = logging.getLogger(__name__)

EVALUATORS: dict[str, type[RelationEvaluator]] = {
    evaluator.task: evaluator
    for evaluator in (
        AnalogyEvaluator,
        RelationClassificationEvaluator,
        RelationMappingEvaluator,
        RelationalSimilarityEvaluator,
    )
}
"""The evaluators of the suite, by task. The suite, the command line and the model card all use this registry."""

VALIDATION_SETS = (
    "u2/validation",
    "u4/validation",
    "conceptnet_relational_similarity/validation",
    "t_rex_relational_similarity/validation",
    "nell_relational_similarity/validation",
)
"""Analogy questions for choosing settings, not for reporting."""


def check_tasks(tasks: Iterable[str]) -> None:
    """Raise `ValueError` for a task that is not one of `EVALUATORS`."""
    if isinstance(tasks, str):
        raise ValueError(f"The tasks are {tasks!r}, expected a list of them, such as ['analogy'].")
    for task in tasks:
        check_known("task", task, EVALUATORS)


def run_suite(
    model: SentenceTransformer,
    tasks: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
    *,
    batch_size: int = 64,
    show_progress_bar: bool = True,
    seed: int = 0,
    classifier: Any = "mlp",
) -> EvaluationReport:
    """Evaluate a model on all available sets.

    Each pair is encoded once, even if it occurs in several sets. Sets that are not found, malformed or cannot be scored
    are left out, and the report says why.

    Args:
        model: A SentenceTransformer that takes pairs.
        tasks: Tasks of `EVALUATORS`, each with all its sets, or None for all tasks. Or the names of the sets by task:
            `{"analogy": ["u2", *VALIDATION_SETS]}`.
        batch_size: Number of pairs encoded at a time.
        show_progress_bar: Whether to show a bar over the sets and the progress within each.
        seed: Seed of the classifiers, the only random part of an evaluation.
        classifier: For lexical relation classification: `"mlp"`, the papers' grid; `"linear"`, a probe that takes
            seconds; or any scikit-learn classifier. The figures published with the models use
            `MLPClassifier(random_state=0)`.

    Raises:
        ValueError: If a task is unknown.
    """
    tasks = list(EVALUATORS) if tasks is None else tasks
    check_tasks(tasks)
    by_task = tasks if isinstance(tasks, Mapping) else {task: list(EVALUATORS[task].suite.sets) for task in tasks}
    options: dict[str, Any] = {"batch_size": batch_size, "show_progress_bar": show_progress_bar}
    of_task = {"classification": {"seed": seed, "classifier": classifier}}
    cached: Any = EncodeCache(model)
    report = EvaluationReport(seed=seed)
    sets = list(dict.fromkeys((task, name) for task, names in by_task.items() for name in names))
    of_name = Counter(name for _, name in sets)
    for task, name in tqdm(sets, desc="Sets", disable=not show_progress_bar):
        started = time.monotonic()
        shown = name if of_name[name] == 1 else f"{task}/{name}"
        try:
            evaluator = EVALUATORS[task].load(name, **options, **of_task.get(task, {}))
            report.results.append(evaluator.evaluate(cached))
        except ValueError as error:
            report.skipped[shown] = str(error)
            logger.info("Left out %s: %s", shown, error)
            continue
        report.seconds[shown] = round(time.monotonic() - started, 1)
    report.pairs = len(cached)
    return report
