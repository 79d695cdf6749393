"""st-relbert: relation embeddings of word pairs for sentence-transformers."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["RelBERT", "__version__"]

if TYPE_CHECKING:
    from st_relbert.model import RelBERT


def __getattr__(name: str) -> object:
    # Imported on first use, so that --help does not wait for torch.
    if name == "RelBERT":
        return importlib.import_module("st_relbert.model").RelBERT
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
