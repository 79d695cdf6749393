"""Estimators for scikit-learn: pairs in, features or relations out."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sklearn.base import BaseEstimator, ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted
from typing_extensions import Self

from st_relbert.data.shipped import shipped_relations
from st_relbert.files.outputs import check_table_columns, scores_column, table_output
from st_relbert.files.tables import PairTable
from st_relbert.model import RelBERT
from st_relbert.pairs import Pair, as_pairs, folded
from st_relbert.vectors import PairVectors

Model: TypeAlias = SentenceTransformer | str | os.PathLike[str]

# A classifier learns "none" from this many pairs of other relations and as many unrelated pairs.
_UNRELATED = 300


class _PairEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """An estimator over pairs, whose clones share one model in memory."""

    model: Model
    batch_size: int

    def __sklearn_clone__(self) -> Self:
        # scikit-learn would copy a model in memory for each fold.
        return type(self)(**self.get_params(deep=False))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.string = False, True
        return tags

    def _features(self, pairs: Sequence[Pair]) -> NDArray[np.float64]:
        """Return the vectors of each pair and of the reversed pair, concatenated, `(n, 2 d)`."""
        model = self.model if isinstance(self.model, SentenceTransformer) else _load(os.fspath(self.model))
        both = [order for pair in pairs for order in (pair, pair[::-1])]
        return PairVectors.encode(model, both, self.batch_size).both_ways(pairs)


class RelationEncoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, _PairEstimator):  # type: ignore[misc]
    """Turns word pairs into features: the vectors of the pair and of the reversed pair, concatenated.

    These are the features of lexical relation classification. The encoder learns nothing from the pairs. In a
    `Pipeline`, it goes before any classifier. In a `GridSearchCV`, the pipeline's `memory` saves encoding the same
    pairs again for each setting.

    Args:
        model: A SentenceTransformer that takes pairs, or its folder or hub id, which is loaded once per process.
        batch_size: The number of pairs to encode at a time.

    Examples:
        >>> RelationEncoder(model).fit_transform([("Tokyo", "Japan"), ("hot", "cold")]).shape
        (2, 32)
    """

    def __init__(self, model: Model, *, batch_size: int = 64) -> None:
        self.model = model
        self.batch_size = batch_size

    def fit(self, X: Any, y: Any = None) -> Self:  # scikit-learn's names
        """Check the pairs, and find the number of features.

        Args:
            X: Pairs: a list of tuples, an array `(n, 2)`, or a DataFrame with `head` and `tail`.
            y: Not used.

        Raises:
            ValueError: If there are no pairs, or an item is not a pair.
        """
        self._n_features_out = self._features(_pairs(X)[:1]).shape[1]
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_n_features_out")

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Return the features, `(n, 2 d)`, in float64.

        Raises:
            ValueError: If there are no pairs, or an item is not a pair.
        """
        check_is_fitted(self)
        return self._features(_pairs(X))


