"""Scorers, which propose pairs: they predict where a head's tail should be from the vectors of single words."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from st_relbert.files.outputs import atomic_output
from st_relbert.identity import ModelIdentity
from st_relbert.vectors import Vectors, unit

_CONFIG, _WEIGHTS = "scorer.json", "scorer.safetensors"
_NAMES = ("center", "hidden", "hidden_bias", "out", "out_bias", "tail")


class OffsetScorer:
    """3CosAdd: the tail should be at the head plus the examples' mean offset, `h + (b - a)`. It needs no training.

    A scorer predicts where a head's tail should be, and places each word; the score of a pair is the cosine of the two
    places. So the scores of all pairs of two vocabularies are one matrix product, and no pair is embedded.

    Source: Mikolov et al. (2013), "Linguistic Regularities in Continuous Space Word Representations".
    """

    def places(self, examples: tuple[Vectors, Vectors], heads: Vectors) -> Vectors:
        """Predict where the tails of heads should be.

        Args:
            examples: The vectors of the heads and of the tails of pairs that have the relation, each `(n, d)`.
            heads: The vectors of the heads, `(heads, d)`.

        Returns:
            Unit vectors, `(heads, d)`.
        """
        first, second = (self._center(words).mean(axis=0) for words in examples)
        return unit(self._center(heads) + (second - first))

    def tails(self, words: Vectors) -> Vectors:
        """Return where words are, as unit vectors `(n, d)`. A pair's score is the dot product of the two places."""
        return self._center(words)

    def likeness(self, examples: Vectors, words: Vectors) -> Vectors:
        """Return how similar words are to the examples' heads, or to their tails: the cosines to their mean, `(n,)`.

        Args:
            examples: The vectors of the heads, or of the tails, of the examples, `(examples, d)`.
            words: The vectors of the words, `(n, d)`.
        """
        likeness: Vectors = self._center(words) @ unit(self._center(examples).mean(axis=0))
        return likeness

    def _center(self, words: Vectors) -> Vectors:
        return unit(words)


class PairScorer(OffsetScorer):
    """A small model of where tails are: 3CosAdd plus a correction from a network with one hidden layer.

    For vectors that are centered and then scaled to length 1, the place of a head's tail is
    `h + b - a + O relu(H [a; b; h])`, and the place of a word is `t + T t`. `train_scorer` makes a scorer. It starts as
    3CosAdd, with O and T zero.

    Args:
        weights: `center` `(d,)`; `hidden` `(3 d, n)` and `hidden_bias` for H; `out` `(n, d)` and `out_bias` for O;
            `tail` `(d, d)` for T.
        digest: The digest of the weights of the model that the scorer belongs to; see `ModelIdentity`.
    """

    def __init__(self, weights: dict[str, Vectors], digest: str) -> None:
        self.weights = weights
        self.digest = digest

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PairScorer:
        """Load a scorer that `save` wrote.

        Raises:
            ValueError: If there is no scorer, or it is damaged.
        """
        try:
            digest = json.loads(Path(path, _CONFIG).read_text(encoding="utf-8"))["digest"]
            weights = load_file(Path(path, _WEIGHTS))
            return cls({name: weights[name] for name in _NAMES}, digest)
        except Exception as error:  # safetensors has errors of its own
            raise ValueError(
                f"Cannot read the scorer {str(path)!r}: {error}. Make one with st-relbert distill."
            ) from error

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the scorer into a folder, as JSON and safetensors."""
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_output(folder / _CONFIG) as config, atomic_output(folder / _WEIGHTS) as weights:
            config.write_text(json.dumps({"digest": self.digest}), encoding="utf-8")
            save_file(self.weights, weights)

    def require(self, identity: ModelIdentity) -> None:
        """Refuse a model that the scorer does not belong to.

        Raises:
            ValueError: If the model has other weights than the one that the scorer belongs to.
        """
        if identity.digest != self.digest:
            raise ValueError(
                f"The scorer belongs to another model, with the weights {self.digest[:12]}; {identity.name!r} has "
                f"{identity.digest[:12]}. Make a scorer for this model with st-relbert distill."
            )

    def places(self, examples: tuple[Vectors, Vectors], heads: Vectors) -> Vectors:
        """Predict where the tails of heads should be; see `OffsetScorer.places`."""
        first, second = (self._center(words).mean(axis=0) for words in examples)
        centered = self._center(heads)
        width = centered.shape[1]
        of_examples = np.concatenate([first, second]) @ self.weights["hidden"][: 2 * width]
        hidden = np.maximum(
            centered @ self.weights["hidden"][2 * width :] + of_examples + self.weights["hidden_bias"], 0
        )
        return unit(centered + (second - first) + hidden @ self.weights["out"] + self.weights["out_bias"])

    def tails(self, words: Vectors) -> Vectors:
        """Return where words are; see `OffsetScorer.tails`."""
        centered = self._center(words)
        return unit(centered + centered @ self.weights["tail"])

    def _center(self, words: Vectors) -> Vectors:
        return unit(words - self.weights["center"])
