"""Metrics of relation classification, and data that cannot be scored."""

import csv
from collections import Counter

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from st_relbert import RelBERT
from st_relbert.data.sources import FileRecord
from st_relbert.evaluation.classification import RelationClassificationEvaluator
from tests.evaluation.lexical_relations import LABELS, NEAREST, TEST, TRAIN, VALIDATION, Noisy, plain_examples, rows_of


def test_features_are_the_vectors_of_both_directions(encoders):
    """With a real encoder, against one pair at a time."""
    model = RelBERT(encoders["bytelevel"])
    evaluator = RelationClassificationEvaluator(TRAIN[:15], TEST[:9], classifier=LogisticRegression(C=0.1))
    expected = LogisticRegression(C=0.1).fit(*plain_examples(TRAIN[:15], model.encode))
    assert evaluator.predict(model) == expected.predict(plain_examples(TEST[:9], model.encode)[0]).tolist()


def test_each_distinct_pair_is_encoded_once():
    model = Noisy()
    reverse = [{**row, "head": row["tail"], "tail": row["head"]} for row in TRAIN]
    RelationClassificationEvaluator(TRAIN + reverse, TEST + TRAIN, VALIDATION, n_jobs=1).predict(model)
    assert len(model.encoded) == len(set(model.encoded)) == 2 * len(TRAIN + TEST + VALIDATION)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=12),
    st.lists(st.sampled_from("abc"), min_size=1, max_size=12),
    st.integers(0, 9),
)
def test_metrics_from_counts(train_labels, test_labels, seed):
    """F1 and baselines from their definitions, over any labels; a single example of a label is enough."""

    def rows(labels, split):
        return [{"head": split, "tail": f"word {row}", "relation": label} for row, label in enumerate(labels)]

    train, test = rows([*train_labels, *"abc"], "train"), rows(test_labels, "test")
    evaluator = RelationClassificationEvaluator(train, test, classifier=NEAREST, seed=seed)
    metrics = evaluator(Noisy())
    predicted = evaluator.predict(Noisy())
    assert evaluator(Noisy()) == metrics
    pairs = Counter(zip(test_labels, predicted, strict=True))
    f1 = {label: 2 * pairs[label, label] / max(1, test_labels.count(label) + predicted.count(label)) for label in "abc"}
    assert {label: metrics[f"f1_{label}"] for label in "abc"} == pytest.approx(f1)
    assert metrics["f1_micro"] == pytest.approx(sum(pairs[label, label] for label in "abc") / len(test))
    assert metrics["f1_macro"] == pytest.approx(np.mean([f1[label] for label in {*test_labels, *predicted}]))
    counts = Counter(sorted([*train_labels, *"abc"]))
    majority = max(counts, key=counts.get)
    assert metrics["majority_f1_micro"] == pytest.approx(test_labels.count(majority) / len(test))
    assert 0 <= metrics["random_f1_micro"] <= 1


def test_f1_by_hand():
    """Always "a", where three of four are: F1 of "a" is 2 * 3 / (3 + 4), that of "b" 0; micro F1 is the accuracy."""
    rows = [{"head": "x", "tail": f"word {row}", "relation": label} for row, label in enumerate("aaab")]
    always = DummyClassifier(strategy="constant", constant="a")
    metrics = RelationClassificationEvaluator(rows, rows, classifier=always)(Noisy())
    assert metrics["f1_micro"] == 3 / 4 and metrics["f1_macro"] == pytest.approx((6 / 7 + 0) / 2)


@pytest.mark.parametrize(
    ("classifier", "name", "method"),
    [
        ("mlp", "mlp", ""),
        (MLPClassifier(max_iter=1, random_state=0), "MLPClassifier", ""),
        ("linear", "linear", "linear"),
        (NEAREST, "KNeighborsClassifier", "KNeighborsClassifier"),
    ],
)
def test_the_result_names_the_classifier(classifier, name, method):
    result = RelationClassificationEvaluator(TRAIN, TEST, classifier=classifier).evaluate(Noisy())
    assert (result.details["classifier"], result.method) == (name, method)
    again = RelationClassificationEvaluator(TRAIN, TEST, classifier=classifier).evaluate(Noisy())
    assert result == again  # no accident


def test_the_random_baseline_draws_training_frequencies():
    train = rows_of("train", 30, ["hyper"]) + rows_of("train", 10, ["coord"])
    test = rows_of("test", 4000, ["hyper"])
    few = RelationClassificationEvaluator(train, test, classifier=NEAREST)
    assert few(Noisy())["random_f1_micro"] == pytest.approx(0.75, abs=0.03)


