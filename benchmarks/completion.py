"""Which rule completes an analogy best: on held-out pairs of the shipped relations, by a model that has not seen them.

    python benchmarks/completion.py INDEX --model MODEL --output benchmarks/results/completion.json

The index is one of the shipped relations. Half of the questions are of relations that the model was trained on, half
of others. A question is a pair of the relation, drawn at random (for every other question it is left out of the index),
and the head of a held-out pair, three in ten the other way round. All pairs of the relation with that head are left out
of the index and of the relation's mean, and each of their tails is a right answer. What knowing a pair should count is
measured with them in the index, too. No everyday question (evaluation/everyday.jsonl) is asked.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from common import provenance

from st_relbert import RelBERT
from st_relbert.data.sources import read_records
from st_relbert.evaluation import bootstrap_interval
from st_relbert.pairs import folded_word
from st_relbert.search import OffsetScorer, RelationIndex, Vocabulary
from st_relbert.search.hits import RELATION_WEIGHT, REVERSED_PENALTY, unit

EXAMPLES = (5, 10, 20, 30)
WIDE, NEVER = 100, 10**6
# What may count as known: pairs of a strength, or so much weaker than the 20th most like; and what that is worth.
KNOWN = [("of any strength", 0.1), ("of any strength", 0.3), (0.7, 0.3), ("0.0 weaker", 0.3), ("0.05 weaker", 0.1),
         ("0.05 weaker", 0.3), ("0.1 weaker", 0.3)]  # fmt: skip


class Content:
    """The rows of an index, as arrays."""

    def __init__(self, index: RelationIndex) -> None:
        rows = list(index.rows(vectors=True))
        self.pairs = [(row["head"], row["tail"]) for row in rows]
        self.vectors = np.asarray([row["vector"] for row in rows], np.float32)
        names, self.labels = np.unique([row["relation"] for row in rows], return_inverse=True)
        self.sums = np.zeros((len(names), self.vectors.shape[1]), np.float32)
        np.add.at(self.sums, self.labels, self.vectors)
        self.of_relation, self.of_word = defaultdict(list), defaultdict(list)
        for row, (pair, label) in enumerate(zip(self.pairs, self.labels, strict=True)):
            self.of_relation[names[label]].append(row)
            for word in set(pair):
                self.of_word[word].append(row)

    def means(self, without: set[int]) -> Any:
        """The means of the relations, but for some rows."""
        sums = self.sums.copy()
        for row in without:
            sums[self.labels[row]] -= self.vectors[row]
        return unit(sums)

    def strengths(self, straight: Any, turned: Any, means: Any) -> Any:
        """How strong each row would be as a hit, in both directions `(2, rows)`."""
        found = [
            (self.vectors @ query + RELATION_WEIGHT * (means @ query)[self.labels]) / (1 + RELATION_WEIGHT)
            for query in (straight, turned)
        ]
        return np.stack([found[0], found[1] - REVERSED_PENALTY])


def questions(content: Content, count: int) -> list[dict[str, Any]]:
    """Stem, head and right answers of each question, and the rows that are left out of the index."""
    trained = {record["relation_type"] for record in read_records("relations", ["train"])[0]}
    held_out = [
        (record["relation_type"], tuple(pair))
        for record in read_records("relations", ["validation"])[0]
        for pair in record["positives"]
        if len(content.of_relation[record["relation_type"]]) > 5
    ]
    rng = random.Random(0)
    kinds = ([row for row in held_out if (row[0] in trained) == known] for known in (True, False))
    asked = []
    for relation, pair in (row for two in zip(*(rng.sample(kind, 200) for kind in kinds), strict=True) for row in two):
        flip, gone = rng.random() < 0.3, rng.random() < 0.5
        folded = {folded_word(word) for word in pair}
        others = [
            row
            for row in content.of_relation[relation]
            if folded.isdisjoint(folded_word(word) for word in content.pairs[row])
        ]
        if not others:
            continue
        stem = content.pairs[rng.choice(others)]
        stem, head, side = (stem[::-1], pair[1], 1) if flip else (stem, pair[0], 0)
        same = [content.pairs[row] for row in content.of_relation[relation]]
        wanted = {each[1 - side] for each in same if each[side] == head}
        without = {row for row in content.of_word[head] if not wanted.isdisjoint(content.pairs[row])}
        if gone:
            without |= {row for row in content.of_word[stem[0]] if stem[1] in content.pairs[row]}
        asked.append({"stem": stem, "head": head, "wanted": wanted, "without": without})
    return asked[:count]


class Measurement:
    """Asks all questions by each rule; ranks are those of the best right answer, from 0 up."""

    def __init__(self, index: RelationIndex) -> None:
        self._index, self.content = index, Content(index)
        self._words = Vocabulary.kept_in(index.path, index.model, index.identity, index.words())
        self._scorer = OffsetScorer()
        self._tails = self._scorer.tails(self._words.vectors)
        self.ranks: dict[str, list[int]] = defaultdict(list)

    def ask(self, question: dict[str, Any]) -> None:
        """Ask one question by all rules."""
        content, stem, head = self.content, question["stem"], question["head"]
        means = content.means(question["without"])
        straight, turned = self._encode([stem, stem[::-1]])
        strengths = content.strengths(straight, turned, means)
        barred = [*question["without"], *(row for row in content.of_word[stem[0]] if stem[1] in content.pairs[row])]
        strengths[:, barred] = -9
        like = [
            content.pairs[row] if not turn else content.pairs[row][::-1]
            for turn, row in zip(*np.divmod(np.argsort(-strengths.ravel())[:1000], len(content.pairs)), strict=True)
        ]
        twentieth = float(np.sort(strengths.ravel())[-20])
        first = next((place for place, (_, tail) in enumerate(like) if tail in question["wanted"]), NEVER)
        self.ranks["candidates: tails of the most like pairs"].append(first)
        examples = [stem, *like[: max(EXAMPLES)]]
        by_words = self._by_words(examples, head, {folded_word(word) for word in (*stem, head)})
        right = self._words.rows_of(sorted(question["wanted"]))
        for count, scores in by_words.items():
            self.ranks[f"candidates: vectors of words, {count} like pairs"].append(_rank(scores, right))
        known, told = self._known(question, straight, turned, means)
        likely = [int(row) for row in np.argsort(-by_words[20])[:WIDE]]
        rows = list(dict.fromkeys([*likely, *known, *told]))
        self._decide(examples, head, rows, likely, by_words, right, means, (known, told), twentieth)

    def _by_words(self, examples: list[Any], head: str, given: set[str]) -> dict[int, Any]:
        """The scores of all words by the stem and so many like pairs."""
        heads, tails = (self._words.vectors_of([pair[side] for pair in examples]) for side in (0, 1))
        head_vector = self._words.vectors_of([head])
        barred = [row for row, word in enumerate(self._words.words) if folded_word(word) in given]
        found = {}
        for count in (0, *EXAMPLES):
            place = self._scorer.places((heads[: count + 1], tails[: count + 1]), head_vector)[0]
            found[count] = self._tails @ place
            found[count][barred] = -9
        return found

    def _known(self, question: dict[str, Any], straight: Any, turned: Any, means: Any) -> tuple[Any, Any]:
        """Words beside the head in the index, with the strengths of their pairs: without what is left out, and with."""
        content, head = self.content, question["head"]
        found: tuple[dict[int, float], dict[int, float]] = {}, {}
        for words, of_means, without in zip(
            found, (means, content.means(set())), (question["without"], set()), strict=True
        ):
            for row in content.of_word[head]:
                if row in without:
                    continue
                turn = content.pairs[row][0] != head
                query, vector = (turned if turn else straight), content.vectors[row]
                strength = (vector + RELATION_WEIGHT * of_means[content.labels[row]]) @ query / (1 + RELATION_WEIGHT)
                (place,) = self._words.rows_of([content.pairs[row][0 if turn else 1]])
                if self._words.words[place] not in (*question["stem"], head):
                    words[place] = max(words.get(place, -9), float(strength))
        return found

    def _decide(
        self,
        examples: list[Any],
        head: str,
        rows: list[int],
        likely: list[int],
        by_words: dict[int, Any],
        right: list[int],
        means: Any,
        known: tuple[Any, Any],
        twentieth: float,
    ) -> None:
        """Rank candidates by what the model says, what the vectors of words say, and both."""
        words = [self._words.words[row] for row in rows]
        forth = self._encode([(head, word) for word in words])
        back = self._encode([(word, head) for word in words])
        queries = self._encode(examples), self._encode([pair[::-1] for pair in examples])
        say = {}
        for count in (0, *EXAMPLES):
            one, other = (unit(query[: count + 1].mean(axis=0)) for query in queries)
            say[f"the model, {count} like pairs"] = (forth @ one + back @ other) / 2
        of_relation = [means @ queries[0][0], means @ queries[1][0] - REVERSED_PENALTY]
        turn, relation = divmod(int(np.concatenate(of_relation).argmax()), len(means))
        near = (back if turn else forth) @ means[relation]
        weight = RELATION_WEIGHT
        say["the model and its relation's mean"] = (say["the model, 0 like pairs"] + weight * near) / (1 + weight)
        first = {count: by_words[count][rows] for count in by_words}
        say["the vectors of words"] = first[20]
        say |= {
            f"{name}, and the vectors of words": (scores + first[20]) / 2
            for name, scores in list(say.items())
            if name.startswith("the model")
        }
        for name, scores in say.items():
            for shortlist in (50, WIDE):
                self.ranks[f"ranked on {shortlist}: {name}"].append(
                    _rank_of(scores, rows, set(likely[:shortlist]), right)
                )
        both = say["the model, 20 like pairs, and the vectors of words"]
        for case, strengths in zip(("not in the index", "in the index"), known, strict=True):
            for least, worth in KNOWN:
                limit = -9 if least == "of any strength" else least
                if isinstance(limit, str):
                    limit = twentieth - float(limit.split()[0])
                counts = {row for row, strength in strengths.items() if strength >= limit}
                scores = both + worth * np.isin(rows, list(counts))
                name = f"known pairs {least} count {worth}; the right one {case}"
                self.ranks[name].append(_rank_of(scores, rows, {*likely[:50], *counts}, right))

    def _encode(self, pairs: list[Any]) -> Any:
        return self._index.model.encode(pairs, normalize_embeddings=True, show_progress_bar=False)


def _rank(scores: Any, right: list[int]) -> int:
    return int((scores > scores[right].max()).sum())


def _rank_of(scores: Any, rows: list[int], candidates: set[int], right: list[int]) -> int:
    """The rank among the candidates; a right answer that is none of them has none."""
    among = np.where([row in candidates for row in rows], scores, -9)
    best = max((among[rows.index(row)] for row in right if row in candidates), default=None)
    return NEVER if best is None else int((among > best).sum())


def main(arguments: list[str] | None = None) -> None:
    """Measure the rules with an index and write the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("index", help="of the shipped relations")
    parser.add_argument("--model", required=True, help="its model: hub id or folder")
    parser.add_argument("--name", help="what the results call it")
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--output", type=Path, help="JSON file")
    args = parser.parse_args(arguments)
    index = RelationIndex.open(args.index, RelBERT(args.model, fast=True))
    measured = Measurement(index)
    for question in questions(measured.content, args.questions):
        measured.ask(question)
    report = {
        "model": args.name or index.identity.name,
        "questions": args.questions,
        **provenance(["sentence-transformers"]),
        "results": {name: summary(np.array(ranks)) for name, ranks in measured.ranks.items()},
    }
    text = json.dumps(report, indent=1)
    sys.stdout.write(text + "\n")
    if args.output:
        args.output.write_text(text + "\n", encoding="utf-8")


def summary(ranks: Any) -> dict[str, Any]:
    """How often the right word is among the first so many, with intervals of 95 % for the fewest."""
    found: dict[str, Any] = {str(depth): round(float((ranks < depth).mean()), 3) for depth in (1, 3, 10, 50, 100, 200)}
    found |= {str(depth): round(float((ranks < depth).mean()), 3) for depth in (300, 1000)}
    found["interval of 3"] = [round(float(end), 3) for end in bootstrap_interval(ranks < 3)]
    return found


if __name__ == "__main__":
    main()
