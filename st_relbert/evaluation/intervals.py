"""Confidence intervals of means over questions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Drawn outcomes held at a time: 8 MiB of indices and as much of outcomes.
_DRAWS_AT_A_TIME = 2**20


def bootstrap_interval(
    correct: ArrayLike, level: float = 0.95, samples: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean of independent outcomes, such as an accuracy.

    Resamples as many outcomes as there are, with replacement, and takes the middle ``level`` of the resampled means.
    The outcomes have to be independent: for a benchmark whose questions share relations, give the scores of the
    relations rather than the outcomes of the questions. If all outcomes are equal the interval is that one value,
    which says nothing about other questions.

    Args:
        correct: ``(n,)``: right (1, True) or wrong (0, False) for each question, or any finite numbers.
        level: The share of resampled means inside.
        samples: Number of resamples.
        seed: Seed of the draws: the same arguments give the same interval.

    Returns:
        Lower and upper end.

    Raises:
        ValueError: If there are no outcomes, they are not one row of finite numbers, or ``level`` or ``samples`` is
            out of range.

    Source: Efron and Tibshirani (1993), "An Introduction to the Bootstrap", chapter 13.

    Example:
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
    if samples < 1:
        raise ValueError(f"samples is {samples!r}, expected at least 1.")
    means = _resampled_means(outcomes, samples, np.random.default_rng(seed))
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _resampled_means(
    outcomes: NDArray[np.float64], samples: int, generator: np.random.Generator
) -> NDArray[np.floating[Any]]:
    number = len(outcomes)
    if np.isin(outcomes, [0, 1]).all():
        # Each of the n draws is right with probability mean(outcomes): the number of right ones is binomial.
        return generator.binomial(number, outcomes.mean(), size=samples) / number
    means = np.empty(samples)
    step = max(1, _DRAWS_AT_A_TIME // number)
    for start in range(0, samples, step):
        rows = min(step, samples - start)
        means[start : start + rows] = outcomes[generator.integers(number, size=(rows, number))].mean(axis=1)
    return means
