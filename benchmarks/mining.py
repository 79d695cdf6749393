"""Mining 20,000 words: how many pairs of a relation are found, by what, and what it costs.

    python benchmarks/mining.py MODEL SCORER --sources FOLDER --questions FOLDER --known SET.jsonl --output FILE.json

The words are those of the lists below and the commonest others: whole words of the BERT tokenizer's vocabulary, which
is sorted by frequency. Right is what a list of the relation has: pairs of the shipped relations, of LRE (`--sources`)
and of BATS (`--questions`). Pairs that the model or the scorer was trained on (`--known`) and the examples count
neither as found nor as right; examples are drawn from the pairs with the commonest words. What lists lack counts as
wrong, though much of it is right.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from common import provenance
from numpy.typing import NDArray

from st_relbert import RelBERT
from st_relbert.data import RelationSet, load_questions
from st_relbert.data.shipped import shipped_relations
from st_relbert.pairs import Pair
from st_relbert.search import OffsetScorer, PairScorer, Vocabulary, mine_pairs

# Relation: shipped relations, files of LRE, parts of BATS. "-" turns the pairs of a list round.
LISTS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "country and capital": (("country and its capital",), ("country_capital_city",), ("-E01",)),
    "country and currency": (("country and its currency",), ("country_currency",), ()),
    "comparative": (("regular comparative",), ("adj_comparative",), ("I03",)),
    "past tense": (
        ("regular past tense", "irregular past tense", "past tense by change of vowel alone",
         "irregular past tense in -t or -d"), ("verb_past_tense",), ("I07",),
    ),
    "young of an animal": (("young of an animal",), (), ("E06",)),
    "male and female": (("male and female word",), (), ("E10",)),
}  # fmt: skip
EXAMPLES = 5
FOUND, FIRST = 1000, 100

Examples = tuple[NDArray[np.float32], NDArray[np.float32]]
Scores = Callable[[int, int], NDArray[np.float32]]


def read_lists(sources: Path, questions: Path) -> dict[str, set[Pair]]:
    """The pairs of each relation, in lower case."""
    shipped = {relation.name: relation.pairs for relation in shipped_relations()}
    lre = {
        name: [
            (each["subject"], each["object"]) for each in json.loads((sources / f"{name}.json").read_text())["samples"]
        ]
        for _, names, _ in LISTS.values()
        for name in names
    }
    asked = load_questions(str(questions / "bats" / "test.jsonl"))
    bats = {
        name: [tuple(pair) for each in asked if f"/{name.lstrip('-')} " in each["prefix"]
               for pair in (each["stem"], each["choice"][each["answer"]])]
        for *_, names in LISTS.values()
        for name in names
    }  # fmt: skip
    lists = {}
    for relation, names in LISTS.items():
        pairs = set()
        for known, of_source in zip((shipped, lre, bats), names, strict=True):
            for name in of_source:
                step = -1 if name.startswith("-") else 1
                pairs |= {tuple(word.lower() for word in pair[::step]) for pair in known[name]}
        lists[relation] = pairs
    return lists


def samples(file: Path) -> Any:
    """The pairs of a relation of LRE."""
    return json.loads(file.read_text(encoding="utf-8"))["samples"]


def vocabulary_of(model: RelBERT, lists: Iterable[Pair], size: int) -> list[str]:
    """The words of some pairs and the commonest others."""
    tokens = sorted(model.tokenizer.get_vocab().items(), key=lambda item: item[1])
    common = (token for token, _ in tokens if token.isalpha() and token.isascii() and len(token) > 1)
    words = dict.fromkeys(sorted({word for pair in lists for word in pair}))
    words |= dict.fromkeys(common)
    return list(words)[:size]


def draw_examples(model: RelBERT, pairs: set[Pair]) -> list[Pair]:
    """Some of the pairs with the commonest words, such as people would give."""
    ranks = model.tokenizer.get_vocab()
    common = sorted(pairs, key=lambda pair: (max(ranks.get(word, len(ranks)) for word in pair), pair))
    return random.Random(0).sample(common[: 3 * EXAMPLES], EXAMPLES)


def best_of_all(words: Vocabulary, scores_of: Scores, count: int) -> list[Pair]:
    """The best pairs by scores, which are given for some heads at a time."""
    size = len(words)
    rows, scores = np.empty(0, np.int64), np.empty(0, np.float32)
    for start in range(0, size, 400):
        block = scores_of(start, min(start + 400, size)).copy()
        block[np.arange(len(block)), np.arange(start, start + len(block))] = -np.inf
        block = block.reshape(-1)
        best = np.argpartition(-block, min(count, len(block) - 1))[:count]
        rows, scores = np.concatenate([rows, best + start * size]), np.concatenate([scores, block[best]])
        best = np.argsort(-scores, kind="stable")[:count]
        rows, scores = rows[best], scores[best]
    return [(words.words[row // size], words.words[row % size]) for row in rows]


def by_vectors(words: Vocabulary, examples: Examples) -> dict[str, Scores]:
    """The usual ways with the words' vectors: 3CosAdd, and the cosine of a pair's offset to that of the examples."""
    scorer = OffsetScorer()
    unit, places = scorer.tails(words.vectors), scorer.places(examples, words.vectors)
    first, second = (scorer.tails(side).mean(axis=0) for side in examples)
    along = unit @ ((second - first) / np.linalg.norm(second - first))

    def pair_distance(start: int, end: int) -> Any:
        lengths = np.sqrt(np.maximum(2 - 2 * unit[start:end] @ unit.T, 1e-3))
        return (along[None] - along[start:end, None]) / lengths

    return {"3CosAdd": lambda start, end: places[start:end] @ unit.T, "PairDistance": pair_distance}


def by_model(
    model: RelBERT, words: Vocabulary, pairs: list[Pair], examples: Examples, scorer: PairScorer, shortlist: int
) -> dict[str, list[Pair]]:
    """What `mine_pairs` finds, and how the model and the scorer alone rank its shortlist."""
    found = mine_pairs(model, pairs, words, scorer=scorer, k=shortlist, shortlist=shortlist)
    heads, tails = (words.vectors_of(side) for side in list(zip(*found, strict=True))[:2])
    forth = (scorer.places(examples, heads) * scorer.tails(tails)).sum(axis=1)
    back = (scorer.places(examples[::-1], tails) * scorer.tails(heads)).sum(axis=1)
    likeness = scorer.likeness(examples[0], heads) + scorer.likeness(examples[1], tails)
    both = np.array([each.score for each in found])
    ranks = {
        "what proposes: scorer and likeness": forth + back + likeness / 2,
        "RelBERT on its proposals": 2 * both - (forth + back) / 2,
        "RelBERT and scorer on them": both,
    }
    return {
        name: [(found[i].head, found[i].tail) for i in np.argsort(-scores, kind="stable")]
        for name, scores in ranks.items()
    }


def figures(found: list[Pair], right: set[Pair], known: set[Pair]) -> dict[str, float]:
    """Precision of the first hundred, and recall, without what is known."""
    new = [pair for pair in found if pair not in known][:FOUND]
    return {
        "precision of 100": round(sum(pair in right for pair in new[:FIRST]) / FIRST, 3),
        "recall of 100": round(sum(pair in right for pair in new[:FIRST]) / len(right), 3),
        "recall of 1,000": round(sum(pair in right for pair in new) / len(right), 3),
    }


def cost_of_an_answer(scorer: PairScorer, width: int) -> list[dict[str, float]]:
    """CPU seconds to score all words as tails of one head, and megabytes, by the size of the vocabulary."""
    rng = np.random.default_rng(0)
    rows = []
    for size in (10_000, 50_000, 200_000):
        vectors = rng.normal(size=(size, width)).astype(np.float32)
        started = time.process_time()
        tails = scorer.tails(vectors)
        once = time.process_time() - started
        started = time.process_time()
        for _ in range(10):
            tails @ scorer.places((vectors[:1], vectors[1:2]), vectors[2:3])[0]
        answer = (time.process_time() - started) / 10
        rows.append({"words": size, "once, s": round(once, 2), "an answer, ms": round(1000 * answer, 1),
                     "vectors and places, MiB": round(2 * vectors.nbytes / 2**20)})  # fmt: skip
    return rows


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("scorer")
    parser.add_argument("--sources", type=Path, required=True)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--known", required=True)
    parser.add_argument("--size", type=int, default=20_000, help="words")
    parser.add_argument("--shortlist", type=int, default=5000)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    model = RelBERT(args.model, device="cpu", fast=True)
    scorer = PairScorer.load(args.scorer)
    trained = RelationSet.load(args.known)
    seen = {(pair[0].lower(), pair[1].lower()) for pairs in trained.positives.values() for pair in pairs}
    lists = read_lists(args.sources, args.questions)
    names = vocabulary_of(model, {pair for pairs in lists.values() for pair in pairs}, args.size)
    words = Vocabulary.encode(model, names)
    rows, seconds = [], []
    for relation, pairs in lists.items():
        examples = draw_examples(model, pairs)
        known = seen | set(examples)
        right = pairs - known
        given = tuple(words.vectors_of(side) for side in zip(*examples, strict=True))
        places, tails = scorer.places((given[0], given[1]), words.vectors), scorer.tails(words.vectors)
        ways = by_vectors(words, (given[0], given[1]))
        ways["scorer"] = lambda start, end, places=places, tails=tails: places[start:end] @ tails.T
        found = {name: best_of_all(words, way, 3 * FOUND) for name, way in ways.items()}
        started = time.process_time()
        found |= by_model(model, words, examples, (given[0], given[1]), scorer, args.shortlist)
        seconds.append(time.process_time() - started)
        rows += [
            {"relation": relation, "right": len(right), "method": method, **figures(ranking, right, known)}
            for method, ranking in found.items()
        ]
        for row in rows[-len(found) :]:
            sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()
    result = {
        **provenance(("st-relbert", "sentence-transformers", "torch")),
        "model": Path(args.model).name,
        "words": len(words),
        "shortlist": args.shortlist,
        "cpu_seconds_a_call": round(float(np.median(seconds)), 1),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "scorer": cost_of_an_answer(scorer, words.vectors.shape[1]),
        "rows": rows,
    }
    args.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
