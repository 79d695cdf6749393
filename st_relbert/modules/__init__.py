"""The modules of a relation-embedding pipeline."""

from st_relbert.modules.prompt_template import PromptTemplate
from st_relbert.modules.relation_pooling import RelationPooling

__all__ = ["PromptTemplate", "RelationPooling"]
