"""Word pairs on disk, searched by their relation; needs ``pip install st-relbert[search]``."""

from st_relbert.search.hit import Hit
from st_relbert.search.model_identity import ModelIdentity
from st_relbert.search.pair_store import StoreState
from st_relbert.search.relation_index import RelationIndex

__all__ = ["Hit", "ModelIdentity", "RelationIndex", "StoreState"]
