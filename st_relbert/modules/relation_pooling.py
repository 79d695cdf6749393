"""The output module: it pools token vectors into one relation vector per pair."""

from __future__ import annotations

from typing import Any, Literal, get_args

import torch
from sentence_transformers.base.model import BaseModel
from sentence_transformers.base.modules import Module
from torch import Tensor

from st_relbert.pairs import check_known
from st_relbert.templates import MASK, PoolingMode

Reduction = Literal["mean", "sum"]

POOLING_MODES: tuple[str, ...] = get_args(PoolingMode)


class RelationPooling(Module):
    """Pools the token vectors of a prompt into the vector of the relation.

    Args:
        embedding_dimension: The size `d` of the token vectors and of the relation vectors.
        pooling: Which tokens count. `"average_no_mask"`: all but padding and mask tokens (special tokens such as
            `[CLS]` count), RelBERT's best. `"average"`: all but padding. `"mask"`: only the mask tokens.
        reduction: `"mean"`, or `"sum"` as in the relbert library. Cosines are the same, but a classifier on the raw
            vectors sees the difference, so `"sum"` reproduces published classification figures.

    Raises:
        ValueError: If an argument has an unknown value; if the pooling needs a mask token and the model has none.

    Examples:
        >>> RelationPooling(768, "mask")
        RelationPooling({'embedding_dimension': 768, 'pooling': 'mask', 'reduction': 'mean'})

    Source: Ushio et al. (2021), section 3.1; the relbert library (2.0) computes sums.
    """

    config_keys: list[str] = ["embedding_dimension", "pooling", "reduction"]
    config_key_renames = {"aggregation": "pooling"}  # the key of earlier models

    def __init__(
        self,
        embedding_dimension: int,
        pooling: PoolingMode = "average_no_mask",
        *,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__()
        check_known("pooling", pooling, POOLING_MODES)
        check_known("reduction", reduction, get_args(Reduction))
        self.embedding_dimension = embedding_dimension
        self.pooling = pooling
        self.reduction = reduction
        self.mask_token_id: int | None = None

    def on_model_ready(self, model: BaseModel) -> None:
        """Find the mask token of the model's tokenizer, and check that the prompts contain it.

        Raises `ValueError` if the pooling needs a mask token, but the tokenizer has none or the template has no
        `<mask>`.
        """
        self.mask_token_id = model.tokenizer.mask_token_id
        template = getattr(model[0], "template", MASK)
        if self.pooling != "mask":
            return
        if self.mask_token_id is None:
            raise ValueError("The pooling 'mask' needs a mask token, but the tokenizer has none. Use 'average'.")
        if MASK not in template:
            raise ValueError(f"The pooling 'mask' needs {MASK} in the template, but {template!r} has none.")

    def forward(self, features: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Add `sentence_embedding`, `(pairs, d)`, to the features.

        Args:
            features: `token_embeddings` `(pairs, tokens, d)`, `attention_mask` and `input_ids`
                `(pairs, tokens)`; padding may be on either side. Only the new key is written.
            **kwargs: Ignored.
        """
        tokens: Tensor = features["token_embeddings"]
        counted = self._counted_tokens(features).unsqueeze(-1)  # (pairs, tokens, 1)
        # Summed in at least float32, because half precision loses digits over a prompt's tokens.
        dtype = torch.promote_types(tokens.dtype, torch.float32)
        pooled = (tokens * counted).sum(dim=1, dtype=dtype)  # (pairs, d)
        if self.reduction == "mean":
            pooled = pooled / counted.sum(dim=1)
        features["sentence_embedding"] = pooled.to(tokens.dtype)
        return features

    def _counted_tokens(self, features: dict[str, Any]) -> Tensor:
        """Return which tokens are pooled: bool, `(pairs, tokens)`."""
        attended: Tensor = features["attention_mask"].bool()
        if self.pooling == "average" or self.mask_token_id is None:
            return attended
        is_mask: Tensor = features["input_ids"] == self.mask_token_id
        return attended & (is_mask if self.pooling == "mask" else ~is_mask)

    def get_embedding_dimension(self) -> int:
        """Return the size of the relation vectors."""
        return self.embedding_dimension

    def save(self, output_path: str, *args: Any, safe_serialization: bool = True, **kwargs: Any) -> None:
        """Write the configuration; there are no weights."""
        self.save_config(output_path)
