"""A complete training run, from data and an encoder to a saved model."""

from __future__ import annotations

import hashlib
import json
import logging
from contextlib import nullcontext, suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from sentence_transformers import SentenceTransformerTrainingArguments
from sentence_transformers.util.distributed import get_rank, get_world_size
from torch import nn
from transformers import EarlyStoppingCallback, PrinterCallback, ProgressCallback

from st_relbert.data.relation_set import RelationSet
from st_relbert.data.sources import as_lines, sources_of
from st_relbert.environment import computes_in_bfloat16
from st_relbert.evaluation import AnalogyEvaluator
from st_relbert.files.outputs import atomic_output, check_output, output_lock
from st_relbert.identity import ModelIdentity, vectors_digest
from st_relbert.losses import loss_class
from st_relbert.model import RelBERT
from st_relbert.model_card import RelBERTModelCardData
from st_relbert.settings import TrainingSettings
from st_relbert.training.checkpoints import TEACHER, CheckpointFolder
from st_relbert.training.data import distillation_dataset, held_out_questions, load_data, validation_questions
from st_relbert.training.record import ChosenEvaluation, write_record
from st_relbert.training.sampler import RelationBatchSampler
from st_relbert.training.trainer import (
    CheckpointCallback,
    ProgressBar,
    RelationTrainer,
    SignalsNoted,
    TrainingInterrupted,
)

logger = logging.getLogger(__name__)

_METRICS = {"accuracy": "eval_validation_accuracy", "loss": "eval_loss"}
# The name in transformers; older releases of transformers 5 only have the second one.
_CHECKPOINTING = next(
    name
    for name in ("activation_checkpointing", "gradient_checkpointing")
    if name in SentenceTransformerTrainingArguments.__dataclass_fields__
)
_MODEL = "modules.json"  # in the folder of every model
# Settings that may differ when a run is resumed: locations, and what does not change the result.
_FREE = (
    "output",
    "base_model",
    "teacher",
    "train_data",
    "validation_data",
    "save_steps",
    "report_to",
    "activation_checkpointing",
)


def build_arguments(settings: TrainingSettings, model: RelBERT, folder: str) -> SentenceTransformerTrainingArguments:
    """Return the trainer's arguments for a model on its device, with checkpoints in the folder."""
    choose = settings.choose_by != "none"
    checkpointing: dict[str, Any] = {_CHECKPOINTING: settings.activation_checkpointing}
    return SentenceTransformerTrainingArguments(
        output_dir=folder,
        num_train_epochs=settings.epochs,
        max_steps=settings.max_steps,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="linear" if settings.schedule == "linear" else "constant_with_warmup",
        warmup_steps=settings.warmup_steps,
        max_grad_norm=settings.max_grad_norm,
        weight_decay=0.0,
        **_batches(settings),
        seed=settings.seed,
        bf16=settings.bf16 and computes_in_bfloat16(model.device),
        **checkpointing,
        # Without this, the trainer requires a GPU for bfloat16.
        use_cpu=model.device.type == "cpu",
        dataloader_pin_memory=model.device.type == "cuda",
        eval_strategy="epoch" if choose else "no",
        save_strategy="epoch" if choose else "no",  # and every save_steps, by a callback
        save_total_limit=2,  # the best and the last; the older one is used if the last is damaged
        load_best_model_at_end=choose,
        metric_for_best_model=_METRICS.get(settings.choose_by),
        greater_is_better=settings.choose_by == "accuracy" if choose else None,
        restore_callback_states_from_checkpoint=True,
        logging_steps=10,
        logging_first_step=True,
        report_to=settings.report_to,
    )


def _batches(settings: TrainingSettings) -> dict[str, Any]:
    if settings.teacher is not None:
        return {"per_device_train_batch_size": settings.pairs_per_batch}
    sampler = partial(
        RelationBatchSampler,
        relations_per_batch=settings.relations_per_batch,
        pairs_per_relation=settings.pairs_per_relation,
        negatives_per_relation=settings.negatives_per_relation,
        size_exponent=settings.size_exponent,
        augment_negatives=settings.relations_per_batch == 1,
    )
    return {"batch_sampler": sampler}


def build_validation(settings: TrainingSettings, validation: RelationSet | None) -> dict[str, Any]:
    """Return the trainer's argument for validation: an evaluator or evaluation data."""
    if validation is None:
        return {}
    if settings.choose_by == "loss":
        return {"eval_dataset": validation.dataset()}
    questions = validation_questions(validation, seed=settings.seed)
    return {"evaluator": AnalogyEvaluator(questions, name="validation", write_csv=False)}


