"""Which model a vector is from."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from typing import Any

import torch
from sentence_transformers import SentenceTransformer

MODEL_METADATA = b"st_relbert.model"
"""The key of an identity, as JSON, in the metadata of a table with vectors."""


@dataclass(frozen=True)
class ModelIdentity:
    """What tells models apart whose vectors may not be mixed: digest of the weights, template, pooling, dimension.

    Template and pooling are None for a pipeline that does not say. The name, a folder or hub id, is for people and to
    load the model again; it is not compared.
    """

    name: str
    digest: str
    template: str | None
    pooling: str | None
    dimension: int

    @classmethod
    def of(cls, model: SentenceTransformer) -> ModelIdentity:
        """Identify a SentenceTransformer that takes pairs."""
        transformer: Any = getattr(model[0], "model", None)
        name = str(getattr(transformer, "name_or_path", ""))
        return cls(
            name=os.path.abspath(name) if os.path.isdir(name) else name,
            digest=_digest(model),
            template=getattr(model, "template", None),
            pooling=getattr(model, "pooling", None),
            dimension=int(model.get_embedding_dimension() or 0),
        )

    def as_json(self) -> str:
        """For `from_json`."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> ModelIdentity:
        """Read what `as_json` wrote. Raises `ValueError` for anything else."""
        try:
            identity = cls(**json.loads(text))
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"The vectors name their model as {str(text)[:80]!r}, which this version of st-relbert does not "
                f"understand ({error}). Upgrade st-relbert, or make the vectors anew."
            ) from error
        if not isinstance(identity.name, str) or not isinstance(identity.dimension, int):
            raise ValueError(f"The vectors name their model as {str(text)[:80]!r}, expected its name and dimension.")
        return identity

    def require_same(self, other: ModelIdentity) -> None:
        """Raise `ValueError` for a model whose vectors are not comparable: weights, template or pooling differ."""
        for part in ("dimension", "digest", "template", "pooling"):
            mine, theirs = getattr(self, part), getattr(other, part)
            if mine is not None and theirs is not None and mine != theirs:
                what = "weights" if part == "digest" else part
                raise ValueError(
                    f"The vectors are of the model {self.name!r}, and this is {other.name!r}, of other {what} "
                    f"({_short(theirs)}, expected {_short(mine)}). Their vectors are not comparable: open the index "
                    "with its own model, or build a new one."
                )


def _digest(model: SentenceTransformer) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name, weight in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def _short(value: Any) -> str:
    return str(value)[:12] if isinstance(value, str) and len(value) == 32 else repr(value)
