"""Word pairs on disk, searched by their relation; needs `pip install st-relbert[search]`."""

from st_relbert.search.calibration import Calibration
from st_relbert.search.completion import AnalogyCompleter, Completion
from st_relbert.search.export import export_word2vec
from st_relbert.search.folder import check_place
from st_relbert.search.hits import SearchHit
from st_relbert.search.index import RelationIndex
from st_relbert.search.labels import RELATED, RelationLabel, relation_labels
from st_relbert.search.phrases import PhraseAnswer, search_phrase
from st_relbert.search.sources import PairSource, open_pair_source, read_queries
from st_relbert.search.store import StoreState

__all__ = [
    "RELATED",
    "AnalogyCompleter",
    "Calibration",
    "Completion",
    "PairSource",
    "PhraseAnswer",
    "RelationIndex",
    "RelationLabel",
    "SearchHit",
    "StoreState",
    "check_place",
    "export_word2vec",
    "open_pair_source",
    "read_queries",
    "relation_labels",
    "search_phrase",
]
