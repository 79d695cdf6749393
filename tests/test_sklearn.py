import csv
import json

import numpy as np
import pyarrow.parquet
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks

from st_relbert import RelBERT
from st_relbert.cli import main
from st_relbert.sklearn import RelationClassifier, RelationEncoder, _load, _unrelated

CAPITALS = [("Tokyo", "Japan"), ("Paris", "France"), ("Rome", "Italy"), ("Oslo", "Norway")]
PARTS = [("finger", "hand"), ("page", "book"), ("wheel", "car"), ("leaf", "tree")]
PAIRS, LABELS = [*CAPITALS, *PARTS], ["capital"] * 4 + ["part"] * 4


@pytest.fixture(scope="module")
def model(encoders):
    return RelBERT(encoders["wordpiece"], template="short")


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("sklearn") / "model")
    model.save_pretrained(folder, create_model_card=False)
    return folder


def test_features_are_the_vectors_of_both_directions(model):
    features = RelationEncoder(model).fit(PAIRS).transform(np.array(PAIRS))
    expected = np.hstack([model.encode(PAIRS), model.encode([pair[::-1] for pair in PAIRS])])
    assert features.dtype == np.float64 and features == pytest.approx(expected, abs=1e-5)
    assert len(RelationEncoder(model).fit(PAIRS).get_feature_names_out()) == 32


@pytest.mark.parametrize("kind", [RelationEncoder, RelationClassifier])
def test_clones_share_the_model(model, kind):
    estimator = kind(model, batch_size=3)
    copy = clone(make_pipeline(estimator))[0]
    assert copy is not estimator and copy.model is model and copy.get_params() == estimator.get_params()
    assert estimator.set_params(batch_size=5).batch_size == 5 and repr(estimator)


@pytest.mark.parametrize("kind", [RelationEncoder, RelationClassifier])
def test_scikit_learns_checks_without_numbers_pass(kind):
    """The others fit arrays of numbers, and these estimators take pairs of words."""
    names = ["get_params_invariance", "set_params", "no_attributes_set_in_init"]
    names += ["estimator_cloneable", "estimator_repr", "valid_tag_types"]  # scikit-learn has it from 1.6 on
    checks = [getattr(estimator_checks, f"check_{name}", None) for name in names]
    assert all(checks[:3])
    for check in filter(None, checks):
        check(kind.__name__, kind("a-model"))


def test_in_a_pipeline_and_a_grid_search(saved):
    pipeline = make_pipeline(RelationEncoder(saved), LogisticRegression())
    search = GridSearchCV(pipeline, {"logisticregression__C": [0.1, 1.0]}, cv=2).fit(PAIRS, LABELS)
    assert set(search.predict(PAIRS)) <= {"capital", "part"} and _load(saved) is _load(saved)
    few = GridSearchCV(RelationClassifier(saved, none=None), {"C": [0.1, 1.0]}, cv=2).fit(PAIRS, LABELS)
    assert few.best_params_["C"] in (0.1, 1.0)


@pytest.mark.parametrize(
    ("labels", "none"),
    [
        ([0] * 4 + [1] * 4, None),
        ([0] * 4 + [1] * 4, -1),
        (np.array([3] * 4 + [7] * 4, np.int16), 3),
        (np.array([True] * 4 + [False] * 4), None),
        (np.array(LABELS, object), "none"),
        (LABELS, "no relation at all"),
    ],
)
def test_labels_keep_their_type(model, labels, none):
    """As in scikit-learn, so that predictions can be compared with the labels."""
    classifier = RelationClassifier(model, none=none, C=100.0).fit(PAIRS, labels)
    known = np.unique(labels)
    assert classifier.classes_.tolist() == sorted({*known.tolist(), *([] if none is None else [none])})
    predicted = classifier.predict(PAIRS)
    assert predicted.dtype.kind == known.dtype.kind and set(predicted) <= set(classifier.classes_)
    assert classifier.score(PAIRS, labels) == np.mean(predicted == np.asarray(labels))
    if none is None:
        assert classifier.classes_.dtype == known.dtype


def test_the_seed_may_be_a_number_of_numpy(model):
    one, two = (RelationClassifier(model, random_state=seed).fit(PAIRS, LABELS) for seed in (3, np.int64(3)))
    assert two.predict_proba(PAIRS) == pytest.approx(one.predict_proba(PAIRS))


