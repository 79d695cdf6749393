"""Token ids of prompts, assembled from those of the template and those of each word."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence, Set
from typing import Any, NamedTuple

from tokenizers import AddedToken, Encoding, Tokenizer
from transformers import PreTrainedTokenizerBase

from st_relbert.pairs import Pair
from st_relbert.templates import MASK, OBJECT, SUBJECT, Template

_MOST_REMEMBERED = 2_000_000  # characters and tokens; about 30 MB for words of usual length


class Surroundings(NamedTuple):
    """The text around a word, up to the nearest text beyond a blank."""

    left: str  # the text beyond the blank; "" at the start of the prompt
    before: str  # the blanks, and what touches the word
    after: str
    right: str


class WordTokens:
    """Tokenises words in the same surroundings, and remembers their tokens.

    It remembers at most `most` characters and tokens, or a single batch of words if that has more.
    """

    def __init__(self, tokenizer: PromptTokenizer, around: Surroundings, most: int = _MOST_REMEMBERED) -> None:
        self._tokenizer = tokenizer
        self._around = around
        left, alone, both = tokenizer.pieces([around.left, "x", f"x {around.right}"])
        self._first, self._last = len(left), len(both) - len(alone) if around.right else 0
        self._known: dict[str, list[int]] = {}
        self._size, self._most = 0, most

    def ids_of(self, words: Set[str]) -> dict[str, list[int]]:
        """Return the token ids of these words, including what touches them; the dict may contain other words too.

        Raises `ValueError` for a word that the tokenizer cannot read (see `PromptTokenizer.check_words`).
        """
        known = self._known
        missing = sorted(word for word in words if word not in known)  # an error names the same word in every run
        if missing:
            tokens = self._tokenize(missing)
            self._size += sum(map(len, missing)) + sum(map(len, tokens))
            if self._size > self._most:
                # A new dict, because another thread may still read the old one.
                known = {word: known[word] for word in words if word in known}
                self._known = known
                self._size = sum(map(len, missing)) + sum(map(len, tokens))
            known.update(zip(missing, tokens, strict=True))
        return known

    def length_of(self, word: str) -> int:
        """Return the number of tokens of a word, including what touches it."""
        ids = self._known.get(word)
        return len(self.ids_of({word})[word] if ids is None else ids)

    def _tokenize(self, words: list[str]) -> list[list[int]]:
        self._tokenizer.check_words(words)
        left, before, after, right = self._around
        tokens = self._tokenizer.pieces([f"{left}{before}{word}{after}{right}" for word in words])
        return [ids[self._first : len(ids) - self._last] for ids in tokens]


# A Unicode noncharacter: valid in a string, but never part of text for interchange.
GUARD = "\ufdd0"


class PromptTokenizer:
    """Turns prompts into token ids, and never a word into a special token.

    A plain tokenizer reads `("[MASK]", "token")` as a pair whose head *is* the mask token. Splitting all special tokens
    does not help: the template's own mask must stay one, and a unigram vocabulary contains the special tokens as
    ordinary pieces. So this is a private copy of the tokenizer with the same ids and rules, but with its special tokens
    renamed to strings that no word may contain.

    Raises `ValueError` if the tokenizer is not a fast one (backed by the `tokenizers` library).
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
        # Longest first, so that a token is not mistaken for another one that it contains.
        tokens = sorted(special, key=len, reverse=True)
        self._names = {token: f"{GUARD}{index}{GUARD}" for index, token in enumerate(tokens)}
        self.mask: str = self._names.get(tokenizer.mask_token, "")
        self._backend = Tokenizer.from_str(json.dumps(_rename(state, self._names)))
        self._source = backend, *_tokens_of(tokenizer)
        self._added = backend.get_added_tokens_decoder()
        self._backend.no_truncation()
        self._backend.no_padding()

    def is_of(self, tokenizer: PreTrainedTokenizerBase) -> bool:
        """Return whether this is a copy of the tokenizer as it is now, including any tokens added since."""
        return self._source == (tokenizer.backend_tokenizer, *_tokens_of(tokenizer))

    def mark(self, text: str) -> str:
        """Return a text in which special tokens are read as such. Use it for templates, never for words."""
        for token, name in self._names.items():
            text = text.replace(token, name)
        return text

    def __call__(self, prompts: list[str]) -> list[Encoding]:
        """Tokenise prompts, with the tokenizer's own start and end tokens, and without cutting or padding.

        In the prompts, `mask` represents the mask token.
        """
        return self._backend.encode_batch(prompts)

    def pieces(self, texts: list[str]) -> list[list[int]]:
        """Return the token ids of parts of prompts, without the tokenizer's own start and end tokens."""
        return [encoding.ids for encoding in self._backend.encode_batch_fast(texts, add_special_tokens=False)]

    @property
    def splits_at_blanks(self) -> bool:
        """Whether no token can extend across a blank, whatever the vocabulary."""
        # Added tokens are matched before the text is split. Special ones cannot be in a word, and have no blank here.
        if any(not token.special and _reaches_over_blanks(token) for token in self._added.values()):
            return False
        splitter = self._backend.pre_tokenizer
        return splitter is not None and len(splitter.pre_tokenize_str("a b c")) >= 3

    def check_words(self, words: Iterable[str]) -> None:
        """Raise `ValueError` for a word that cannot be read.

        It contains U+FDD0, which marks the renamed special tokens, or it is lost (see `lost`).
        """
        words = list(words)
        if guarded := [word for word in words if GUARD in word]:
            raise ValueError(f"The word {guarded[0]!r} contains the noncharacter U+FDD0, which is not text. Remove it.")
        if lost := self.lost(words):
            raise ValueError(
                f"The model's tokenizer drops every character of the word {lost[0]!r}, so the model cannot read it. "
                "Replace the word, or leave it out."
            )

    def lost(self, words: Iterable[str]) -> list[str]:
        """Return the words of which the tokenizer leaves nothing, as an uncased one does with a lone accent.

        The prompt of such a word would be that of an empty one.
        """
        suspects = [word for word in words if is_suspect(word)]
        return [word for word, ids in zip(suspects, self.pieces(suspects), strict=True) if not ids]


