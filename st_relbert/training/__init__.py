"""Data, batches and runs for training relation embeddings."""

from st_relbert.settings import TrainingSettings, preset_names, read_preset
from st_relbert.training.data import distillation_dataset, group_relations, validation_questions
from st_relbert.training.run import TrainingRun
from st_relbert.training.sampler import RelationBatchSampler
from st_relbert.training.trainer import RelationTrainer, TrainingDiverged, TrainingInterrupted

__all__ = [
    "RelationBatchSampler",
    "RelationTrainer",
    "TrainingDiverged",
    "TrainingInterrupted",
    "TrainingRun",
    "TrainingSettings",
    "distillation_dataset",
    "group_relations",
    "preset_names",
    "read_preset",
    "validation_questions",
]
