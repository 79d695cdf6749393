"""Token ids of prompts, put together from those of the template and those of each word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from st_relbert.modules.prompt_tokenizer import PromptTokenizer
from st_relbert.modules.word_tokens import Place, WordTokens
from st_relbert.pairs import Pair
from st_relbert.templates import MASK, OBJECT, SUBJECT, Template

_SLOT = re.compile(f"{SUBJECT}|{OBJECT}")
# Stands for any word: tokens on either side of a blank do not depend on each other.
_FILLER = "x"
# Words that cross the border of their place in one tokenizer or another: punctuation that merges with what follows,
# blanks at an edge, marks that combine with what precedes, characters that a normaliser drops or turns into several.
_PROBES = (
    *("Tokyo", "New York", "mother-in-law", "a", "1", "12", "a1", "1a", "_", "Ġ", "##a", "<mask>", "[MASK]", "</s>"),
    *(" a", "a ", "  a  ", "\ta\n", "\u00a0a\u00a0", "▁a", "a▁", "\u200da", "a\u200d", "\u0600", "a\u0600"),
    *("'s", "a'", "'", "!", "a!", "!a", ".", "a.", ",", ":", "-a", "a-", "/", "<", "=", "(", ")", "…", "½", "ﬁ", "İ"),
    *("é", "e\u0301", "\u0301a", "a\u0301", "\u0338", "東京", "東 京", "שלום", "🙂", "🙂a", "a🙂"),
)


class _Slot(NamedTuple):
    """A place of a word in the template."""

    word: int  # 0: the head, 1: the tail
    tokens: WordTokens


class PromptAssembler:
    """Writes words into a template whose own tokens were found once.

    Most tokenizers cut text at blanks before they look anything up, so that the tokens of the text between two blanks
    depend on that text alone. The template is therefore tokenised once, and a word once for each kind of place it
    stands in, with the punctuation that touches it there. Whether that holds for a tokenizer and a template is tried
    out on words that would show if it did not; see :meth:`of`.

    Args:
        tokenizer: The tokenizer of prompts.
        text: The template, with the mask and its other special tokens marked.
        end: What to tokenise a word with that ends the prompt: ``"x"``, as if text followed, or ``""``.
    """

    def __init__(self, tokenizer: PromptTokenizer, text: str, end: str) -> None:
        whole = tokenizer([_fill(text)])[0]
        start = whole.special_tokens_mask.index(0)
        tokens: dict[Place, WordTokens] = {}
        self._slots: list[_Slot] = []
        self._constants: list[list[int]] = []
        done = 0  # tokens up to the end of the slot before
        for chunk in re.finditer(r"\S+", text):
            slot = _SLOT.search(chunk[0])
            if slot is None:
                continue
            place = _place(tokenizer, text, chunk.start() + slot.start(), chunk.start() + slot.end(), end)
            words = tokens.setdefault(place, WordTokens(tokenizer, place))
            begin = start + len(tokenizer.pieces([_fill(text[: chunk.start()]).rstrip()])[0])
            self._constants.append(whole.ids[done:begin])
            self._slots.append(_Slot(int(slot[0] == OBJECT), words))
            done = begin + len(words.of({_FILLER})[_FILLER])
        self._constants.append(whole.ids[done:])

    @classmethod
    def of(cls, tokenizer: PromptTokenizer, template: Template) -> PromptAssembler | None:
        """An assembler whose token ids are those of whole prompts, or None where words and template mix.

        Args:
            tokenizer: The tokenizer of prompts.
            template: The template, its special tokens marked.
        """
        text = template.text.replace(MASK, tokenizer.mask)
        if not tokenizer.splits_at_blanks or any(len(_SLOT.findall(chunk)) > 1 for chunk in text.split()):
            return None
        pairs = [(head, tail) for shift in (0, 1, 7) for head, tail in zip(_PROBES, _shifted(shift), strict=True)]
        whole = [encoding.ids for encoding in tokenizer(template.render(pairs, tokenizer.mask))]
        # As if text followed first: then the end is a place as most others are, and words are tokenised once for both.
        for end in (_FILLER, ""):
            assembler = cls(tokenizer, text, end)
            if assembler(pairs) == whole:
                return assembler
        return None

    def __call__(self, pairs: Sequence[Pair]) -> list[list[int]]:
        """The token ids of the prompts of some pairs, neither cut nor padded.

        Raises:
            ValueError: If a word holds U+FDD0.
        """
        words = {pair[0] for pair in pairs}, {pair[1] for pair in pairs}
        first, *rest = self._constants
        slots = [
            (slot.word, slot.tokens.of(words[slot.word]), after) for slot, after in zip(self._slots, rest, strict=True)
        ]
        prompts = []
        for pair in pairs:
            prompt = first.copy()
            for word, tokens, after in slots:
                prompt += tokens[pair[word]]
                prompt += after
            prompts.append(prompt)
        return prompts

    def length(self, pair: Pair) -> int:
        """The number of tokens of a pair's prompt."""
        words = sum(len(slot.tokens.of({pair[slot.word]})[pair[slot.word]]) for slot in self._slots)
        return words + sum(map(len, self._constants))


def _place(tokenizer: PromptTokenizer, text: str, start: int, stop: int, end: str) -> Place:
    """What surrounds a slot; any text beyond the blanks will do there, but for a special token, which may eat them."""
    before, after = text[:start], text[stop:] or f" {end}".rstrip()
    touching_before, touching_after = re.split(r"\s", before)[-1], re.split(r"\s", after)[0]
    left, right = before[: len(before) - len(touching_before)], after[len(touching_after) :]
    return Place(
        left=_neighbour(tokenizer, "".join(left.split()[-1:])),
        before=left[len(left.rstrip()) :] + touching_before,
        after=touching_after + right[: len(right) - len(right.lstrip())],
        right=_neighbour(tokenizer, "".join(right.split()[:1])),
    )


def _neighbour(tokenizer: PromptTokenizer, chunk: str) -> str:
    if not chunk or (tokenizer.is_marked(chunk) and not _SLOT.search(chunk)):
        return chunk
    return _FILLER


def _shifted(count: int) -> tuple[str, ...]:
    return _PROBES[count:] + _PROBES[:count]


def _fill(text: str) -> str:
    return _SLOT.sub(_FILLER, text)
