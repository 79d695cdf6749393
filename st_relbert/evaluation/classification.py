"""F1 of lexical relation classification."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from sentence_transformers import SentenceTransformer
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.metrics import f1_score

from st_relbert.evaluation.grid_search import Config, Examples, search_grid
from st_relbert.evaluation.labelled_pairs import LabelledPairs
from st_relbert.evaluation.pair_vectors import PairVectors
from st_relbert.evaluation.relation_evaluator import RelationEvaluator

Records = Iterable[Mapping[str, Any]]


class RelationClassificationEvaluator(RelationEvaluator):
    """Scores a model by a classifier on its vectors, which has to tell the relations of word pairs.

    The features of a pair are its vector and that of the pair reversed, one after the other, as the model gives them
    (for published figures the model has to *sum* token vectors: ``reduction="sum"``), in float64. Each distinct pair
    is embedded once, over all splits and both directions. Unless another classifier is given, it is scikit-learn's
    ``MLPClassifier``, chosen from the grid of the reference by micro F1 on the validation split; see
    :func:`st_relbert.evaluation.grid_search.search_grid`.

    A single run says little about differences of one or two percent. On ROOT09, noise in the seventh digit of the
    vectors spreads the micro F1 of one and the same setting over a range of 0.015 to 0.023 (9 draws) and changes which
    setting is chosen; other hardware, or another batch size, adds more noise than that. The same vectors on the same
    machine give the same result, whatever ``n_jobs``.

    Args:
        train: Dicts, or a ``datasets.Dataset``, in the hub's columns: ``head``, ``tail`` and ``relation``, the label.
        test: The pairs to be scored, in the same columns.
        validation: The pairs to choose the classifier's settings by, in the same columns; None: default settings.
        name: Prefix of the metrics and of the CSV file's name.
        classifier: Any scikit-learn classifier, used as it is: a clone is fitted on ``train``, ``validation`` is not
            used. None: ``MLPClassifier``.
        n_jobs: The most processes to fit the grid's classifiers in; -1: one a CPU core.
        seed: The ``random_state`` of the classifiers and of the random baseline.
        batch_size: Pairs embedded at a time.
        show_progress_bar: Show the progress of embedding, and of fitting.
        write_csv: Append the metrics to ``classification_evaluation_{name}_results.csv`` when called with an output
            path (micro and macro F1 and the baselines, not the single labels).

    Attributes:
        chosen: After a call, the settings of the classifier: ``{"random_state": 0, "learning_rate_init": 0.001,
            "hidden_layer_sizes": 100}`` for instance; those of the given classifier, if there is one.
        correct: After a call, whether each test pair was classified rightly.

    Raises:
        ValueError: If a split is empty, a row malformed or its label not in ``train`` (the error names split and
            row), ``train`` has fewer than two labels, or ``classifier`` or ``n_jobs`` is unusable.

    Example:
        >>> rows = [{"head": "rose", "tail": "flower", "relation": "hyper"},
        ...         {"head": "wheel", "tail": "car", "relation": "mero"}]
        >>> RelationClassificationEvaluator(rows, rows, name="toy").primary_metric
        'toy_f1_micro'

    Source: Ushio et al. (2021), section 4.2.
    """

    task = "classification"
    columns = ["f1_micro", "f1_macro", "majority_f1_micro", "random_f1_micro"]

    def __init__(
        self,
        train: Records,
        test: Records,
        validation: Records | None = None,
        name: str = "",
        classifier: Any = None,
        n_jobs: int = -1,
        seed: int = 0,
        batch_size: int = 64,
        show_progress_bar: bool = False,
        write_csv: bool = True,
    ) -> None:
        super().__init__(name, batch_size, show_progress_bar, write_csv)
        if isinstance(n_jobs, bool) or not isinstance(n_jobs, int) or n_jobs == 0:
            raise ValueError(f"n_jobs is {n_jobs!r}, expected a number of processes, or -1 for one a CPU core.")
        if classifier is not None and not all(hasattr(classifier, part) for part in ("fit", "predict", "get_params")):
            raise ValueError(f"classifier is {classifier!r}, expected a scikit-learn classifier such as SVC().")
        self.classifier = classifier
        self.n_jobs = n_jobs
        self.seed = seed
        self.train = LabelledPairs.of(train, "train")
        self.test = LabelledPairs.of(test, "test")
        self.validation = None if validation is None else LabelledPairs.of(validation, "validation")
        self.labels = sorted(set(self.train.labels))
        if len(self.labels) < 2:
            raise ValueError(f"train has the one relation {self.labels[0]!r} only, expected at least two.")
        for split in filter(None, (self.test, self.validation)):
            split.require_labels_of(self.train)
        self.chosen: Config = {}
        self.correct: list[bool] = []

    def compute_metrics(self, model: SentenceTransformer) -> dict[str, float]:
        """Micro and macro F1, the F1 of each label, and the micro F1 of two baselines, between 0 and 1.

        - ``f1_micro`` is over all labels, so it is the accuracy.
        - ``f1_macro`` is the mean over the labels that occur in the test split or are predicted there.
        - ``f1_{label}`` is there for each label of the training split; 0 if it neither occurs nor is predicted.
        - ``majority_f1_micro``: always the most frequent training label.
        - ``random_f1_micro``: labels drawn with their frequencies in the training split.
        """
        predicted = self.predict(model)
        metrics = {f"f1_{average}": self._f1(predicted, average=average) for average in ("micro", "macro")}
        by_label = f1_score(self.test.labels, predicted, labels=self.labels, average=None, zero_division=0)
        metrics |= {f"f1_{label}": float(value) for label, value in zip(self.labels, by_label, strict=True)}
        return metrics | {
            "majority_f1_micro": self._f1(self._baseline("most_frequent")),
            "random_f1_micro": self._f1(self._baseline("stratified")),
        }

    def predict(self, model: SentenceTransformer) -> list[str]:
        """The predicted label of each test pair; sets :attr:`chosen` and :attr:`correct`."""
        splits = [split for split in (self.train, self.validation, self.test) if split]
        pairs = (order for split in splits for pair in split.pairs for order in (pair, pair[::-1]))
        vectors = PairVectors.encode(model, pairs, self.batch_size, self.show_progress_bar)
        classifier = self._fit(vectors)
        predicted = [str(label) for label in classifier.predict(_examples(self.test, vectors)[0])]
        self.correct = [guess == label for guess, label in zip(predicted, self.test.labels, strict=True)]
        return predicted

    def _fit(self, vectors: PairVectors) -> Any:
        train = _examples(self.train, vectors)
        if self.classifier is not None:
            classifier = clone(self.classifier).fit(*train)
            self.chosen = classifier.get_params(deep=False)
            return classifier
        validation = None if self.validation is None else _examples(self.validation, vectors)
        best = search_grid(train, validation, self.seed, self.n_jobs, self.show_progress_bar)
        self.chosen = best.config
        return best.classifier

    def _baseline(self, strategy: str) -> list[str]:
        dummy = DummyClassifier(strategy=strategy, random_state=self.seed)
        dummy.fit(np.zeros((len(self.train.labels), 1)), self.train.labels)
        predicted: list[str] = dummy.predict(np.zeros((len(self.test.labels), 1))).tolist()
        return predicted

    def _f1(self, predicted: list[str], average: str = "micro") -> float:
        # The labels are those of test and predictions, as in the reference: no label is left out.
        return float(f1_score(self.test.labels, predicted, average=average, zero_division=0))


def _examples(split: LabelledPairs, vectors: PairVectors) -> Examples:
    """Features ``(n, 2 d)`` and labels ``(n,)``.

    In float64, as in the reference: the classifier computes in the type of its features.
    """
    reversed_pairs = [pair[::-1] for pair in split.pairs]
    features = np.hstack([vectors.of(split.pairs), vectors.of(reversed_pairs)]).astype(np.float64)
    return features, np.array(split.labels)
