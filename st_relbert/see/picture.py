"""The map and the confusion of relations as pictures; needs `pip install st-relbert[plot]`."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from st_relbert.environment import import_extra
from st_relbert.see.layout import Points, short_names
from st_relbert.see.map import RelationMap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


Polygon: TypeAlias = list[tuple[float, float]]

# Okabe & Ito (2008), "Color Universal Design", without the yellow, which is hardly seen on white; the two lightest are
# somewhat darker for the same reason.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#D98E00", "#3FA0DB", "#000000")


class Marker(NamedTuple):
    """How the points of a group are drawn.

    Args:
        colour: As `#rrggbb`.
        shape: Index into `SHAPES`.
    """

    colour: str
    shape: int


def marker_of(group: int) -> Marker:
    """The mark of the group of this index: both colour and shape differ from the next one's, and 63 are different.

    >>> marker_of(0), marker_of(7)
    (Marker(colour='#0072B2', shape=0), Marker(colour='#0072B2', shape=7))
    """
    return Marker(COLOURS[group % len(COLOURS)], group % len(SHAPES))


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
        points: `(n, 2)`, at least one.

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


INK = "#222222"
_LEGEND_ROWS = 40
_MOST_IN_LEGEND = 80
_LABEL_PADDING = 6  # pixels around the text of a label: its frame and a gap
_MOST_NAMED = 200  # rows of the heat map; of more, only some bear a name


def check_matplotlib() -> None:
    """Refuse to draw where the package is not installed, before any work is done.

    Raises:
        MissingExtraError: If matplotlib is not installed; says how to install it.
    """
    import_extra("matplotlib", "plot")


def save_picture(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure to a PNG file."""
    # The version of matplotlib is left out: the same map gives the same file.
    figure.savefig(path, format="png", metadata={"Software": None})


def draw_map(relation_map: RelationMap) -> Figure:
    """Draw the pairs as points, the name of each group where it is densest, and a legend."""
    from matplotlib.figure import Figure

    groups = relation_map.group_sizes
    in_legend = len(groups) <= _MOST_IN_LEGEND
    columns = math.ceil(len(groups) / _LEGEND_ROWS) if in_legend else 0
    short = short_names(list(groups))
    legend_width = columns * (0.5 + 0.075 * max(map(len, short.values())))
    width = 9.0 + legend_width
    figure = Figure(figsize=(width, 8.5), dpi=100, facecolor="white")
    axes = figure.add_axes((0.15 / width, 0.02, 8.7 / width, 0.91))
    axes.set_title(relation_map.title, parse_math=False, color=INK, fontsize=13, loc="left")
    axes.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim")
    for spine in axes.spines.values():
        spine.set_color("#BBBBBB")
    names = np.array(relation_map.groups)
    for index, group in enumerate(groups):
        _scatter(axes, relation_map.points[names == group], index, label=short[group])
    if in_legend:
        legend = figure.legend(
            loc="upper left",
            bbox_to_anchor=(8.95 / width, 0.94),
            ncols=columns,
            frameon=False,
            fontsize=9,
            labelcolor=INK,
            handletextpad=0.2,
        )
        for text in legend.get_texts():
            text.set_parse_math(False)
    _label_groups(figure, axes, relation_map, short)
    return figure


def _scatter(axes: Axes, points: Any, index: int, label: str) -> None:
    from matplotlib.path import Path

    colour, shape = marker_of(index)
    outline = SHAPES[shape]
    marker = Path([*outline, outline[0]], closed=True)
    # matplotlib scales an outline to its largest coordinate; this scales it back.
    size = 7.5 * max(abs(coordinate) for corner in outline for coordinate in corner)
    axes.scatter(
        points[:, 0], points[:, 1], s=size**2, marker=marker, c=colour, linewidths=0.3, edgecolors="white", label=label
    )


