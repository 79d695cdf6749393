"""Relations as the mean of their pairs, and which of these means a pair is nearest to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from st_relbert.evaluation.pair_vectors import Vectors
from st_relbert.relation_map.unit import Points, check_unit

TIE = 1e-6


@dataclass(frozen=True)
class Confusion:
    """How pairs of each relation share out among the nearest prototypes.

    Args:
        names: The relations, k of them.
        shares: ``(k, k)``: of the pairs of the relation in the row, the share nearest to the prototype of the one in
            the column. A row sums to 1; it is NaN for a relation of a single pair, which nothing can be said of.
        accuracy: The share of all pairs nearest to their own prototype, those of single-pair relations left out; NaN
            if that leaves none.
    """

    names: list[str]
    shares: Points
    accuracy: float

    def most_confused(self, count: int) -> list[tuple[str, str, float]]:
        """The largest shares off the diagonal: true relation, nearest prototype, share."""
        off = np.nan_to_num(self.shares) * (1 - np.eye(len(self.names)))
        order = np.argsort(-off, axis=None, kind="stable")[:count]
        places = [divmod(int(place), len(self.names)) for place in order]
        return [
            (self.names[row], self.names[column], float(off[row, column])) for row, column in places if off[row, column]
        ]


def confusion(unit: Vectors, relations: Sequence[str]) -> Confusion:
    """Find the nearest prototype of each pair, its own relation's being computed without it.

    A prototype is the mean of the unit vectors of a relation's pairs; nearest is the highest cosine. Prototypes that
    are equally near, to 1e-6, share a pair among them. A mean of zero points nowhere, and counts as a cosine of 0.

    Args:
        unit: ``(n, d)``, of length 1.
        relations: The relation of each.

    Raises:
        ValueError: If a vector is not of length 1.
    """
    check_unit(unit)
    names = list(dict.fromkeys(relations))
    index = {name: number for number, name in enumerate(names)}
    labels = np.array([index[relation] for relation in relations])
    credit = _nearest(_cosines(unit.astype(np.float64), labels, len(names)))
    sizes = np.bincount(labels, minlength=len(names))
    sums = np.zeros((len(names), len(names)))
    np.add.at(sums, labels, credit)
    shares = np.where(sizes[:, None] > 1, sums / sizes[:, None], np.nan)
    scored = sizes > 1
    own = sums.diagonal()[scored].sum()
    accuracy = float(own / sizes[scored].sum()) if scored.any() else float("nan")
    return Confusion(names, shares, accuracy)


def _cosines(unit: Points, labels: NDArray[np.intp], count: int) -> Points:
    """Of each pair to each prototype, ``(n, k)``."""
    sums = np.zeros((count, unit.shape[1]))
    np.add.at(sums, labels, unit)
    cosines: Points = unit @ _directions(sums).T
    own = _directions(sums[labels] - unit)  # leave one out
    cosines[np.arange(len(unit)), labels] = (unit * own).sum(axis=1)
    return cosines


def _directions(sums: Points) -> Points:
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    directions: Points = np.divide(sums, lengths, out=np.zeros_like(sums), where=lengths > 1e-9)
    return directions


def _nearest(cosines: Points) -> Points:
    """1 for the nearest prototype of each pair, ``(n, k)``, shared out among equals."""
    nearest = cosines >= cosines.max(axis=1, keepdims=True) - TIE
    shares: Points = nearest / nearest.sum(axis=1, keepdims=True)
    return shares
