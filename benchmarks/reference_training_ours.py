"""This library's side of ``reference_training.py``: sentence-transformers' trainer on recorded batches."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.base.sampler import DefaultBatchSampler
from transformers import PrinterCallback, TrainerCallback

from st_relbert import RelBERT
from st_relbert.losses import InfoNCELoss


class RecordedBatches(DefaultBatchSampler):
    """Takes the rows of the dataset in order, in batches of the given sizes."""

    def __init__(self, dataset: Dataset, *args: Any, sizes: list[int], **kwargs: Any) -> None:
        super().__init__(dataset, *args, **kwargs)
        self.sizes = sizes

    def __len__(self) -> int:
        """The number of batches."""
        return len(self.sizes)

    def __iter__(self) -> Iterator[list[int]]:
        """Yield each batch's rows."""
        start = 0
        for size in self.sizes:
            yield list(range(start, start + size))
            start += size


class RepeatsAsNegatives(InfoNCELoss):
    """Takes all pairs of a batch for different ones, as the relbert library does.

    A negative that is also a positive of the step is then pushed away, where InfoNCELoss leaves it out.
    """

    def compute_loss_from_embeddings(
        self, embeddings: torch.Tensor, labels: torch.Tensor, pair_ids: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Compute the loss without a look at ``pair_ids``."""
        return super().compute_loss_from_embeddings(embeddings, labels, None)


class Clock(TrainerCallback):
    """Notes when each step ends."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        """Note the time."""
        self.times.append(time.perf_counter())


def train(
    batches: list[dict[str, Any]],
    encoder: str,
    folder: Path,
    loss_class: type[InfoNCELoss],
    settings: dict[str, Any],
    bf16: bool = False,
) -> list[dict[str, float]]:
    """Train on recorded batches, one a step.

    Args:
        batches: Each with its ``positives`` and ``negatives``, lists of pairs.
        encoder: The encoder's folder.
        folder: For what the trainer writes.
        loss_class: InfoNCELoss or a subclass.
        settings: The arguments of the relbert library's ``Trainer``.
        bf16: Train in bfloat16.

    Returns:
        For each step its ``loss`` and the ``time`` at its end.
    """
    model = RelBERT(encoder, template=settings["template"], pooling=settings["aggregation_mode"], device="cpu")
    model.max_seq_length = settings["max_length"]
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings["lr"], weight_decay=0.0)
    # The relbert library's schedule: the first step is taken with a tenth of the rate, and the rate never falls again.
    warmup = settings["lr_warmup"]
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / warmup))
    trainer = SentenceTransformerTrainer(
        model=model,
        args=arguments(folder, [len(row["positives"] + row["negatives"]) for row in batches], bf16),
        train_dataset=dataset_of(batches),
        loss=loss_class(model, settings["loss_function_config"]["temperature"], reduction="sum", anchors="first"),
        optimizers=(optimizer, schedule),
        callbacks=[clock := Clock()],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return [{"loss": loss, "time": end} for loss, end in zip(losses, clock.times, strict=True)]


def dataset_of(batches: list[dict[str, Any]]) -> Dataset:
    """All rows of all batches, in order; the label -1 says that a pair is a negative only."""
    rows: dict[str, list[Any]] = {"pair": [], "label": []}
    for batch in batches:
        for pairs, label in ((batch["positives"], 0), (batch["negatives"], -1)):
            rows["pair"] += pairs
            rows["label"] += [label] * len(pairs)
    return Dataset.from_dict(rows)


def arguments(folder: Path, sizes: list[int], bf16: bool) -> SentenceTransformerTrainingArguments:
    """The trainer's arguments: a step for each batch, nothing saved."""
    return SentenceTransformerTrainingArguments(
        output_dir=str(folder),
        max_steps=len(sizes),
        max_grad_norm=0,  # the relbert library does not clip
        batch_sampler=partial(RecordedBatches, sizes=sizes),
        use_cpu=True,
        bf16=bf16,
        dataloader_pin_memory=False,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
