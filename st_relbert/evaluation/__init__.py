"""Evaluators of relation embeddings: data in, metrics out."""

from st_relbert.evaluation.analogy import AnalogyEvaluator, Outcome
from st_relbert.evaluation.card import check_model_folder, write_results
from st_relbert.evaluation.intervals import bootstrap_interval
from st_relbert.evaluation.leakage import LeakageReport, find_leakage, find_leakages
from st_relbert.evaluation.mcnemar import McNemarResult, mcnemar
from st_relbert.evaluation.questions import AnalogyQuestion, load_questions
from st_relbert.evaluation.results import Result
from st_relbert.evaluation.similarity import RelationalSimilarityEvaluator

__all__ = [
    "AnalogyEvaluator",
    "AnalogyQuestion",
    "LeakageReport",
    "McNemarResult",
    "Outcome",
    "RelationalSimilarityEvaluator",
    "Result",
    "bootstrap_interval",
    "check_model_folder",
    "find_leakage",
    "find_leakages",
    "load_questions",
    "mcnemar",
    "write_results",
]
