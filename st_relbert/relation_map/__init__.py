"""The relation space of a model in the plane: page, pictures, clusters and the confusion of relations."""

from st_relbert.relation_map.clusters import Cluster, find_clusters
from st_relbert.relation_map.html import render_html
from st_relbert.relation_map.projection import project
from st_relbert.relation_map.prototypes import Confusion, confusion
from st_relbert.relation_map.relation_map import RelationMap
from st_relbert.relation_map.sample import sample_pairs

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
