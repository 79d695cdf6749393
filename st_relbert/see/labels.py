"""Labels of clouds of pairs on a map: what they say, and where they have room without covering points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from st_relbert.see.layout import Points, short_names
from st_relbert.see.map import RelationMap

_NEIGHBOURS = 10


class Box(NamedTuple):
    """A rectangle by its centre and its size."""

    x: float
    y: float
    width: float
    height: float

    def overlaps(self, other: Box) -> bool:
        """Return whether the two share more than an edge.

        >>> Box(0, 0, 2, 2).overlaps(Box(1, 0, 2, 2)), Box(0, 0, 2, 2).overlaps(Box(2, 0, 2, 2))
        (True, False)
        """
        return (
            abs(self.x - other.x) * 2 < self.width + other.width
            and abs(self.y - other.y) * 2 < self.height + other.height
        )

    def within(self, other: Box) -> bool:
        """Return whether this box is entirely inside the other."""
        return (
            abs(self.x - other.x) * 2 <= other.width - self.width
            and abs(self.y - other.y) * 2 <= other.height - self.height
        )


def densest_place(points: Points) -> tuple[float, float]:
    """Return the densest place of a group's points `(n, 2)`, because their mean may be among points of other groups.

    It is the mean of the tightest neighbourhood of ten points (or of half of the points, if that is fewer). There must
    be at least one point.
    """
    from sklearn.neighbors import NearestNeighbors

    count = min(_NEIGHBOURS, math.ceil(len(points) / 2))
    distances, neighbours = NearestNeighbors(n_neighbors=count).fit(points).kneighbors(points)
    x, y = points[neighbours[distances.sum(axis=1).argmin()]].mean(axis=0)
    return float(x), float(y)


class Cloud(NamedTuple):
    """A cloud of pairs on the map, with a label.

    `name` is the short name of their relation, or of the group they are coloured by. `row` is the row of the pair in
    the middle, which serves as an example.
    """

    name: str
    row: int
    place: tuple[float, float]


def find_clouds(relation_map: RelationMap) -> list[Cloud]:
    """Return the clouds of a map, the largest first: its clusters, and the groups without a cluster.

    Clusters in which no relation has at least half of the pairs are left out.
    """
    names = short_names(list(dict.fromkeys([*relation_map.relations, *relation_map.groups])))
    named = [(cluster.rows, cluster.relation) for cluster in relation_map.clusters if cluster.purity >= 0.5]
    group_of = dict(zip(relation_map.relations, relation_map.groups, strict=True))
    for group in relation_map.group_sizes.keys() - {group_of[relation] for _, relation in named}:
        named.append(([row for row, own in enumerate(relation_map.groups) if own == group], group))
    named.sort(key=lambda each: (-len(each[0]), each[0][0]))
    clouds = []
    for members, name in named:
        own = [row for row in members if name in (relation_map.relations[row], relation_map.groups[row])]
        place = densest_place(relation_map.points[own])
        distances = [math.dist(relation_map.points[row], place) for row in own]
        clouds.append(Cloud(names[name], own[int(np.argmin(distances))], place))
    return clouds


def place_labels(
    anchors: Sequence[tuple[float, float]], sizes: Sequence[tuple[float, float]], bounds: Box, points: Points
) -> list[Box | None]:
    """Find room for labels of these widths and heights; earlier labels choose first.

    Labels stay within the bounds, and cover neither each other nor any of the points `(n, 2)`. Returns the box of each
    label, as near to its anchor as there is room, or None if there is no room nearby.
    """
    placed: list[Box] = []
    boxes: list[Box | None] = []
    for (x, y), (width, height) in zip(anchors, sizes, strict=True):
        box = next(
            (
                box
                for dx, dy in _SHIFTS
                if (box := Box(x + dx * (width / 2 + height), y + dy * height, width, height)).within(bounds)
                and not any(map(box.overlaps, placed))
                and not _covers(box, points)
            ),
            None,
        )
        boxes.append(box)
        if box is not None:
            placed.append(box)
    return boxes


def _covers(box: Box, points: Points) -> bool:
    return bool((np.abs(points - (box.x, box.y)) * 2 < (box.width, box.height)).all(axis=1).any())


# Ways to move a label, in units of half its width and of its height, the smallest first.
_SHIFTS = sorted(
    ((dx / 2, dy / 2) for dx in range(-4, 5) for dy in range(-8, 9)), key=lambda step: (math.hypot(*step), step)
)
