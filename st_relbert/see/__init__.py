"""Things to look at: a map of a model's relation space, and a local web page to explore an index."""

from st_relbert.see.html import render_html
from st_relbert.see.layout import Cluster, Confusion, confusion, find_clusters, project
from st_relbert.see.map import RelationMap, sample_pairs

__all__ = [
    "Cluster",
    "Confusion",
    "RelationMap",
    "confusion",
    "find_clusters",
    "project",
    "render_html",
    "sample_pairs",
]
