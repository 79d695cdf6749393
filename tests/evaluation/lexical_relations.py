"""Labelled pairs, a model that distinguishes the labels up to noise, and a classifier that inspects its process.

Processes that fit that one import this module, so it imports little.
"""

import sys
import zlib

import numpy as np
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

LABELS = ["coord", "hyper", "random"]
NEAREST = KNeighborsClassifier(n_neighbors=1)


def rows_of(split, number=12, labels=LABELS):
    return [
        {"head": f"{label}-{split}", "tail": f"word {row}", "relation": label}
        for row in range(number)
        for label in labels
    ]


TRAIN, VALIDATION, TEST = rows_of("train", 16), rows_of("validation", 8), rows_of("test")


class Noisy:
    """A model with random vectors near a point that depends on the label, which is in the head."""

    def __init__(self, noise=1.0):
        self.noise = noise
        self.encoded = []
        self.model_card_data = self

    def of(self, pair):
        generator = np.random.default_rng(zlib.crc32("|".join(pair).encode()))
        centre = np.zeros(6)
        for index, label in enumerate(LABELS):
            centre[index] = pair[0].startswith(label)
        return (centre + self.noise * generator.normal(size=6)).astype(np.float32)

    def encode(self, pairs, **kwargs):
        self.encoded += pairs
        return np.array([self.of(pair) for pair in pairs])

    def set_evaluation_metrics(self, *args):
        self.metrics = args


def plain_examples(rows, vector_of):
    features = [[*vector_of((row["head"], row["tail"])), *vector_of((row["tail"], row["head"]))] for row in rows]
    return np.array(features, dtype=np.float64), [row["relation"] for row in rows]


class Spy(MLPClassifier):
    """Records where its features are stored, and whether its process has imported torch."""

    def fit(self, features, labels):
        self.file = str(getattr(features, "filename", None))
        self.has_torch = "torch" in sys.modules
        return super().fit(features, labels)
