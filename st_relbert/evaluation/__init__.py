"""Evaluators of relation embeddings."""

from st_relbert.data.questions import AnalogyQuestion, load_questions
from st_relbert.evaluation.analogy import AnalogyEvaluator, Outcome
from st_relbert.evaluation.base import RelationEvaluator, SuiteTask
from st_relbert.evaluation.card import check_model_folder, write_results
from st_relbert.evaluation.classification import RelationClassificationEvaluator
from st_relbert.evaluation.mapping import RelationMappingEvaluator
from st_relbert.evaluation.results import (
    EvaluationReport,
    EvaluationResult,
    read_results,
    write_report,
    write_report_folder,
)
from st_relbert.evaluation.similarity import RelationalSimilarityEvaluator
from st_relbert.evaluation.statistics import McNemarResult, bootstrap_interval, mcnemar
from st_relbert.evaluation.suite import EVALUATORS, VALIDATION_SETS, run_suite

__all__ = [
    "EVALUATORS",
    "VALIDATION_SETS",
    "AnalogyEvaluator",
    "AnalogyQuestion",
    "EvaluationReport",
    "EvaluationResult",
    "McNemarResult",
    "Outcome",
    "RelationClassificationEvaluator",
    "RelationEvaluator",
    "RelationMappingEvaluator",
    "RelationalSimilarityEvaluator",
    "SuiteTask",
    "bootstrap_interval",
    "check_model_folder",
    "load_questions",
    "mcnemar",
    "read_results",
    "run_suite",
    "write_report",
    "write_report_folder",
    "write_results",
]
