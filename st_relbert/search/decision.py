"""Score pairs with a RelBERT by how well they match the relation of some examples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from st_relbert.pairs import Pair
from st_relbert.vectors import PairVectors


class Decision:
    """Scores pairs by their similarity to examples, in both directions.

    A pair's score is the mean of two cosines: of its vector to the examples' mean vector, and of the reversed pair's
    vector to the mean of the reversed examples. The two directions make different errors.

    Args:
        model: A SentenceTransformer that takes pairs.
        examples: Pairs that have the relation.
        batch_size: Pairs encoded at a time.
        show_progress_bar: Show the progress of each call.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        examples: Sequence[Pair],
        batch_size: int = 64,
        show_progress_bar: bool = False,
    ) -> None:
        self._model = model
        self._batch_size = batch_size
        self._show_progress_bar = show_progress_bar
        means = [vectors.mean(axis=0) for vectors in self._both(examples)]
        self._queries = [mean / np.linalg.norm(mean) for mean in means]

    def __call__(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """Return the scores of pairs, `(n,)`, from -1 to 1. Raises `ValueError` for a pair without a usable vector."""
        forth, back = (vectors @ query for vectors, query in zip(self._both(pairs), self._queries, strict=True))
        scores: NDArray[np.float32] = (forth + back) / 2
        return scores

    def _both(self, pairs: Sequence[Pair]) -> list[NDArray[np.float32]]:
        """Return the unit vectors of the pairs and of the reversed pairs, each `(n, d)`."""
        reversed_ = [(tail, head) for head, tail in pairs]
        vectors = PairVectors.encode(self._model, [*pairs, *reversed_], self._batch_size, self._show_progress_bar)
        return [vectors.unit(pairs), vectors.unit(reversed_)]