class TrainingRun(TrainingSettings):
    """Trains a model and saves it. Its arguments are the settings; see `TrainingSettings`.

    Examples:
        >>> run = TrainingRun(base_model="relbert-nce", train_data="starter", output="trained", max_steps=1)
        >>> model = run.train(show_progress_bar=False)
        >>> RelBERT("trained").encode(("Tokyo", "Japan")).shape == model.encode(("Tokyo", "Japan")).shape
        True
    """

    @property
    def checkpoints(self) -> CheckpointFolder:
        """The checkpoints, next to the output. They are removed when the run is complete."""
        return CheckpointFolder(self.output)

    def train(self, *, resume: bool = False, overwrite: bool = False, show_progress_bar: bool = True) -> RelBERT:
        """Train and save a model. With several processes (`torchrun`), call it in each.

        Args:
            resume: Continue from the last checkpoint of an interrupted run with the same settings.
            overwrite: Replace a model at `output`, and the checkpoints of an earlier run.
            show_progress_bar: Show progress and loss. If the log level is INFO, also measure and log the accuracy on
                held-out pairs before and after.

        Returns:
            The trained model.

        Raises:
            ValueError: If the output cannot be written, or another process is writing it; if a setting, the encoder or
                the data are invalid; if the checkpoints belong to another run, or all are damaged.
            TrainingDiverged: If the loss or a weight is no longer finite; a subclass of `ValueError`.
            TrainingInterrupted: If Ctrl-C or SIGTERM stopped the run after saving a checkpoint.
        """
        check_output(self.output, overwrite, _MODEL)
        relations, validation = load_data(self)
        teacher = None if self.teacher is None else RelBERT(self.teacher, fast=self.bf16)
        if teacher is None:
            logger.info("Training on %s.", relations)
        else:
            logger.info("Distilling %s on the pairs of %s.", self.teacher, relations)
        model = self._model(teacher)
        _check_model(model, relations, validation)
        arguments = build_arguments(self, model, str(self.checkpoints.path))
        if self.bf16 and not arguments.bf16:
            logger.warning("This %s has no instructions for bfloat16: computing in float32.", model.device.type.upper())
        if isinstance(model.model_card_data, RelBERTModelCardData):
            model.model_card_data.sampler = getattr(arguments.batch_sampler, "keywords", {})
        # The arguments set up distributed processes, so ranks are known from here on. The first process writes.
        with output_lock(self.output) if get_rank() == 0 else nullcontext():
            check_output(self.output, overwrite, _MODEL)  # another run may have finished in the meantime
            run = _description(self, model, teacher, relations, validation)
            checkpoint = self._checkpoint(arguments, run, resume, overwrite)
            with self.checkpoints.cleared_without_checkpoint() if get_rank() == 0 else nullcontext():
                reports = show_progress_bar and get_rank() == 0 and logger.isEnabledFor(logging.INFO)
                held_out = held_out_questions(self, validation) if reports else None
                before = held_out.evaluate(model).metrics["accuracy"] if held_out else 0.0
                trainer = self._trainer(model, teacher, arguments, relations, validation, show_progress_bar)
                self._run(trainer, checkpoint)
            trainer.check_weights()
            if get_rank() == 0:
                with SignalsNoted() as finishing:  # finishing takes little time, and half a model is worth nothing
                    with atomic_output(self.output) as temporary:
                        model.save_pretrained(str(temporary))
                        used = replace(self, bf16=arguments.bf16)
                        write_record(temporary, used, model, relations, trainer.state)
                    model.source = str(Path(self.output).absolute())
                    self.checkpoints.clear()
                if show_progress_bar and not finishing.interrupted:
                    with suppress(KeyboardInterrupt):  # the model is saved already; only the report stops
                        _report(model, held_out, before)
        return model

    def _trainer(
        self,
        model: RelBERT,
        teacher: RelBERT | None,
        arguments: SentenceTransformerTrainingArguments,
        relations: RelationSet,
        validation: RelationSet | None,
        show_progress_bar: bool,
    ) -> RelationTrainer:
        parents_are_steps = self.relations_per_batch == 1 and self.parent_weight > 0 and relations.parents is not None
        trained = relations.with_parents() if parents_are_steps else relations
        data = trained.dataset()
        if teacher is not None:
            kept = self.checkpoints.path / TEACHER
            data = distillation_dataset(relations, teacher, kept_in=kept, show_progress_bar=show_progress_bar)
        callbacks: list[Any] = [ChosenEvaluation()]
        if show_progress_bar:
            callbacks.append(ProgressBar())
        if self.patience is not None:
            callbacks.append(EarlyStoppingCallback(self.patience))
        trainer = RelationTrainer(
            model=model,
            args=arguments,
            train_dataset=data,
            loss=loss_class(self.loss).from_settings(model, self, relations.parents),
            relation_names=trained.names,
            relation_weights=() if teacher else list(trained.weights.values()),  # a teacher's pairs have no relations
            callbacks=callbacks,
            **build_validation(self, validation),
        )
        for shown in (PrinterCallback, ProgressCallback):
            trainer.remove_callback(shown)
        return trainer

    def _checkpoint(
        self, arguments: SentenceTransformerTrainingArguments, run: dict[str, Any], resume: bool, overwrite: bool
    ) -> str | None:
        """Return the checkpoint to continue from, or None for a new run."""
        with arguments.main_process_first(local=False):
            if resume:
                return self.checkpoints.resume(run)
            if get_rank() == 0:
                self.checkpoints.begin(run, overwrite)
        return None

    def _model(self, teacher: RelBERT | None) -> RelBERT:
        sources = as_lines(sources_of(self.train_data))
        data: dict[str, Any] = {"name": Path(self.train_data).name, "sources": sources}
        card = RelBERTModelCardData(train_datasets=[data])
        if teacher is not None:
            card.name_teacher(str(self.teacher), teacher.model_card_data)
        model = RelBERT(self.base_model, template=self.template, pooling=self.pooling, model_card_data=card)
        model.float()  # half-precision weights would lose small steps; bf16 applies to computations only
        if self.dropout is not None:
            for module in model.modules():
                if isinstance(module, nn.Dropout):
                    module.p = self.dropout
        if self.max_length is not None:
            model.max_seq_length = min(self.max_length, model.max_seq_length or self.max_length)
        return model

    def _run(self, trainer: RelationTrainer, checkpoint: str | None) -> None:
        with CheckpointCallback(self.save_steps) as saving:
            trainer.add_callback(saving)
            trainer.train(resume_from_checkpoint=checkpoint)
        if saving.interrupted:
            raise TrainingInterrupted(
                f"Stopped after step {trainer.state.global_step}. The checkpoint is in {str(self.checkpoints.path)!r}. "
                "Continue with --resume."
            )


