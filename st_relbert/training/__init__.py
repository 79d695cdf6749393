"""Data, batches and runs for training relation embeddings."""

from st_relbert.training.checkpoint_callback import TrainingInterrupted
from st_relbert.training.combination import Combination, combine_relations
from st_relbert.training.mismatches import with_mismatches
from st_relbert.training.presets import preset_names, read_preset
from st_relbert.training.relation_set import RelationSet, load_relations
from st_relbert.training.run import TrainingRun
from st_relbert.training.sampler import RelationBatchSampler
from st_relbert.training.settings import TrainingSettings
from st_relbert.training.trainer import RelationTrainer, TrainingDiverged
from st_relbert.training.validation import validation_questions

__all__ = [
    "Combination",
    "RelationBatchSampler",
    "RelationSet",
    "RelationTrainer",
    "TrainingDiverged",
    "TrainingInterrupted",
    "TrainingRun",
    "TrainingSettings",
    "combine_relations",
    "load_relations",
    "preset_names",
    "read_preset",
    "validation_questions",
    "with_mismatches",
]
