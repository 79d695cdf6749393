"""A model that remembers what it has encoded."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from st_relbert.pairs import Pair


class EncodeCache:
    """Stands in for a model in evaluators: each pair is encoded once, whichever of them ask for it.

    It keeps every vector in memory: about 1.5 KB a pair for 384 dimensions.

    Args:
        model: The model.
    """

    def __init__(self, model: SentenceTransformer) -> None:
        self.model = model
        self._vectors: dict[Pair, NDArray[np.float32]] = {}

    def encode(self, pairs: list[Pair], **kwargs: Any) -> NDArray[np.float32]:
        """Encode pairs, those that are new; see :meth:`sentence_transformers.SentenceTransformer.encode`.

        Args:
            pairs: The pairs.
            **kwargs: Handed on to the model; they have to be the same at every call but for the batch size.

        Returns:
            ``(n, d)``.
        """
        new = [pair for pair in dict.fromkeys(pairs) if pair not in self._vectors]
        if new:
            self._vectors |= dict(zip(new, self.model.encode(new, **kwargs), strict=True))
        return np.stack([self._vectors[pair] for pair in pairs])

    def __len__(self) -> int:
        """How many pairs have been encoded."""
        return len(self._vectors)

    def __getattr__(self, name: str) -> Any:
        """Everything else is the model's."""
        return getattr(self.model, name)
