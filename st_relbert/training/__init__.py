"""Batches and runs for training relation embeddings."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from st_relbert.training.settings import TrainingSettings, preset_names, read_preset

if TYPE_CHECKING:
    from st_relbert.training.distillation import distillation_dataset
    from st_relbert.training.run import TrainingRun
    from st_relbert.training.sampler import RelationBatchSampler
    from st_relbert.training.stream import group_relations
    from st_relbert.training.trainer import RelationTrainer, TrainingDiverged, TrainingInterrupted
    from st_relbert.training.validation import validation_questions

# On first use: the options of the command line come from the settings, and --help must not wait for torch.
_MODULES = {
    "RelationBatchSampler": "sampler",
    "RelationTrainer": "trainer",
    "TrainingDiverged": "trainer",
    "TrainingInterrupted": "trainer",
    "TrainingRun": "run",
    "distillation_dataset": "distillation",
    "group_relations": "stream",
    "validation_questions": "validation",
}

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


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return getattr(importlib.import_module(f"st_relbert.training.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
