"""The model of an index: the name to load it by, and loading it when a pair has to be encoded."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from st_relbert.identity import ModelIdentity
from st_relbert.model import RelBERT
from st_relbert.modules import PromptTemplate
from st_relbert.pairs import Pair, as_pairs, is_flat_pair
from st_relbert.search.rows import Row, vectors_of
from st_relbert.vectors import PairVectors

_LOG = logging.getLogger(__name__)
_CHECKED_AT_A_TIME = 8192


class IndexModel:
    """The model whose vectors the index at `path` contains, loaded on first use.

    It is given as a model, a folder or a hub id. If it is None, it is loaded from where it was when the index was made.
    Raises `ValueError` if it is not the model that `identity` describes.
    """

    def __init__(
        self, identity: ModelIdentity, model: SentenceTransformer | str | os.PathLike[str] | None, path: Path
    ) -> None:
        self.identity = identity
        self._path = path
        self._loaded: SentenceTransformer | None = None
        self._name = identity.name
        if isinstance(model, str | os.PathLike):
            self._name = os.fspath(model)
        elif model is not None:
            identity.require_same(ModelIdentity.of(model))
            self._loaded = model

    @property
    def loaded(self) -> SentenceTransformer:
        """The model itself. Raises `ValueError` if it is no longer where it was, or has changed."""
        if self._loaded is None:
            if not self._name:
                raise ValueError(
                    f"The model of the index {str(self._path)!r} had not been saved when the index was made. Pass the "
                    "model: RelationIndex.open(path, model), or --model FOLDER."
                )
            model = _load(self._name, self.identity)
            self.identity.require_same(ModelIdentity.of(model))
            _warn_if_untrained(model)
            self._loaded = model
        return self._loaded

    def encode(self, pairs: Sequence[Pair], batch_size: int = 64) -> NDArray[np.float32]:
        """Return the unit vectors of pairs, `(n, d)`. Raises `ValueError` for a pair without a usable vector."""
        return PairVectors.encode(self.loaded, pairs, batch_size).unit(pairs)

    def encode_rows(self, rows: Sequence[Row], batch_size: int = 64) -> NDArray[np.float32]:
        """Return the unit vectors of rows, `(n, d)`: those that the rows include, or else the model's.

        Raises `ValueError` if only some rows include a vector; see also `encode`.
        """
        pairs = [row.pair for row in rows]
        if any(row.vector is not None for row in rows):
            return vectors_of(rows, self.identity.dimension).unit(pairs)
        return self.encode(pairs, batch_size)

    def read_query(self, query: Any) -> tuple[list[Pair], NDArray[np.float32]]:
        """Return the pairs of a query (see `RelationIndex.search`) and its vector `(d,)`.

        Raises `ValueError` if the query has no pairs, contains something other than pairs, or is an array of another
        shape.
        """
        if isinstance(query, torch.Tensor):
            query = query.detach().cpu().float().numpy()
        if isinstance(query, np.ndarray) and query.dtype.kind == "f":
            if query.shape != (self.identity.dimension,):
                raise ValueError(f"The query has shape {query.shape}, expected ({self.identity.dimension},).")
            return [], query.astype(np.float32)
        pairs = as_pairs([query] if is_flat_pair(query) else query, "query pair")
        if not pairs:
            raise ValueError("The query contains no pairs, expected at least one.")
        mean: NDArray[np.float32] = self.encode(pairs).mean(axis=0)
        return pairs, mean


def check_rows(rows: Iterable[Row], model: Callable[[], SentenceTransformer]) -> None:
    """Refuse rows that do not fit into a prompt before any row is encoded.

    Rows that include a vector are not encoded and not checked; `model` is called only if there is a row to encode.
    Raises `ValueError` if a prompt is too long, or if the source of the rows refuses one.
    """
    pairs = (row.pair for row in rows if row.vector is None)
    while some := list(islice(pairs, _CHECKED_AT_A_TIME)):
        prompt: Any = model()[0]
        if isinstance(prompt, PromptTemplate):
            prompt.check_prompts(some)


def saved_identity(model: SentenceTransformer, saved_as: str | os.PathLike[str] | None = None) -> ModelIdentity:
    """Identify a model by the name that loads it again. If there is none, warn and leave the name empty.

    Another warning is about an encoder that was never trained for relations.

    The name is the folder or hub id `saved_as`, which is not checked; or where the model was last saved or loaded from,
    if it has not changed since.
    """
    _warn_if_untrained(model)
    identity = ModelIdentity.of(model)
    if saved_as is not None:
        name = os.fspath(saved_as)
        return replace(identity, name=os.path.abspath(name) if os.path.isdir(name) else name)
    # A model in memory may have been trained since it was loaded and still have the name of its encoder.
    if identity.name and _is_saved_as(identity.name, identity):
        return identity
    _LOG.warning(
        "The model has not been saved as it is now (%s), so the index can only be opened by passing the model. Save "
        "it first, or name the folder where it will be: saved_as=...",
        f"{identity.name!r} has other weights" if identity.name else "it has no name",
    )
    return replace(identity, name="")


def _warn_if_untrained(model: SentenceTransformer) -> None:
    if isinstance(model, RelBERT) and model.untrained:
        _LOG.warning(
            "%s is a text encoder that was not trained for relations, so it finds few. Train it (st-relbert train "
            "--base-model), or use a trained model.",
            model.source,
        )


def _load(name: str, identity: ModelIdentity, **kwargs: Any) -> RelBERT:
    made_by: Any = identity
    model = RelBERT(name, template=made_by.template, pooling=made_by.pooling, **kwargs)
    if (model.get_embedding_dimension() or 0) > identity.dimension:
        model.truncate_dim = identity.dimension  # it was given when the model was loaded, and is not saved with it
    return model


def _is_saved_as(name: str, identity: ModelIdentity) -> bool:
    try:
        identity.require_same(ModelIdentity.of(_load(name, identity, local_files_only=True, device="cpu")))
    except (ValueError, OSError):
        return False
    return True
