"""The map as a page: one file that opens offline."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

from st_relbert.see.labels import find_clouds
from st_relbert.see.layout import short_names
from st_relbert.see.map import RelationMap
from st_relbert.see.picture import SHAPES, marker_of

_ASSETS = Path(__file__).parent / "assets"


def render_html(relation_map: RelationMap) -> str:
    """Write the page: the map, its legend, the confusion of relations, the clusters.

    Everything is in the one file, and its policy forbids it to load anything. Words and names enter it as JSON only,
    in which no tag can begin, and the page shows them as text.
    """
    # Never replaced within what was put in before: a word may spell a placeholder.
    parts = {
        "TITLE": html.escape(relation_map.title),
        "STYLE": _asset("map.css"),
        "DATA": _embed(page_data(relation_map)),
        "SCRIPT": "\n".join(map(_asset, ("view.js", "map.js", "input.js", "tables.js"))),
    }
    pieces = _asset("map.html").split("%%")
    # A placeholder stands between every two pieces of the template.
    return "".join(parts[piece] if number % 2 else piece for number, piece in enumerate(pieces))


def page_data(relation_map: RelationMap) -> dict[str, Any]:
    """What the page shows, as JSON can hold it; relations, groups and pairs by index."""
    relations = relation_map.confusion.names
    relation_index = {name: index for index, name in enumerate(relations)}
    groups = relation_map.group_sizes
    group_index = {name: index for index, name in enumerate(groups)}
    short = short_names(list(groups))
    points = relation_map.points.round(3).tolist()
    return {
        "title": relation_map.title,
        "pairs": [list(pair) for pair in relation_map.pairs],
        "points": points,
        "relations": relations,
        "relationShort": list(short_names(relations).values()),
        "relationOf": [relation_index[name] for name in relation_map.relations],
        "groupOf": [group_index[name] for name in relation_map.groups],
        "groups": [
            {
                "name": group,
                "short": short[group],
                "size": size,
                "colour": marker_of(index).colour,
                "shape": marker_of(index).shape,
            }
            for index, (group, size) in enumerate(groups.items())
        ],
        "shapes": SHAPES,
        "clouds": [{"name": cloud.name, "row": cloud.row, "place": cloud.place} for cloud in find_clouds(relation_map)],
        "neighbours": relation_map.neighbours,
        "clusters": [
            {"rows": cluster.rows, "relation": cluster.relation, "purity": cluster.purity}
            for cluster in relation_map.clusters
        ],
        "confusion": _cells(relation_map),
        "accuracy": relation_map.confusion.accuracy if relation_map.confusion.accuracy >= 0 else None,
    }


def _cells(relation_map: RelationMap) -> list[list[float]]:
    """The shares that are not zero: row, column, share; rows without figures are left out."""
    shares = relation_map.confusion.shares
    cells = []
    for row, of_row in enumerate(shares.tolist()):
        cells += [[row, column, round(share, 4)] for column, share in enumerate(of_row) if share > 0]
    return cells


def _embed(data: Any) -> str:
    """JSON that is safe within a script element: no `</script>` and no `<!--` can stand in it."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8").strip()
