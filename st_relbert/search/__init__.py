"""Search word pairs on disk by their relation; needs `pip install st-relbert[search]`."""

from st_relbert.search.calibration import Calibration
from st_relbert.search.completion import AnalogyCompleter, Completion
from st_relbert.search.export import export_word2vec
from st_relbert.search.hits import SearchHit
from st_relbert.search.index import RelationIndex
from st_relbert.search.labels import RELATED, PhraseAnswer, RelationLabel, relation_labels, search_phrase
from st_relbert.search.mining import FoundPair, mine_pairs, write_pairs
from st_relbert.search.scorer import OffsetScorer, PairScorer
from st_relbert.search.scorer_training import train_scorer
from st_relbert.search.sources import PairSource, open_pair_source, read_queries
from st_relbert.search.store import StoreState
from st_relbert.search.vocabulary import Vocabulary, read_words

__all__ = [
    "RELATED",
    "AnalogyCompleter",
    "Calibration",
    "Completion",
    "FoundPair",
    "OffsetScorer",
    "PairScorer",
    "PairSource",
    "PhraseAnswer",
    "RelationIndex",
    "RelationLabel",
    "SearchHit",
    "StoreState",
    "Vocabulary",
    "export_word2vec",
    "mine_pairs",
    "open_pair_source",
    "read_queries",
    "read_words",
    "relation_labels",
    "search_phrase",
    "train_scorer",
    "write_pairs",
]
