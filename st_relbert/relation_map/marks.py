"""How groups are told apart: colour and shape."""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

Polygon: TypeAlias = list[tuple[float, float]]

# Okabe & Ito (2008), "Color Universal Design", without the yellow, which is hardly seen on white; the two lightest are
# somewhat darker for the same reason.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#D98E00", "#3FA0DB", "#000000")


class Mark(NamedTuple):
    """How the points of a group are drawn.

    Args:
        colour: As ``#rrggbb``.
        shape: Index into :data:`SHAPES`.
    """

    colour: str
    shape: int


def mark(group: int) -> Mark:
    """The mark of the group of this index: both colour and shape differ from the next one's, and 63 are different.

    >>> mark(0), mark(7)
    (Mark(colour='#0072B2', shape=0), Mark(colour='#0072B2', shape=7))
    """
    return Mark(COLOURS[group % len(COLOURS)], group % len(SHAPES))


def _regular(corners: int, turn: float = 0.0, radius: float = 1.0) -> Polygon:
    """A regular polygon with the first corner at the top."""
    angles = [math.pi / 2 + turn + 2 * math.pi * corner / corners for corner in range(corners)]
    return [(round(radius * math.cos(angle), 3), round(radius * math.sin(angle), 3)) for angle in angles]


def _star(points: int, inner: float) -> Polygon:
    outside, inside = _regular(points), _regular(points, math.pi / points, inner)
    return [corner for both in zip(outside, inside, strict=True) for corner in both]


def _plus(turn: float) -> Polygon:
    arm = [(-0.32, 1.0), (-0.32, 0.32), (-1.0, 0.32), (-1.0, -0.32), (-0.32, -0.32), (-0.32, -1.0)]
    cos, sin = math.cos(turn), math.sin(turn)
    return [(round(x * cos - y * sin, 3), round(x * sin + y * cos, 3)) for x, y in arm + [(-x, -y) for x, y in arm]]


# Outlines around the origin with y upwards, of about the same area; the same in the page and in the picture.
SHAPES: tuple[Polygon, ...] = (
    _regular(20, radius=0.85),
    _regular(4, math.pi / 4, 1.08),
    _regular(3, radius=1.15),
    _plus(0.0),
    _regular(4, radius=1.1),
    _regular(3, math.pi, 1.15),
    _plus(math.pi / 4),
    _star(5, 0.45),
    [(-0.95, 0.95), (0.95, 0.95), (-0.95, -0.95), (0.95, -0.95)],
)
