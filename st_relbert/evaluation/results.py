"""One figure of an evaluation."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """One figure of an evaluation.

    Args:
        task: ``"analogy"``, ``"classification"``, ``"mapping"`` or ``"similarity"``.
        dataset: The data set's name on the hub without its owner, for instance ``"u2"`` or ``"ROOT09"``.
        metric: ``"accuracy"``, ``"f1_micro"``, ``"f1_macro"``, ``"maxdiff_accuracy"`` or ``"spearman"``.
        value: The figure; a share lies between 0 and 1.
        count: Over how many questions, test pairs, problems or relations.
        interval: The bounds of its 95 % confidence interval, where one is computed.
    """

    task: str
    dataset: str
    metric: str
    value: float
    count: int
    interval: tuple[float, float] | None = None


def digest(questions: object) -> str:
    """A digest of questions or labelled pairs, so that two models are only ever compared on the same ones.

    Args:
        questions: Anything whose ``repr`` says all that it consists of.
    """
    return hashlib.sha256(repr(questions).encode()).hexdigest()
