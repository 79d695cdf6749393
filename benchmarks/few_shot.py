"""Relations from a few examples: accuracy by the number of examples of each, beside the vectors of single words.

    python benchmarks/few_shot.py MODEL --output benchmarks/results/few_shot.json

Of the shipped relations that the model was not trained on, twenty are drawn, of each some examples and ten other pairs
to tell apart; five times. Both ways are the same logistic regression: on the features of `RelationEncoder`, and on the
vectors of head and tail by the same encoder, side by side.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import numpy as np
from common import provenance
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from st_relbert import RelBERT
from st_relbert.data.shipped import shipped_relations
from st_relbert.search import Vocabulary
from st_relbert.sklearn import RelationEncoder

EXAMPLES = (1, 3, 5, 10)
RELATIONS, ASKED, DRAWS = 20, 10, 5


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    model = RelBERT(args.model, device="cpu", fast=True)
    held_out = [each for each in shipped_relations() if each.held_out and len(each.pairs) >= max(EXAMPLES) + ASKED]
    accuracies: dict[tuple[str, int], list[float]] = {}
    for draw in range(DRAWS):
        rng = random.Random(draw)
        chosen = rng.sample(held_out, RELATIONS)
        pairs = [pair for each in chosen for pair in rng.sample(each.pairs, max(EXAMPLES) + ASKED)]
        labels = np.repeat(np.arange(RELATIONS), max(EXAMPLES) + ASKED)
        place = np.tile(np.arange(max(EXAMPLES) + ASKED), RELATIONS)
        words = Vocabulary.encode(model, [word for pair in pairs for word in pair])
        features = {
            "RelationEncoder": RelationEncoder(model).fit_transform(pairs),
            "vectors of words": np.hstack([words.vectors_of(side) for side in zip(*pairs, strict=True)]),
        }
        asked = place >= max(EXAMPLES)
        for way, values in features.items():
            for count in EXAMPLES:
                known = place < count
                classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
                classifier.fit(values[known], labels[known])
                accuracy = float(classifier.score(values[asked], labels[asked]))
                accuracies.setdefault((way, count), []).append(accuracy)
    rows = [
        {"features": way, "examples": count, "accuracy": round(float(np.mean(found)), 3),
         "standard deviation": round(float(np.std(found, ddof=1)), 3)}
        for (way, count), found in accuracies.items()
    ]  # fmt: skip
    result = {
        **provenance(("st-relbert", "scikit-learn", "sentence-transformers")),
        "model": Path(args.model).name,
        "relations": RELATIONS,
        "draws": DRAWS,
        "rows": rows,
    }
    args.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
