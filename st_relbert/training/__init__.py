"""Data, batches and runs for training relation embeddings."""

from st_relbert.training.interrupt import TrainingInterrupted
from st_relbert.training.relation_set import RelationSet, load_relations
from st_relbert.training.run import TrainingRun
from st_relbert.training.sampler import RelationBatchSampler

__all__ = ["RelationBatchSampler", "RelationSet", "TrainingInterrupted", "TrainingRun", "load_relations"]
