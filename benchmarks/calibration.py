"""How good the probabilities of an index are: on pairs that neither the model nor the index has seen.

    python benchmarks/calibration.py --model relbert-nce --output benchmarks/results/calibration.json

The index holds the shipped relations' training pairs. It is calibrated as `RelationIndex.build` does it, and asked:
held-out pairs of its relations, and of relations that it has nothing of; their words paired anew; words of random
letters; related and random pairs of BLESS and ROOT09 (training and validation splits); and pairs reversed.
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
from sklearn.metrics import roc_auc_score

from st_relbert import RelBERT
from st_relbert.data.sources import read_records
from st_relbert.pairs import Pair
from st_relbert.search.calibration import Calibration, _Labelled, _nonsense, _recombined, calibrate
from st_relbert.vectors import EncodeCache

MOST = 1_000  # pairs of each kind
Labelled = tuple[list[Pair], list[str]]


def shipped(split: str) -> Labelled:
    """The pairs of the shipped relations and their labels, in random order."""
    records = read_records("relations", [split])[0]
    rows = [((head, tail), record["relation_type"]) for record in records for head, tail in record["positives"]]
    random.Random(0).shuffle(rows)
    return [pair for pair, _ in rows], [label for _, label in rows]


def classified(name: str, unrelated: bool) -> list[Pair]:
    """Pairs of a classification set whose only label is that they are random, or is not."""
    labels: dict[Pair, set[str]] = {}
    for split in ("train", "val"):
        for row in read_records(f"relbert/lexical_relation_classification/{name}", [split])[0]:
            labels.setdefault((row["head"], row["tail"]), set()).add(row["relation"].lower())
    pairs = sorted(pair for pair, found in labels.items() if found == {"random"} or "random" not in found)
    random.Random(0).shuffle(pairs)
    return [pair for pair in pairs if ("random" in labels[pair]) == unrelated][:MOST]


def figures(related: Any, unrelated: Any) -> dict[str, float]:
    """AUC, expected calibration error (ten bins, both kinds weigh alike), false positives at 90 % recall and at 0.5."""
    truth = np.repeat([1.0, 0.0], [len(related), len(unrelated)])
    found = np.concatenate([related, unrelated])
    weights = np.repeat([0.5 / len(related), 0.5 / len(unrelated)], [len(related), len(unrelated)])
    bins = np.minimum((found * 10).astype(int), 9)
    error = sum(abs(((truth - found) * weights)[bins == number].sum()) for number in range(10))
    return {
        "auc": round(float(roc_auc_score(truth, found)), 3),
        "calibration_error": round(float(error), 3),
        "false_positives_at_90_recall": round(float((unrelated >= np.quantile(related, 0.1)).mean()), 3),
        "recall_at_half": round(float((related >= 0.5).mean()), 3),
        "false_positives_at_half": round(float((unrelated >= 0.5).mean()), 3),
    }


def measure(model: Any) -> dict[str, Any]:
    """All figures of a model."""
    encode = lambda pairs: model.encode(list(pairs), normalize_embeddings=True, show_progress_bar=False)  # noqa: E731
    (pairs, labels), (unseen, theirs) = shipped("train"), shipped("validation")
    vectors = encode(pairs)
    made = calibrate(pairs, labels, vectors, encode, len(pairs))
    assert made is not None

    def related(asked: list[Pair]) -> Any:
        return probabilities(made, encode(asked), vectors, labels)

    known = set(labels)
    of_known = [pair for pair, label in zip(unseen, theirs, strict=True) if label in known][:MOST]
    of_new = [pair for pair, label in zip(unseen, theirs, strict=True) if label not in known][:MOST]
    rng = random.Random(1)
    anew = related(_recombined(unseen, theirs, {*pairs, *unseen}, rng)[:MOST])
    results = {
        "held-out pairs / paired anew": figures(related(of_known), anew),
        "pairs of held-out relations / paired anew": figures(related(of_new), anew),
        "held-out pairs / letters": figures(related(of_known), related(_nonsense(rng))),
    }
    for name in ("BLESS", "ROOT09"):
        results[f"{name} / its random pairs"] = figures(
            related(classified(name, False)), related(classified(name, True))
        )
    results["direction: nearer to its relation than reversed"] = {
        "share": direction(encode, of_known, unseen, theirs, pairs, labels, vectors)
    }
    return results


def probabilities(made: Calibration, asked: Any, vectors: Any, labels: list[str]) -> Any:
    """The probability of each pair that it is related."""
    cosines = _Labelled(vectors, labels).neighbours(asked).cosines
    return np.array([made.of_pair(vector, row.tolist()) for vector, row in zip(asked, cosines, strict=True)])


def direction(
    encode: Any,
    asked: list[Pair],
    unseen: list[Pair],
    theirs: list[str],
    pairs: list[Pair],
    labels: list[str],
    vectors: Any,
) -> float:
    """How often a held-out pair of a relation that has a direction is nearer to the relation's mean than reversed."""
    from st_relbert.data.shipped import shipped_relations

    symmetric = {relation.label for relation in shipped_relations() if relation.symmetric}
    label_of, names = dict(zip(unseen, theirs, strict=True)), np.array(labels)
    asked = [pair for pair in asked if label_of[pair] not in symmetric][:500]
    means = np.stack([vectors[names == label_of[pair]].mean(axis=0) for pair in asked])
    straight, turned = encode(asked), encode([pair[::-1] for pair in asked])
    return round(float(((straight * means).sum(1) > (turned * means).sum(1)).mean()), 3)


def main(arguments: list[str] | None = None) -> None:
    """Measure a model and write the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", required=True, help="hub id or folder")
    parser.add_argument("--name", help="what the results call it")
    parser.add_argument("--output", help="JSON file")
    args = parser.parse_args(arguments)
    results = measure(EncodeCache(RelBERT(args.model, fast=True)))
    report = {
        "model": args.name or args.model,
        **provenance(["sentence-transformers", "scikit-learn"]),
        "results": results,
    }
    text = json.dumps(report, indent=2)
    sys.stdout.write(text + "\n")
    if args.output:
        Path(args.output).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
