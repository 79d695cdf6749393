"""Tokenising prompts in such a way that words stay words."""

from __future__ import annotations

import json
from typing import Any

from tokenizers import Encoding, Tokenizer
from transformers import PreTrainedTokenizerBase

# A Unicode noncharacter: valid in a string, never part of text that is meant for interchange.
_GUARD = "\ufdd0"


class PromptTokenizer:
    """Turns prompts into token ids, and never a word into a special token.

    A plain tokenizer reads ``("[MASK]", "token")`` as a pair whose head *is* the mask token. Refusing to split special
    tokens at all does not help: the template's own mask has to stay one, and a unigram vocabulary holds the special
    tokens as ordinary pieces. So this is a private copy of the tokenizer, the same in every id and rule but for one:
    its special tokens are renamed to strings that no word may contain.

    Args:
        tokenizer: A fast tokenizer; it is not changed.

    Raises:
        ValueError: If the tokenizer is not a fast one (backed by the ``tokenizers`` library).
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if not isinstance(backend, Tokenizer):
            raise ValueError(
                f"{type(tokenizer).__name__} is not a fast tokenizer, expected one backed by the tokenizers library. "
                "Convert it to a tokenizer.json first."
            )
        state = json.loads(backend.to_str())
        special = {token["content"] for token in state["added_tokens"] if token["special"]}
        special.update(tokenizer.all_special_tokens)
        # Longest first, so that a token that contains another is not taken for it.
        tokens = sorted(special, key=len, reverse=True)
        self._names = {token: f"{_GUARD}{index}{_GUARD}" for index, token in enumerate(tokens)}
        self.mask: str = self._names.get(tokenizer.mask_token, "")
        self._backend = Tokenizer.from_str(json.dumps(_rename(state, self._names)))
        self._backend.no_truncation()
        self._backend.no_padding()

    def mark(self, text: str) -> str:
        """Write a text so that the special tokens in it are read as such: for templates, never for words."""
        for token, name in self._names.items():
            text = text.replace(token, name)
        return text

    def __call__(self, prompts: list[str]) -> list[Encoding]:
        """Tokenise prompts, the tokenizer's own start and end tokens included.

        Args:
            prompts: Texts in which :attr:`mask` stands for the mask token.

        Returns:
            The encoding of each prompt, neither cut nor padded.
        """
        return self._backend.encode_batch(prompts)

    def pieces(self, texts: list[str]) -> list[list[int]]:
        """The token ids of parts of prompts, without the tokenizer's own start and end tokens."""
        return [encoding.ids for encoding in self._backend.encode_batch_fast(texts, add_special_tokens=False)]

    @property
    def splits_at_blanks(self) -> bool:
        """Whether no token can reach over a blank, whatever the vocabulary."""
        splitter = self._backend.pre_tokenizer
        return splitter is not None and len(splitter.pre_tokenize_str("a b c")) >= 3

    @staticmethod
    def is_marked(text: str) -> bool:
        """Whether a text holds a special token that is read as such."""
        return _GUARD in text

    @staticmethod
    def check_word(word: str) -> None:
        """Refuse the one character that the renamed special tokens are made of.

        Raises:
            ValueError: If ``word`` contains U+FDD0.
        """
        if _GUARD in word:
            raise ValueError(f"The word {word!r} contains the noncharacter U+FDD0, which is not text. Remove it.")


def _rename(state: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """Rename tokens wherever a serialised tokenizer looks one up by its text; ids and order stay."""
    for token in state["added_tokens"]:
        if token["content"] in names:
            # Matched before normalisation, which could change the new name (special tokens are left alone by it too).
            token.update(content=names[token["content"]], normalized=False)
    model = state["model"]
    if isinstance(model["vocab"], dict):
        model["vocab"] = {names.get(token, token): index for token, index in model["vocab"].items()}
    else:  # unigram: a list of [piece, score], the position being the id
        model["vocab"] = [[names.get(token, token), score] for token, score in model["vocab"]]
    if model.get("unk_token") in names:
        model["unk_token"] = names[model["unk_token"]]
    return state
