"""The map and the confusion of relations as pictures; needs `pip install st-relbert[plot]`."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from st_relbert.environment import import_extra
from st_relbert.see.labels import Box, find_clouds, place_labels
from st_relbert.see.layout import short_names, short_word
from st_relbert.see.map import RelationMap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure


Polygon: TypeAlias = list[tuple[float, float]]

# Okabe & Ito (2008), "Color Universal Design", without the yellow, which is hardly visible on white. The two lightest
# are somewhat darker for the same reason.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#D98E00", "#3FA0DB", "#000000")


class Marker(NamedTuple):
    """How the points of a group are drawn: a colour `#rrggbb`, and an index into `SHAPES`."""

    colour: str
    shape: int


def marker_of(group: int) -> Marker:
    """Return the marker of the group with this index. The first 63 differ, successive ones in both colour and shape.

    >>> marker_of(0), marker_of(7)
    (Marker(colour='#0072B2', shape=0), Marker(colour='#0072B2', shape=7))
    """
    return Marker(COLOURS[group % len(COLOURS)], group % len(SHAPES))


def _regular(corners: int, turn: float = 0.0, radius: float = 1.0) -> Polygon:
    """Return a regular polygon with the first corner at the top."""
    angles = [math.pi / 2 + turn + 2 * math.pi * corner / corners for corner in range(corners)]
    return [(round(radius * math.cos(angle), 3), round(radius * math.sin(angle), 3)) for angle in angles]


def _star(points: int, inner: float) -> Polygon:
    outside, inside = _regular(points), _regular(points, math.pi / points, inner)
    return [corner for both in zip(outside, inside, strict=True) for corner in both]


def _plus(turn: float) -> Polygon:
    arm = [(-0.32, 1.0), (-0.32, 0.32), (-1.0, 0.32), (-1.0, -0.32), (-0.32, -0.32), (-0.32, -1.0)]
    cos, sin = math.cos(turn), math.sin(turn)
    return [(round(x * cos - y * sin, 3), round(x * sin + y * cos, 3)) for x, y in arm + [(-x, -y) for x, y in arm]]


# Outlines around the origin with y upwards, of about the same area, for both the page and the picture.
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


INK = "#222222"
_LEGEND_ROWS = 40
_MOST_IN_LEGEND = 80
_LABEL_PADDING = 4  # pixels around the text of a label: its frame and a gap
_MOST_NAMED = 200  # rows of the heat map; if there are more, only some are named


def check_matplotlib() -> None:
    """Raise `MissingExtraError`, which says how to install it, if matplotlib is missing; call it before any work."""
    import_extra("matplotlib", "plot")


def save_picture(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure to a PNG file."""
    # Without the version of matplotlib, the same map gives the same file.
    figure.savefig(path, format="png", metadata={"Software": None})


def draw_map(relation_map: RelationMap) -> Figure:
    """Draw the pairs as points, with labels next to their clouds, and a legend."""
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
    marks = [_scatter(axes, relation_map.points[names == group], index) for index, group in enumerate(groups)]
    if in_legend:
        legend = figure.legend(
            marks,
            [" "] * len(marks),
            loc="upper left",
            bbox_to_anchor=(8.95 / width, 0.94),
            ncols=columns,
            frameon=False,
            fontsize=9,
            labelcolor=INK,
            handletextpad=0.2,
        )
        # Only now: some versions of matplotlib leave out labels that begin with "_".
        for text, group in zip(legend.get_texts(), groups, strict=True):
            text.set(text=short[group], parse_math=False)
    _label_clouds(figure, axes, relation_map)
    return figure


def _scatter(axes: Axes, points: Any, index: int) -> PathCollection:
    from matplotlib.path import Path

    colour, shape = marker_of(index)
    outline = SHAPES[shape]
    marker = Path([*outline, outline[0]], closed=True)
    # matplotlib scales an outline to its largest coordinate; this scales it back.
    size = 7.5 * max(abs(coordinate) for corner in outline for coordinate in corner)
    return axes.scatter(
        points[:, 0], points[:, 1], s=size**2, marker=marker, c=colour, linewidths=0.3, edgecolors="white"
    )


def _label_clouds(figure: Figure, axes: Axes, relation_map: RelationMap) -> None:
    """Write the names of the clouds next to them, each with a line to its cloud, as far as there is room."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer: Any = FigureCanvasAgg(figure).get_renderer()
    axes.apply_aspect()
    colours = {group: marker_of(index).colour for index, group in enumerate(relation_map.group_sizes)}
    clouds = find_clouds(relation_map)
    texts = []
    for cloud in clouds:
        colour = colours[relation_map.groups[cloud.row]]
        frame = {"boxstyle": "round,pad=0.2", "facecolor": "#FFFFFF", "edgecolor": colour, "linewidth": 0.8}
        lines = f"{cloud.name}\n{' : '.join(map(short_word, relation_map.pairs[cloud.row]))}"
        style: dict[str, Any] = {"color": INK, "fontsize": 7, "ha": "center", "va": "center", "linespacing": 1.1}
        texts.append(axes.text(*cloud.place, lines, parse_math=False, bbox=frame, zorder=4, **style))
    # The text's size, with room for the frame, because the frame has no size before it is drawn.
    extents = [text.get_window_extent(renderer).padded(_LABEL_PADDING) for text in texts]
    anchors = [tuple(axes.transData.transform(cloud.place)) for cloud in clouds]
    area = axes.get_window_extent(renderer)
    bounds = Box((area.x0 + area.x1) / 2, (area.y0 + area.y1) / 2, area.width, area.height)
    points = axes.transData.transform(relation_map.points)
    boxes = place_labels(anchors, [(extent.width, extent.height) for extent in extents], bounds, points)
    to_data = axes.transData.inverted()
    for text, cloud, box in zip(texts, clouds, boxes, strict=True):
        if box is None:
            text.remove()
            continue
        moved = to_data.transform((box.x, box.y))
        text.set_position((float(moved[0]), float(moved[1])))
        line: dict[str, Any] = {"color": colours[relation_map.groups[cloud.row]], "linewidth": 0.8, "zorder": 3}
        axes.plot(*zip(cloud.place, moved, strict=True), **line, scalex=False, scaley=False)


def draw_confusion(relation_map: RelationMap) -> Figure:
    """Draw the shares as a heat map, with the true relations as rows. A row without figures is grey."""
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
    # By the square root, because most errors are small shares, which would all look white.
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
