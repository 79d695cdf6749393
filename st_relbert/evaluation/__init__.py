"""Evaluators of relation embeddings: data in, metrics out."""

from st_relbert.data.questions import AnalogyQuestion, load_questions
from st_relbert.evaluation.analogy import AnalogyEvaluator, Outcome
from st_relbert.evaluation.base import Result
from st_relbert.evaluation.card import check_model_folder, write_results
from st_relbert.evaluation.classification import RelationClassificationEvaluator
from st_relbert.evaluation.mapping import RelationMappingEvaluator
from st_relbert.evaluation.similarity import RelationalSimilarityEvaluator
from st_relbert.evaluation.statistics import McNemarResult, bootstrap_interval, mcnemar
from st_relbert.evaluation.suite import SUITE, VALIDATION_SETS, SuiteReport, run_suite, write_suite

__all__ = [
    "SUITE",
    "VALIDATION_SETS",
    "AnalogyEvaluator",
    "AnalogyQuestion",
    "McNemarResult",
    "Outcome",
    "RelationClassificationEvaluator",
    "RelationMappingEvaluator",
    "RelationalSimilarityEvaluator",
    "Result",
    "SuiteReport",
    "bootstrap_interval",
    "check_model_folder",
    "load_questions",
    "mcnemar",
    "run_suite",
    "write_results",
    "write_suite",
]
