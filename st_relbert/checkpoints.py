"""Models on disk: the portable layout (read and written) and published RelBERT checkpoints (read).

The portable layout contains only sentence-transformers' own modules, so plain `SentenceTransformer(path)` loads it.
Sentence-transformers passes a pair on as one message per word, from which a chat template makes the prompt. A
`MultiVectorMask` hides tokens from the pooling, and a `Pooling` takes the mean. Other modules stay as they are.
"""

from __future__ import annotations

import copy
import json
import os
import re
import sys
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from sentence_transformers.base.modality import InputFormatter
from sentence_transformers.base.modules import Transformer
from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask
from sentence_transformers.sentence_transformer.modules import Pooling
from sentence_transformers.util import fullname, load_file_path
from torch import nn
from transformers import PreTrainedTokenizerBase

from st_relbert.modules import PromptTemplate, RelationPooling
from st_relbert.templates import MASK, OBJECT, SUBJECT, PoolingMode, Template

RELBERT_MAX_LENGTH = 64
"""The length at which the relbert library cuts prompts unless told otherwise."""

_EVAL_RESULTS = ".eval_results"
_PROBES = [("Tokyo", "Japan"), ("New York City", "the USA"), ("mother-in-law", "café"), ("東京", "3.14")]


@dataclass(frozen=True)
class RelBERTConfig:
    """How a checkpoint was trained to read pairs: `relbert_config` in its `config.json`."""

    template: str
    pooling: PoolingMode
    max_length: int | None
    """Prompts are cut after this many tokens. None: the tokenizer's own setting."""
    data: str | None = None
    """The training data, if the checkpoint names it."""


def read_relbert_config(model_name_or_path: str, **hub_kwargs: Any) -> RelBERTConfig | None:
    """Read the template and pooling of a checkpoint of the relbert library, or of an encoder taken from one.

    Args:
        model_name_or_path: A folder or a hub id.
        **hub_kwargs: `token`, `cache_folder`, `revision`, `local_files_only`.

    Returns:
        The configuration, or None for any other encoder.

    Raises:
        ValueError: If a required key is missing because an old version wrote the checkpoint.
    """
    relbert_config = _read_object(model_name_or_path, "config.json", hub_kwargs).get("relbert_config")
    if relbert_config is None:
        return None
    if not isinstance(relbert_config, dict):
        raise ValueError(f"The relbert_config of {model_name_or_path!r} is {relbert_config!r}, expected an object.")
    for key in ("template", "aggregation_mode"):
        if not relbert_config.get(key):
            raise ValueError(
                f"The relbert_config of {model_name_or_path!r} has no {key!r} (it has: "
                f"{', '.join(sorted(relbert_config)) or 'nothing'}), so an old version of relbert wrote it. "
                "Add the key to its config.json, or use a newer checkpoint."
            )
    max_length, data = None, None
    if not saved_module_types(model_name_or_path, **hub_kwargs):  # a saved pipeline has its own settings
        finetuning = _read_object(model_name_or_path, "finetuning_config.json", hub_kwargs)
        max_length, data = finetuning.get("max_length", RELBERT_MAX_LENGTH), finetuning.get("data")
    return RelBERTConfig(relbert_config["template"], relbert_config["aggregation_mode"], max_length, data)


def read_pipeline_template(model_name_or_path: str, **hub_kwargs: Any) -> str | None:
    """Return the template of a saved pipeline (of our modules or portable) that takes pairs, or None for others."""
    types = saved_module_types(model_name_or_path, **hub_kwargs)
    if not types:
        return None
    if types[0] == fullname(PromptTemplate):
        return str(_read_object(model_name_or_path, "sentence_bert_config.json", hub_kwargs).get("template"))
    tokenizer = _read_object(model_name_or_path, "tokenizer_config.json", hub_kwargs)
    chat_template = _read_text(model_name_or_path, "chat_template.jinja", hub_kwargs) or tokenizer.get("chat_template")
    mask = tokenizer.get("mask_token")
    mask = mask.get("content") if isinstance(mask, dict) else mask
    return parse_chat_template(chat_template, mask) if isinstance(chat_template, str) else None