def _check_model(model: RelBERT, *relation_sets: RelationSet | None) -> None:
    """Refuse a model that cannot be saved, and pairs that it cannot read, before training rather than after hours."""
    model.to_sentence_transformer()  # the form in which it is saved
    prompt: Any = model[0]  # a PromptTemplate, as in every RelBERT
    for relations in filter(None, relation_sets):
        for pairs in (*relations.positives.values(), *relations.negatives.values()):
            prompt.check_prompts(pairs)


def _report(model: RelBERT, held_out: AnalogyEvaluator | None, before: float) -> None:
    """Log the accuracy on held-out pairs before and after training, and the nearest pairs of a few."""
    if held_out is None:
        logger.info(
            "No pairs were held out, so the result was not measured. Pass --choose-by accuracy and "
            "--held-out-relations 0.1, or evaluate the model on your own questions."
        )
        return
    logger.info(
        "Accuracy on questions about held-out pairs: %.1f %% before training, %.1f %% after (%d questions).",
        100 * before,
        100 * held_out.evaluate(model).metrics["accuracy"],
        len(held_out.questions),
    )
    pairs = list(dict.fromkeys(question.stem for question in held_out.questions))
    vectors = model.encode(pairs, convert_to_tensor=True)
    similarities = model.similarity(vectors, vectors).fill_diagonal_(float("-inf"))
    for pair, nearest in list(zip(pairs, similarities.argmax(dim=1).tolist(), strict=True))[:3]:
        logger.info("Nearest to %s: %s.", " - ".join(pair), " - ".join(pairs[nearest]))


def _description(
    settings: TrainingSettings,
    model: RelBERT,
    teacher: RelBERT | None,
    relations: RelationSet,
    validation: RelationSet | None,
) -> dict[str, Any]:
    """Return what identifies a run when it is resumed: its settings, and digests of its models and data."""
    compared = {name: value for name, value in asdict(settings).items() if name not in _FREE}
    return {
        **compared,
        "template": model.template,
        "pooling": model.pooling,
        "processes": get_world_size(),
        "base_model_digest": ModelIdentity.of(model).digest,
        "teacher_digest": vectors_digest(teacher) if teacher else None,
        "train_data_digest": _digest(relations),
        "validation_data_digest": _digest(validation) if validation else None,
    }


def _digest(relations: RelationSet) -> str:
    return hashlib.blake2b(json.dumps(relations.records()).encode(), digest_size=16).hexdigest()