def is_suspect(word: str) -> bool:
    """Return whether a tokenizer may be unable to read a word. No tokenizer drops letters and digits."""
    return GUARD in word or not any(map(str.isalnum, word))


def _tokens_of(tokenizer: PreTrainedTokenizerBase) -> tuple[Any, ...]:
    return tokenizer.backend_tokenizer.get_added_tokens_decoder(), tokenizer.all_special_tokens, tokenizer.mask_token


def _reaches_over_blanks(token: AddedToken) -> bool:
    return token.lstrip or token.rstrip or len(token.content.split()) != 1 or token.content != token.content.strip()


def _rename(state: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """Rename tokens wherever a serialised tokenizer looks one up by its text; ids and order stay the same."""
    for token in state["added_tokens"]:
        if token["content"] in names:
            # Matched before normalisation, which could change the new name. (It does not change special tokens either.)
            token.update(content=names[token["content"]], normalized=False)
    model = state["model"]
    if isinstance(model["vocab"], dict):
        model["vocab"] = {names.get(token, token): index for token, index in model["vocab"].items()}
    else:  # unigram: a list of [piece, score], in which the position is the id
        model["vocab"] = [[names.get(token, token), score] for token, score in model["vocab"]]
    if model.get("unk_token") in names:
        model["unk_token"] = names[model["unk_token"]]
    return state


_SLOT = re.compile(f"{SUBJECT}|{OBJECT}")
# Any word would do: tokens on the two sides of a blank do not depend on each other.
_FILLER = "x"
# Words that merge with their surroundings in some tokenizer: punctuation that merges with what follows,
# blanks at an edge, marks that combine with what precedes, characters that a normaliser drops or turns into several.
_PROBES = (
    *("Tokyo", "New York", "mother-in-law", "a", "1", "12", "a1", "1a", "_", "Ġ", "##a", "<mask>", "[MASK]", "</s>"),
    *(" a", "a ", "  a  ", "\ta\n", "\u00a0a\u00a0", "▁a", "a▁", "\u200da", "a\u200d", "\u0600", "a\u0600"),
    *("'s", "a'", "'", "!", "a!", "!a", ".", "a.", ",", ":", "-a", "a-", "/", "<", "=", "(", ")", "…", "½", "ﬁ", "İ"),
    *("é", "e\u0301", "\u0301a", "a\u0301", "\u0338", "東京", "東 京", "שלום", "🙂", "🙂a", "a🙂"),
)


class PromptAssembler:
    """Assembles token ids of prompts from a template that is tokenised only once.

    Most tokenizers split text at blanks first, so the tokens between two blanks depend only on the text between them.
    The template is therefore tokenised once, and a word once for all places with the same surroundings, together with
    the punctuation that touches it. `try_build` tests on difficult words whether this is valid for a tokenizer and a
    template.

    In the template's text, the mask and other special tokens are marked. A word at the end of the prompt is tokenised
    with `end`: `"x"`, as if text followed, or `""`.
    """

    def __init__(self, tokenizer: PromptTokenizer, text: str, end: str) -> None:
        whole = tokenizer([_fill(text)])[0]
        start = whole.special_tokens_mask.index(0)
        tokens: dict[Surroundings, WordTokens] = {}
        # For each slot: whether it is the head's (0) or the tail's (1), and the tokens of words in it.
        self._slots: list[tuple[int, WordTokens]] = []
        self._constants: list[list[int]] = []
        done = 0  # tokens up to the end of the previous slot
        for chunk in re.finditer(r"\S+", text):
            slot = _SLOT.search(chunk[0])
            if slot is None:
                continue
            around = _surroundings(text, chunk.start() + slot.start(), chunk.start() + slot.end(), end)
            words = tokens.setdefault(around, WordTokens(tokenizer, around))
            begin = start + len(tokenizer.pieces([_fill(text[: chunk.start()]).rstrip()])[0])
            self._constants.append(whole.ids[done:begin])
            self._slots.append((int(slot[0] == OBJECT), words))
            done = begin + len(words.ids_of({_FILLER})[_FILLER])
        self._constants.append(whole.ids[done:])
        self._length = sum(map(len, self._constants))

    @classmethod
    def try_build(cls, tokenizer: PromptTokenizer, template: Template) -> PromptAssembler | None:
        """Return an assembler with the same token ids as whole prompts, or None if words and template merge.

        In the template, special tokens must be marked.
        """
        text = template.text.replace(MASK, tokenizer.mask)
        if not tokenizer.splits_at_blanks or any(len(_SLOT.findall(chunk)) > 1 for chunk in text.split()):
            return None
        lost = tokenizer.lost(_PROBES)
        words = [word for word in _PROBES if word not in lost]
        pairs = [pair for shift in (0, 1, 7) for pair in zip(words, words[shift:] + words[:shift], strict=True)]
        whole = [encoding.ids for encoding in tokenizer(template.render(pairs, tokenizer.mask))]
        # First as if text followed: the last word then has the surroundings of most others, and is tokenised only once.
        for end in (_FILLER, ""):
            assembler = cls(tokenizer, text, end)
            if assembler(pairs) == whole:
                return assembler
        return None

    def __call__(self, pairs: Sequence[Pair]) -> list[list[int]]:
        """Return the token ids of the prompts, neither cut nor padded.

        Raises `ValueError` for a word that the tokenizer cannot read (see `PromptTokenizer.check_words`).
        """
        words = {pair[0] for pair in pairs}, {pair[1] for pair in pairs}
        first, *rest = self._constants
        slots = [
            (side, tokens.ids_of(words[side]), after) for (side, tokens), after in zip(self._slots, rest, strict=True)
        ]
        prompts = []
        for pair in pairs:
            prompt = first.copy()
            for side, ids, after in slots:
                prompt += ids[pair[side]]
                prompt += after
            prompts.append(prompt)
        return prompts

    def length(self, pair: Pair) -> int:
        """Return the number of tokens of a pair's prompt."""
        return self._length + sum(tokens.length_of(pair[side]) for side, tokens in self._slots)


def _surroundings(text: str, start: int, stop: int, end: str) -> Surroundings:
    """Return the surroundings of a slot."""
    before, after = text[:start], text[stop:] or f" {end}".rstrip()
    touching_before, touching_after = re.split(r"\s", before)[-1], re.split(r"\s", after)[0]
    left, right = before[: len(before) - len(touching_before)], after[len(touching_after) :]
    return Surroundings(
        left=_neighbour("".join(left.split()[-1:])),
        before=left[len(left.rstrip()) :] + touching_before,
        after=touching_after + right[: len(right) - len(right.lstrip())],
        right=_neighbour("".join(right.split()[:1])),
    )


def _neighbour(chunk: str) -> str:
    """Return the neighbour to tokenise a word with: any text will do, except for a special token that takes blanks."""
    is_special = GUARD in chunk and not _SLOT.search(chunk)
    return chunk if not chunk or is_special else _FILLER


def _fill(text: str) -> str:
    return _SLOT.sub(_FILLER, text)
