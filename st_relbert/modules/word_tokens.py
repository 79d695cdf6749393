"""The tokens of words in one kind of place, each word tokenised once."""

from __future__ import annotations

from collections.abc import Set
from typing import NamedTuple

from st_relbert.modules.prompt_tokenizer import PromptTokenizer

_MOST_WORDS = 100_000  # some 30 MB


class Place(NamedTuple):
    """What surrounds a word up to the nearest text on the other side of a blank."""

    left: str  # the text on the other side, "" at the start of the prompt
    before: str  # the blanks, and what touches the word
    after: str
    right: str


class WordTokens:
    """Tokenises words as they stand in one kind of place, and remembers up to 100,000 of them.

    Args:
        tokenizer: The tokenizer of prompts.
        place: What surrounds the words.
    """

    def __init__(self, tokenizer: PromptTokenizer, place: Place) -> None:
        self._tokenizer = tokenizer
        self._place = place
        left, alone, both = tokenizer.pieces([place.left, "x", f"x {place.right}"])
        self._first, self._last = len(left), len(both) - len(alone) if place.right else 0
        self._known: dict[str, list[int]] = {}

    def of(self, words: Set[str]) -> dict[str, list[int]]:
        """The tokens of some words, with those of what touches them.

        Args:
            words: The words.

        Returns:
            The token ids of these words, and possibly of others.

        Raises:
            ValueError: If a word holds U+FDD0.
        """
        known = self._known
        missing = {word for word in words if word not in known}
        if missing and len(known) + len(missing) > _MOST_WORDS:
            # A new one: another thread may still read the old one.
            self._known = known = {}
            missing = set(words)
        if missing:
            known.update(zip(missing, self._tokenize(list(missing)), strict=True))
        return known

    def _tokenize(self, words: list[str]) -> list[list[int]]:
        for word in words:
            self._tokenizer.check_word(word)
        left, before, after, right = self._place
        tokens = self._tokenizer.pieces([f"{left}{before}{word}{after}{right}" for word in words])
        return [ids[self._first : len(ids) - self._last] for ids in tokens]
