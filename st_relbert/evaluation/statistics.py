"""Bootstrap intervals for a metric, and McNemar's test for the difference between two models."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest  # type: ignore[import-untyped]

from st_relbert.pairs import check_positive

# Number of outcomes drawn at a time: 8 MiB of indices and 8 MiB of outcomes.
_DRAWS_AT_A_TIME = 2**20


def bootstrap_interval(
    correct: ArrayLike, *, level: float = 0.95, samples: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of the mean of independent outcomes, such as an accuracy.

    Draws resamples of size n with replacement and takes the middle `level` of their means. The outcomes must be
    independent: if the questions of a benchmark share relations, pass the scores of the relations instead of the
    outcomes of the questions. If all outcomes are equal, the interval is that single value and says nothing about other
    questions.

    Args:
        correct: `(n,)`: right (1, True) or wrong (0, False) for each question, or any finite numbers.
        level: The share of resampled means inside the interval.
        samples: Number of resamples.
        seed: Random seed; the same arguments give the same interval.

    Returns:
        Lower and upper bound.

    Raises:
        ValueError: If there are no outcomes, they are not a single row of finite numbers, or `level` or `samples` is
            out of range.

    Source: Efron and Tibshirani (1993), "An Introduction to the Bootstrap", chapter 13.

    Examples:
        >>> low, high = bootstrap_interval([True] * 60 + [False] * 40)
        >>> round(low, 2), round(high, 2)
        (0.5, 0.7)
    """
    outcomes = np.asarray(correct, dtype=np.float64)
    if outcomes.ndim != 1 or not outcomes.size:
        raise ValueError(f"The outcomes have the shape {outcomes.shape}, expected one row of at least one.")
    broken = np.flatnonzero(~np.isfinite(outcomes))
    if len(broken):
        raise ValueError(f"Outcome {broken[0]} is {outcomes[broken[0]]}, expected finite numbers.")
    if not 0 < level < 1:
        raise ValueError(f"level is {level!r}, expected a share between 0 and 1, such as 0.95.")
    check_positive(samples=samples)
    means = _resampled_means(outcomes, samples, np.random.default_rng(seed))
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _resampled_means(
    outcomes: NDArray[np.float64], samples: int, generator: np.random.Generator
) -> NDArray[np.floating[Any]]:
    number = len(outcomes)
    if np.isin(outcomes, [0, 1]).all():
        # Each of the n draws is right with probability mean(outcomes), so the number of right ones is binomial.
        return generator.binomial(number, outcomes.mean(), size=samples) / number
    means = np.empty(samples)
    step = max(1, _DRAWS_AT_A_TIME // number)
    for start in range(0, samples, step):
        rows = min(step, samples - start)
        means[start : start + rows] = outcomes[generator.integers(number, size=(rows, number))].mean(axis=1)
    return means


class McNemarResult(NamedTuple):
    """The number of questions that both, one or neither of two models got right, and the p value of the difference."""

    both: int
    first_only: int
    second_only: int
    neither: int
    p_value: float


def mcnemar(first: ArrayLike, second: ArrayLike) -> McNemarResult:
    """Run an exact two-sided McNemar test on paired right / wrong outcomes.

    If the models are equally good, either model is equally likely to be right on a question that only one gets right,
    so `first_only` is binomial with probability 1/2. The other questions are not used.

    Args:
        first: `(n,)`: 1 or True where the first model is right, 0 or False where it is wrong.
        second: `(n,)`: the same for the second model, on the same questions in the same order.

    Returns:
        The four counts and the p value, which is 1 if the models do not differ on any question.

    Raises:
        ValueError: If there are no outcomes, the numbers of outcomes differ, or an outcome is neither right nor wrong.

    Source: McNemar (1947), "Note on the sampling error of the difference between correlated proportions or
    percentages", with the exact binomial distribution instead of its approximation.

    Examples:
        >>> mcnemar([1, 1, 1, 1, 1, 0], [1, 0, 0, 0, 0, 0])
        McNemarResult(both=1, first_only=4, second_only=0, neither=1, p_value=0.125)
    """
    one, two = _outcomes(first, "first"), _outcomes(second, "second")
    if len(one) != len(two):
        raise ValueError(
            f"There are {len(one)} outcomes of the first model and {len(two)} of the second, expected the same number."
        )
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
        raise ValueError(f"Outcome {broken[0]} of the {which} model is {outcomes[broken[0]]!r}, expected 0 or 1.")
    return outcomes.astype(np.bool_)
