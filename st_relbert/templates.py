"""Prompt templates: texts with placeholders for the head, the tail and the mask token.

The placeholders are those of RelBERT (Ushio et al., 2021, section 3.1): `<subj>` for the head, `<obj>` for the
tail, `<mask>` for the language model's mask token.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from st_relbert.pairs import Pair

SUBJECT, OBJECT, MASK = "<subj>", "<obj>", "<mask>"
PLACEHOLDERS = SUBJECT, OBJECT, MASK

NAMED_TEMPLATES: dict[str, str] = {
    "a": "Today, I finally discovered the relation between <subj> and <obj> : <subj> is the <mask> of <obj>",
    # Two spaces before "is", as in the published checkpoints, whose tokens depend on them.
    "b": "Today, I finally discovered the relation between <subj> and <obj> : <obj>  is <subj>'s <mask>",
    "c": "Today, I finally discovered the relation between <subj> and <obj> : <mask>",
    "d": "I wasn’t aware of this relationship, but I just read in the encyclopedia that <subj> is the <mask> of <obj>",
    "e": "I wasn’t aware of this relationship, but I just read in the encyclopedia that <obj>  is <subj>’s <mask>",
    "short": "I discovered: <subj> is the <mask> of <obj>",
}
"""The five templates of the RelBERT papers, and a short one with half as many tokens."""

DEFAULT_TEMPLATE = "a"

_LONGEST = 2_000

PoolingMode = Literal["average_no_mask", "average", "mask"]
"""Which tokens of a prompt are pooled into the relation vector."""


@dataclass(frozen=True)
class Template:
    """A validated prompt template.

    Args:
        text: The template text with `<subj>`, `<obj>` and, if the pooling needs it, `<mask>`.

    Raises:
        ValueError: If `<subj>` or `<obj>` is missing, or the text is longer than 2,000 characters.

    Examples:
        >>> template = Template("<subj> is the <mask> of <obj>")
        >>> template.render([("Tokyo", "Japan")], mask="[MASK]")
        ['Tokyo is the [MASK] of Japan']
    """

    text: str

    def __post_init__(self) -> None:
        if len(self.text) > _LONGEST:
            raise ValueError(
                f"The template {self.text[:30]!r}... has {len(self.text):,} characters, expected at most {_LONGEST:,}. "
                "Encoders read only a few hundred tokens."
            )
        missing = [name for name in (SUBJECT, OBJECT) if name not in self.text]
        if missing:
            raise ValueError(
                f"The template {self.text!r} has no {' and no '.join(missing)}. "
                f"It needs both {SUBJECT} (the head) and {OBJECT} (the tail), "
                f"unless it is one of the named templates: {', '.join(sorted(NAMED_TEMPLATES))}."
            )

    @classmethod
    def named(cls, name_or_text: str) -> Template:
        """Return a named template, or validate a custom one.

        Raises `ValueError` for a text without a placeholder, such as an unknown name.
        """
        if not isinstance(name_or_text, str):
            raise ValueError(
                f"The template is {name_or_text!r}, expected a name or a text with {SUBJECT} and {OBJECT}."
            )
        return cls(NAMED_TEMPLATES.get(name_or_text, name_or_text))

    @property
    def has_mask(self) -> bool:
        """Whether the template contains the mask placeholder."""
        return MASK in self.text

    @property
    def parts(self) -> list[str]:
        """The template split at its placeholders, including the placeholders."""
        return [part for part in re.split(f"({'|'.join(PLACEHOLDERS)})", self.text) if part]

    def render(self, pairs: list[Pair], mask: str) -> list[str]:
        """Return the prompts of some pairs, with `<mask>` replaced by `mask`.

        All placeholders are filled in one pass, so a word that looks like a placeholder is left as it is.
        """
        parts = self.parts
        fillings = ({SUBJECT: head, OBJECT: tail, MASK: mask} for head, tail in pairs)
        return ["".join(filling.get(part, part) for part in parts) for filling in fillings]

    def essential_length(self, pair: Pair, mask: str) -> int:
        """Return how many characters of a pair's prompt are needed to contain head, tail and mask once each.

        >>> Template.named("short").essential_length(("Tokyo", "Japan"), mask="[MASK]")
        42
        """
        parts = self.parts
        last = max(parts.index(name) for name in PLACEHOLDERS if name in parts)
        words = {SUBJECT: pair[0], OBJECT: pair[1], MASK: mask}
        return sum(len(words.get(part, part)) for part in parts[: last + 1])
