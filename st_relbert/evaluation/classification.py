"""F1 of lexical relation classification."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.metrics import f1_score
from tqdm.auto import tqdm

from st_relbert.data.sources import require
from st_relbert.evaluation.base import RelationEvaluator
from st_relbert.pairs import Pair, as_pair
from st_relbert.vectors import PairVectors

COLUMNS = ["head", "tail", "relation"]

# A label's metric is f1_{label}: these two would overwrite the averages.
_TAKEN = ("micro", "macro")


@dataclass(frozen=True)
class LabelledPairs:
    """One split of a classification data set: pairs, and the label of each."""

    split: str
    pairs: list[Pair]
    labels: list[str]

    @classmethod
    def of(cls, records: Iterable[Mapping[str, Any]], split: str) -> LabelledPairs:
        """Check the records of a split.

        Args:
            records: ``head``, ``tail`` and ``relation``, strings, of each pair.
            split: What errors call the split.

        Raises:
            ValueError: If there are none, a column is missing, the pair is not two words, or the label is no string
                or one that a metric could not be named after.
        """
        pairs, labels = [], []
        for row, record in enumerate(records):
            where = f"{split}, row {row}"
            if not isinstance(record, Mapping):
                raise ValueError(f"{where} is {record!r}, expected an object with the columns {', '.join(COLUMNS)}.")
            require(dict(record), COLUMNS, where)
            pairs.append(as_pair((record["head"], record["tail"]), f"the pair of {where}"))
            labels.append(_label(record["relation"], where))
        if not pairs:
            raise ValueError(f"{split} has no rows, expected at least one.")
        return cls(split, pairs, labels)

    def require_labels_of(self, train: LabelledPairs) -> None:
        """Check that each label occurs in the training split.

        Raises:
            ValueError: If one does not: no classifier could ever predict it, so it is a slip in the data.
        """
        known = sorted(set(train.labels))
        for row, label in enumerate(self.labels):
            if label not in known:
                raise ValueError(
                    f"{self.split}, row {row} has the relation {label!r}, which no row of {train.split} has, "
                    f"expected one of {', '.join(map(repr, known))}."
                )


def _label(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise ValueError(
            f"{where} has the relation {value!r} of type {type(value).__name__}, expected a string such as 'hyper'. "
            "(A ClassLabel column holds numbers: turn them into names with its int2str.)"
        )
    if not value.strip() or value in _TAKEN:
        raise ValueError(f"{where} has the relation {value!r}, expected a name other than '', 'micro' and 'macro'.")
    return str(value)


logger = logging.getLogger(__name__)

Config: TypeAlias = dict[str, Any]
Examples: TypeAlias = tuple[NDArray[np.floating[Any]], NDArray[np.str_]]
"""Features ``(n, d)`` and labels ``(n,)``."""

LEARNING_RATES = (1e-3, 1e-4, 1e-5)
HIDDEN_LAYER_SIZES = (100, 150, 200)


class Candidate(NamedTuple):
    """A fitted classifier, its settings, its micro F1 on the validation split, and whether the fit converged."""

    config: Config
    classifier: Any
    score: float | None
    converged: bool


def search_grid(
    train: Examples,
    validation: Examples | None = None,
    seed: int = 0,
    n_jobs: int = -1,
    show_progress_bar: bool = False,
) -> Candidate:
    """The ``MLPClassifier`` with the best micro F1 on the validation split.

    The grid is that of the reference: learning rates 0.001, 0.0001 and 0.00001, and for each of them 100, 150 and 200
    hidden units; of equals, the first in this order is taken. Without a validation split the one classifier has
    scikit-learn's default settings.

    Each classifier is fitted with one thread, whatever ``n_jobs`` is, since a matrix product by several threads can
    round otherwise, and a change in the last bit can end in another classifier. The processes share one copy of the
    features.

    Args:
        train: Features ``(n, d)`` and labels ``(n,)`` to fit.
        validation: Features ``(m, d)`` and labels ``(m,)`` to choose by.
        seed: The ``random_state`` of each classifier.
        n_jobs: The most processes to use; -1: one a CPU core.
        show_progress_bar: Show how many classifiers are fitted.

    Source: Ushio et al. (2021), section 4.2.
    """
    candidates = fit_all(
        _grid(seed) if validation else [{"random_state": seed}], train, validation, n_jobs, show_progress_bar
    )
    # max takes the first of equals.
    best = max(candidates, key=lambda candidate: candidate.score or 0.0)
    logger.info("Chosen of %d classifiers: %s, validation micro F1 %s", len(candidates), best.config, best.score)
    open_ended = sum(not candidate.converged for candidate in candidates)
    if open_ended:
        logger.log(
            logging.INFO if best.converged else logging.WARNING,
            "%d of %d classifiers, the chosen one %s, did not converge within scikit-learn's limit of iterations.",
            open_ended,
            len(candidates),
            "not among them" if best.converged else "among them",
        )
    return best


def fit_all(
    configs: Sequence[Config],
    train: Examples,
    validation: Examples | None = None,
    n_jobs: int = -1,
    show_progress_bar: bool = False,
) -> list[Candidate]:
    """Fit an ``MLPClassifier`` for each of some settings; see :func:`search_grid`.

    Returns:
        The fitted classifiers in the order of the settings.
    """
    parallel = Parallel(
        n_jobs=min(effective_n_jobs(n_jobs), len(configs)),
        backend="loky",
        return_as="generator",
        # Arrays above this size are written to a file once, which all processes map into memory.
        max_nbytes="1M",
        mmap_mode="r",
    )
    fit = _worker()
    fitted = parallel(delayed(fit)(config, train, validation) for config in configs)
    bar = tqdm(fitted, desc="Classifiers", total=len(configs), disable=not show_progress_bar)
    return [Candidate(config, *result) for config, result in zip(configs, bar, strict=True)]


def _grid(seed: int) -> list[Config]:
    return [
        {"random_state": seed, "learning_rate_init": rate, "hidden_layer_sizes": size}
        for rate, size in product(LEARNING_RATES, HIDDEN_LAYER_SIZES)
    ]


def _worker() -> Callable[[Config, Examples, Examples | None], tuple[Any, float | None, bool]]:
    """The function that fits one classifier.

    It is a local one so that it travels to the processes by value. By name they would have to import this package,
    and so torch: 6 seconds and 500 MB for each process, against 1.5 seconds and 190 MB for scikit-learn alone.
    """

    def fit(config: Config, train: Examples, validation: Examples | None) -> tuple[Any, float | None, bool]:
        """The fitted classifier, its validation micro F1, and whether it converged."""
        import warnings

        from sklearn.exceptions import ConvergenceWarning
        from sklearn.metrics import f1_score
        from sklearn.neural_network import MLPClassifier
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            classifier = MLPClassifier(**config).fit(*train)
            score = None
            if validation is not None:
                features, labels = validation
                score = float(f1_score(labels, classifier.predict(features), average="micro"))
        others = [warning for warning in caught if not issubclass(warning.category, ConvergenceWarning)]
        for warning in others:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
        return classifier, score, len(others) == len(caught)

    return fit


Records = Iterable[Mapping[str, Any]]


class RelationClassificationEvaluator(RelationEvaluator):
    """Scores a model by a classifier on its vectors, which has to tell the relations of word pairs.

    The features of a pair are its vector and that of the pair reversed, one after the other, as the model gives them
    (for published figures the model has to *sum* token vectors: ``reduction="sum"``), in float64. Each distinct pair
    is embedded once, over all splits and both directions. Unless another classifier is given, it is scikit-learn's
    ``MLPClassifier``, chosen from the grid of the reference by micro F1 on the validation split; see
    :func:`st_relbert.evaluation.classification.search_grid`.

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
