"""RelBERT: a SentenceTransformer whose inputs are pairs of words."""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.util import fullname
from sentence_transformers.util.decorators import deprecated_kwargs
from torch import nn

from st_relbert.checkpoints import (
    RelBERTConfig,
    read_pipeline_template,
    read_records,
    read_relbert_config,
    rename_tokenizer_class,
    to_fast_modules,
    to_portable_modules,
)
from st_relbert.data.sources import as_lines, sources_of
from st_relbert.environment import computes_in_bfloat16
from st_relbert.identity import hub_kwargs_of, loading_error, locate_model
from st_relbert.model_card import RelBERTModelCardData
from st_relbert.modules import PromptTemplate, RelationPooling
from st_relbert.modules.relation_pooling import Reduction
from st_relbert.pairs import as_pair, as_pairs, is_flat_pair
from st_relbert.templates import DEFAULT_TEMPLATE, PoolingMode
from st_relbert.vectors import check_finite

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _typed_like(function: _Function) -> Callable[[Callable[..., Any]], _Function]:
    """Lend a method the type of another, overloads included."""
    return lambda method: method  # type: ignore[return-value]


class RelBERT(SentenceTransformer):
    """A relation-embedding model: a pair of words in, the vector of their relation out.

    It is a sentence-transformers pipeline that begins with a `PromptTemplate`, has a `RelationPooling`, and may hold
    any other module (`Normalize`, `Dense`). It is saved in the portable layout: plain `SentenceTransformer(path)` loads
    the folder, without this package.

    Args:
        model_name_or_path: Any Hugging Face or sentence-transformers encoder, a published RelBERT checkpoint, or a
            RelBERT that this class or plain sentence-transformers saved; a hub id or a folder.
        template: A name of `st_relbert.templates.NAMED_TEMPLATES` or a text with `<subj>`, `<obj>` and `<mask>`. None:
            the checkpoint's own, or `"a"` for an encoder that has none.
        pooling: `"average_no_mask"`, `"average"` or `"mask"`; see `RelationPooling`. None: the checkpoint's own, or
            `"average_no_mask"`.
        reduction: `"mean"` or `"sum"`. None: the model's own, or `"mean"`.
        fast: Embed in bfloat16 where the device computes in it, about three times as fast on such a CPU; elsewhere
            it changes nothing. Vectors are float32 still, at a cosine of more than 0.9999 to the exact ones. The
            weights stay as they are, and so does training.
        **kwargs: See `sentence_transformers.SentenceTransformer`.

    Raises:
        ValueError: If the folder does not exist, is damaged or holds no encoder; if weights of the encoder are
            missing; if an argument is not one of the known values; if the checkpoint's `relbert_config` is of an old
            version.
        ImportError: If what a backend (`"onnx"`, `"openvino"`) needs is not installed.

    Examples:
        >>> model = RelBERT("relbert-nce")
        >>> vectors = model.encode([("Tokyo", "Japan"), ("Paris", "France")])
        >>> len(vectors) == 2 and vectors.shape[1] == model.get_embedding_dimension()
        True
        >>> model.encode(("Tokyo", "Japan")).ndim  # one pair, one vector
        1

    Source: Ushio et al. (2021), "Distilling Relation Embeddings from Pre-trained Language Models".
    """

    model_card_data_class = RelBERTModelCardData
    # So that a pipeline of our modules that plain sentence-transformers saved loads here without trust_remote_code.
    _module_classes: Mapping[str, type[nn.Module]] = {fullname(cls): cls for cls in (PromptTemplate, RelationPooling)}

    def __init__(
        self,
        model_name_or_path: str | os.PathLike[str] | None = None,
        *,
        template: str | None = None,
        pooling: PoolingMode | None = None,
        reduction: Reduction | None = None,
        fast: bool = False,
        **kwargs: Any,
    ) -> None:
        self.fast = fast
        self._requested: dict[str, Any] = {"template": template, "pooling": pooling, "reduction": reduction}
        self._saved_template: str | None = None
        self._records: dict[str, str] = {}
        self._requirements: Any = None
        name = os.fspath(model_name_or_path) if model_name_or_path is not None else None
        self.source = name
        """The folder or hub id that the model was saved to last, or else loaded from: an index finds it again there."""
        if name is None and any(self._requested.values()):
            raise ValueError("template, pooling and reduction are for a model that is loaded, and none is named.")
        located = name
        if name is not None:
            located, kwargs = locate_model(name, **kwargs)
        try:
            super().__init__(located, **kwargs)
        except OSError as error:  # of the search for the model; _load_modules tells those of its files
            raise loading_error(name, error) from error

    @property
    def template(self) -> str:
        """The text of the prompt template."""
        return self._prompt.template

    @property
    def pooling(self) -> PoolingMode:
        """Which tokens are pooled."""
        return self._relation_pooling.pooling

    @property
    def reduction(self) -> Reduction:
        """Whether token vectors are averaged (`"mean"`) or added up (`"sum"`)."""
        return self._relation_pooling.reduction

    @property
    def _prompt(self) -> PromptTemplate:
        prompt = self[0]
        if not isinstance(prompt, PromptTemplate):
            raise ValueError(f"The first module of a RelBERT is a PromptTemplate, got {type(prompt).__name__}.")
        return prompt

    @property
    def _relation_pooling(self) -> RelationPooling:
        for module in self:
            if isinstance(module, RelationPooling):
                return module
        raise ValueError(f"A RelBERT has a RelationPooling, got {', '.join(type(module).__name__ for module in self)}.")

    def is_singular_input(self, inputs: Any) -> bool:  # type: ignore[override]  # theirs narrows to single texts
        """Whether `inputs` is one pair: here `("Tokyo", "Japan")` is a pair, not a batch of two strings."""
        return is_flat_pair(inputs) or isinstance(inputs, str | bytes | dict) or not isinstance(inputs, Iterable)

    @_typed_like(SentenceTransformer.encode)
    @deprecated_kwargs(sentences="inputs")
    def encode(
        self, inputs: Any, prompt_name: str | None = None, prompt: str | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        """Embed pairs of words; one that is given several times is embedded once.

        Args:
            inputs: A pair, or a list, array, `datasets` column or other iterable of pairs.
            prompt_name: One of the model's `prompts`. It changes nothing: they are for texts, not for pairs.
            prompt: Not supported; the template is the prompt.
            *args: See `SentenceTransformer.encode`.
            **kwargs: See `SentenceTransformer.encode`.

        Returns:
            float32 vectors `(pairs, d)`, or `(d,)` for one pair, as a NumPy array unless asked otherwise. No pairs give
            `(0, d)`.

        Raises:
            ValueError: If an input is not a pair of words; if a vector is not finite.
        """
        if prompt or prompt_name not in (None, *self.prompts):
            raise ValueError(
                f"Got the prompt {prompt or prompt_name!r}, but pairs are read through a template. Set `template` "
                "instead, when the model is loaded."
            )
        args = (None, "", *args)
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
        # Otherwise no autocast at all, rather than a disabled one, which would end the caller's own. Weights in half
        # precision are fast as they are, and a layer's norm does not mix them with bfloat16.
        fast = self.fast and self.dtype == torch.float32 and computes_in_bfloat16(device)
        with torch.autocast(device.type, torch.bfloat16) if fast else nullcontext():
            outputs = super()._inference(inputs, device=device, **kwargs)
        check_finite(inputs, outputs)
        return outputs

    def _input_length(self, sample: Any) -> int:  # type: ignore[override]  # theirs is static, and asked as a method
        """Batches are made of prompts of one length in tokens: with characters, a fifth of a batch is padding."""
        return self._prompt.prompt_length(sample)

    def to_sentence_transformer(self) -> SentenceTransformer:
        """The same model in sentence-transformers' own modules, which is what is saved; the weights are shared.

        Raises `ValueError` if there is no such form, for instance with the reduction `"sum"`.
        """
        modules = to_portable_modules(list(self))
        plain = SentenceTransformer(
            modules=modules,
            device=str(self.device),
            prompts={name: prompt or "" for name, prompt in self.prompts.items()},
            default_prompt_name=self.default_prompt_name,
            similarity_fn_name=self._similarity_fn_name,
            truncate_dim=self.truncate_dim,
        )
        kwargs_of = {self.get_submodule(name): value for name, value in (self.module_kwargs or {}).items()}
        plain.module_kwargs = _numbered(modules, kwargs_of)[1]
        return plain

    @classmethod
    def merge(cls, models: Sequence[Any], *args: Any, **kwargs: Any) -> RelBERT:
        """Merge the weights of models of one encoder (`SentenceTransformer.merge`); the card names all their data."""
        merged: RelBERT = super().merge(models, *args, **kwargs)
        merged._records = {}  # of how the first of them was trained
        card: Any = merged.model_card_data
        card.name_merged(models)
        return merged

    def save(
        self,
        path: str,
        model_name: str | None = None,
        create_model_card: bool = True,
        train_datasets: list[str] | None = None,
        safe_serialization: bool = True,
    ) -> None:
        """Save the model in the portable layout, which plain sentence-transformers loads.

        The arguments are those of `SentenceTransformer.save`. A model that was loaded, and not trained since, keeps the
        card that it has.

        Raises:
            ValueError: If the model has no portable form, for instance with the reduction `"sum"`.
        """
        plain = self.to_sentence_transformer()
        plain.save(path, create_model_card=False, safe_serialization=safe_serialization)
        config = json.dumps(self._get_model_config(), indent=2, sort_keys=True)
        Path(path, "config_sentence_transformers.json").write_text(config, encoding="utf-8")
        rename_tokenizer_class(path)
        # Sentence-transformers asks in the same way whether the card still is the model's.
        if "generated_from_trainer" not in self.model_card_data.tags:
            for name, text in self._records.items():
                Path(path, name).parent.mkdir(exist_ok=True)
                Path(path, name).write_text(text, encoding="utf-8")
        if create_model_card:
            self._create_model_card(path, model_name, train_datasets)
        self.source = os.path.abspath(path)

    def _get_model_config(self) -> dict[str, Any]:
        requirements = {} if self._requirements is None else {"requirements": self._requirements}
        return super()._get_model_config() | requirements

    def _parse_model_config(self, model_config: dict[str, Any]) -> None:
        """Keep what sentence-transformers checks when it loads a model, and forgets."""
        super()._parse_model_config(model_config)
        self._requirements = model_config.get("requirements")

    def _load_modules(self, model_name_or_path: str, **kwargs: Any) -> Any:  # type: ignore[override]  # handed on
        """Load a model, with one error for all that may be wrong with its files: each library has errors of its own."""
        try:
            return super()._load_modules(model_name_or_path, **kwargs)
        except ImportError as error:  # of requirements too, in several lines
            raise ImportError(" ".join(str(error).split())) from error
        except Exception as error:
            if type(error) is ValueError and "\n" not in str(error):
                raise
            if isinstance(error.__context__, ImportError):  # a backend that is not installed
                raise ImportError(str(error)) from error
            raise loading_error(self.source, error) from error

    def _load_config_modules(self, model_name_or_path: str, **kwargs: Any) -> Any:  # type: ignore[override]
        """Load a saved pipeline as sentence-transformers does, with our modules in the place of its first ones."""
        hub_kwargs = hub_kwargs_of(kwargs)
        self._saved_template = read_pipeline_template(model_name_or_path, **hub_kwargs)
        if self._saved_template is None:
            # A model of texts: its encoder is used, and neither its pooling nor its settings, which are for texts.
            return self._load_default_modules(model_name_or_path, **kwargs)
        self._records = read_records(model_name_or_path, **hub_kwargs)
        loaded, module_kwargs = super()._load_config_modules(model_name_or_path, **kwargs)
        card: Any = self._model_card_text
        if card and isinstance(self.model_card_data, RelBERTModelCardData):
            self.model_card_data.take_over(card)
        modules: dict[str, nn.Module] = dict(loaded)  # type: ignore[arg-type]  # never a list
        kwargs_of = {module: module_kwargs[name] for name, module in modules.items()}
        fast = to_fast_modules([*modules.values()])
        return _numbered([self._as_requested(module) for module in fast], kwargs_of)

    def _load_module_class_from_ref(self, class_ref: str, *args: Any, **kwargs: Any) -> type:
        module_class = super()._load_module_class_from_ref(class_ref, *args, **kwargs)
        return PromptTemplate if module_class is Transformer else module_class

    def _get_module_init_defaults(self, class_ref: str) -> dict[str, Any]:
        is_prompt = class_ref.rpartition(".")[2] in ("Transformer", "PromptTemplate")
        return {"template": self._requested["template"] or self._saved_template} if is_prompt else {}

    def _as_requested(self, module: nn.Module) -> nn.Module:
        """The module, with what the caller asked for instead of what was saved."""
        if isinstance(module, PromptTemplate) and self._requested["template"]:
            module.template = self._requested["template"]
        if isinstance(module, RelationPooling):
            return RelationPooling(
                module.embedding_dimension,
                self._requested["pooling"] or module.pooling,
                reduction=self._requested["reduction"] or module.reduction,
            )
        return module

    def _load_default_modules(self, model_name_or_path: str, **kwargs: Any) -> Any:  # type: ignore[override]
        """Make a pipeline of an encoder, or of a checkpoint of the relbert library."""
        hub_kwargs = hub_kwargs_of(kwargs)
        saved = read_relbert_config(model_name_or_path, **hub_kwargs)
        if saved is None:
            saved = RelBERTConfig(DEFAULT_TEMPLATE, "average_no_mask", max_length=None)
        else:
            self._records = read_records(model_name_or_path, **hub_kwargs)
            if saved.data and isinstance(self.model_card_data, RelBERTModelCardData):
                self.model_card_data.training_data = as_lines(sources_of(saved.data))
        template = self._requested["template"] or saved.template
        prompt = PromptTemplate.load(
            model_name_or_path, backend=self.backend, init_defaults={"template": template}, **kwargs
        )
        if saved.max_length is not None:
            prompt.max_seq_length = min(saved.max_length, prompt.max_seq_length or saved.max_length)
        pooling = RelationPooling(prompt.get_embedding_dimension(), saved.pooling)
        if not kwargs["local_files_only"]:
            self.model_card_data.set_base_model(model_name_or_path, revision=kwargs["revision"])
        return _numbered([prompt, self._as_requested(pooling)], {})


def _numbered(
    modules: Sequence[nn.Module], kwargs_of: Mapping[nn.Module, Any]
) -> tuple[OrderedDict[str, nn.Module], OrderedDict[str, Any]]:
    """Name modules, and the arguments that they take from `encode`, by their positions."""
    named = OrderedDict((str(place), module) for place, module in enumerate(modules))
    return named, OrderedDict((name, kwargs_of.get(module, [])) for name, module in named.items())
