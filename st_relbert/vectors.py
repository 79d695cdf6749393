"""Pair vectors: lookup by pair, and a cache shared by several evaluators."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from st_relbert.pairs import Pair, check_positive

Vectors = NDArray[np.float32]
_Float = TypeVar("_Float", bound=np.floating[Any])


def check_finite(pairs: Sequence[Pair], outputs: Any) -> None:
    """Raise `ValueError` if a vector has NaN or infinite values, as damaged weights produce.

    The outputs are the pairs' vectors, the tokens' vectors, or all outputs of the pipeline.
    """
    if not isinstance(outputs, torch.Tensor):
        rows = [output["sentence_embedding"] if isinstance(output, dict) else output for output in outputs]
        finite = torch.tensor([bool(row.isfinite().all()) for row in rows])
    else:
        finite = outputs.isfinite().flatten(1).all(1) if len(outputs) else torch.ones(0)
    if not finite.all():
        head, tail = pairs[int(finite.logical_not().nonzero()[0])]
        raise ValueError(
            f"The model's vector of the pair ({head[:40]!r}, {tail[:40]!r}) is not finite. Its weights are damaged, or "
            "its training diverged. Restore the model or train it again."
        )


def encode_once(encode: Callable[[list[Pair]], Any], pairs: list[Pair]) -> Any:
    """Return what `encode` gives for pairs, an array or a list with a row per pair, but encode each distinct pair once.

    Without pairs, two are encoded and dropped, which gives the right shape, type and device in every output format.
    """
    rows = {pair: row for row, pair in enumerate(dict.fromkeys(pairs))}
    if len(rows) == len(pairs) > 0:
        return encode(pairs)
    distinct = list(rows) or [("head", "tail")]
    # A single vector has no range to quantize it in, but two equal ones do.
    vectors = encode(distinct if len(distinct) > 1 else distinct * 2)
    places = [rows[pair] for pair in pairs]
    return [vectors[place] for place in places] if isinstance(vectors, list) else vectors[places]


def unit(vectors: NDArray[_Float]) -> NDArray[_Float]:
    """Scale vectors to length 1; zero vectors stay zero."""
    lengths = np.sqrt(np.einsum("...i,...i->...", vectors, vectors))[..., None]  # without a copy of the vectors
    scaled: NDArray[_Float] = vectors / np.maximum(lengths, 1e-12)
    return scaled


class PairVectors:
    """The vectors `(pairs, d)` of distinct pairs, looked up by pair."""

    def __init__(self, rows: dict[Pair, int], vectors: Vectors) -> None:
        self._rows = rows
        self._vectors = vectors

    @classmethod
    def encode(
        cls, model: SentenceTransformer, pairs: Iterable[Pair], batch_size: int = 64, show_progress_bar: bool = False
    ) -> PairVectors:
        """Encode each distinct pair once. Raises `ValueError` if a vector is not finite."""
        check_positive(batch_size=batch_size)
        rows = {pair: row for row, pair in enumerate(sorted(set(pairs)))}
        vectors: Any = model.encode(
            list(rows), batch_size=batch_size, show_progress_bar=show_progress_bar, convert_to_numpy=True
        )
        check_finite(list(rows), torch.as_tensor(vectors))
        return cls(rows, np.asarray(vectors, dtype=np.float32))

    def raw(self, pairs: Sequence[Pair]) -> Vectors:
        """Return the vectors of some pairs, `(n, d)`, as the model gives them."""
        return self._vectors[[self._rows[pair] for pair in pairs]]

    def both_ways(self, pairs: Sequence[Pair]) -> NDArray[np.float64]:
        """Return the vectors of each pair and of the reversed pair, concatenated, `(n, 2 d)`, as classifier features.

        They are float64, as in the relbert library, because a classifier computes in the type of its features.
        """
        return np.hstack([self.raw(pairs), self.raw([pair[::-1] for pair in pairs])]).astype(np.float64)

    def unit(self, pairs: Sequence[Pair]) -> Vectors:
        """Return the vectors of some pairs, `(n, d)`, scaled to length 1, so that their products are cosines.

        Raises `ValueError` if a vector is zero.
        """
        vectors = self.raw(pairs)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        zero = np.flatnonzero(lengths == 0)
        if len(zero):
            raise ValueError(f"The model's vector of {pairs[zero[0]]!r} is zero, so it has no cosine to any other.")
        unit: Vectors = vectors / lengths
        return unit


class EncodeCache:
    """A model wrapper for evaluators that encodes each pair only once.

    It keeps all vectors in memory, about 1.5 KB per pair for 384 dimensions.
    """

    def __init__(self, model: SentenceTransformer) -> None:
        self.model = model
        self._vectors: dict[Pair, NDArray[np.float32]] = {}

    def encode(self, pairs: list[Pair], **kwargs: Any) -> NDArray[np.float32]:
        """Return the vectors `(n, d)` of pairs, encoding only new ones; see `SentenceTransformer.encode`.

        Except for the batch size, the other arguments must be the same in every call.
        """
        new = [pair for pair in pairs if pair not in self._vectors]  # the model embeds repeated pairs only once
        if new:
            self._vectors |= dict(zip(new, self.model.encode(new, **kwargs), strict=True))
        return np.stack([self._vectors[pair] for pair in pairs])

    def __len__(self) -> int:
        """Return the number of encoded pairs."""
        return len(self._vectors)

    def __getattr__(self, name: str) -> Any:
        """Delegate everything else to the model."""
        return getattr(self.model, name)
