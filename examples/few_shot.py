"""Classify pairs into a few relations, or none, from four examples of each, and report the accuracy.

python examples/few_shot.py --model relbert-nce        # the model of make quickstart, or any other
"""

from __future__ import annotations

import argparse
from collections import Counter

from sklearn.metrics import classification_report

from st_relbert.data import RelationSet
from st_relbert.sklearn import RelationClassifier

EXAMPLES = {
    "capital": [("Tokyo", "Japan"), ("Paris", "France"), ("Cairo", "Egypt"), ("Lima", "Peru")],
    "young": [("puppy", "dog"), ("kitten", "cat"), ("calf", "cow"), ("lamb", "sheep")],
    "opposite": [("hot", "cold"), ("big", "small"), ("early", "late"), ("open", "closed")],
}
ASKED = {
    "capital": [("Oslo", "Norway"), ("Rome", "Italy"), ("Madrid", "Spain"), ("Nairobi", "Kenya"), ("Delhi", "India")],
    "young": [("cub", "bear"), ("foal", "horse"), ("duckling", "duck"), ("piglet", "pig"), ("fawn", "deer")],
    "opposite": [("wet", "dry"), ("rich", "poor"), ("young", "old"), ("strong", "weak"), ("true", "false")],
}

LIKE_THEM = ("antonym", "young", "city", "capital")  # of the shipped relations


def main(arguments: list[str] | None = None) -> None:
    """Learn from the examples and classify the other pairs, mixed with pairs that have none of their relations."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", default="relbert-nce", help="hub id or folder")
    parser.add_argument("--threshold", type=float, default=0.5, help="lowest probability of having a relation")
    args = parser.parse_args(arguments)
    labelled = [(pair, name) for name, pairs in EXAMPLES.items() for pair in pairs]
    classifier = RelationClassifier(args.model, threshold=args.threshold).fit(*zip(*labelled, strict=True))

    # One pair from each of other relations, as most pairs in a text are.
    others = RelationSet.load("starter", "validation").positives
    none = [pairs[0] for name, pairs in others.items() if not any(word in name for word in LIKE_THEM)][:30]
    asked = [(pair, name) for name, pairs in {**ASKED, "none": none}.items() for pair in pairs]
    pairs, right = zip(*asked, strict=True)
    found = classifier.predict(pairs)
    for pair, label, expected in zip(pairs, found, right, strict=True):
        if label != expected:
            print(f"{' : '.join(pair)} is {expected}, classified as {label}")
    print(classification_report(right, found, zero_division=0))
    print(f"{Counter(found)['none']} of {len(pairs)} pairs have none of the relations")


if __name__ == "__main__":
    main()