def test_a_label_with_one_example_can_be_learned():
    train = [*TRAIN, {"head": "rare", "tail": "bird", "relation": "rare"}]
    evaluator = RelationClassificationEvaluator(train, TEST, VALIDATION)
    metrics = evaluator(Noisy())
    assert metrics["f1_rare"] == 0  # neither in the test split nor predicted
    assert metrics["f1_macro"] == pytest.approx(np.mean([metrics[f"f1_{label}"] for label in LABELS]))


def test_the_result_is_complete():
    evaluator = RelationClassificationEvaluator(TRAIN, TEST, name="toy", classifier=NEAREST)
    result = evaluator.evaluate(Noisy())
    assert (result.task, result.dataset, result.count) == ("classification", "toy", len(TEST))
    assert list(result.metrics) == ["f1_micro", "f1_macro"] and list(result.intervals) == ["f1_micro"]
    labels = [row["relation"] for row in TEST]
    assert result.correct == [
        guess == label for guess, label in zip(result.details["predictions"], labels, strict=True)
    ]
    assert set(result.extras) == {*(f"f1_{label}" for label in LABELS), "majority_f1_micro", "random_f1_micro"}


def test_datasets_are_accepted_and_metrics_are_written(tmp_path):
    splits = [Dataset.from_list(rows) for rows in (TRAIN, TEST)]
    evaluator, model = RelationClassificationEvaluator(*splits, name="toy", classifier=NEAREST), Noisy()
    metrics = evaluator(model, str(tmp_path), epoch=1, steps=10)
    assert metrics == RelationClassificationEvaluator(TRAIN, TEST, name="toy", classifier=NEAREST)(model)
    assert evaluator.primary_metric == "toy_f1_micro"
    assert list(model.metrics[1]) == ["toy_f1_micro", "toy_f1_macro"]  # no baselines, and no single labels
    with open(tmp_path / "classification_evaluation_toy_results.csv", newline="") as file:
        header, row = csv.reader(file)
    assert header == ["epoch", "steps", "f1_micro", "f1_macro", "majority_f1_micro", "random_f1_micro"]
    assert [float(value) for value in row[2:]] == [metrics[f"toy_{column}"] for column in header[2:]]


def changed(**values):
    """The training rows, with other values in row 1."""
    return [TRAIN[0], {key: value for key, value in {**TRAIN[1], **values}.items() if value is not ...}, *TRAIN[2:]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"train": []}, "train has no rows, expected at least one"),
        ({"test": []}, "test has no rows"),
        ({"validation": []}, "validation has no rows"),
        ({"train": changed(relation=...)}, "train, row 1 has no 'relation' .* expected the columns head, tail, rel"),
        ({"test": changed(head=...)}, "test, row 1 has no 'head'"),
        ({"validation": changed(tail=None)}, "validation, row 1 has no 'tail'"),
        ({"train": changed(head="  ")}, "the head of the pair of train, row 1 is '  ', expected a word"),
        ({"train": changed(relation=2)}, "train, row 1 has the relation 2 of type int, expected a string .*int2str"),
        ({"train": changed(relation=" ")}, "train, row 1 has the relation ' ', expected a name"),
        ({"train": changed(relation="micro")}, "train, row 1 has the relation 'micro', expected a name other than"),
        ({"train": "train.jsonl"}, "train, row 0 is 't', expected an object with the columns head, tail, relation"),
        ({"train": TRAIN[::3]}, "train has only the relation 'coord', expected at least two"),
        ({"test": changed(relation="Hyper")}, "test, row 1 .* 'Hyper', which no row of train has, expected one of 'co"),
        ({"validation": changed(relation="mero")}, "validation, row 1 has the relation 'mero', which no row of train"),
        ({"classifier": "svm"}, "classifier is 'svm', expected 'mlp' or 'linear', or a scikit-learn classifier"),
        ({"classifier": None}, "classifier is None, expected 'mlp' or 'linear'"),
        ({"n_jobs": 0}, "n_jobs is 0, expected a number of processes"),
        ({"n_jobs": True}, "n_jobs is True, expected a number"),
    ],
)
def test_data_that_cannot_be_scored_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        RelationClassificationEvaluator(**{"train": TRAIN, "test": TEST, **arguments})


def test_a_label_that_training_lacks_is_named_by_its_line():
    test = [FileRecord({**TEST[0], "relation": "Hyper"}, "line 7")]
    with pytest.raises(ValueError, match="test, line 7 has the relation 'Hyper', which no row of train has"):
        RelationClassificationEvaluator(TRAIN, test)


def test_a_mistyped_option_is_an_error():
    with pytest.raises(TypeError, match="batchsize"):
        RelationClassificationEvaluator(TRAIN, TEST, batchsize=8)


def test_vectors_that_are_not_finite_are_an_error():
    with pytest.raises(ValueError, match="vector of the pair .* is not finite"):
        RelationClassificationEvaluator(TRAIN, TEST)(Noisy(np.nan))
