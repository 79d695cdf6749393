"""Make analogy questions from a relation set, for people and models to answer."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from st_relbert.data.relation_set import RelationSet
from st_relbert.pairs import Pair, check_known, check_positive, folded_word
from st_relbert.vectors import EncodeCache, PairVectors, Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Difficulty = Literal["easy", "hard"]

_MOST_CHOICES = 26  # choices are lettered A to Z
_SEARCHED = 5000  # number of pairs to search for wrong choices
_ASKED = 20  # number of pairs used to check whether a relation holds both ways
_DIRECTED = 0.75


def make_questions(
    relations: RelationSet,
    *,
    choices: int = 5,
    difficulty: Difficulty = "easy",
    model: SentenceTransformer | None = None,
    count: int = 20,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Make analogy questions: which of these pairs has the same relation as the stem?

    Stem and answer belong to the same relation and to no other. Relations take turns. No pair is the stem or answer of
    two questions or occurs twice in one question, and wrong choices are not repeated until all have been used.

    Wrong choices come from other relations, except those that share a pair with the stem's relation. Easy choices share
    no word with stem or answer. Hard choices are the most similar to the stem by the model, though less similar than
    the answer: a pair that shares a word with stem or answer, if there is one; a reversed pair of the stem's own
    relation, unless the relation seems to hold both ways; and pairs found by a search. The model therefore answers
    every question made with it correctly, so use these questions to evaluate other models only.

    Args:
        relations: The source of the pairs. Negatives are not used.
        choices: The number of choices per question, from 2 to 26.
        difficulty: `"easy"`, or `"hard"`, which needs a model.
        model: The SentenceTransformer that finds hard choices. It has to accept pairs.
        count: The number of questions to make. There may be fewer if there are too few pairs.
        seed: Random seed.

    Returns:
        Records with `stem`, `choice`, `answer` (the index of the right choice) and `prefix` (the relation), as the
        evaluators expect them.

    Raises:
        ValueError: If a setting is out of range, or not a single question can be made.

    Examples:
        >>> relations = RelationSet({"capital": [("Tokyo", "Japan"), ("Rome", "Italy")], "young": [("puppy", "dog")]})
        >>> [question] = make_questions(relations, choices=2)
        >>> sorted(question["choice"]), question["choice"][question["answer"]][1], question["prefix"]
        ([['Rome', 'Italy'], ['puppy', 'dog']], 'Italy', 'capital')
    """
    check_wanted(choices, difficulty, model is not None, count)
    rng = random.Random(seed)
    pairs = _Pairs(relations)
    find: Callable[[str, Pair, Pair, int], list[Pair]] = (
        partial(_easy_choices, pairs, rng) if model is None else _HardChoices(pairs, rng, model).find
    )
    records: list[dict[str, Any]] = []
    for relation, stem, answer in pairs.stems_and_answers(rng):
        others = find(relation, stem, answer, choices - 1)
        if len(others) < choices - 1:
            continue
        choice = [answer, *others]
        rng.shuffle(choice)
        record = {"stem": list(stem), "choice": list(map(list, choice)), "answer": choice.index(answer)}
        records.append({**record, "prefix": relation})
        pairs.used.update(map(_key, [stem, *choice]))
        if len(records) == count:
            break
    if not records:
        raise ValueError(
            f"No question with {choices} choices can be made from these {len(relations.names)} relations, expected "
            f"one with two pairs of its own, and {choices - 1} pairs of relations that share no pair with it."
        )
    return records


def check_wanted(choices: int, difficulty: str, with_model: bool, count: int) -> None:
    """Raise `ValueError` for invalid settings before anything is loaded; see `make_questions`."""
    if not 2 <= choices <= _MOST_CHOICES:
        raise ValueError(f"The number of choices is {choices}, expected 2 to {_MOST_CHOICES}.")
    check_positive(count=count)
    check_known("difficulty", difficulty, get_args(Difficulty))
    if difficulty == "hard" and not with_model:
        raise ValueError("Hard questions need a model to find their wrong choices. Pass one, or make easy questions.")
    if difficulty == "easy" and with_model:
        raise ValueError("Easy questions do not use a model. Leave it out, or make hard questions.")


def _key(pair: Pair) -> Pair:
    """Return a pair with its case folded. Unlike with `folded`, the reversed pair has a different key."""
    head, tail = map(folded_word, pair)
    return head, tail