def saved_module_types(model_name_or_path: str, **hub_kwargs: Any) -> list[str]:
    """Return the full class names of a saved pipeline's modules; an empty list if it is not a saved pipeline.

    Raises `ValueError` if `modules.json` is not a list of modules.
    """
    modules = _read_json(model_name_or_path, "modules.json", hub_kwargs)
    if modules is None:
        return []
    if not isinstance(modules, list) or not modules or not all(_is_module(module) for module in modules):
        raise ValueError(
            f"The modules.json of {model_name_or_path!r} contains {str(modules)[:60]}, expected a list of modules with "
            "name, path and type. The model is damaged. Restore it."
        )
    return [module["type"] for module in modules]


def check_json_files(folder: str) -> None:
    """Raise `ValueError` if a configuration in a folder is not a JSON object, where libraries fail less clearly."""
    for filename in ("config.json", "config_sentence_transformers.json", "sentence_bert_config.json"):
        _read_object(folder, filename, {})


def read_records(model_name_or_path: str, **hub_kwargs: Any) -> dict[str, str]:
    """Read the records of training and evaluation saved with a model, by file name."""
    names = {f"{_EVAL_RESULTS}/st-relbert.yaml", *_record_names(model_name_or_path)}
    texts = {name: _read_text(model_name_or_path, name, hub_kwargs) for name in sorted(names)}
    return {name: text for name, text in texts.items() if text is not None}


def write_records(folder: str, records: Mapping[str, str]) -> None:
    """Write records, given by file name, into a saved model's folder, and remove those of an earlier model."""
    for name in set(_record_names(folder)) - set(records):
        Path(folder, name).unlink(missing_ok=True)
    for name, text in records.items():
        Path(folder, name).parent.mkdir(exist_ok=True)
        Path(folder, name).write_text(text, encoding="utf-8")
    with suppress(OSError):  # the folder does not exist, or contains other files
        Path(folder, _EVAL_RESULTS).rmdir()


def _record_names(folder: str) -> list[str]:
    found = Path(folder, _EVAL_RESULTS).glob("*.yaml")
    return ["finetuning_config.json", *(f"{_EVAL_RESULTS}/{path.name}" for path in found)]


def make_room(folder: str, encoder: Any) -> None:
    """Remove an earlier model's adapter from the folder where an encoder is to be saved: both would be loaded.

    Raises `ValueError` if the encoder is to be saved as an adapter of another one, but the folder contains a third.
    """
    if not getattr(encoder, "_hf_peft_config_loaded", False):
        for name in ("adapter_config.json", "adapter_model.safetensors"):
            Path(folder, name).unlink(missing_ok=True)
    elif Path(folder, "config.json").exists() and os.path.realpath(encoder.name_or_path) != os.path.realpath(folder):
        raise ValueError(
            f"The folder {folder!r} contains an encoder, but the model is saved as an adapter of the encoder "
            f"{encoder.name_or_path!r}. Save it to another folder."
        )


def to_fast_modules(modules: Sequence[nn.Module]) -> list[nn.Module]:
    """Replace sentence-transformers' mask and pooling by a `RelationPooling`, and keep the other modules.

    Raises `ValueError` if the first module is not a `PromptTemplate`, or there is no pooling that RelBERT has.
    """
    place = next((at for at, module in enumerate(modules) if isinstance(module, Pooling | RelationPooling)), None)
    prompt = modules[0]
    if place is None or not isinstance(prompt, PromptTemplate):
        names = ", ".join(type(module).__name__ for module in modules)
        raise ValueError(f"The pipeline is {names}, expected a Transformer that takes pairs, and a pooling.")
    pooling = modules[place]
    if isinstance(pooling, RelationPooling):
        return list(modules)
    start, mask = place, modules[place - 1]
    kept: PoolingMode = "average" if MASK in prompt.template else "average_no_mask"  # the same without a mask
    if isinstance(mask, MultiVectorMask):
        start -= 1
        kept = "mask" if mask.keep_only_token_ids else "average_no_mask"
    if pooling.pooling_mode != "mean" or not _is_portable_mask(mask, prompt):
        raise ValueError(
            f"The model's pooling is {pooling.pooling_mode!r} after {type(mask).__name__}, expected one of RelBERT's "
            "poolings (average_no_mask, average, mask). Load it with SentenceTransformer instead."
        )
    dimension: Any = pooling.embedding_dimension
    return [*modules[:start], RelationPooling(dimension, kept), *modules[place + 1 :]]


