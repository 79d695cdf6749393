"""The best order of the target terms of a relation mapping problem, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]
from scipy.special import logsumexp  # type: ignore[import-untyped]

Scores = NDArray[np.float64]
Order = tuple[int, ...]

# Scores are rounded to whole multiples of 1e-10, far below the noise of float32, and counted in these. Sums are then
# exact in float64: what is better and what is equal does not depend on the order of adding, and sums that are equal in
# decimals are equal here.
UNITS = 1e10


def best_mapping(scores: NDArray[np.floating[Any]], temperature: float = 0.0) -> list[int]:
    """Find the order of the targets with the highest score.

    The score of an order is the mean over i of the maximum over j != i of `scores[i, j, order[i], order[j]]`, or of
    their soft maximum, `t log(sum over j of exp(score / t))` with the temperature t. Two orders tie if their scores are
    equal after each of `scores`, and each soft maximum, is rounded to 10 decimals.

    The n! orders are searched by branch and bound, see `MappingSearch`. What grows is the number of nodes, each a few
    passes over at most `n^4` scores: on word vectors a median of 70 for 9 terms and of 460 for 12 (at most 12,000,
    under a second; `benchmarks/mapping_growth.py`), on random scores 140,000 for 12 (8 s). The worst case stays n!.
    Memory grows as `n^4`: some MB for 20 terms.

    Args:
        scores: `(n, n, n, n)`, `[i, j, a, b]` how similar the relation of sources i and j is to that of targets a
            and b, between -1 and 1. What stands at i = j or a = b is never read.
        temperature: 0: the maximum over the partners j; above: the soft maximum, to which all of them add, the more
            the higher it is.

    Returns:
        The target of each source. Of several best orders the first that `itertools.permutations(range(n))` walks.

    Raises:
        ValueError: If the shape is another one, n < 2, a score is not between -1 and 1, or the temperature is negative
            or not finite.

    >>> scores = np.zeros((2, 2, 2, 2))
    >>> scores[0, 1, 1, 0] = 1  # the first source is to the second as the second target to the first
    >>> best_mapping(scores)
    [1, 0]

    Source: the score is that of the relbert library of Ushio et al. (2025, Artificial Intelligence 347); the task is
    that of Turney (2008).
    """
    if not 0 <= temperature < np.inf:
        raise ValueError(f"The temperature is {temperature!r}, expected 0 or a finite number above.")
    return list(MappingSearch(prepare(scores), temperature).best_order())


def prepare(scores: NDArray[np.floating[Any]]) -> Scores:
    """Check scores, count them in whole units, and put what can never be part of an order (i = j, a = b) far below."""
    n = len(scores) if scores.ndim else 0
    if n < 2 or scores.shape != (n, n, n, n):
        raise ValueError(f"The scores have the shape {scores.shape}, expected (n, n, n, n) with n of at least 2.")
    same = np.eye(n, dtype=bool)
    rounded = np.round(np.asarray(scores, dtype=np.float64) * UNITS)
    # Lower than any sum of n scores, so that one of these rules an order out.
    rounded[same[:, :, None, None] | same[None, None]] = -4 * n * UNITS
    wrong = ~same[:, :, None, None] & ~same[None, None] & ~(np.abs(rounded) <= UNITS)
    if wrong.any():
        place = np.unravel_index(int(wrong.argmax()), wrong.shape)
        raise ValueError(f"The score at {tuple(map(int, place))} is {scores[place]}, expected a number from -1 to 1.")
    return rounded


def over_partners(scores: Scores, temperature: float) -> Scores:
    """The maximum over the last axis, or with a temperature the soft one, in whole units again."""
    if not temperature:
        highest: Scores = scores.max(axis=-1)
        return highest
    scale = temperature * UNITS
    soft: Scores = np.round(scale * logsumexp(scores / scale, axis=-1))
    return soft


def score_orders(scores: Scores, orders: NDArray[np.intp], temperature: float = 0.0) -> Scores:
    """The sums over i of the (soft) maxima over j, `(orders,)`, of orders `(orders, n)`."""
    sources = np.arange(len(scores))
    related = scores[sources[:, None], sources, orders[:, :, None], orders[:, None, :]]
    totals: Scores = over_partners(related, temperature).sum(axis=1)
    return totals


class MappingSearch:
    """Branch and bound over the targets that each source may still have.

    A node is a table of what is allowed. The score of source i on target a can there be at most the (soft) maximum over
    j of the highest `scores[i, j, a, b]` over the b that j is still allowed; the best assignment of sources to targets
    under these limits (a linear assignment problem) bounds the score of every order of the node from above. That
    assignment is an order itself, and its true score bounds the best from below. Before branching, a target whose limit
    is too low for any order to reach the best score is struck out.

    Args:
        scores: `(n, n, n, n)`, as `prepare` returns them.
        temperature: See `best_mapping`.
    """

    def __init__(self, scores: Scores, temperature: float = 0.0) -> None:
        self.size = len(scores)
        self.nodes = 0
        """How many nodes were looked at."""
        self._scores = scores
        self._impossible = float(scores.min())
        self._temperature = temperature
        # By source and target, then by partner and its target.
        self._table = np.ascontiguousarray(scores.transpose(0, 2, 1, 3))
        self._best: Order = tuple(range(self.size))
        self._best_score = float(score_orders(scores, np.array([self._best]), temperature)[0])

    def best_order(self) -> Order:
        """The first of the best orders."""
        nodes = [np.ones((self.size, self.size), dtype=bool)]
        while nodes:
            self.nodes += 1
            nodes += self._expand(nodes.pop())
        return self._best

    def _expand(self, allowed: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
        """Bound a node; the nodes below it, the last to be looked at first."""
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
        # No order of this node comes before the one that gives each source its first target.
        if bound < self._best_score or (only_ties and tuple(allowed.argmax(axis=1)) >= self._best):
            return []
        counts = allowed.sum(axis=1)
        open_sources = np.flatnonzero(counts > 1)
        if not len(open_sources):
            return []
        if only_ties:  # only an earlier order can be of use: go through them from the first
            source = open_sources[0]
            targets = np.flatnonzero(allowed[source])[::-1]
        else:
            source = open_sources[counts[open_sources].argmin()]
            targets = np.flatnonzero(allowed[source])
            targets = targets[np.argsort(limits[source, targets], kind="stable")]
        return [_assign(allowed, source, target) for target in targets]

    def _offer(self, order: Order) -> None:
        """Keep an order if it is better than the best so far, or as good and earlier."""
        score = float(score_orders(self._scores, np.array([order]), self._temperature)[0])
        if score > self._best_score or (score == self._best_score and order < self._best):
            self._best, self._best_score = order, score

    def _filter(self, allowed: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], Scores] | None:
        """Strike out targets until nothing changes; None if no order is left that is as good as the best so far."""
        while True:
            limits = self._limits(allowed)
            highest = limits.max(axis=1)
            # What the sources may lose together, each against its highest limit.
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
        """The highest score that each source can reach on each target, `(n, n)`; far below where not allowed."""
        limits = np.full((self.size, self.size), self._impossible)
        with_partners = np.where(allowed, self._table[allowed], self._impossible).max(axis=-1)
        limits[allowed] = over_partners(with_partners, self._temperature)
        return limits


def _assign(allowed: NDArray[np.bool_], source: Any, target: Any) -> NDArray[np.bool_]:
    """What is allowed once a source has its target."""
    below: NDArray[np.bool_] = allowed.copy()
    below[source] = False
    below[:, target] = False
    below[source, target] = True
    return below
