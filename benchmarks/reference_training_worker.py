"""The relbert library's side of ``reference_training.py``: a few steps of its own training, recorded.

Runs with relbert 2.0.2, without st_relbert. Reads the settings as JSON from the standard input.
"""

from __future__ import annotations

import builtins
import importlib.metadata
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import relbert.lm
import relbert.trainer

VERSIONS = ("relbert", "torch", "transformers", "datasets", "numpy")


class EnoughSteps(Exception):
    """Ends the relbert library's training loop, which has no limit on steps."""


class Recorder:
    """Stands between the relbert library's trainer and the functions it calls, and writes down what passes.

    Args:
        trainer: The relbert library's trainer; its model's two functions are wrapped.
        steps: Stop after so many steps.
    """

    def __init__(self, trainer: relbert.trainer.Trainer, steps: int) -> None:
        self.steps = steps
        self.rows: list[dict[str, Any]] = []
        self._names: list[str] = []
        self._pairs: dict[tuple[int, ...], list[str]] = {}
        self._embedded: list[list[list[str]]] = []
        self._encode = trainer.model.encode_word_pairs
        self._embed = trainer.model.to_embedding
        self._loss = relbert.trainer.loss_nce
        trainer.model.encode_word_pairs = self.encode_word_pairs
        trainer.model.to_embedding = self.to_embedding
        relbert.trainer.loss_nce = self.loss_nce
        relbert.trainer.sorted = self.sort

    def sort(self, values: Iterable[Any]) -> list[Any]:
        """``sorted`` for the relbert library's trainer, which leaves rows of features in their order.

        The trainer puts the rows of a parent relation together from those of its children, one list a feature:
        ``input_ids``, ``attention_mask``, ``labels``. It then sorts each of these lists by itself, so that the prompt
        of one pair gets the attention mask and the pooled tokens of another. Unsorted, the rows stay whole. Which of
        them are drawn is decided by position and so changes, but not how the steps are computed.
        """
        values = list(values)
        if values and isinstance(values[0], list):
            return values
        # The last list of names it sorts is that of the relations, which it then shuffles in place.
        self._names = builtins.sorted(values)
        return self._names

    def encode_word_pairs(self, word_pairs: list[tuple[str, str]], *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Remember which pair the token ids stand for; the first one, where two pairs have the same tokens."""
        encoded = self._encode(word_pairs, *args, **kwargs)
        for pair in word_pairs:
            self._pairs.setdefault(tuple(encoded["__".join(pair)]["input_ids"]), list(pair))
        return encoded

    def to_embedding(self, encode: dict[str, Any], batch_size: int | None = None) -> Any:
        """Note the pairs; a step embeds its positives, then its negatives."""
        if not self._embedded and len(self.rows) == self.steps:
            raise EnoughSteps
        self._embedded.append([self._pairs[tuple(ids)] for ids in encode["input_ids"].tolist()])
        return self._embed(encode, batch_size=batch_size)

    def loss_nce(self, **kwargs: Any) -> Any:
        """Note the loss, which completes a step's record."""
        loss = self._loss(**kwargs)
        relation = self._names[len(self.rows)]
        positives, negatives = self._embedded
        self._embedded = []
        self.rows.append(
            {
                "relation": relation,
                "parent": "/" not in relation,
                "positives": positives,
                "negatives": negatives,
                "loss": loss.item(),
                "time": time.perf_counter(),
            }
        )
        return loss


def train(settings: dict[str, Any]) -> dict[str, Any]:
    """Run the relbert library's trainer for a few steps.

    Args:
        settings: ``steps``, and under ``trainer`` the arguments of the relbert library's ``Trainer``.

    Returns:
        ``rows``, a dict for each step, and ``versions``.
    """
    # It asks a search engine whether there is a network, to find out if models can be downloaded.
    relbert.lm.internet_connection = lambda: False
    trainer = relbert.trainer.Trainer(**settings["trainer"])
    recorder = Recorder(trainer, settings["steps"])
    try:
        trainer.train()
    except EnoughSteps:
        pass
    else:
        raise RuntimeError(f"The relbert library ended after {len(recorder.rows)} steps, expected {settings['steps']}.")
    return {"rows": recorder.rows, "versions": {name: importlib.metadata.version(name) for name in VERSIONS}}


if __name__ == "__main__":
    message = json.load(sys.stdin)
    Path(message["output"]).write_text(json.dumps(train(message)), encoding="utf-8")