def to_portable_modules(modules: Sequence[nn.Module]) -> list[nn.Module]:
    """Convert a pipeline to sentence-transformers' own modules, with the same vectors and shared weights.

    Raises `ValueError` if there is no such form: for the reduction `"sum"`, and for a tokenizer that splits the prompt
    differently when its special tokens are written out.
    """
    portable: list[nn.Module] = []
    prompt = modules[0]
    for module in modules:
        if isinstance(module, PromptTemplate):
            portable.append(_portable_transformer(module))
        elif isinstance(module, RelationPooling) and isinstance(prompt, PromptTemplate):
            prompt.config.relbert_config = {"template": prompt.template, "aggregation_mode": module.pooling}
            portable += _portable_pooling(module, prompt)
        else:
            portable.append(module)
    return portable


def numbered(
    modules: Sequence[nn.Module], kwargs_of: Mapping[nn.Module, Any]
) -> tuple[OrderedDict[str, nn.Module], OrderedDict[str, Any]]:
    """Name the modules, and the arguments they take from `encode`, by their positions."""
    named = OrderedDict((str(place), module) for place, module in enumerate(modules))
    return named, OrderedDict((name, kwargs_of.get(module, [])) for name, module in named.items())


def parse_chat_template(chat_template: str, mask: str | None) -> str | None:
    """Return the template that a portable model's chat template renders, or None for any other chat template."""
    part = r'(?:head\.content|tail\.content|"(?:[^"\\]|\\.)*")'
    output = re.search(rf"endif -%\}}\{{\{{- ({part}(?: ~ {part})*) -\}}\}}\s*$", chat_template)
    if output is None:
        return None
    slots = {"head.content": SUBJECT, "tail.content": OBJECT, json.dumps(mask): MASK}
    parts = re.findall(part, output[1])[1:-1]  # without the special tokens at both ends
    text = "".join(slots.get(part) or json.loads(part) for part in parts)
    return text if {"head.content", "tail.content"} <= set(parts) else None


def rename_tokenizer_class(folder: str) -> None:
    """Give a saved generic tokenizer the class name that both transformers 4 and 5 know.

    The relbert library needs transformers 4, and can then read the folder too.
    """
    path = Path(folder, "tokenizer_config.json")
    config = json.loads(path.read_text(encoding="utf-8"))
    if config.get("tokenizer_class") == "TokenizersBackend":
        config["tokenizer_class"] = "PreTrainedTokenizerFast"
        path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _portable_pooling(pooling: RelationPooling, prompt: PromptTemplate) -> list[nn.Module]:
    if pooling.reduction != "mean":
        raise ValueError(
            f"A model with the reduction {pooling.reduction!r} has no portable form, because sentence-transformers' "
            "pooling takes means. Set reduction='mean' to save it (the cosines are the same)."
        )
    mean = Pooling(pooling.embedding_dimension, "mean")
    if pooling.pooling == "mask" and pooling.mask_token_id is not None:
        return [MultiVectorMask(keep_only_token_ids=[pooling.mask_token_id]), mean]
    if pooling.pooling == "average_no_mask" and MASK in prompt.template:
        return [MultiVectorMask([prompt.tokenizer.mask_token], skiplist_tasks=["query", "document"]), mean]
    return [mean]


def _is_portable_mask(mask: nn.Module, prompt: PromptTemplate) -> bool:
    """Return whether the module is a mask that `_portable_pooling` makes, or not a mask at all."""
    if not isinstance(mask, MultiVectorMask):
        return True
    tokenizer = prompt.tokenizer
    if mask.keep_only_token_ids:
        return mask.keep_only_token_ids == [tokenizer.mask_token_id] and not mask.skiplist_words
    return mask.skiplist_words == [tokenizer.mask_token]


