"""The map as a web page: a single file that works offline."""

from __future__ import annotations

import html
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from st_relbert.see.labels import find_clouds
from st_relbert.see.layout import short_names
from st_relbert.see.map import RelationMap
from st_relbert.see.picture import SHAPES, marker_of

_ASSETS = Path(__file__).parent / "assets"


def render_html(relation_map: RelationMap) -> str:
    """Return the page: the map, its legend, the confusion of relations, and the clusters.

    The page is self-contained, and its policy forbids it to load anything. Words and names are only in JSON, in which
    no tag can begin, and the page shows them as text.
    """
    # All placeholders are replaced in one pass, because a word may spell one.
    parts = {
        "TITLE": html.escape(relation_map.title),
        "STYLE": _asset("map.css"),
        "DATA": _embed(page_data(relation_map)),
        "SCRIPT": "\n".join(map(_asset, ("view.js", "map.js", "input.js", "tables.js"))),
    }
    pieces = _asset("map.html").split("%%")
    # Every second piece of the template is a placeholder.
    return "".join(parts[piece] if number % 2 else piece for number, piece in enumerate(pieces))


def page_data(relation_map: RelationMap) -> dict[str, Any]:
    """Return what the page shows, in JSON values, with relations, groups and pairs by index."""
    relations = relation_map.confusion.names
    relation_index = {name: index for index, name in enumerate(relations)}
    groups = relation_map.group_sizes
    group_index = {name: index for index, name in enumerate(groups)}
    accuracy = relation_map.confusion.accuracy
    return {
        "pairs": relation_map.pairs,
        "points": relation_map.points.round(3).tolist(),
        "relations": relations,
        "relationShort": list(short_names(relations).values()),
        "relationOf": [relation_index[name] for name in relation_map.relations],
        "groupOf": [group_index[name] for name in relation_map.groups],
        "groups": [
            {"name": group, "size": size, **marker_of(index)._asdict()}
            for index, (group, size) in enumerate(groups.items())
        ],
        "shapes": SHAPES,
        "clouds": [cloud._asdict() for cloud in find_clouds(relation_map)],
        "neighbours": relation_map.neighbours,
        "clusters": [asdict(cluster) for cluster in relation_map.clusters],
        "confusion": _cells(relation_map),
        "accuracy": None if math.isnan(accuracy) else accuracy,
    }


def _cells(relation_map: RelationMap) -> list[list[float]]:
    """Return the nonzero shares as row, column, share, without rows that have no figures."""
    shares = relation_map.confusion.shares
    cells = []
    for row, of_row in enumerate(shares.tolist()):
        cells += [[row, column, round(share, 4)] for column, share in enumerate(of_row) if share > 0]
    return cells


def _embed(data: Any) -> str:
    """Return JSON that is safe inside a script element: it cannot contain `</script>` or `<!--`."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8").strip()
