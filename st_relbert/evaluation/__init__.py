"""Evaluators: data in, metrics out."""

from st_relbert.evaluation.analogy import AnalogyEvaluator
from st_relbert.evaluation.questions import load_questions

__all__ = ["AnalogyEvaluator", "load_questions"]
