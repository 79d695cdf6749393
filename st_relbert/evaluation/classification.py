"""Lexical relation classification: a classifier predicts the relation of a word pair from its vector."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from joblib import effective_n_jobs, parallel_config
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm
from typing_extensions import Self, Unpack

from st_relbert.data.sources import place_of, read_records, require
from st_relbert.evaluation.base import EvaluatorOptions, RelationEvaluator, SuiteTask
from st_relbert.evaluation.results import EvaluationResult
from st_relbert.pairs import Pair, as_pair
from st_relbert.vectors import PairVectors

logger = logging.getLogger(__name__)

Records: TypeAlias = Iterable[Mapping[str, Any]]
Settings: TypeAlias = dict[str, Any]
Candidate: TypeAlias = tuple[Settings, Any]
"""The settings of a scikit-learn classifier, and the classifier."""
Examples: TypeAlias = tuple[NDArray[np.floating[Any]], NDArray[np.str_]]
"""Features `(n, d)` and labels `(n,)`."""

COLUMNS = ["head", "tail", "relation"]
CLASSIFIERS = ("mlp", "linear")
LEARNING_RATES = (1e-3, 1e-4, 1e-5)
HIDDEN_LAYER_SIZES = (100, 150, 200)
INVERSE_PENALTIES = (0.01, 0.1, 1.0)

_PAPERS_CLASSIFIERS = ("mlp", MLPClassifier.__name__)
_WITHOUT_VALIDATION = ("CogALexV",)
# The metric of a label is f1_{label}, so these two labels would overwrite the averages.
_TAKEN = ("micro", "macro")


@dataclass(frozen=True)
class LabelledPairs:
    """One split of a classification data set: pairs and their labels."""

    pairs: list[Pair]
    labels: list[str]

    @classmethod
    def from_records(cls, records: Records, split: str, known: Sequence[str] | None = None) -> LabelledPairs:
        """Check the records of a split, which have the strings `head`, `tail` and `relation`. Errors name the split.

        Raises `ValueError` if there are no records, a column is missing, a pair is not two words, a label is not a
        string that can be part of a metric's name, or it is not one of the `known` labels, those of the training split.
        """
        pairs, labels = [], []
        for row, record in enumerate(records):
            where = f"{split}, {place_of(record, row)}"
            require(record, COLUMNS, where)
            pairs.append(as_pair((record["head"], record["tail"]), f"the pair of {where}"))
            labels.append(_label(record["relation"], where))
            if known is not None and labels[-1] not in known:  # no classifier could predict it
                raise ValueError(
                    f"{where} has the relation {labels[-1]!r}, which no row of train has, expected one of "
                    f"{', '.join(map(repr, known))}."
                )
        if not pairs:
            raise ValueError(f"{split} has no rows, expected at least one.")
        return cls(pairs, labels)

    def examples(self, vectors: PairVectors) -> Examples:
        """Return features `(n, 2 d)`, each pair's vector next to the reversed pair's, and the labels `(n,)`."""
        return vectors.both_ways(self.pairs), np.array(self.labels)


def _label(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise ValueError(
            f"{where} has the relation {value!r} of type {type(value).__name__}, expected a string such as 'hyper'. "
            "(A ClassLabel column contains numbers: convert them to names with its int2str.)"
        )
    if not value.strip() or value in _TAKEN:
        raise ValueError(f"{where} has the relation {value!r}, expected a name other than '', 'micro' and 'macro'.")
    return value


class RelationClassificationEvaluator(RelationEvaluator):
    """Evaluates a model with a classifier that predicts the relations of word pairs from their vectors.

    The features of a pair are its vector and the vector of the reversed pair, concatenated, in float64 and not
    normalized. (To reproduce published figures, the model must *sum* token vectors: `reduction="sum"`.) Each distinct
    pair is embedded once, over all splits and both directions.

    A single run says little about differences of one or two percent. On ROOT09, noise in the seventh digit of the
    vectors spreads the micro F1 of the same MLP over a range of 0.015 to 0.023 (9 draws) and changes which settings are
    chosen. Different hardware or a different batch size adds more noise than that. The same vectors on the same machine
    give the same result for any `n_jobs`.

    Args:
        train: Dicts or a `datasets.Dataset` with the hub's columns: `head`, `tail` and `relation` (the label).
        test: The pairs to score, with the same columns.
        validation: The pairs for choosing the classifier's settings, with the same columns. None uses the defaults.
        name: Prefix of the metrics and of the CSV file's name.
        classifier: `"mlp"` is scikit-learn's `MLPClassifier`, as in the papers, with the best of the learning rates
            0.001, 0.0001 and 0.00001 and of 100, 150 and 200 hidden units. `"linear"` is a linear probe,
            `LogisticRegression` on standardised features with the best `C` of 0.01, 0.1 and 1; it takes seconds instead
            of minutes but gives different figures. Or pass any scikit-learn classifier: a clone of it is fitted on
            `train`, and `validation` is not used.
        n_jobs: The maximum number of processes for fitting classifiers; -1 for one per CPU core.
        seed: The `random_state` of the classifiers and of the random baseline.
        **options: See `RelationEvaluator`. The progress bar also shows the fitting; the CSV file does not contain the
            metrics of single labels.

    Raises:
        ValueError: If a split is empty, a row is malformed or its label is not in `train` (the error names split and
            row), `train` has fewer than two labels, or `classifier` or `n_jobs` is invalid.

    Examples:
        >>> rows = [{"head": "rose", "tail": "flower", "relation": "hyper"},
        ...         {"head": "wheel", "tail": "car", "relation": "mero"}]
        >>> RelationClassificationEvaluator(rows, rows, name="toy").primary_metric
        'toy_f1_micro'

    Source: Ushio et al. (2021), section 4.2.
    """

    task = "classification"
    columns = ["f1_micro", "f1_macro", "majority_f1_micro", "random_f1_micro"]
    suite = SuiteTask(
        sets={name: name for name in ("BLESS", "CogALexV", "EVALution", "K&H+N", "ROOT09")},
        title="Lexical Relation Classification",
        type="classification",
        dataset_type="relation-classification",
        counted="pairs",
        hub="relbert/lexical_relation_classification",
    )

    def __init__(
        self,
        train: Records,
        test: Records,
        validation: Records | None = None,
        *,
        name: str = "",
        classifier: Any = "mlp",
        n_jobs: int = -1,
        seed: int = 0,
        **options: Unpack[EvaluatorOptions],
    ) -> None:
        super().__init__(name, **options)
        if isinstance(n_jobs, bool) or not isinstance(n_jobs, int) or n_jobs == 0:
            raise ValueError(f"n_jobs is {n_jobs!r}, expected a number of processes, or -1 for one per CPU core.")
        is_known = isinstance(classifier, str) and classifier in CLASSIFIERS
        if not is_known and not all(hasattr(classifier, part) for part in ("fit", "predict", "get_params")):
            raise ValueError(
                f"classifier is {classifier!r}, expected {' or '.join(map(repr, CLASSIFIERS))}, or a scikit-learn "
                "classifier such as SVC()."
            )
        self.classifier = classifier
        self.n_jobs = n_jobs
        self.seed = seed
        self.train = LabelledPairs.from_records(train, "train")
        self.labels = sorted(set(self.train.labels))
        if len(self.labels) < 2:
            raise ValueError(f"train has only the relation {self.labels[0]!r}, expected at least two.")
        self.test = LabelledPairs.from_records(test, "test", self.labels)
        self.validation = (
            None if validation is None else LabelledPairs.from_records(validation, "validation", self.labels)
        )

    @classmethod
    def load(cls, name: str, **options: Any) -> Self:
        """Create an evaluator for a set of `relbert/lexical_relation_classification`, such as `"BLESS"`.

        Raises:
            ValueError: If a split is not available or malformed.
        """
        splits = {"train": "train", "test": "test"} | ({} if name in _WITHOUT_VALIDATION else {"validation": "val"})
        records: dict[str, Any] = {
            key: read_records(f"{cls.suite.hub}/{name}", [split])[0] for key, split in splits.items()
        }
        return cls(**records, name=name, **options)

    def evaluate(self, model: SentenceTransformer) -> EvaluationResult:
        """Compute micro and macro F1, and as extras the F1 of each label and the micro F1 of two baselines (0 to 1).

        - `f1_micro` is over all labels, so it equals the accuracy.
        - `f1_macro` is the mean over the labels that occur in the test split or are predicted there.
        - `f1_{label}` is computed for each label of the training split; 0 if it neither occurs nor is predicted.
        - `majority_f1_micro` always predicts the most frequent training label.
        - `random_f1_micro` draws labels with their frequencies in the training split.
        """
        settings, predicted = self._fit_and_predict(model)
        by_label = f1_score(self.test.labels, predicted, labels=self.labels, average=None, zero_division=0)
        extras = {f"f1_{label}": float(value) for label, value in zip(self.labels, by_label, strict=True)}
        extras["majority_f1_micro"] = self._f1(self._baseline("most_frequent"), "micro")
        extras["random_f1_micro"] = self._f1(self._baseline("stratified"), "micro")
        return self.result(
            {"f1_micro": [guess == label for guess, label in zip(predicted, self.test.labels, strict=True)]},
            (self.test.pairs, self.test.labels),
            metrics={"f1_macro": self._f1(predicted, "macro")},
            extras=extras,
            predictions=predicted,
            classifier=self._classifier_name,
            classifier_config=settings,
            method="" if self._classifier_name in _PAPERS_CLASSIFIERS else self._classifier_name,
        )

    def predict(self, model: SentenceTransformer) -> list[str]:
        """Return the predicted label of each test pair."""
        return self._fit_and_predict(model)[1]

    def _fit_and_predict(self, model: SentenceTransformer) -> tuple[Settings, list[str]]:
        """Return the settings of the chosen classifier, and the label that it predicts for each test pair."""
        splits = [split for split in (self.train, self.validation, self.test) if split]
        pairs = (order for split in splits for pair in split.pairs for order in (pair, pair[::-1]))
        vectors = self.vectors_of(model, pairs)
        settings, classifier = fit_best(
            self._candidates(),
            self.train.examples(vectors),
            self.validation.examples(vectors) if self.validation else None,
            n_jobs=self.n_jobs,
            show_progress_bar=self.show_progress_bar,
        )
        return settings, [str(label) for label in classifier.predict(self.test.examples(vectors)[0])]

    @property
    def _classifier_name(self) -> str:
        return self.classifier if isinstance(self.classifier, str) else type(self.classifier).__name__

    def _candidates(self) -> list[Candidate]:
        """Return the classifiers to choose from; only one if there are no validation pairs."""
        if not isinstance(self.classifier, str):
            return [(self.classifier.get_params(deep=False), self.classifier)]
        common = {"random_state": self.seed}
        if self.classifier == "linear":
            penalties = INVERSE_PENALTIES if self.validation else INVERSE_PENALTIES[:1]
            candidates = [{**common, "C": penalty} for penalty in penalties]
            return [(c, make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, **c))) for c in candidates]
        # In the order of the relbert library, because the first of equals is chosen.
        grid = [
            {**common, "learning_rate_init": rate, "hidden_layer_sizes": size}
            for rate in LEARNING_RATES
            for size in HIDDEN_LAYER_SIZES
        ]
        return [(settings, MLPClassifier(**settings)) for settings in (grid if self.validation else [common])]

    def _baseline(self, strategy: str) -> list[str]:
        dummy = DummyClassifier(strategy=strategy, random_state=self.seed)
        dummy.fit(np.zeros((len(self.train.labels), 1)), self.train.labels)
        predicted: list[str] = dummy.predict(np.zeros((len(self.test.labels), 1))).tolist()
        return predicted

    def _f1(self, predicted: list[str], average: str) -> float:
        # Averages over all labels in the test split or the predictions, as in the relbert library.
        return float(f1_score(self.test.labels, predicted, average=average, zero_division=0))


def fit_best(
    candidates: Sequence[Candidate],
    train: Examples,
    validation: Examples | None = None,
    *,
    n_jobs: int = -1,
    show_progress_bar: bool = False,
) -> Candidate:
    """Fit clones of classifiers and choose the first with the best micro F1 on the validation split.

    `GridSearchCV` with `PredefinedSplit` chooses the same one but then fits it again, by default on training and
    validation pairs together, which the papers do not do.

    Each classifier is fitted with one thread, whatever `n_jobs` is: with several threads, a matrix product can round
    differently, and a change in the last bit can lead to a different classifier. The processes share one copy of the
    features. Returns the settings of the best classifier, and the fitted classifier.
    """

    # A function in a function is sent to the processes with its code. For any other, they would import torch with this
    # module.
    def fit(classifier: Any, *train: Any) -> tuple[Any, bool]:
        """Fit a classifier. Return it, and whether it converged according to scikit-learn's warnings."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            classifier.fit(*train)
        others = [each for each in caught if not issubclass(each.category, ConvergenceWarning)]
        for each in others:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
        return classifier, len(others) == len(caught)

    workers = min(effective_n_jobs(n_jobs), len(candidates))
    # Arrays above max_nbytes are written to a file once, and all processes map it into memory.
    parallel = Parallel(n_jobs=workers, return_as="generator", max_nbytes="1M", mmap_mode="r")
    with threadpool_limits(1), parallel_config("loky", inner_max_num_threads=1):
        fits = parallel(delayed(fit)(clone(classifier), *train) for _, classifier in candidates)
        fitted, converged = zip(
            *tqdm(fits, desc="Classifiers", total=len(candidates), disable=not show_progress_bar), strict=True
        )
    scores = [0.0] * len(candidates)
    if validation is not None and len(candidates) > 1:
        features, labels = validation
        scores = [f1_score(labels, classifier.predict(features), average="micro") for classifier in fitted]
    best = int(np.argmax(scores))
    settings = candidates[best][0]
    logger.info("Chosen of %d classifiers: %s, validation micro F1 %.4f.", len(candidates), settings, scores[best])
    if not converged[best]:
        logger.warning("The classifier %s did not converge within scikit-learn's limit of iterations.", settings)
    return settings, fitted[best]
