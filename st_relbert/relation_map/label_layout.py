"""Where the names of groups stand on a map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from st_relbert.relation_map.unit import Points

_NEIGHBOURS = 10


class Box(NamedTuple):
    """A rectangle by its centre and its size."""

    x: float
    y: float
    width: float
    height: float

    def overlaps(self, other: Box) -> bool:
        """Whether the two share more than an edge.

        >>> Box(0, 0, 2, 2).overlaps(Box(1, 0, 2, 2)), Box(0, 0, 2, 2).overlaps(Box(2, 0, 2, 2))
        (True, False)
        """
        return (
            abs(self.x - other.x) * 2 < self.width + other.width
            and abs(self.y - other.y) * 2 < self.height + other.height
        )

    def within(self, other: Box) -> bool:
        """Whether it lies in the other entirely."""
        return (
            abs(self.x - other.x) * 2 <= other.width - self.width
            and abs(self.y - other.y) * 2 <= other.height - self.height
        )


def densest_place(points: Points) -> tuple[float, float]:
    """Where most points of a group lie close together: its mean may be among points of other groups.

    Args:
        points: ``(n, 2)``, at least one.

    Returns:
        The mean of the ten points, or half of them if that is fewer, that are the closest neighbours of one of them.
    """
    from sklearn.neighbors import NearestNeighbors

    count = min(_NEIGHBOURS, math.ceil(len(points) / 2))
    distances, neighbours = NearestNeighbors(n_neighbors=count).fit(points).kneighbors(points)
    x, y = points[neighbours[distances.sum(axis=1).argmin()]].mean(axis=0)
    return float(x), float(y)


def place_labels(
    anchors: Sequence[tuple[float, float]], sizes: Sequence[tuple[float, float]], bounds: Box
) -> list[Box | None]:
    """Move labels apart, the first having the first choice.

    Args:
        anchors: Where each label should stand.
        sizes: Width and height of each.
        bounds: What a label may not stick out of.

    Returns:
        The box of each label, at its anchor or as near as there was room; None for one that found none near by. No two
        boxes overlap.
    """
    placed: list[Box] = []
    boxes: list[Box | None] = []
    for (x, y), (width, height) in zip(anchors, sizes, strict=True):
        box = next(
            (
                box
                for dx, dy in _shifts()
                if (box := Box(x + dx * width, y + dy * height, width, height)).within(bounds)
                and not any(map(box.overlaps, placed))
            ),
            None,
        )
        boxes.append(box)
        if box is not None:
            placed.append(box)
    return boxes


def _shifts() -> list[tuple[float, float]]:
    """Ways to move a label, in its widths and heights, the least first."""
    steps = [(dx / 4, dy / 2) for dx in range(-4, 5) for dy in range(-6, 7)]
    # A label is several times as wide as it is high.
    return sorted(steps, key=lambda step: (math.hypot(step[0] * 4, step[1]), step))
