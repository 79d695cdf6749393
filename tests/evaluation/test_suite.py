import json

import numpy as np
import pytest

from st_relbert import RelBERT
from st_relbert.cli import main
from st_relbert.evaluation import SUITE, AnalogyEvaluator, load_questions, run_suite
from st_relbert.vectors import EncodeCache

QUESTIONS = [
    {"stem": ["Tokyo", "Japan"], "choice": [["a", "b"], ["Paris", "France"]], "answer": 1, "prefix": "capital"},
    {"stem": ["Paris", "France"], "choice": [["Tokyo", "Japan"], ["hand", "finger"]], "answer": 0, "prefix": "capital"},
]
PROBLEM = {
    "source": ["sun", "planet", "gravity"],
    "target": ["nucleus", "electron", "charge"],
    "target_random": ["charge", "nucleus", "electron"],
}
LABELLED = [
    {"head": head, "tail": tail, "relation": relation}
    for relation, pairs in {"HYPER": ["ab", "cd", "ef", "gh"], "RANDOM": ["ba", "dc", "fe", "hg"]}.items()
    for head, tail in pairs
]


def write(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


@pytest.fixture
def few(tmp_path, monkeypatch):
    """A data folder with a set of each task but the last."""
    folder = tmp_path / "data"
    write(folder / "analogy_questions" / "u2" / "test.jsonl", QUESTIONS)
    write(folder / "relation_mapping" / "test.jsonl", [PROBLEM])
    for split in ("train", "val", "test"):
        write(folder / "lexical_relation_classification" / "ROOT09" / f"{split}.jsonl", LABELLED)
    monkeypatch.setenv("ST_RELBERT_DATA", str(folder))
    return folder


@pytest.fixture
def model(encoders):
    return RelBERT(encoders["wordpiece"], template="short", reduction="sum")


class Counting:
    """A model that notes what it is asked to encode."""

    def __init__(self, model):
        self.model = model
        self.encoded = []
        self.model_card_data = model.model_card_data

    def encode(self, pairs, **kwargs):
        self.encoded += pairs
        return self.model.encode(pairs, **kwargs)


def test_all_sets_that_can_be_had_are_scored_and_the_others_named(few, model):
    report = run_suite(model, show_progress_bar=False)
    assert [(result.task, result.dataset, result.metric) for result in report.results] == [
        ("analogy", "u2", "accuracy"),
        ("classification", "ROOT09", "f1_micro"),
        ("classification", "ROOT09", "f1_macro"),
        ("mapping", "relation_mapping", "accuracy"),
    ]
    evaluator = AnalogyEvaluator(load_questions("relbert/analogy_questions/u2"))
    assert report.results[0].value == evaluator(model)["accuracy"]
    assert set(report.skipped) == {name for names in SUITE.values() for name in names} - set(report.seconds)
    for result in report.results:
        assert result.interval is None or result.interval[0] <= result.value <= result.interval[1]


def test_each_pair_is_encoded_once_over_all_sets(few, model):
    counting = Counting(model)
    report = run_suite(counting, show_progress_bar=False)
    assert len(counting.encoded) == len(set(counting.encoded)) == report.pairs


def test_tasks_can_be_chosen(few, model):
    assert {result.task for result in run_suite(model, ["mapping"], show_progress_bar=False).results} == {"mapping"}
    with pytest.raises(ValueError, match="Unknown task 'sat', expected one of analogy, classification"):
        run_suite(model, ["sat"])


def test_sets_can_be_chosen(few, model):
    """Other splits and the shipped questions among them."""
    write(few / "analogy_questions" / "t_rex_relational_similarity" / "validation.jsonl", QUESTIONS)
    names = ["t_rex_relational_similarity/validation", "starter/held_out_pairs"]
    report = run_suite(model, {"analogy": names}, show_progress_bar=False)
    assert [(result.dataset, result.count) for result in report.results] == list(zip(names, (2, 244), strict=True))


def test_the_seed_is_that_of_the_classifiers(few, model):
    reports = [run_suite(model, ["classification"], show_progress_bar=False, seed=seed) for seed in (0, 5)]
    assert [report.details["ROOT09"]["classifier_config"]["random_state"] for report in reports] == [0, 5]
    assert [report.seed for report in reports] == [0, 5]


def test_the_cache_gives_what_the_model_gives(model):
    cache = EncodeCache(model)
    first = cache.encode([("a", "b"), ("c", "d"), ("a", "b")], convert_to_numpy=True)
    again = cache.encode([("c", "d"), ("e", "f")], convert_to_numpy=True)
    np.testing.assert_allclose(first, model.encode([("a", "b"), ("c", "d"), ("a", "b")]), atol=1e-5)
    np.testing.assert_allclose(again, model.encode([("c", "d"), ("e", "f")]), atol=1e-5)
    assert len(cache) == 3 and cache.template == model.template


def test_the_command_prints_a_table_and_writes_the_references_files(few, encoders, tmp_path, capsys):
    """Reference behaviour: one JSON file a task."""
    folder, output = str(tmp_path / "model"), tmp_path / "results"
    RelBERT(encoders["wordpiece"], template="short").save_pretrained(folder, create_model_card=False)
    arguments = ["evaluate", folder, "--suite", "relbert", "--output", str(output), "--quiet"]
    assert main([*arguments, "--write-card"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines[1:5]] == [
        ["analogy", "u2", "accuracy"],
        ["classification", "ROOT09", "f1_micro"],
        ["classification", "ROOT09", "f1_macro"],
        ["mapping", "relation_mapping", "accuracy"],
    ]
    assert lines[5].startswith("Left out, because they cannot be had: sat_full, sat, u4")
    analogies = json.loads((output / "analogy.forward.json").read_text())
    assert analogies["model"] == folder and 0 <= analogies["u2/test"] <= 1
    classified = json.loads((output / "classification.json").read_text())
    assert "test/f1_micro" in classified["lexical_relation_classification/ROOT09"]
    assert json.loads((output / "relation_mapping.json").read_text())["prediction"][0]["true"] == PROBLEM["target"]
    assert json.loads((output / "suite.json").read_text())["versions"]["scikit-learn"]
    assert "model-index" in (tmp_path / "model" / "README.md").read_text()

    assert main(arguments) == 2
    assert "exists already" in capsys.readouterr().err
    assert main([*arguments, "--overwrite", "--tasks", "mapping"]) == 0
    assert not (output / "classification.json").exists()


def test_a_folder_without_any_set_is_an_error(encoders, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ST_RELBERT_DATA", str(tmp_path))
    assert main(["evaluate", encoders["wordpiece"], "--suite", "relbert", "--quiet"]) == 2
    assert "No set of the suite can be had" in capsys.readouterr().err
