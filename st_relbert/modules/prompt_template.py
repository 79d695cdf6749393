"""The input module: it turns pairs of words into the token vectors of their prompts."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import chain
from math import inf
from operator import itemgetter
from typing import Any

import numpy as np
import torch
from sentence_transformers.base.modules import Transformer
from sentence_transformers.base.modules.transformer import ProcessingKwargs
from tokenizers import Encoding
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from st_relbert.modules.prompts import PromptAssembler, PromptTokenizer, is_suspect
from st_relbert.pairs import Pair, as_pairs
from st_relbert.templates import DEFAULT_TEMPLATE, MASK, OBJECT, PLACEHOLDERS, SUBJECT, Template

_CHECKED_AT_A_TIME = 10_000


class PromptTemplate(Transformer):
    """Reads word pairs through a prompt template: the first module of a pipeline, instead of a `Transformer`.

    It differs from sentence-transformers' `Transformer` in the preprocessing: it writes a pair into the template, and
    tokenises the prompt. Words are data: a word that spells a special token (`[MASK]`, `</s>`) or a placeholder
    (`<obj>`) is tokenised as text. A prompt longer than `max_seq_length` is cut at the end, if the rest still contains
    head, tail and mask; otherwise it is an error. Prompts are always padded on the right, where padding changes no
    encoder's positions; a tokenizer without a padding token gets another special token as one. Tokens that you add to
    the tokenizer take effect with the next batch.

    Args:
        model_name_or_path: A Hugging Face encoder, hub id or folder.
        template: A name of `NAMED_TEMPLATES`, or a text with `<subj>`, `<obj>` and usually `<mask>`.
        **kwargs: See `Transformer`.

    Raises:
        ValueError: If the template is unknown or lacks a placeholder; if it has a `<mask>` but the tokenizer has no
            mask token; if the tokenizer is not a fast one, or has no special token to pad with.

    Examples:
        >>> prompt = model[0]  # the first module of a RelBERT
        >>> len(prompt.preprocess([("Tokyo", "Japan"), ("Paris", "France")])["input_ids"])
        2

    Source: Ushio et al. (2021), "Distilling Relation Embeddings from Pre-trained Language Models", section 3.1.
    """

    config_keys: list[str] = [*Transformer.config_keys, "template"]

    def __init__(self, model_name_or_path: str, *, template: str = DEFAULT_TEMPLATE, **kwargs: Any) -> None:
        super().__init__(model_name_or_path, **kwargs)
        _check_token_ids(self.model, self.tokenizer)
        self.modality_config = {"text": self.modality_config["text"]}
        self.input_formatter.supported_modalities = ["text"]
        self.tokenizer.padding_side = "right"
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = _padding(self.tokenizer)
        self._prompt_tokenizer = PromptTokenizer(self.tokenizer)
        self.template = template

    @property
    def template(self) -> str:
        """The template's text."""
        return self._template.text

    @template.setter
    def template(self, name_or_text: str) -> None:
        template, tokenizer = Template.named(name_or_text), self._prompt_tokenizer
        if not tokenizer.is_of(self.tokenizer):
            tokenizer = PromptTokenizer(self.tokenizer)
        if template.has_mask and not tokenizer.mask:
            raise ValueError(
                f"The template {template.text!r} has a <mask>, but {type(self.tokenizer).__name__} has no mask token. "
                "Use a template without <mask> and the pooling 'average'."
            )
        self._template, self._prompt_tokenizer = template, tokenizer
        # A special token in the template's own text ("<subj> [SEP] <obj>") is read as one.
        parts = (part if part in PLACEHOLDERS else tokenizer.mark(part) for part in template.parts)
        self._marked = Template("".join(parts))
        self._assembler = PromptAssembler.try_build(tokenizer, self._marked)

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:  # type: ignore[override]  # read-only in Transformer too
        """The encoder's tokenizer."""
        tokenizer = super().tokenizer
        if tokenizer is None:
            raise ValueError(f"{type(self.model).__name__} has no tokenizer, expected a text encoder.")
        return tokenizer

    @property
    def special_tokens(self) -> tuple[str, str]:
        """What the tokenizer puts before and after a text, for example `("[CLS]", "[SEP]")`."""
        encoding = self._prompt_tokenizer(["x"])[0]
        words = encoding.special_tokens_mask.index(0)
        start, end = encoding.ids[:words], encoding.ids[len(encoding.ids) - _count_at_end(encoding) :]
        return "".join(self.tokenizer.convert_ids_to_tokens(start)), "".join(self.tokenizer.convert_ids_to_tokens(end))

    def preprocess(
        self,
        inputs: Sequence[Any],
        prompt: str | None = None,
        processing_kwargs: ProcessingKwargs | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Write pairs into the template and tokenise the prompts.

        Args:
            inputs: Pairs of words, each a tuple, list or array of two strings.
            prompt: Not supported; the template is the prompt.
            processing_kwargs: Not supported; there is nothing to set.
            **kwargs: `max_length` overrides `max_seq_length`, as the trainer's argument of this name does. Others
                (`task`), which sentence-transformers passes, are ignored.

        Returns:
            `input_ids` and `attention_mask`, both int64 of shape `(pairs, tokens)`, and `modality`.

        Raises:
            ValueError: If an input is not a pair of words, the tokenizer cannot read a word (it drops all its
                characters), or `max_seq_length` cuts off a word or the mask.
        """
        if prompt or processing_kwargs:
            raise ValueError(
                f"Got {prompt or processing_kwargs!r}, but pairs are read through a template. Set `template` instead."
            )
        if len(inputs) == 0:
            return {}
        pairs = as_pairs(inputs)
        if not self._prompt_tokenizer.is_of(self.tokenizer):
            self.template = self.template  # tokens were added: read the template with them
        limit = kwargs.get("max_length") or self.max_seq_length
        token_ids = self._tokenize(pairs)
        if limit is not None:
            token_ids = [
                ids if len(ids) <= limit else self._cut(pair, limit) for pair, ids in zip(pairs, token_ids, strict=True)
            ]
        return {**self._pad(token_ids), "modality": "text"}

    def check_prompts(self, pairs: Sequence[Pair]) -> None:
        """Raise `ValueError` for pairs that `preprocess` would refuse; call it before long work.

        `preprocess` refuses a pair if `max_seq_length` cuts off a word or the mask, or the tokenizer cannot read a
        word. Only pairs that may be refused are tokenised here. The pairs must be the output of `as_pairs`.
        """
        limit = self.max_seq_length
        room = inf if limit is None else limit - self.prompt_length(("x", "x"))
        heads, tails = (self._template.parts.count(part) for part in (SUBJECT, OBJECT))
        suspects = [
            (head, tail)
            for head, tail in pairs
            if heads * _most_tokens(head) + tails * _most_tokens(tail) > room or is_suspect(head) or is_suspect(tail)
        ]
        for start in range(0, len(suspects), _CHECKED_AT_A_TIME):
            self.preprocess(suspects[start : start + _CHECKED_AT_A_TIME])

    def prompt_length(self, pair: Pair) -> int:
        """Return the length of a pair's prompt, to sort by: in tokens, or in characters if there is no assembler."""
        return self._assembler.length(pair) if self._assembler else len(self._template.render([pair], MASK)[0])

    def _load_model(self, model_name_or_path: str, *args: Any, **model_kwargs: Any) -> PreTrainedModel:
        """Load the encoder, and refuse missing weights, for which transformers would use random ones with a warning."""
        if "torch" not in args:  # another backend
            return super()._load_model(model_name_or_path, *args, **model_kwargs)
        if model_kwargs.get("local_files_only"):  # transformers ignores it when it looks for an adapter
            found = {name: model_kwargs[name] for name in ("local_files_only", "cache_dir") if name in model_kwargs}
            model_kwargs["adapter_kwargs"] = {**found, **model_kwargs.get("adapter_kwargs", {})}
        loaded: Any = super()._load_model(model_name_or_path, *args, output_loading_info=True, **model_kwargs)
        model: PreTrainedModel = loaded[0]
        # The encoder's pooler is not used, and checkpoints of language models have none.
        missing = sorted(name for name in loaded[1]["missing_keys"] if "pooler" not in name.split("."))
        if missing:
            raise ValueError(
                f"{model_name_or_path!r} lacks weights of its encoder ({type(model).__name__}): {missing[0]}"
                f"{f' and {len(missing) - 1} more' if missing[1:] else ''}. The model is damaged, or its config.json "
                "belongs to another model. Restore it."
            )
        return model

    def _tokenize(self, pairs: list[Pair]) -> list[list[int]]:
        return self._assembler(pairs) if self._assembler else [encoding.ids for encoding in self._encode(pairs)]

    def _encode(self, pairs: list[Pair]) -> list[Encoding]:
        """Tokenise whole prompts."""
        self._prompt_tokenizer.check_words(chain.from_iterable(pairs))
        return self._prompt_tokenizer(self._marked.render(pairs, self._prompt_tokenizer.mask))

    def _cut(self, pair: Pair, limit: int) -> list[int]:
        """Return a prompt's token ids, cut at `limit` as in the relbert library. Never cut what the pooling needs."""
        encoding = self._encode([pair])[0]
        ids: list[int] = encoding.ids
        end = _count_at_end(encoding)
        kept = limit - end
        needed = self._marked.essential_length(pair, self._prompt_tokenizer.mask)
        if kept < 1 or encoding.offsets[kept - 1][1] < needed:
            head, tail = pair
            raise ValueError(
                f"The prompt of the pair ({head[:40]!r}, {tail[:40]!r}) has {len(ids)} tokens, but max_seq_length is "
                f"{limit}. Cutting it would lose the head, the tail or the mask. Shorten the words (they have "
                f"{len(head)} and {len(tail)} characters), or increase max_seq_length if the encoder allows it."
            )
        return ids[:kept] + ids[len(ids) - end :]

    def _pad(self, token_ids: list[list[int]]) -> dict[str, Tensor]:
        pad_id = self.tokenizer.pad_token_id or 0
        lengths = np.fromiter(map(len, token_ids), np.int64, len(token_ids))
        attended = np.arange(lengths.max()) < lengths[:, None]  # (pairs, tokens)
        input_ids = np.full(attended.shape, pad_id)
        input_ids[attended] = np.fromiter(chain.from_iterable(token_ids), np.int64, lengths.sum())
        return {"input_ids": torch.from_numpy(input_ids), "attention_mask": torch.from_numpy(attended.astype(np.int64))}


def _most_tokens(word: str) -> int:
    """Return an upper bound of a word's tokens: one per byte of the normalised word, and one at each end."""
    return 2 + len(word if word.isascii() else unicodedata.normalize("NFKD", word).encode())


def _check_token_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Raise `ValueError` if the tokenizer has tokens for which the encoder has no vector, and would fail later."""
    vectors = getattr(model.get_input_embeddings(), "num_embeddings", None)
    token, last = max(tokenizer.get_vocab().items(), key=itemgetter(1))
    if vectors is not None and last >= vectors:
        raise ValueError(
            f"The tokenizer's token {token!r} has the id {last}, but the encoder has only {vectors} token vectors. Use "
            "the tokenizer that belongs to the encoder."
        )


def _padding(tokenizer: PreTrainedTokenizerBase) -> str:
    """Return a token to pad with. Padding is not attended to, so any special token will do."""
    token = tokenizer.eos_token or tokenizer.sep_token or tokenizer.unk_token or tokenizer.cls_token
    if not token:
        raise ValueError(
            f"{type(tokenizer).__name__} has no token to pad with: its pad_token, eos_token, sep_token, unk_token and "
            "cls_token are not set. Set its pad_token to any token that it has, and save it with the encoder."
        )
    return str(token)


def _count_at_end(encoding: Encoding) -> int:
    """Return the number of tokens that the tokenizer itself added after the text."""
    return next(index for index, special in enumerate(reversed(encoding.special_tokens_mask)) if not special)
