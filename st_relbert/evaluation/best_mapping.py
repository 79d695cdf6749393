"""Exact search for the best order of the target terms of a relation mapping problem."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]
from scipy.special import logsumexp  # type: ignore[import-untyped]

Scores = NDArray[np.float64]
Order = tuple[int, ...]

# Scores are rounded to whole multiples of 1e-10, far below the noise of float32, and counted in these units. Sums are
# then exact in float64, so comparisons do not depend on the order of addition, and sums that are equal in decimals are
# equal here.
UNITS = 1e10


def best_mapping(scores: NDArray[np.floating[Any]], temperature: float = 0.0) -> list[int]:
    """Find the order of the targets with the highest score.

    The score of an order is the mean over i of the maximum over j != i of `scores[i, j, order[i], order[j]]`. With a
    temperature t, the soft maximum `t log(sum over j of exp(score / t))` replaces the maximum. Two orders tie if their
    scores are equal after all `scores` and soft maxima are rounded to 10 decimals.

    The n! orders are searched by branch and bound (see `MappingSearch`). The cost depends on the number of nodes, each
    of which takes a few passes over at most `n^4` scores. On word vectors, the median is 70 nodes for 9 terms and 460
    for 12 (at most 12,000, under a second; `benchmarks/mapping_growth.py`); on random scores, it is 140,000 for 12 (8
    s). The worst case is n!. Memory grows as `n^4`: a few MB for 20 terms.

    Args:
        scores: `(n, n, n, n)`; `[i, j, a, b]` is the similarity between the relation of sources i and j and the
            relation of targets a and b, between -1 and 1. Entries with i = j or a = b are ignored.
        temperature: 0 takes the maximum over the partners j. A positive value takes the soft maximum, where all
            partners contribute; the higher the temperature, the more they do.

    Returns:
        The target of each source. Among several best orders, the first in `itertools.permutations(range(n))`.

    Raises:
        ValueError: If the shape is wrong, n < 2, a score is not between -1 and 1, or the temperature is negative or
            not finite.

    >>> scores = np.zeros((2, 2, 2, 2))
    >>> scores[0, 1, 1, 0] = 1  # the first source is to the second as the second target to the first
    >>> best_mapping(scores)
    [1, 0]

    Source: the score is from the relbert library of Ushio et al. (2025, Artificial Intelligence 347); the task is from
    Turney (2008).
    """
    if not 0 <= temperature < np.inf:
        raise ValueError(f"The temperature is {temperature!r}, expected 0 or a positive finite number.")
    return list(MappingSearch(prepare(scores), temperature).best_order())


def prepare(scores: NDArray[np.floating[Any]]) -> Scores:
    """Check scores, convert them to whole units, and set impossible entries (i = j or a = b) to a very low score."""
    n = len(scores) if scores.ndim else 0
    if n < 2 or scores.shape != (n, n, n, n):
        raise ValueError(f"The scores have the shape {scores.shape}, expected (n, n, n, n) with n at least 2.")
    same = np.eye(n, dtype=bool)
    rounded = np.round(np.asarray(scores, dtype=np.float64) * UNITS)
    # Lower than any sum of n scores, so that a single one rules an order out.
    rounded[same[:, :, None, None] | same[None, None]] = -4 * n * UNITS
    wrong = ~same[:, :, None, None] & ~same[None, None] & ~(np.abs(rounded) <= UNITS)
    if wrong.any():
        place = np.unravel_index(int(wrong.argmax()), wrong.shape)
        raise ValueError(f"The score at {tuple(map(int, place))} is {scores[place]}, expected a number from -1 to 1.")
    return rounded


def over_partners(scores: Scores, temperature: float) -> Scores:
    """Return the maximum over the last axis (the soft maximum if there is a temperature), in whole units."""
    if not temperature:
        highest: Scores = scores.max(axis=-1)
        return highest
    scale = temperature * UNITS
    soft: Scores = np.round(scale * logsumexp(scores / scale, axis=-1))
    return soft


def score_orders(scores: Scores, orders: NDArray[np.intp], temperature: float = 0.0) -> Scores:
    """Return the sums over i of the (soft) maxima over j, `(orders,)`, for orders `(orders, n)`."""
    sources = np.arange(len(scores))
    related = scores[sources[:, None], sources, orders[:, :, None], orders[:, None, :]]
    totals: Scores = over_partners(related, temperature).sum(axis=1)
    return totals


class MappingSearch:
    """Branch and bound over the targets that each source may still have.

    A node is a table of allowed targets. In it, the score of source i on target a is at most the (soft) maximum over j
    of the highest `scores[i, j, a, b]` over the targets b still allowed for j. The best assignment of sources to
    targets under these limits (a linear assignment problem) is an upper bound on the score of every order in the node.
    That assignment is itself an order, and its true score is a lower bound on the best score. Before branching, targets
    whose limit is too low for any order to reach the best score are removed.

    Args:
        scores: `(n, n, n, n)`, as returned by `prepare`.
        temperature: See `best_mapping`.
    """

    def __init__(self, scores: Scores, temperature: float = 0.0) -> None:
        self.size = len(scores)
        self.nodes = 0
        """The number of nodes visited."""
        self._scores = scores
        self._impossible = float(scores.min())
        self._temperature = temperature
        # Indexed by source and target, then by partner and its target.
        self._table = np.ascontiguousarray(scores.transpose(0, 2, 1, 3))
        self._best: Order = tuple(range(self.size))
        self._best_score = float(score_orders(scores, np.array([self._best]), temperature)[0])

    def best_order(self) -> Order:
        """Return the first of the best orders."""
        nodes = [np.ones((self.size, self.size), dtype=bool)]
        while nodes:
            self.nodes += 1
            nodes += self._expand(nodes.pop())
        return self._best

    def _expand(self, allowed: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
        """Bound a node and return its child nodes; the last one is to be visited first."""
        filtered = self._filter(allowed)
        if filtered is None:
            return []
        allowed, limits = filtered
        sources, order = linear_sum_assignment(limits, maximize=True)
        bound = float(limits[sources, order].sum())
        if bound < self._best_score:
            return []
        if allowed[sources, order].all():
            self._offer(tuple(map(int, order)))
        only_ties = bound <= self._best_score
        # No order in this node comes before the one that gives each source its first allowed target.
        if bound < self._best_score or (only_ties and tuple(allowed.argmax(axis=1)) >= self._best):
            return []
        counts = allowed.sum(axis=1)
        open_sources = np.flatnonzero(counts > 1)
        if not len(open_sources):
            return []
        if only_ties:  # only an earlier order can help, so try the targets from the first
            source = open_sources[0]
            targets = np.flatnonzero(allowed[source])[::-1]
        else:
            source = open_sources[counts[open_sources].argmin()]
            targets = np.flatnonzero(allowed[source])
            targets = targets[np.argsort(limits[source, targets], kind="stable")]
        return [_assign(allowed, source, target) for target in targets]

    def _offer(self, order: Order) -> None:
        """Keep an order if it is better than the best so far, or equally good and earlier."""
        score = float(score_orders(self._scores, np.array([order]), self._temperature)[0])
        if score > self._best_score or (score == self._best_score and order < self._best):
            self._best, self._best_score = order, score

    def _filter(self, allowed: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], Scores] | None:
        """Remove targets until nothing changes; None if no remaining order is as good as the best so far."""
        while True:
            limits = self._limits(allowed)
            highest = limits.max(axis=1)
            # How far the sources together may fall below their highest limits.
            slack = highest.sum() - self._best_score
            kept = allowed & (limits >= (highest - slack)[:, None])
            settled = kept.sum(axis=1) == 1
            taken = kept[settled].any(axis=0)
            kept[~settled] &= ~taken
            if slack < 0 or taken.sum() < settled.sum() or not kept.any(axis=1).all() or not kept.any(axis=0).all():
                return None
            if (kept == allowed).all():
                return allowed, limits
            allowed = kept

    def _limits(self, allowed: NDArray[np.bool_]) -> Scores:
        """Return the highest score of each source on each target, `(n, n)`; very low where not allowed."""
        limits = np.full((self.size, self.size), self._impossible)
        with_partners = np.where(allowed, self._table[allowed], self._impossible).max(axis=-1)
        limits[allowed] = over_partners(with_partners, self._temperature)
        return limits


def _assign(allowed: NDArray[np.bool_], source: Any, target: Any) -> NDArray[np.bool_]:
    """Return the allowed targets after giving a source its target."""
    below: NDArray[np.bool_] = allowed.copy()
    below[source] = False
    below[:, target] = False
    below[source, target] = True
    return below
