"""Data, batches and runs for training relation embeddings."""

from st_relbert.training.run import TrainingRun, validation_questions
from st_relbert.training.sampler import RelationBatchSampler
from st_relbert.training.settings import TrainingSettings, preset_names, read_preset
from st_relbert.training.trainer import RelationTrainer, TrainingDiverged, TrainingInterrupted

__all__ = [
    "RelationBatchSampler",
    "RelationTrainer",
    "TrainingDiverged",
    "TrainingInterrupted",
    "TrainingRun",
    "TrainingSettings",
    "preset_names",
    "read_preset",
    "validation_questions",
]
