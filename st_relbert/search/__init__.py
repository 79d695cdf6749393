"""Word pairs on disk, searched by their relation; needs ``pip install st-relbert[search]``."""

from st_relbert.search.completion import AnalogyCompleter, Completion
from st_relbert.search.export import export_word2vec
from st_relbert.search.index import Hit, RelationIndex
from st_relbert.search.labels import RelationLabel, relation_labels
from st_relbert.search.rows import PairSource, open_pair_source
from st_relbert.search.store import StoreState

__all__ = [
    "AnalogyCompleter",
    "Completion",
    "Hit",
    "PairSource",
    "RelationIndex",
    "RelationLabel",
    "StoreState",
    "export_word2vec",
    "open_pair_source",
    "relation_labels",
]