class _Pairs:
    """The pairs of a relation set. Pairs that differ only in case count as the same."""

    def __init__(self, relations: RelationSet) -> None:
        self.of: dict[str, dict[Pair, Pair]] = {
            name: {_key(pair): pair for pair in pairs if len(set(_key(pair))) == 2}
            for name, pairs in relations.positives.items()
        }
        self.relations_of: dict[Pair, list[str]] = {}
        for name, keys in self.of.items():
            for key in keys:
                self.relations_of.setdefault(key, []).append(name)
        self.parents = dict(zip(relations.names, relations.parent_names, strict=True))
        self.used: Counter[Pair] = Counter()

    def unlike(self, relation: str) -> set[str]:
        """Return the relations that share no pair with the given one."""
        alike = {name for key in self.of[relation] for name in self.relations_of[key]}
        return self.of.keys() - alike - {relation}

    def stems_and_answers(self, rng: random.Random) -> Iterator[tuple[str, Pair, Pair]]:
        """Yield relation, stem and answer, with relations taking turns and words not shared where possible."""
        left = {
            name: [pair for key, pair in keys.items() if len(self.relations_of[key]) == 1]
            for name, keys in self.of.items()
        }
        for own in left.values():
            rng.shuffle(own)
        while left := {name: own for name, own in left.items() if len(own) > 1}:
            for name in rng.sample(sorted(left), len(left)):
                left[name].sort(key=self.times_used)
                stem = left[name].pop(0)
                answer = min(left[name], key=lambda pair: len(_words(stem) & _words(pair)))
                if _words(stem) != _words(answer):  # not the reversed stem
                    left[name].remove(answer)
                    yield name, stem, answer

    def times_used(self, pair: Pair) -> int:
        """Return the number of questions that contain the pair."""
        return self.used[_key(pair)]


def _words(*pairs: Pair) -> set[str]:
    return {word for pair in pairs for word in _key(pair)}


def _easy_choices(pairs: _Pairs, rng: random.Random, relation: str, stem: Pair, answer: Pair, count: int) -> list[Pair]:
    """Return up to `count` wrong choices, preferring pairs of other parents and pairs not used yet."""
    parents, taken = pairs.parents, _words(stem, answer)
    names = sorted(pairs.unlike(relation))
    rng.shuffle(names)
    names.sort(key=lambda name: parents[name] == parents[relation])
    found: dict[Pair, Pair] = {}
    rows = [pairs.of[name].items() for name in names[: 4 * count]]
    for _ in range(count):  # take one pair of each relation before a second one
        for own in rows:
            fit = [(key, pair) for key, pair in own if key not in found and not taken & set(key)]
            if fit and len(found) < count:
                fewest = min(pairs.used[key] for key, _ in fit)
                key, pair = rng.choice([each for each in fit if pairs.used[each[0]] == fewest])
                found[key] = pair
    return list(found.values())


class _HardChoices:
    """Find pairs that are similar to the stem according to a model."""

    def __init__(self, pairs: _Pairs, rng: random.Random, model: SentenceTransformer) -> None:
        self.pairs, self.rng = pairs, rng
        self.model: Any = EncodeCache(model)
        keys = sorted(pairs.relations_of)
        self.searched = sorted(rng.sample(keys, min(_SEARCHED, len(keys))))
        self.with_word: dict[str, list[Pair]] = {}
        for key in keys:
            for word in key:
                self.with_word.setdefault(word, []).append(key)
        self.directed: dict[str, bool] = {}

    def find(self, relation: str, stem: Pair, answer: Pair, count: int) -> list[Pair]:
        """Return up to `count` wrong choices."""
        unlike = self.pairs.unlike(relation)

        def of_others(keys: Iterable[Pair]) -> list[Pair]:
            fit = dict.fromkeys(key for key in keys if unlike.issuperset(self.pairs.relations_of[key]))
            return [self.pairs.of[self.pairs.relations_of[key][0]][key] for key in fit]

        same_words = of_others(key for word in sorted(_words(stem, answer)) for key in self.with_word[word])
        kinds = [self._nearest(stem, answer, kind)[:1] for kind in (same_words, self._reversed(relation, stem))]
        self.rng.shuffle(kinds)
        near = self._nearest(stem, answer, of_others(self.searched))
        near.sort(key=self.pairs.times_used)
        return list({_key(pair): pair for pair in [*kinds[0], *kinds[1], *near]}.values())[:count]

    def _nearest(self, stem: Pair, answer: Pair, candidates: list[Pair]) -> list[Pair]:
        """Return the candidates less similar to the stem than the answer is, most similar first."""
        if not candidates:
            return []
        cosines = self._unit([answer, *candidates]) @ self._unit([stem])[0]
        order = np.argsort(-cosines[1:], kind="stable")
        return [candidates[place] for place in order if cosines[1 + place] < cosines[0]]

    def _reversed(self, relation: str, stem: Pair) -> list[Pair]:
        """Return a relation's reversed pairs except the stem; an empty list if they would also be right."""
        own = self.pairs.of[relation]
        if relation not in self.directed:
            both_ways = any(key[::-1] in own for key in own)
            self.directed[relation] = not both_ways and self._is_directed(list(own.values())[:_ASKED])
        if not self.directed[relation]:
            return []
        turned = [(tail, head) for head, tail in own.values() if (head, tail) != stem]
        return [pair for pair in turned if not self.pairs.used[_key(pair)]]

    def _is_directed(self, pairs: list[Pair]) -> bool:
        """Return whether most pairs are closer to the mean of the others than their reversed pairs are."""
        unit, turned = self._unit(pairs), self._unit([(tail, head) for head, tail in pairs])
        others = unit.sum(axis=0) - unit
        nearer = (unit * others).sum(axis=1) > (turned * others).sum(axis=1)
        return bool(nearer.mean() >= _DIRECTED)

    def _unit(self, pairs: list[Pair]) -> Vectors:
        return PairVectors.encode(self.model, pairs).unit(pairs)
