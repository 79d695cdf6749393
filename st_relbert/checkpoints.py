"""The layouts on disk: published RelBERT checkpoints (read) and the portable layout (read and written).

The portable layout holds nothing but sentence-transformers' own modules, so it loads with a plain
``SentenceTransformer(path)``: a chat template writes the prompt (sentence-transformers hands a pair over as one message
for each word), :class:`MultiVectorMask` hides tokens from the pooling, :class:`Pooling` takes the mean. Its
``config.json`` carries the ``relbert_config`` of the published checkpoints too, for the reference library and for
reading it back into the fast modules.
"""

from __future__ import annotations

import copy
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from sentence_transformers.base.modality import InputFormatter
from sentence_transformers.base.modules import Module, Transformer
from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask
from sentence_transformers.sentence_transformer.modules import Pooling
from sentence_transformers.util import load_file_path

from st_relbert.modules import PromptTemplate, RelationPooling
from st_relbert.templates import MASK, OBJECT, SUBJECT, Aggregation, Template

REFERENCE_MAX_LENGTH = 64
"""The length at which the reference library cuts prompts unless told otherwise."""

# A folder with an adapter has no config.json of the encoder: transformers would look for all its weights.
_ADAPTER_FILE = "relbert_config.json"

_PROBES = [("Tokyo", "Japan"), ("New York City", "the USA"), ("mother-in-law", "café"), ("東京", "3.14")]


@dataclass(frozen=True)
class RelBERTConfig:
    """How a checkpoint was trained to read pairs: ``relbert_config`` in its ``config.json``."""

    template: str
    aggregation: Aggregation
    max_length: int | None
    """Where prompts are cut; None leaves it to the tokenizer's own setting."""


def read_relbert_config(model_name_or_path: str, **hub_kwargs: Any) -> RelBERTConfig | None:
    """Read how a checkpoint, portable or published, reads pairs.

    Args:
        model_name_or_path: A folder or a hub id.
        **hub_kwargs: ``token``, ``cache_folder``, ``revision``, ``local_files_only``.

    Returns:
        The configuration, or None for an encoder that RelBERT has not trained.

    Raises:
        ValueError: If the checkpoint was written by an older version, without a key that is needed.
    """
    config = _read_json(model_name_or_path, "config.json", hub_kwargs) or {}
    if adapter := _read_json(model_name_or_path, _ADAPTER_FILE, hub_kwargs):
        config = {"relbert_config": adapter}
    if "relbert_config" not in config:
        return None
    relbert_config = config["relbert_config"]
    for key in ("template", "aggregation_mode"):
        if not relbert_config.get(key):
            raise ValueError(
                f"The relbert_config of {model_name_or_path!r} has no {key!r} (it has: "
                f"{', '.join(sorted(relbert_config)) or 'nothing'}), as written by old versions of relbert. "
                "Add the key to its config.json, or use a newer checkpoint."
            )
    max_length = None
    if not saved_module_types(model_name_or_path, **hub_kwargs):  # published, not portable
        finetuning = _read_json(model_name_or_path, "finetuning_config.json", hub_kwargs) or {}
        max_length = finetuning.get("max_length", REFERENCE_MAX_LENGTH)
    return RelBERTConfig(relbert_config["template"], relbert_config["aggregation_mode"], max_length)


def saved_module_types(model_name_or_path: str, **hub_kwargs: Any) -> list[str]:
    """The classes of a saved pipeline's modules, by their full names; none if it is no saved pipeline."""
    modules: Any = _read_json(model_name_or_path, "modules.json", hub_kwargs) or []
    return [module["type"] for module in modules]


def portable_modules(prompt: PromptTemplate, pooling: RelationPooling) -> list[Module]:
    """Write a pipeline in sentence-transformers' own modules; the encoder is shared, not copied.

    Args:
        prompt: The input module.
        pooling: The output module, already part of a model.

    Returns:
        Modules that give the same vectors as the two, to be saved.

    Raises:
        ValueError: If there is no such form: for the reduction ``"sum"``, and for a tokenizer that splits the prompt
            in another way when its special tokens are written out.
    """
    if pooling.reduction != "mean":
        raise ValueError(
            f"A model with reduction {pooling.reduction!r} has no portable form: sentence-transformers' pooling takes "
            "means. Set reduction='mean' to save it (the cosines are the same)."
        )
    prompt.config.relbert_config = {"template": prompt.template, "aggregation_mode": pooling.aggregation}
    modules: list[Module] = [_portable_transformer(prompt)]
    if pooling.aggregation == "mask" and pooling.mask_token_id is not None:
        modules.append(MultiVectorMask(keep_only_token_ids=[pooling.mask_token_id]))
    elif pooling.aggregation == "average_no_mask" and MASK in prompt.template:
        skiplist = MultiVectorMask([prompt.tokenizer.mask_token], skiplist_tasks=["query", "document"])
        skiplist.resolve_with_tokenizer(prompt.tokenizer)
        modules.append(skiplist)
    return [*modules, Pooling(pooling.embedding_dimension, "mean")]


def rename_tokenizer_class(folder: str) -> None:
    """Give a saved generic tokenizer the class name that transformers 4 knows as well as 5.

    Args:
        folder: The saved model. The reference library, which needs transformers 4, reads it too then.
    """
    path = Path(folder, "tokenizer_config.json")
    config = json.loads(path.read_text(encoding="utf-8"))
    if config.get("tokenizer_class") == "TokenizersBackend":
        config["tokenizer_class"] = "PreTrainedTokenizerFast"
        path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_adapter_relbert_config(folder: str, prompt: PromptTemplate, pooling: RelationPooling) -> None:
    """Say beside a saved adapter (LoRA) how the model reads pairs; a whole model says so in its ``config.json``.

    Args:
        folder: The saved model.
        prompt: Its input module.
        pooling: Its output module.
    """
    if Path(folder, "adapter_config.json").is_file():
        config = {"template": prompt.template, "aggregation_mode": pooling.aggregation}
        Path(folder, _ADAPTER_FILE).write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _portable_transformer(prompt: PromptTemplate) -> Transformer:
    """A plain Transformer on the same encoder, which writes the same prompts by a chat template."""
    for gap in ("", " "):
        transformer = _with_chat_template(prompt, gap)
        if _same_tokens(transformer, prompt):
            return transformer
    raise ValueError(
        f"{type(prompt.tokenizer).__name__} splits the template {prompt.template!r} in another way when the special "
        "tokens are written out, so the model has no portable form and cannot be saved. Use an encoder with another "
        "tokenizer."
    )


def _with_chat_template(prompt: PromptTemplate, gap: str) -> Transformer:
    # The same object without our preprocessing: nothing is loaded twice, and an update of the weights reaches both.
    transformer = copy.copy(prompt)
    transformer.__class__ = Transformer
    tokenizer = copy.deepcopy(prompt.tokenizer)
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
    """The template in Jinja, special tokens written out, since chat templates add none."""
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
    # Uncut: the probes are about where the tokenizer splits, however short the model's prompts have to be.
    ours = prompt.preprocess(_PROBES, max_length=sys.maxsize)
    theirs = transformer.preprocess(_PROBES, processing_kwargs={"text": {"truncation": False, "verbose": False}})
    return torch.equal(ours["input_ids"], theirs["input_ids"])


def _read_json(model_name_or_path: str, filename: str, hub_kwargs: dict[str, Any]) -> dict[str, Any] | None:
    path = load_file_path(model_name_or_path, filename, **hub_kwargs)
    if path is None:
        return None
    try:
        content: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error}), expected the {filename} of a saved model.") from error
    return content
