"""Data, batches and runs for training relation embeddings."""

from st_relbert.training.interrupt import TrainingInterrupted
from st_relbert.training.relations import load_relations, relations_dataset
from st_relbert.training.run import TrainingRun
from st_relbert.training.sampler import RelationBatchSampler

__all__ = ["RelationBatchSampler", "TrainingInterrupted", "TrainingRun", "load_relations", "relations_dataset"]
