"""Training relations from WordNet: hypernymy, holonymy, antonymy, derivation, inflection and others."""

from st_relbert.wordnet.build import build_relations
from st_relbert.wordnet.relation_build import RelationBuild
from st_relbert.wordnet.wordnet import DEBIAN_FOLDER, WordNet

__all__ = ["DEBIAN_FOLDER", "RelationBuild", "WordNet", "build_relations"]