def test_numbers_as_labels_in_cross_validation(model):
    numbers = [0] * 4 + [1] * 4
    for none in (None, -1):
        scores = cross_val_score(RelationClassifier(model, none=none), PAIRS, numbers, cv=2, error_score="raise")
        assert ((scores >= 0) & (scores <= 1)).all()
        search = GridSearchCV(RelationClassifier(model, none=none), {"C": [0.1, 1.0]}, cv=2, error_score="raise")
        assert set(search.fit(np.array(PAIRS), np.array(numbers)).predict(PAIRS)) <= {-1, 0, 1}


def test_a_classifier_tells_relations_or_none(model):
    classifier = RelationClassifier(model, C=100.0).fit(PAIRS, LABELS)
    assert classifier.classes_.tolist() == ["capital", "none", "part"]
    probabilities = classifier.predict_proba(PAIRS)
    assert probabilities.shape == (8, 3) and probabilities.sum(axis=1) == pytest.approx(1)
    assert set(classifier.set_params(threshold=0).predict(PAIRS)) <= {"capital", "part"}
    assert set(classifier.set_params(threshold=1).predict(PAIRS)) == {"none"}
    again = RelationClassifier(model, C=100.0).fit(PAIRS, LABELS)
    assert again.predict_proba(PAIRS) == pytest.approx(probabilities)
    one = RelationClassifier(model).fit(CAPITALS[:1], ["capital"])
    assert one.classes_.tolist() == ["capital", "none"]


def test_labels_are_those_of_the_probabilities():
    classifier = RelationClassifier("m")
    classifier.classes_ = np.array(["a", "b", "none"])
    probabilities = np.array([[0.4, 0.2, 0.4], [0.1, 0.3, 0.6], [0.2, 0.3, 0.5]])
    assert classifier.labels_of(probabilities).tolist() == ["a", "none", "b"]


def test_unrelated_pairs_are_no_known_pairs():
    import random

    from st_relbert.data.shipped import shipped_relations
    from st_relbert.pairs import folded

    relation = shipped_relations()[0]
    pairs = [*relation.pairs[:3], *PARTS]
    made = _unrelated(pairs, ["own"] * 3 + ["part"] * 4, random.Random(0))
    assert not set(map(folded, made)) & set(map(folded, relation.pairs)) and len(made) > 300
    words = {word for pair in pairs for word in pair}
    assert any(set(pair) <= words for pair in made) and not set(map(folded, made)) & set(map(folded, pairs))


@pytest.mark.parametrize(
    ("pairs", "labels", "settings", "message"),
    [
        ([], [], {}, "There are no pairs"),
        ([("a", "")], ["x"], {}, "visible character"),
        ([[1.0, 2.0]], ["x"], {}, "expected a string"),
        (PAIRS, LABELS[:3], {}, "8 pairs and 3 labels"),
        (PAIRS, LABELS, {"threshold": 2}, "expected a probability"),
        (CAPITALS, LABELS[:4], {"none": None}, "The only label is .capital., expected two relations"),
        (CAPITALS, ["none"] * 4, {}, "The only label is .none., expected a relation besides it"),
        (CAPITALS, [0, 0, 1, 1], {}, "none is 'none', but the labels are numbers such as 0.* none=-1, or none="),
        (CAPITALS, LABELS[:4], {"none": -1}, "none is -1, but the labels are text such as 'capital'.*none='none'"),
        (CAPITALS, [*LABELS[:3], None], {}, "A label is None of type NoneType, expected only text or only numbers"),
        (CAPITALS, [0, 1, 1, np.nan], {"none": None}, "A label is nan of type float, expected only"),
        (CAPITALS, None, {}, "The labels are None, expected a list"),
        (CAPITALS, [["a"], ["b"]], {}, "The labels are .*expected a list"),
    ],
)
def test_bad_input_is_one_error(model, pairs, labels, settings, message):
    with pytest.raises(ValueError, match=message):
        RelationClassifier(model, **settings).fit(pairs, labels)


def test_unfitted_estimators_are_refused(model):
    for call in (RelationEncoder(model).transform, RelationClassifier(model).predict):
        with pytest.raises(Exception, match="not fitted"):
            call(PAIRS)


