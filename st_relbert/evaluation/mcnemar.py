"""McNemar's test: do two models differ on the same questions?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest  # type: ignore[import-untyped]


class McNemarResult(NamedTuple):
    """How many questions both, one or none of two models got right, and the p value of the difference."""

    both: int
    first_only: int
    second_only: int
    neither: int
    p_value: float


def mcnemar(first: ArrayLike, second: ArrayLike) -> McNemarResult:
    """Exact two-sided McNemar test of paired right / wrong outcomes.

    If the models are equally good, a question that only one of them gets right is as likely the first's as the
    second's, so ``first_only`` is binomial with probability 1/2; the others say nothing.

    Args:
        first: ``(n,)``: 1 or True where the first model is right, 0 or False where it is wrong.
        second: ``(n,)``: the same of the second model, on the same questions in the same order.

    Returns:
        The four counts and the p value; 1 if no question tells the models apart.

    Raises:
        ValueError: If there are no outcomes, their numbers differ, or one is neither right nor wrong.

    Source: McNemar (1947), "Note on the sampling error of the difference between correlated proportions or
    percentages", with the binomial distribution itself in place of its approximation.

    Example:
        >>> mcnemar([1, 1, 1, 1, 1, 0], [1, 0, 0, 0, 0, 0])
        McNemarResult(both=1, first_only=4, second_only=0, neither=1, p_value=0.125)
    """
    one, two = _outcomes(first, "first"), _outcomes(second, "second")
    if len(one) != len(two):
        raise ValueError(f"There are {len(one)} outcomes of the first and {len(two)} of the second, expected as many.")
    both, first_only, second_only = (int(np.sum(cell)) for cell in (one & two, one & ~two, ~one & two))
    differing = first_only + second_only
    p_value = float(binomtest(first_only, differing, 0.5).pvalue) if differing else 1.0
    return McNemarResult(both, first_only, second_only, len(one) - both - differing, p_value)


def _outcomes(values: ArrayLike, which: str) -> NDArray[np.bool_]:
    outcomes = np.asarray(values)
    if outcomes.ndim != 1 or not outcomes.size:
        raise ValueError(f"The {which} outcomes have the shape {outcomes.shape}, expected one row of at least one.")
    broken = np.flatnonzero(~np.isin(outcomes, [0, 1]))
    if len(broken):
        raise ValueError(f"Outcome {broken[0]} of the {which} is {outcomes[broken[0]]!r}, expected 0 or 1.")
    return outcomes.astype(np.bool_)
