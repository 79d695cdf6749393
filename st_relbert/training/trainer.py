"""The trainer of relation embeddings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformerTrainer
from torch import Tensor, nn

from st_relbert.losses.relation_loss import RelationLoss

_HEAD_FILE = "classification_head.safetensors"


class TrainingDiverged(ValueError):
    """The loss or the weights are no longer finite."""


class RelationTrainer(SentenceTransformerTrainer):
    """Sentence-transformers' trainer, which stops when training diverges and resumes the classification head too.

    Args:
        loss: The loss.
        relation_names: The relations by label, to name a batch in an error.
        **kwargs: See :class:`~sentence_transformers.SentenceTransformerTrainer`.
    """

    def __init__(self, *, loss: RelationLoss, relation_names: Sequence[str], **kwargs: Any) -> None:
        super().__init__(loss=loss, **kwargs)
        self.relation_loss = loss
        self.relation_names = list(relation_names)

    def training_step(self, model: nn.Module, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Tensor:
        """Take a step; before the optimizer changes the weights, check the loss.

        Raises:
            TrainingDiverged: If the loss is not a finite number.
        """
        labels, tokens = inputs["label"], inputs["pair_input_ids"]
        loss: Tensor = super().training_step(model, inputs, *args, **kwargs)
        if not torch.isfinite(loss):
            names = dict.fromkeys(self.relation_names[label] for label in labels.tolist() if label >= 0)
            prompt = self.model.tokenizer.decode(tokens[0], skip_special_tokens=True)
            raise TrainingDiverged(
                f"The loss became {loss.item()} at step {self.state.global_step + 1}, on a batch of {len(labels)} "
                f"pairs of the relations {', '.join(list(names)[:5])}{', ...' if len(names) > 5 else ''}, the first "
                f"prompt being {prompt!r}. {self._way_out()}"
            )
        return loss

    def _save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        # A step can leave weights that are not finite behind a loss that is; the next loss would tell, too late.
        self.check_weights()
        super()._save_checkpoint(*args, **kwargs)

    def check_weights(self) -> None:
        """Refuse weights that are not to be saved.

        Raises:
            TrainingDiverged: If some weight is not a finite number.
        """
        for name, weight in self.relation_loss.named_parameters():
            if not torch.isfinite(weight).all():
                raise TrainingDiverged(
                    f"The weights of {name} are no longer finite at step {self.state.global_step}. {self._way_out()}"
                )

    def _way_out(self) -> str:
        if not list(Path(str(self.args.output_dir)).glob("checkpoint-*")):
            return "Begin anew with a lower learning rate."
        return (
            f"The checkpoints in {str(self.args.output_dir)!r} are from before. Begin anew with a lower learning rate, "
            "or go on from the last of them with --resume."
        )

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        # Called in every process; transformers' method asks this itself, the one of sentence-transformers does not.
        if not self.args.should_save:
            return
        super()._save(output_dir, state_dict)
        if self.relation_loss.classification_head is not None:
            path = os.path.join(output_dir or str(self.args.output_dir), _HEAD_FILE)
            save_file(self.relation_loss.classification_head.state_dict(), path)

    def _load_from_checkpoint(self, checkpoint_path: str) -> None:  # type: ignore[override]
        super()._load_from_checkpoint(checkpoint_path)
        if self.relation_loss.classification_head is not None:
            weights = load_file(os.path.join(checkpoint_path, _HEAD_FILE))
            self.relation_loss.classification_head.load_state_dict(weights)