@pytest.fixture
def files(tmp_path):
    lines = [f"{head},{tail},{label}" for (head, tail), label in zip(PAIRS, LABELS, strict=True)]
    (tmp_path / "train.csv").write_text("\n".join(["head,tail,relation", *lines]))
    (tmp_path / "pairs.csv").write_text("id,head,tail\n1,Bern,Switzerland\n2,zzz,qqq\n")
    return tmp_path


def test_the_command_writes_a_label_for_each_pair(saved, files, capsys):
    command = ["classify", str(files / "train.csv"), str(files / "pairs.csv"), "--model", saved, "--output"]
    assert main([*command, str(files / "out.csv")]) == 0
    assert capsys.readouterr().out.startswith(f"Saved 2 pairs to {files / 'out.csv'}: ")
    rows = list(csv.DictReader((files / "out.csv").open()))
    assert [(row["id"], row["head"]) for row in rows] == [("1", "Bern"), ("2", "zzz")]
    classifier = RelationClassifier(saved).fit(PAIRS, LABELS)
    asked = [("Bern", "Switzerland"), ("zzz", "qqq")]
    assert [row["predicted"] for row in rows] == classifier.predict(asked).tolist()
    assert main([*command, str(files / "whole.parquet")]) == 0
    whole = pyarrow.parquet.read_table(files / "whole.parquet")["probability"].to_pylist()
    assert [float(row["probability"]) for row in rows] == [round(each, 4) for each in whole] != whole
    assert all(0 <= each <= 1 for each in whole)
    assert main([*command, str(files / "out.parquet"), "--threshold", "1", "--none", "other"]) == 0
    assert set(pyarrow.parquet.read_table(files / "out.parquet")["predicted"].to_pylist()) == {"other"}


def test_labels_may_be_numbers_and_lists_become_json(saved, files):
    rows = [{"head": head, "tail": tail, "relation": label} for label, (head, tail) in enumerate(CAPITALS[:2])]
    (files / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (files / "pairs.jsonl").write_text('{"pair": ["Bern", "Switzerland"], "sources": ["a", "b"]}')
    command = ["classify", str(files / "train.jsonl"), str(files / "pairs.jsonl"), "--model", saved]
    assert main([*command, "--threshold", "0", "--output", str(files / "out.csv")]) == 0
    (row,) = csv.DictReader((files / "out.csv").open())
    assert (row["pair"], row["sources"]) == ('["Bern", "Switzerland"]', '["a", "b"]')
    assert row["predicted"] in ("0", "1")


def test_errors_of_the_command_are_one_line(saved, files, capsys):
    (files / "bare.csv").write_text("head,tail\na,b\n")
    (files / "taken.csv").write_text("head,tail,predicted\na,b,c\n")
    pyarrow.parquet.write_table(pyarrow.table({"head": ["a"], "tail": ["b"], "key": [b"c"]}), files / "bytes.parquet")
    (files / "nothing.jsonl").write_text('{"head": "a", "tail": "b", "x": {}}')
    (files / "lists.jsonl").write_text('{"head": "a", "tail": "b", "relation": ["in"]}')
    train, pairs, out = str(files / "train.csv"), str(files / "pairs.csv"), str(files / "out.csv")
    for arguments, message in [
        ([train, pairs, "--output", "out.txt"], "expected a name that ends in .csv or .parquet"),
        ([str(files / "bare.csv"), pairs, "--output", out], "has no relation. Examples need the columns"),
        ([train, "none.csv", "--output", out], "'none.csv' does not exist"),
        ([train, str(files / "taken.csv"), "--output", out], "has the column 'predicted' already"),
        ([train, pairs, "--output", train], "already exists"),
        ([train, str(files / "bytes.parquet"), "--output", out], "cannot hold the column 'key' of type binary"),
        ([train, str(files / "nothing.jsonl"), "--output", str(files / "out.parquet")], "cannot hold the column 'x'"),
        ([str(files / "lists.jsonl"), pairs, "--output", out], "the relation is ['in'] of type list, expected a name"),
    ]:
        assert main(["classify", *arguments, "--model", saved]) == 2
        assert message in capsys.readouterr().err
    assert not (files / "out.csv").exists()
