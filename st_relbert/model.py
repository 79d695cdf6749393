"""RelBERT: a SentenceTransformer whose inputs are pairs of words."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.util import fullname
from sentence_transformers.util.decorators import deprecated_kwargs
from torch import nn

from st_relbert.checkpoints import (
    RelBERTConfig,
    make_room,
    numbered,
    read_pipeline_template,
    read_records,
    read_relbert_config,
    rename_tokenizer_class,
    to_fast_modules,
    to_portable_modules,
    write_records,
)
from st_relbert.data.sources import as_lines, sources_of
from st_relbert.environment import inference_context
from st_relbert.identity import hub_kwargs_of, loading_error, locate_model
from st_relbert.model_card import RelBERTModelCardData
from st_relbert.modules import PromptTemplate, RelationPooling
from st_relbert.modules.relation_pooling import Reduction
from st_relbert.pairs import as_pair, as_pairs, is_flat_pair
from st_relbert.templates import DEFAULT_TEMPLATE, PoolingMode
from st_relbert.vectors import check_finite, encode_once

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _typed_like(function: _Function) -> Callable[[Callable[..., Any]], _Function]:
    """Give a method the type of another one, including its overloads."""
    return lambda method: method  # type: ignore[return-value]


class RelBERT(SentenceTransformer):
    """A relation-embedding model: it maps a pair of words to a vector of the relation between them.

    The model is a sentence-transformers pipeline that starts with a `PromptTemplate`, contains a `RelationPooling`, and
    may contain any other modules (`Normalize`, `Dense`). It is saved in the portable layout: plain
    `SentenceTransformer(path)` loads the folder without this package.

    Args:
        model_name_or_path: A hub id or a folder: any Hugging Face or sentence-transformers encoder, a published RelBERT
            checkpoint, or a RelBERT saved by this class or by plain sentence-transformers.
        template: A key of `st_relbert.templates.NAMED_TEMPLATES`, or a text with `<subj>`, `<obj>` and `<mask>`.
            Defaults to the checkpoint's own template, or to `"a"` for an encoder without one.
        pooling: `"average_no_mask"`, `"average"` or `"mask"`; see `RelationPooling`. Defaults to the checkpoint's own
            pooling, or to `"average_no_mask"`.
        reduction: `"mean"` or `"sum"`. Defaults to the model's own reduction, or to `"mean"`.
        fast: Embed in bfloat16 if the device supports it, which is about three times as fast on such a CPU. On other
            devices it has no effect. Vectors are still float32, and their cosine to the exact ones is above 0.9999.
            Weights and training are unaffected.
        **kwargs: See `sentence_transformers.SentenceTransformer`.

    Raises:
        ValueError: If the folder does not exist, is damaged or contains no encoder; if weights of the encoder are
            missing; if an argument has an unknown value; if the checkpoint's `relbert_config` has an old version.
        ImportError: If a package that the backend (`"onnx"`, `"openvino"`) needs is not installed.

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
    # Lets a pipeline of our modules, saved by plain sentence-transformers, load here without trust_remote_code.
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
        """The folder that the model was last saved to, or the hub id or folder it came from; an index records it."""
        if name is None and any(value is not None for value in self._requested.values()):
            raise ValueError("template, pooling and reduction have no effect without model_name_or_path. Omit them.")
        located = name
        if name is not None:
            located, kwargs = locate_model(name, **kwargs)
        try:
            super().__init__(located, **kwargs)
        except OSError as error:  # from locating the model; _load_modules handles errors in its files
            raise loading_error(name, error) from error

    @property
    def template(self) -> str:
        """The text of the prompt template."""
        return self._prompt.template

    @property
    def pooling(self) -> PoolingMode:
        """The pooling mode: which tokens are pooled."""
        return self._relation_pooling.pooling

    @property
    def reduction(self) -> Reduction:
        """Whether token vectors are averaged (`"mean"`) or summed (`"sum"`)."""
        return self._relation_pooling.reduction

    @property
    def untrained(self) -> bool:
        """Whether this is an encoder of texts, which was neither saved as a `RelBERT` nor trained as one since."""
        trained = "generated_from_trainer" in self.model_card_data.tags
        return self.source is not None and self._saved_template is None and not trained

    @property
    def _prompt(self) -> PromptTemplate:
        prompt = self[0]
        if not isinstance(prompt, PromptTemplate):
            raise ValueError(f"The first module is a {type(prompt).__name__}, expected a PromptTemplate.")
        return prompt

    @property
    def _relation_pooling(self) -> RelationPooling:
        for module in self:
            if isinstance(module, RelationPooling):
                return module
        modules = ", ".join(type(module).__name__ for module in self)
        raise ValueError(f"The modules are {modules}, expected a RelationPooling among them.")

    def is_singular_input(self, inputs: Any) -> bool:  # type: ignore[override]  # the base class narrows the type to single texts
        """Return whether `inputs` is one pair; `("Tokyo", "Japan")` is a pair, not a batch of two strings."""
        return is_flat_pair(inputs) or isinstance(inputs, str | bytes | dict) or not isinstance(inputs, Iterable)

    @_typed_like(SentenceTransformer.encode)
    @deprecated_kwargs(sentences="inputs")
    def encode(
        self, inputs: Any, prompt_name: str | None = None, prompt: str | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        """Embed pairs of words; repeated pairs are embedded only once.

        Args:
            inputs: A pair, or a list, array, `datasets` column or other iterable of pairs.
            prompt_name: One of the model's `prompts`. It has no effect, because prompts are for texts, not for pairs.
            prompt: Not supported; the template is the prompt.
            *args: See `SentenceTransformer.encode`.
            **kwargs: See `SentenceTransformer.encode`.

        Returns:
            float32 vectors of shape `(pairs, d)`, or `(d,)` for one pair, as a NumPy array unless requested otherwise.
            An empty input gives `(0, d)`.

        Raises:
            ValueError: If an input is not a pair of words; if a vector is not finite.
        """
        if prompt or prompt_name not in (None, *self.prompts):
            raise ValueError(
                f"Got the prompt {prompt or prompt_name!r}, but pairs are read through a template. Pass `template` "
                "when you load the model instead."
            )
        args = (None, "", *args)
        # Checked here as well as in the first module, because only here can the error give the position in the input.
        encode = super().encode
        if self.is_singular_input(inputs):
            return encode(as_pair(inputs, "the input"), *args, **kwargs)
        return encode_once(lambda pairs: encode(pairs, *args, **kwargs), as_pairs(inputs))

    def _inference(self, inputs: list[Any], *, device: Any = None, **kwargs: Any) -> Any:
        """Embed on a device, also in worker processes; in bfloat16 if the model is fast and the device supports it."""
        device = self._resolve_inference_device(device)
        with inference_context(self, device):
            outputs = super()._inference(inputs, device=device, **kwargs)
        check_finite(inputs, outputs)
        return outputs

    def _input_length(self, sample: Any) -> int:  # type: ignore[override]  # static in the base class, but called as a method
        """Sort by the prompt's length in tokens; by characters, a fifth of a batch would be padding."""
        return self._prompt.prompt_length(sample)

    def to_sentence_transformer(self) -> SentenceTransformer:
        """Return the same model, with shared weights, in sentence-transformers' own modules, as it is saved.

        Raises `ValueError` if the model has no such form, for example because its reduction is `"sum"`.
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
        plain.module_kwargs = numbered(modules, kwargs_of)[1]
        return plain

    @classmethod
    def merge(cls, models: Sequence[Any], *args: Any, **kwargs: Any) -> RelBERT:
        """Merge the weights of models of one encoder (`SentenceTransformer.merge`); the card lists all their data."""
        merged: RelBERT = super().merge(models, *args, **kwargs)
        merged._records = {}  # they describe the training of the first model only
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
        """Save the model in the portable layout, which plain sentence-transformers can load.

        The arguments are those of `SentenceTransformer.save`. A model that has been loaded but not trained since keeps
        its card and its records of training and evaluation. Those of an earlier model in the folder are removed, and so
        is its adapter. Other files stay.

        Raises:
            ValueError: If the model has no portable form, for example because its reduction is `"sum"`; if it has an
                adapter, and the folder contains an encoder other than the adapter's.
        """
        plain = self.to_sentence_transformer()
        make_room(path, self.transformers_model)
        plain.save(path, create_model_card=False, safe_serialization=safe_serialization)
        config = json.dumps(self._get_model_config(), indent=2, sort_keys=True)
        Path(path, "config_sentence_transformers.json").write_text(config, encoding="utf-8")
        rename_tokenizer_class(path)
        # Sentence-transformers uses the same test for whether the card is still valid.
        write_records(path, {} if "generated_from_trainer" in self.model_card_data.tags else self._records)
        if create_model_card:
            self._create_model_card(path, model_name, train_datasets)
        self.source = os.path.abspath(path)

    @_typed_like(SentenceTransformer.push_to_hub)
    def push_to_hub(self, *args: Any, **kwargs: Any) -> str:
        """Upload the model; see `SentenceTransformer.push_to_hub`. Its `source` does not change."""
        source = self.source
        try:
            return super().push_to_hub(*args, **kwargs)
        finally:
            self.source = source  # not the temporary folder that it was saved to for the upload

    def _get_model_config(self) -> dict[str, Any]:
        requirements = {} if self._requirements is None else {"requirements": self._requirements}
        return super()._get_model_config() | requirements

    def _parse_model_config(self, model_config: dict[str, Any]) -> None:
        """Keep the requirements, which sentence-transformers checks on loading and then discards."""
        super()._parse_model_config(model_config)
        self._requirements = model_config.get("requirements")

    def _load_modules(self, model_name_or_path: str, **kwargs: Any) -> Any:  # type: ignore[override]  # passed on
        """Load a model, and turn the various libraries' errors about its files into one kind of error."""
        try:
            return super()._load_modules(model_name_or_path, **kwargs)
        except ImportError as error:  # also from unmet requirements, whose message has several lines
            raise ImportError(" ".join(str(error).split())) from error
        except Exception as error:
            if type(error) is ValueError and "\n" not in str(error):
                raise
            if isinstance(error.__context__, ImportError):  # a backend that is not installed
                raise ImportError(str(error)) from error
            raise loading_error(self.source, error) from error

    def _load_config_modules(self, model_name_or_path: str, **kwargs: Any) -> Any:  # type: ignore[override]
        """Load a saved pipeline as sentence-transformers does, but replace its first modules with ours."""
        hub_kwargs = hub_kwargs_of(kwargs)
        self._saved_template = read_pipeline_template(model_name_or_path, **hub_kwargs)
        if self._saved_template is None:
            # A text embedding model: use its encoder only, because its pooling and settings are meant for texts.
            return self._load_default_modules(model_name_or_path, **kwargs)
        self._records = read_records(model_name_or_path, **hub_kwargs)
        loaded, module_kwargs = super()._load_config_modules(model_name_or_path, **kwargs)
        card: Any = self._model_card_text
        if card and isinstance(self.model_card_data, RelBERTModelCardData):
            self.model_card_data.take_over(card)
        modules: dict[str, nn.Module] = dict(loaded)  # type: ignore[arg-type]  # never a list
        kwargs_of = {module: module_kwargs[name] for name, module in modules.items()}
        fast = to_fast_modules([*modules.values()])
        return numbered([self._as_requested(module) for module in fast], kwargs_of)

    def _load_module_class_from_ref(self, class_ref: str, *args: Any, **kwargs: Any) -> type:
        module_class = super()._load_module_class_from_ref(class_ref, *args, **kwargs)
        return PromptTemplate if module_class is Transformer else module_class

    def _get_module_init_defaults(self, class_ref: str) -> dict[str, Any]:
        is_prompt = class_ref.rpartition(".")[2] in ("Transformer", "PromptTemplate")
        return {"template": self._requested_or("template", self._saved_template)} if is_prompt else {}

    def _requested_or(self, name: str, saved: Any) -> Any:
        requested = self._requested[name]
        return saved if requested is None else requested

    def _as_requested(self, module: nn.Module) -> nn.Module:
        """Return the module, with the saved values replaced by those that the caller asked for."""
        if isinstance(module, PromptTemplate) and self._requested["template"] is not None:
            module.template = self._requested["template"]
        if isinstance(module, RelationPooling):
            return RelationPooling(
                module.embedding_dimension,
                self._requested_or("pooling", module.pooling),
                reduction=self._requested_or("reduction", module.reduction),
            )
        return module

    def _load_default_modules(self, model_name_or_path: str, **kwargs: Any) -> Any:  # type: ignore[override]
        """Build a pipeline from an encoder or from a checkpoint of the relbert library."""
        hub_kwargs = hub_kwargs_of(kwargs)
        saved = read_relbert_config(model_name_or_path, **hub_kwargs)
        if saved is None:
            saved = RelBERTConfig(DEFAULT_TEMPLATE, "average_no_mask", max_length=None)
        else:
            self._saved_template = saved.template
            self._records = read_records(model_name_or_path, **hub_kwargs)
            if saved.data and isinstance(self.model_card_data, RelBERTModelCardData):
                self.model_card_data.training_data = as_lines(sources_of(saved.data))
        template = self._requested_or("template", saved.template)
        prompt = PromptTemplate.load(
            model_name_or_path, backend=self.backend, init_defaults={"template": template}, **kwargs
        )
        if saved.max_length is not None:
            prompt.max_seq_length = min(saved.max_length, prompt.max_seq_length or saved.max_length)
        pooling = RelationPooling(prompt.get_embedding_dimension(), saved.pooling)
        if not kwargs["local_files_only"]:
            self.model_card_data.set_base_model(model_name_or_path, revision=kwargs["revision"])
        return numbered([prompt, self._as_requested(pooling)], {})
