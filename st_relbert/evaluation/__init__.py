"""Evaluators of relation embeddings: data in, metrics out."""

from st_relbert.evaluation.analogy import AnalogyEvaluator, Outcome
from st_relbert.evaluation.card import check_model_folder, write_results
from st_relbert.evaluation.classification import RelationClassificationEvaluator
from st_relbert.evaluation.intervals import bootstrap_interval
from st_relbert.evaluation.leakage import LeakageReport, find_leakage, find_leakages
from st_relbert.evaluation.mapping import RelationMappingEvaluator
from st_relbert.evaluation.mcnemar import McNemarResult, mcnemar
from st_relbert.evaluation.questions import AnalogyQuestion, load_questions
from st_relbert.evaluation.results import Result
from st_relbert.evaluation.similarity import RelationalSimilarityEvaluator
from st_relbert.evaluation.suite import SuiteReport, run_suite
from st_relbert.evaluation.suite_data import SUITE, VALIDATION_SETS
from st_relbert.evaluation.suite_files import write_suite

__all__ = [
    "SUITE",
    "VALIDATION_SETS",
    "AnalogyEvaluator",
    "AnalogyQuestion",
    "LeakageReport",
    "McNemarResult",
    "Outcome",
    "RelationClassificationEvaluator",
    "RelationMappingEvaluator",
    "RelationalSimilarityEvaluator",
    "Result",
    "SuiteReport",
    "bootstrap_interval",
    "check_model_folder",
    "find_leakage",
    "find_leakages",
    "load_questions",
    "mcnemar",
    "run_suite",
    "write_results",
    "write_suite",
]