def _label_groups(figure: Figure, axes: Axes, relation_map: RelationMap, short: dict[str, str]) -> list[Any]:
    """Write the names of the groups on the map, those of large groups first; leave out what has no room."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer: Any = FigureCanvasAgg(figure).get_renderer()
    axes.apply_aspect()
    sizes, names = relation_map.group_sizes, np.array(relation_map.groups)
    texts = []
    for group in sorted(sizes, key=lambda group: -sizes[group]):
        frame = {"boxstyle": "round,pad=0.25", "facecolor": "#FFFFFFDD", "edgecolor": _edge(list(sizes).index(group))}
        x, y = densest_place(relation_map.points[names == group])
        texts.append(axes.text(x, y, short[group], parse_math=False, color=INK, ha="center", va="center", bbox=frame))
    # Of the text, with room for the frame: the frame itself has no size before it is drawn.
    extents = [text.get_window_extent(renderer).padded(_LABEL_PADDING) for text in texts]
    anchors = [((extent.x0 + extent.x1) / 2, (extent.y0 + extent.y1) / 2) for extent in extents]
    area = axes.get_window_extent(renderer)
    bounds = Box((area.x0 + area.x1) / 2, (area.y0 + area.y1) / 2, area.width, area.height)
    boxes = place_labels(anchors, [(extent.width, extent.height) for extent in extents], bounds)
    to_data = axes.transData.inverted()
    for text, anchor, box in zip(texts, anchors, boxes, strict=True):
        if box is None:
            text.remove()
            continue
        x, y = axes.transData.transform(text.get_position())
        moved = to_data.transform((x + box.x - anchor[0], y + box.y - anchor[1]))
        text.set_position((float(moved[0]), float(moved[1])))
    return [text for text, box in zip(texts, boxes, strict=True) if box is not None]


def _edge(index: int) -> str:
    return marker_of(index).colour


def draw_confusion(relation_map: RelationMap) -> Figure:
    """Draw the shares as a heat map, the true relation down the side; a row without figures stays grey."""
    from matplotlib.colors import PowerNorm
    from matplotlib.figure import Figure

    confusion = relation_map.confusion
    count = len(confusion.names)
    short = list(short_names(confusion.names).values())
    margin = 0.4 + 0.075 * max(map(len, short))
    cells = min(max(count * 0.165, 3.0), _MOST_NAMED * 0.165)
    width, height = margin + cells + 1.1, margin + cells + 0.7
    figure = Figure(figsize=(width, height), dpi=100, facecolor="white")
    axes = figure.add_axes((margin / width, margin / height, cells / width, cells / height), facecolor="#BBBBBB")
    # The square root: most errors are small shares, which would all look white.
    image = axes.imshow(
        np.ma.masked_invalid(confusion.shares),
        cmap="Blues",
        norm=PowerNorm(0.5, 0, 1),
        aspect="equal",
        interpolation="none",
    )
    step = math.ceil(count / _MOST_NAMED)
    axes.set_xticks(range(0, count, step), short[::step], rotation=90, parse_math=False)
    axes.set_yticks(range(0, count, step), short[::step], parse_math=False)
    axes.tick_params(labelsize=8, labelcolor=INK, length=0)
    axes.set_xticks(np.arange(count + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(count + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#E8E8E8", linewidth=0.4)
    axes.tick_params(which="minor", length=0)
    axes.set_xlabel("relation of the nearest prototype", color=INK)
    axes.set_ylabel("true relation", color=INK)
    figure.text(0.1 / width, 1 - 0.35 / height, relation_map.title, parse_math=False, color=INK, fontsize=12)
    bar_axes = figure.add_axes(((margin + cells + 0.2) / width, margin / height, 0.18 / width, 2.4 / height))
    bar = figure.colorbar(image, cax=bar_axes, ticks=[0, 0.05, 0.25, 0.5, 1])
    bar.ax.set_yticklabels(["0 %", "5 %", "25 %", "50 %", "100 %"], fontsize=8, color=INK)
    return figure
