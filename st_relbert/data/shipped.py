"""The relations that the package ships, read from text files into relation sets and held-out questions.

Each file in `relations/` covers a domain and is a list of relations. A relation has a name, a sentence with slots for
the head and the tail, a parent (a group of relations), optionally a direction (`symmetric`, or `inverse of` another
relation), and its pairs, with those of educated words in a separate list. See `relations/README.md`.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import yaml

from st_relbert.pairs import Pair, folded

SHIPPED = "relations"
FOLDER = Path(__file__).parent / "relations"

# Training sees no pair of these parents. Of the other relations, one in twenty is held out, and of the rest, one pair
# in ten. A hash of the words decides, so that adding a pair does not move any other.
HELD_OUT_PARENTS = ("organisations and products", "science")
_RELATIONS_PER_HELD_OUT = 20
_PAIRS_PER_HELD_OUT = 10

QUESTION_SETS = {"held_out_pairs": 2, "held_out_relations": 10, "held_out_parents": 15, "educated": 4}
"""The sets of analogy questions, and the most questions in each about one relation."""


@dataclass(frozen=True)
class ShippedRelation:
    """A relation with its pairs: those of everyday words, and those with a word that not every adult knows.

    The name is unique in the set. The sentence says what the relation means, with the slots `{head}` and `{tail}`. The
    parent is a group of relations. The direction is empty, `"symmetric"`, or `"inverse of NAME"`.
    """

    name: str
    sentence: str
    parent: str
    direction: str
    everyday: tuple[Pair, ...]
    educated: tuple[Pair, ...]

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """All pairs of the relation."""
        return self.everyday + self.educated

    @property
    def symmetric(self) -> bool:
        """Whether the reversed pairs have the relation too."""
        return self.direction == "symmetric"

    @property
    def label(self) -> str:
        """The name of the relation in relation sets: `parent/name`."""
        return f"{self.parent}/{self.name}"

    @property
    def held_out(self) -> bool:
        """Whether training sees none of its pairs."""
        return self.parent in HELD_OUT_PARENTS or _one_in(_RELATIONS_PER_HELD_OUT, self.name)

    def record(self, pairs: Iterable[Pair]) -> dict[str, Any]:
        """Return the record of some of the pairs in a relation set. The negatives are the reversed pairs."""
        pairs = list(pairs)
        negatives = [] if self.symmetric else [(tail, head) for head, tail in pairs]
        return {"relation_type": self.label, "positives": pairs, "negatives": negatives}


def parse_relations(text: str, where: str) -> list[ShippedRelation]:
    """Parse a file of relations.

    Raises `ValueError`, which refers to the text as `where`, if it is not YAML, a relation lacks a field or has an
    unknown one, a sentence lacks a slot, or a line is not a pair.

    >>> text = '''
    ... - name: sound of an animal
    ...   sentence: "{tail} is the sound that a {head} makes"
    ...   parent: attribute
    ...   pairs: |
    ...     horse : neigh
    ... '''
    >>> parse_relations(text, "animals.yaml")[0].pairs
    (('horse', 'neigh'),)
    """
    try:
        records = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise ValueError(f"{where} is not YAML: {error}") from error
    if not isinstance(records, list):
        raise ValueError(f"{where} is a {type(records).__name__}, expected a list of relations.")
    return [_relation(record, f"{where}, relation {number}") for number, record in enumerate(records, start=1)]


@cache
def shipped_relations() -> tuple[ShippedRelation, ...]:
    """Return all relations that the package ships, ordered by file and as in each file."""
    files = sorted(FOLDER.glob("*.yaml"))
    return tuple(
        relation for file in files for relation in parse_relations(file.read_text(encoding="utf-8"), file.name)
    )


# Approximately as spoken: a unit, a European, a one-way street, an umbrella, an hour.
_BEGINS_WITH_A_VOWEL = re.compile(
    r"(?!eu|ewe|one\b|once|ufo|u\b|uk|us([aeiu]|\b)|ute[nr]|uni(?!m|n)|u[bkrst][aiou])[aeiou]|hour|hono|heir", re.I
)


def in_words(label: str, pair: Pair) -> str | None:
    """Return a sentence which says that a pair has the shipped relation `parent/name`. None for any other label.

    >>> in_words("attribute/sound of an animal", ("horse", "neigh"))
    'neigh is the sound that a horse makes'
    >>> in_words("attribute/sound of an animal", ("elephant", "trumpet"))
    'trumpet is the sound that an elephant makes'
    """
    sentence = _sentences().get(label)
    words = dict(zip(("{head}", "{tail}"), pair, strict=True))

    def fill(slot: re.Match[str]) -> str:
        article, word = slot[1] or "", words[slot[2]]
        return f"{'an ' if article and _BEGINS_WITH_A_VOWEL.match(word) else article}{word}"

    # In one pass, because a word may look like a slot.
    return sentence and re.sub(r"(\ban? )?(\{head\}|\{tail\})", fill, sentence)


def shipped_records(name: str, splits: Iterable[str]) -> list[dict[str, Any]]:
    """Return the records of `"relations"`, or of `"relations/"` followed by one of `QUESTION_SETS`.

    The relations have the splits `"train"` (without what is held out), `"validation"` (what is held out) and `"all"`.
    The first known one of `splits` is read. The splits do not matter for questions. Raises `ValueError` if there is no
    such part or split.
    """
    _, _, part = name.partition("/")
    if part:
        if part not in QUESTION_SETS:
            raise ValueError(f"There are no shipped questions {name!r}, expected {_one_of()}.")
        return _questions(part)
    for split in splits:
        if split in ("train", "validation", "all"):
            kept = [(relation, _pairs_of(relation, split)) for relation in shipped_relations()]
            return [relation.record(pairs) for relation, pairs in kept if pairs]
    raise ValueError(f"{name!r} has the splits train, validation and all. Questions are in {_one_of()}.")


def _relation(record: Any, where: str) -> ShippedRelation:
    needed, optional = {"name", "sentence", "parent"}, {"pairs", "educated", "direction", "repeats"}
    if not isinstance(record, dict) or not needed <= set(record) <= needed | optional:
        found = ", ".join(map(str, record)) if isinstance(record, dict) else repr(record)
        raise ValueError(
            f"{where} has {found}, expected name, sentence, parent, pairs and optionally direction, educated."
        )
    where = f"{where} ({record['name']})"
    if any(record["sentence"].count(slot) != 1 for slot in ("{head}", "{tail}")):
        raise ValueError(f"{where} has the sentence {record['sentence']!r}, expected {{head}} and {{tail}} once each.")
    everyday, educated = (_read_pairs(record.get(field) or "", where) for field in ("pairs", "educated"))
    if not everyday and not educated:
        raise ValueError(f"{where} has no pairs, expected lines of head : tail under pairs or educated.")
    return ShippedRelation(
        record["name"], record["sentence"], record["parent"], record.get("direction") or "", everyday, educated
    )


def _read_pairs(text: str, where: str) -> tuple[Pair, ...]:
    pairs = []
    for line in filter(str.strip, text.splitlines()):
        head, separator, tail = (part.strip() for part in line.partition(" : "))
        if not (head and separator and tail) or " : " in tail:
            raise ValueError(f"{where} has the line {line!r}, expected head : tail.")
        pairs.append((head, tail))
    return tuple(pairs)


def _pairs_of(relation: ShippedRelation, split: str) -> list[Pair]:
    if split == "all":
        return list(relation.pairs)
    wanted = split == "validation"
    return [pair for pair in relation.pairs if (relation.held_out or _held_out(pair)) == wanted]


def _held_out(pair: Pair) -> bool:
    return _one_in(_PAIRS_PER_HELD_OUT, "\t".join(folded(pair)))


def _one_in(count: int, text: str) -> bool:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") % count == 0


@cache
def _sentences() -> dict[str, str]:
    return {relation.label: relation.sentence for relation in shipped_relations()}


def _one_of() -> str:
    return " or ".join(f"{SHIPPED}/{name}" for name in QUESTION_SETS)


@cache
def _trained() -> frozenset[Pair]:
    return frozenset(folded(pair) for relation in shipped_relations() for pair in _pairs_of(relation, "train"))


def _questions(part: str) -> list[dict[str, Any]]:
    """Make questions on pairs that training does not see. Two of the five choices are hard to tell from the answer."""
    rng = random.Random(part)
    unseen = {relation: _unseen(relation, part) for relation in shipped_relations()}
    unseen = {relation: pairs for relation, pairs in unseen.items() if len(pairs) > 1}
    everything = [(relation, pair) for relation, pairs in unseen.items() for pair in pairs]
    by_word: dict[str, list[Pair]] = {}
    for _, pair in everything:
        for word in pair:
            by_word.setdefault(word, []).append(pair)
    questions = []
    for relation, pairs in unseen.items():
        for index, stem in enumerate(pairs[: QUESTION_SETS[part]]):
            answer = pairs[(index + 1) % len(pairs)]
            hard = _hard_choices(relation, answer, pairs, by_word, rng)
            others = [pair for other, pair in rng.sample(everything, 20) if other is not relation]
            wrong = list(dict.fromkeys(pair for pair in [*hard, *others] if not _right(relation, stem, pair)))[:4]
            choice = [answer, *wrong]
            rng.shuffle(choice)
            questions.append({"stem": stem, "answer": choice.index(answer), "choice": choice, "prefix": relation.name})
    return questions


def _unseen(relation: ShippedRelation, part: str) -> list[Pair]:
    """Return the pairs of a relation that the questions of a part may use."""
    by_parent = relation.parent in HELD_OUT_PARENTS
    belongs = {
        "held_out_pairs": not relation.held_out,
        "held_out_relations": relation.held_out and not by_parent,
        "held_out_parents": by_parent,
        "educated": True,
    }[part]
    pairs = (relation.educated if part == "educated" else relation.pairs) if belongs else ()
    return [pair for pair in pairs if (relation.held_out or _held_out(pair)) and folded(pair) not in _trained()]


def _hard_choices(
    relation: ShippedRelation, answer: Pair, pairs: list[Pair], by_word: dict[str, list[Pair]], rng: random.Random
) -> list[Pair]:
    """Return two hard choices.

    They are the reversed answer, or its head with another pair's tail; and another relation's pair that shares a word
    with it.
    """
    shared = [pair for word in answer for pair in by_word[word] if pair not in relation.pairs]
    mismatched = [(answer[0], tail) for _, tail in pairs if tail not in answer]
    rng.shuffle(mismatched)
    first = mismatched if relation.symmetric else [answer[::-1]]
    return [*first[:1], *(rng.sample(shared, 1) if shared else mismatched[1:2])]


def _right(relation: ShippedRelation, stem: Pair, pair: Pair) -> bool:
    """Return whether a choice would also be right."""
    return pair == stem or pair in relation.pairs or (relation.symmetric and pair[::-1] in relation.pairs)
