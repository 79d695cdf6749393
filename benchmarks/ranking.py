"""Which weight of a relation's mean puts the right pairs first: on pairs that the model has not seen.

    python benchmarks/ranking.py --model relbert-nce --output benchmarks/results/ranking.json

Each pair is asked in an index of all pairs of its set but itself, which does not count in its relation's mean either;
three in ten are asked the other way round. Found: the share of the first five hits that stand in the pair's relation
and direction, the share of first hits that do, and the share of pairs of whose first five hits four do. The sets are
the shipped relations (asked: held-out pairs of known relations, and pairs of held-out relations), SemEval 2012 (its
training split), T-REx and ConceptNet (validation). No everyday question (evaluation/everyday.jsonl) is asked.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
from common import provenance

from st_relbert import RelBERT
from st_relbert.data import RelationSet
from st_relbert.data.sources import read_records
from st_relbert.search.hits import REVERSED_PENALTY, unit

WEIGHTS = (0, 0.5, 1, 2, 3, 4, 6)
ASKED = 300
OTHERS = {"semeval2012": "train", "t_rex": "validation", "conceptnet": "validation"}


def sets() -> dict[str, tuple[dict[str, Any], list[tuple[str, Any]]]]:
    """By name: pairs by relation, and those that may be asked."""
    shipped = {record["relation_type"]: record["positives"] for record in read_records("relations", ["all"])[0]}
    known = {record["relation_type"] for record in read_records("relations", ["train"])[0]}
    unseen = [
        (record["relation_type"], tuple(pair))
        for record in read_records("relations", ["validation"])[0]
        for pair in record["positives"]
    ]
    found = {
        "held-out pairs": (shipped, [row for row in unseen if row[0] in known]),
        "held-out relations": (shipped, [row for row in unseen if row[0] not in known]),
    }
    for name, split in OTHERS.items():
        pairs = RelationSet.load(f"relbert/{name}_relational_similarity", split).positives
        found[name] = (pairs, [(label, pair) for label, of_label in pairs.items() for pair in of_label])
    return found


def measure(encode: Any, pairs: dict[str, Any], asked: list[tuple[str, Any]]) -> dict[str, Any]:
    """The figures of one set by weight."""
    rows = [(tuple(pair), label) for label, of_label in pairs.items() for pair in of_label]
    labels = np.unique([label for _, label in rows], return_inverse=True)
    vectors, names = encode([pair for pair, _ in rows]), {name: place for place, name in enumerate(labels[0])}
    sums = np.zeros((len(names), vectors.shape[1]), np.float32)
    np.add.at(sums, labels[1], vectors)
    asked = [row for row in asked if len(pairs[row[0]]) > 5]
    rng = random.Random(0)
    asked = rng.sample(asked, min(ASKED, len(asked)))
    both = encode([pair for _, pair in asked]), encode([pair[::-1] for _, pair in asked])
    right: dict[float, list[Any]] = {weight: [] for weight in WEIGHTS}
    for (label, pair), straight, turned in zip(asked, *both, strict=True):
        own, flip = names[label], rng.random() < 0.3
        means = sums.copy()
        means[own] -= straight
        query = np.stack([turned, straight] if flip else [straight, turned], axis=1)
        cosines, of_means = vectors @ query, (unit(means) @ query)[labels[1]]
        cosines[[set(other) == set(pair) for other, _ in rows]] = -9
        for weight in WEIGHTS:
            strengths = (cosines + weight * of_means) / (1 + weight) - [0, REVERSED_PENALTY]
            best = np.argsort(-strengths.max(axis=1))[:5]
            right[weight].append((labels[1][best] == own) & (strengths[best].argmax(axis=1) == flip))
    return {
        f"weight {weight}": {
            "of_five": round(float(np.mean(found)), 3),
            "first": round(float(np.mean([each[0] for each in found])), 3),
            "four_of_five": round(float(np.mean([each.sum() >= 4 for each in found])), 3),
        }
        for weight, found in right.items()
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure a model and write the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", required=True, help="hub id or folder")
    parser.add_argument("--name", help="what the results call it")
    parser.add_argument("--output", help="JSON file")
    args = parser.parse_args(arguments)
    model = RelBERT(args.model, fast=True)
    encode = lambda asked: model.encode(asked, normalize_embeddings=True, show_progress_bar=False)  # noqa: E731
    results = {name: measure(encode, *content) for name, content in sets().items()}
    report = {"model": args.name or args.model, **provenance(["sentence-transformers"]), "results": results}
    text = json.dumps(report, indent=2)
    sys.stdout.write(text + "\n")
    if args.output:
        Path(args.output).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