def _portable_transformer(prompt: PromptTemplate) -> Transformer:
    """Return a plain Transformer with the same encoder and a chat template that writes the same prompts."""
    for gap in ("", " "):
        transformer = _with_chat_template(prompt, gap)
        if _same_tokens(transformer, prompt):
            return transformer
    raise ValueError(
        f"{type(prompt.tokenizer).__name__} splits the template {prompt.template!r} differently when the special "
        "tokens are written out, so the model has no portable form and cannot be saved. Use an encoder with another "
        "tokenizer."
    )


def _with_chat_template(prompt: PromptTemplate, gap: str) -> Transformer:
    # It has the prompt module's parts without its preprocessing: nothing is loaded twice, and the weights are shared.
    transformer: Transformer = Transformer.__new__(Transformer)
    vars(transformer).update(vars(prompt))
    tokenizer: PreTrainedTokenizerBase = copy.deepcopy(prompt.tokenizer)
    tokenizer.chat_template = _chat_template(prompt, gap)
    text = prompt.modality_config["text"]
    transformer.modality_config = {"text": text, "message": {**text, "format": "flat"}}
    transformer.processor = tokenizer
    transformer.input_formatter = InputFormatter(
        model_type=prompt.config.model_type, message_format="flat", processor=tokenizer
    )
    transformer.input_formatter.supported_modalities = ["text", "message"]
    return transformer


def _chat_template(prompt: PromptTemplate, gap: str) -> str:
    """Return the template in Jinja, with the special tokens written out because chat templates add none."""
    start, end = prompt.special_tokens
    slots = {SUBJECT: "head.content", OBJECT: "tail.content", MASK: json.dumps(prompt.tokenizer.mask_token)}
    parts = [slots.get(part, json.dumps(part, ensure_ascii=False)) for part in Template(prompt.template).parts]
    text = " ~ ".join([json.dumps(start + gap), *parts, json.dumps(end)])
    return (
        "{%- set head = messages | selectattr('role', 'equalto', 'query') | first -%}"
        "{%- set tail = messages | selectattr('role', 'equalto', 'document') | first -%}"
        "{%- if head is not defined or tail is not defined -%}"
        "{{- raise_exception('This model reads pairs of words, got a single text. "
        'Write one pair as [("head", "tail")], a list that holds one tuple.\') -}}'
        "{%- endif -%}"
        "{{- " + text + " -}}"
    )


def _same_tokens(transformer: Transformer, prompt: PromptTemplate) -> bool:
    # Not cut: the probes show where the tokenizer splits, however short the model's prompts have to be.
    ours = prompt.preprocess(_PROBES, max_length=sys.maxsize)
    theirs = transformer.preprocess(_PROBES, processing_kwargs={"text": {"truncation": False, "verbose": False}})
    return torch.equal(ours["input_ids"], theirs["input_ids"])


def _is_module(module: Any) -> bool:
    return isinstance(module, dict) and all(isinstance(module.get(key), str) for key in ("name", "path", "type"))


def _read_text(model_name_or_path: str, filename: str, hub_kwargs: dict[str, Any]) -> str | None:
    path = load_file_path(model_name_or_path, filename, **hub_kwargs)
    try:
        return None if path is None else Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 ({error}), expected the {filename} of a saved model.") from error


def _read_json(model_name_or_path: str, filename: str, hub_kwargs: dict[str, Any], missing: Any = None) -> Any:
    """Read a JSON file; return `missing` if it does not exist."""
    text = _read_text(model_name_or_path, filename, hub_kwargs)
    try:
        return missing if text is None else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"The {filename} of {model_name_or_path!r} is not JSON ({error}). The model is damaged. Restore it."
        ) from error


def _read_object(model_name_or_path: str, filename: str, hub_kwargs: dict[str, Any]) -> dict[str, Any]:
    """Read a JSON object; return an empty one if the file does not exist."""
    content = _read_json(model_name_or_path, filename, hub_kwargs, missing={})
    if not isinstance(content, dict):
        raise ValueError(
            f"The {filename} of {model_name_or_path!r} contains {str(content)[:60]}, expected an object. The model is "
            "damaged. Restore it."
        )
    return content