class RelationClassifier(ClassifierMixin, _PairEstimator):  # type: ignore[misc]
    """Predicts which relation a pair has, or that it has none, from a few examples of each relation.

    It is a logistic regression on the features of `RelationEncoder`. It learns "none" from pairs of 300 shipped
    relations other than the examples' own, and from new combinations of the examples' words. If each relation has at
    least two examples, the probabilities are calibrated by cross-validation.

    Args:
        model: See `RelationEncoder`.
        none: The label of a pair that has none of the relations: text if the labels are text, a number such as -1 if
            they are numbers. Examples may have it too. None: there is no such label, and the most probable relation is
            always predicted.
        threshold: A pair gets the label `none` if the probability that it has any of the relations is lower.
        C: The inverse strength of the penalty; see `LogisticRegression`.
        batch_size: The number of pairs to encode at a time.
        random_state: The seed for the pairs from which "none" is learned. None: other pairs in each call.

    Attributes:
        classes_: The labels, sorted, with the type of those in `fit`.

    Examples:
        >>> examples = [("Tokyo", "Japan"), ("Paris", "France"), ("hot", "cold"), ("big", "small")]
        >>> classifier = RelationClassifier(model).fit(examples, ["in", "in", "opposite", "opposite"])
        >>> classifier.classes_.tolist(), classifier.predict_proba([("Oslo", "Norway")]).shape
        (['in', 'none', 'opposite'], (1, 3))

    Source: logistic calibration, Platt (1999).
    """

    def __init__(
        self,
        model: Model,
        *,
        none: str | int | None = "none",
        threshold: float = 0.5,
        C: float = 1.0,
        batch_size: int = 64,
        random_state: int | None = 0,
    ) -> None:
        self.model = model
        self.none = none
        self.threshold = threshold
        self.C = C
        self.batch_size = batch_size
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Learn the relations.

        Args:
            X: Pairs; see `RelationEncoder.fit`.
            y: The relation of each: all are text, or all are numbers. `predict` gives labels of this type.

        Raises:
            ValueError: If there are no pairs, an item is not a pair, the number of labels differs, the labels or `none`
                are of several types, or there are too few relations.
        """
        pairs = _pairs(X)
        labels = _labels(y, len(pairs), self.none)
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"threshold is {self.threshold!r}, expected a probability from 0 to 1.")
        relations = set(labels.tolist()) - {self.none}
        if len(relations) < (2 if self.none is None else 1):
            raise ValueError(
                f"The only label is {next(iter(relations), self.none)!r}, expected "
                f"{'two relations' if self.none is None else 'a relation besides it'}."
            )
        if self.none is not None:
            seed = None if self.random_state is None else int(self.random_state)  # it may be NumPy's
            unrelated = _unrelated(pairs, labels, random.Random(seed))
            pairs, labels = [*pairs, *unrelated], np.append(labels, [self.none] * len(unrelated))
        # Half of the weight is on "none", however many pairs it has; the relations share the rest equally.
        counts = Counter(labels.tolist())
        share = {label: len(relations) if label == self.none else 1 for label in counts}
        weights = [share[label] / counts[label] for label in labels.tolist()]
        self._classifier = self._fitted(
            self._features(pairs), labels, np.array(weights) * len(labels) / sum(share.values())
        )
        self.classes_ = self._classifier.classes_
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each of `classes_`, `(n, classes)`.

        Raises:
            ValueError: If there are no pairs, or an item is not a pair.
        """
        check_is_fitted(self)
        probabilities: NDArray[np.float64] = self._classifier.predict_proba(self._features(_pairs(X)))
        return probabilities

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the relation of each pair, or `none`; see `predict_proba`."""
        return self.labels_of(self.predict_proba(X))

    def labels_of(self, probabilities: NDArray[np.float64]) -> NDArray[Any]:
        """Return the labels that `predict` chooses by the probabilities of `predict_proba`."""
        if self.none is None:
            return np.asarray(self.classes_[probabilities.argmax(axis=1)])
        column = int(np.flatnonzero(self.classes_ == self.none)[0])
        related = np.delete(probabilities, column, axis=1)
        best = np.delete(self.classes_, column)[related.argmax(axis=1)]
        return np.where(related.sum(axis=1) < self.threshold, self.none, best)

    def _fitted(self, features: NDArray[np.float64], labels: NDArray[Any], weights: NDArray[np.float64]) -> Any:
        regression = make_pipeline(StandardScaler(), LogisticRegression(C=self.C, max_iter=1_000))
        folds = min(5, *Counter(labels.tolist()).values())
        if folds < 2:
            return regression.fit(features, labels, logisticregression__sample_weight=weights)
        # One scaler for all folds: it sees no labels.
        scaled = StandardScaler().fit(features)
        calibrated = CalibratedClassifierCV(regression[-1], method="sigmoid", cv=StratifiedKFold(folds), ensemble=False)
        calibrated.fit(scaled.transform(features), labels, sample_weight=weights)
        return make_pipeline(scaled, calibrated)


def schema_of_predictions(table: PairTable, output: str) -> pa.Schema:
    """Return the columns that `write_predictions` writes.

    Raises `ValueError` if the table has one of the new columns already, or the output cannot hold one of the table's.
    """
    if taken := {"predicted", "probability"} & set(table.schema.names):
        raise ValueError(f"{table.path!r} has the column {min(taken)!r} already. Rename it.")
    schema = table.schema.append(pa.field("predicted", pa.string())).append(pa.field("probability", pa.float64()))
    check_table_columns(output, schema)
    return schema


def write_predictions(classifier: RelationClassifier, table: PairTable, output: str) -> Counter[str]:
    """Predict the relation of each pair of a table, a few thousand at a time, and write a copy of it with two columns.

    The output, `.csv` or `.parquet`, gets the columns `predicted` and `probability` (of that label). Returns how many
    pairs have each label. Raises `ValueError`; see `schema_of_predictions`.
    """
    schema = schema_of_predictions(table, output)
    counts: Counter[str] = Counter()
    with table_output(output, schema) as file:
        for batch in table.batches():
            probabilities = classifier.predict_proba(table.pairs(batch))
            labels = classifier.labels_of(probabilities)
            columns = np.searchsorted(classifier.classes_, labels)
            likely = probabilities[np.arange(len(labels)), columns]
            counts.update(labels.tolist())
            arrays = [*batch.columns, pa.array(labels.tolist()), pa.array(scores_column(output, likely))]
            file.write_table(pa.Table.from_arrays(arrays, schema=schema))
    return counts


def _unrelated(pairs: Sequence[Pair], labels: Sequence[Any] | NDArray[Any], rng: random.Random) -> list[Pair]:
    """Return pairs that most likely have none of the relations of the examples."""
    seen = {folded(pair) for pair in pairs}
    others = [relation.pairs for relation in shipped_relations() if len(seen & set(map(folded, relation.pairs))) < 2]
    found = [rng.choice(of_relation) for of_relation in rng.sample(others, min(_UNRELATED, len(others)))]
    order = list(range(len(pairs))) * 5
    rng.shuffle(order)
    mixed = [(pairs[one][0], pairs[other][1]) for one, other in pairwise(order) if labels[one] != labels[other]]
    return [pair for pair in dict.fromkeys([*found, *mixed[:_UNRELATED]]) if folded(pair) not in seen]


def _pairs(values: Any) -> list[Pair]:
    pairs = as_pairs(values)
    if not pairs:
        raise ValueError("There are no pairs, expected at least one.")
    return pairs


def _labels(values: Any, count: int, none: Any) -> NDArray[Any]:
    """Check that labels are all text or all numbers, as many as there are pairs, and that `none` fits them."""
    labels = np.asarray(values)
    if labels.ndim != 1:
        raise ValueError(f"The labels are {values!r:.60}, expected a list with a label for each pair.")
    if len(labels) != count:
        raise ValueError(f"There are {count} pairs and {len(labels)} labels, expected a label for each pair.")
    numbers = labels.dtype.kind in "biuf"
    wrong = [label for label in labels.tolist() if (label != label if numbers else not isinstance(label, str))]
    if wrong:
        raise ValueError(
            f"A label is {wrong[0]!r} of type {type(wrong[0]).__name__}, expected only text or only numbers."
        )
    if none is not None and isinstance(none, str) == numbers:
        raise ValueError(
            f"none is {none!r}, but the labels are {'numbers' if numbers else 'text'} such as {labels.tolist()[0]!r}. "
            f"Pass a label of the same kind, for example none={-1 if numbers else 'none'!r}, or none=None."
        )
    return labels


@lru_cache(maxsize=2)
def _load(name: str) -> SentenceTransformer:
    return RelBERT(name)
