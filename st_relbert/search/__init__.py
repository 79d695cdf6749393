"""Word pairs on disk, searched by their relation; needs ``pip install st-relbert[search]``."""

from st_relbert.model_identity import ModelIdentity
from st_relbert.search.completion import AnalogyCompleter, Completion
from st_relbert.search.hit import Hit
from st_relbert.search.pair_source import PairSource, open_pair_source
from st_relbert.search.pair_store import StoreState
from st_relbert.search.relation_index import RelationIndex
from st_relbert.search.relation_labels import RelationLabel, relation_labels
from st_relbert.search.word2vec import export_word2vec

__all__ = [
    "AnalogyCompleter",
    "Completion",
    "Hit",
    "ModelIdentity",
    "PairSource",
    "RelationIndex",
    "RelationLabel",
    "StoreState",
    "export_word2vec",
    "open_pair_source",
    "relation_labels",
]
