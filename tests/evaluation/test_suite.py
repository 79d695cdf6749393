import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from st_relbert import RelBERT
from st_relbert.cli import main
from st_relbert.evaluation import EVALUATORS, AnalogyEvaluator, RelationEvaluator, SuiteTask, load_questions, run_suite
from st_relbert.evaluation.results import read_results
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
    """A data folder with a set of each task except the last."""
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
    """A model that records what it is asked to encode."""

    def __init__(self, model):
        self.model = model
        self.encoded = []
        self.model_card_data = model.model_card_data

    def encode(self, pairs, **kwargs):
        self.encoded += pairs
        return self.model.encode(pairs, **kwargs)


def test_available_sets_are_scored_and_the_others_named(few, model):
    report = run_suite(model, show_progress_bar=False)
    assert [(result.task, result.dataset, list(result.metrics)) for result in report.results] == [
        ("analogy", "u2", ["accuracy"]),
        ("classification", "ROOT09", ["f1_micro", "f1_macro"]),
        ("mapping", "relation_mapping", ["accuracy"]),
    ]
    evaluator = AnalogyEvaluator(load_questions("relbert/analogy_questions/u2"))
    assert report.results[0].metrics["accuracy"] == evaluator(model)["accuracy"]
    names = {name for evaluator in EVALUATORS.values() for name in evaluator.suite.sets}
    assert set(report.skipped) == names - set(report.seconds)
    for row in report.rows():
        assert row["interval"] is None or row["interval"][0] <= row["value"] <= row["interval"][1]


def test_each_pair_is_encoded_once_over_all_sets(few, model):
    counting = Counting(model)
    report = run_suite(counting, show_progress_bar=False)
    assert len(counting.encoded) == len(set(counting.encoded)) == report.pairs


def test_tasks_can_be_chosen(few, model):
    assert {result.task for result in run_suite(model, ["mapping"], show_progress_bar=False).results} == {"mapping"}
    with pytest.raises(ValueError, match="Unknown task 'sat', expected one of 'analogy', 'classification'"):
        run_suite(model, ["sat"])
    with pytest.raises(ValueError, match="The tasks are 'analogy', expected a list"):
        run_suite(model, "analogy")


def test_sets_can_be_chosen(few, model):
    """Other splits and the shipped questions among them."""
    write(few / "analogy_questions" / "t_rex_relational_similarity" / "validation.jsonl", QUESTIONS)
    names = ["t_rex_relational_similarity/validation", "starter/held_out_pairs"]
    report = run_suite(model, {"analogy": names}, show_progress_bar=False)
    assert [(result.dataset, result.count) for result in report.results] == list(zip(names, (2, 244), strict=True))


def test_the_seed_is_passed_to_the_classifiers(few, model):
    reports = [run_suite(model, ["classification"], show_progress_bar=False, seed=seed) for seed in (0, 5)]
    assert [report.results[0].details["classifier_config"]["random_state"] for report in reports] == [0, 5]
    assert [report.seed for report in reports] == [0, 5]


def test_the_cache_returns_the_vectors_of_the_model(model):
    cache = EncodeCache(model)
    first = cache.encode([("a", "b"), ("c", "d"), ("a", "b")], convert_to_numpy=True)
    again = cache.encode([("c", "d"), ("e", "f")], convert_to_numpy=True)
    np.testing.assert_allclose(first, model.encode([("a", "b"), ("c", "d"), ("a", "b")]), atol=1e-5)
    np.testing.assert_allclose(again, model.encode([("c", "d"), ("e", "f")]), atol=1e-5)
    assert len(cache) == 3 and cache.template == model.template


def test_the_command_prints_a_table_and_writes_the_relbert_librarys_files(few, encoders, tmp_path, capsys):
    """As in the relbert library: one JSON file a task."""
    folder, output = str(tmp_path / "model"), tmp_path / "results"
    RelBERT(encoders["wordpiece"], template="short").save_pretrained(folder, create_model_card=False)
    arguments = ["evaluate", folder, "--suite", "relbert", "--output", str(output), "--quiet"]
    assert main([*arguments, "--write-card"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:4] == ["task", "set", "metric", "value"]
    assert [line.split()[:3] for line in lines[1:5]] == [
        ["analogy", "u2", "accuracy"],
        ["classification", "ROOT09", "f1_micro"],
        ["classification", "ROOT09", "f1_macro"],
        ["mapping", "relation_mapping", "accuracy"],
    ]
    left_out = [line.split(":")[0].removeprefix("Left out ") for line in lines[5:]]
    assert left_out[:3] == ["sat_full", "sat", "u4"] and left_out[-2:] == ["scar", "semeval2012"]
    analogies = json.loads((output / "analogy.forward.json").read_text())
    assert analogies["model"] == folder and 0 <= analogies["u2/test"] <= 1
    classified = json.loads((output / "classification.json").read_text())
    assert "test/f1_micro" in classified["lexical_relation_classification/ROOT09"]
    assert json.loads((output / "relation_mapping.json").read_text())["prediction"][0]["true"] == PROBLEM["target"]
    assert json.loads((output / "suite.json").read_text())["versions"]["scikit-learn"]
    assert "model-index" in (tmp_path / "model" / "README.md").read_text()

    assert main(arguments) == 2
    assert "already exists" in capsys.readouterr().err
    assert main([*arguments, "--overwrite", "--tasks", "mapping"]) == 0
    assert not (output / "classification.json").exists()


def test_a_folder_without_any_set_is_an_error(encoders, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ST_RELBERT_DATA", str(tmp_path))
    assert main(["evaluate", encoders["wordpiece"], "--suite", "relbert", "--quiet"]) == 2
    assert "No set of the suite can be scored" in capsys.readouterr().err


class LengthEvaluator(RelationEvaluator):
    """A user's own task: does the longer pair have the longer vector?"""

    task = "length"
    columns = ["accuracy"]
    suite = SuiteTask(
        sets={"short": "Short", "none": "None"}, title="Length", type="length", dataset_type="lengths", counted="pairs"
    )

    @classmethod
    def load(cls, name, **options):
        if name == "none":
            raise ValueError("There is none.")
        return cls(name, **options)

    def evaluate(self, model):
        vectors = self.vectors_of(model, [("a", "b"), ("abc", "def")])
        lengths = np.linalg.norm(vectors.raw([("a", "b"), ("abc", "def")]), axis=1)
        return self.result({"accuracy": [bool(lengths[0] < lengths[1])]}, "two pairs", lengths=lengths.tolist())


def test_an_evaluator_of_your_own_runs_in_the_suite(few, model, encoders, tmp_path, monkeypatch, capsys):
    """One line registers it for the suite, the command line, its files and the card."""
    monkeypatch.setitem(EVALUATORS, "length", LengthEvaluator)
    report = run_suite(model, show_progress_bar=False)
    assert (report.results[-1].task, report.results[-1].dataset) == ("length", "short")
    assert report.skipped["none"] == "There is none."
    folder, output = str(tmp_path / "model"), str(tmp_path / "results")
    RelBERT(encoders["wordpiece"], template="short").save_pretrained(folder, create_model_card=False)
    arguments = ["evaluate", folder, "--suite", "relbert", "--tasks", "length", "--write-card", "--output", output]
    assert main([*arguments, "--quiet"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:3] == ["length", "short", "accuracy"]
    assert read_results(output)["short"].task == "length"
    assert "| Length | Short | Accuracy |" in (tmp_path / "model" / "README.md").read_text()


def test_sets_of_the_same_name_are_told_apart_by_their_tasks(few, model, monkeypatch):
    monkeypatch.setitem(EVALUATORS, "length", LengthEvaluator)
    report = run_suite(model, {"analogy": ["none"], "length": ["none", "short", "short"]}, show_progress_bar=False)
    assert set(report.skipped) == {"analogy/none", "length/none"}
    assert list(report.seconds) == ["short"] and len(report.results) == 1


@pytest.fixture
def all_tasks(few):
    """A data folder with a set of each task."""
    write(few / "scar" / "test.jsonl", [PROBLEM])
    four = [["a", "b"], ["c", "d"], ["e", "f"], ["g", "h"]]
    rated = {"relation_type": "1/a", "split": "testing", "paradigms": [["p", "q"]]}
    ratings = [[*pair, 10.0 * place] for place, pair in enumerate(four)]
    write(few / "semeval2012_gold_ratings.jsonl", [{**rated, "pairs": ratings}])
    question = {"pairs": four, "least": [1, 0, 0, 0], "most": [0, 0, 0, 1]}
    write(few / "semeval2012_maxdiff.jsonl", [{"relation_type": "1/a", "split": "testing", "questions": [question]}])
    return few


FILES = [
    "analogy_questions/u2/test.jsonl",
    "relation_mapping/test.jsonl",
    "scar/test.jsonl",
    "lexical_relation_classification/ROOT09/train.jsonl",
    "lexical_relation_classification/ROOT09/val.jsonl",
    "lexical_relation_classification/ROOT09/test.jsonl",
    "semeval2012_gold_ratings.jsonl",
    "semeval2012_maxdiff.jsonl",
]
WRONG = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 9), st.floats(), st.text(max_size=3), st.just([]), st.just({"a": [1]})
)


def places(value, path=()):
    """The places of all values inside a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield from places(part, (*path, key))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(file=st.sampled_from(FILES), data=st.data())
def test_a_malformed_set_is_left_out_with_the_reason(all_tasks, model, file, data):
    path = all_tasks / file
    before = path.read_text()
    records = [json.loads(line) for line in before.splitlines()]
    place = data.draw(st.sampled_from(list(places(records))[1:]))
    target = records
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = data.draw(WRONG)
    try:
        write(path, records)
        report = run_suite(Cheap(), show_progress_bar=False, classifier="linear")
    finally:
        path.write_text(before)
    assert len(report.results) >= 4 and all(report.skipped.values())
    names = {result.dataset for result in report.results}
    assert not names & set(report.skipped)
    assert len(names | ({"u2", "ROOT09", "relation_mapping", "scar", "semeval2012"} & set(report.skipped))) == 5


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("content", [b"", b"[" * 100_000, b"\xff\xfe{}", b"null\n", b'{"a": 1}\n{'])
def test_a_set_that_is_not_json_lines_is_left_out(all_tasks, file, content):
    (all_tasks / file).write_bytes(content)
    report = run_suite(Cheap(), show_progress_bar=False, classifier="linear")
    assert len(report.results) == 4


class Cheap:
    """A fast model: the vector of a pair is derived from its letters."""

    def encode(self, pairs, **kwargs):
        rows = [np.random.default_rng(list("|".join(pair).encode())).normal(size=4) for pair in pairs]
        return np.array(rows, dtype=np.float32)


def test_a_model_that_returns_nan_gets_no_figures(all_tasks):
    class Broken(Cheap):
        def encode(self, pairs, **kwargs):
            return np.full((len(pairs), 4), np.nan, dtype=np.float32)

    report = run_suite(Broken(), show_progress_bar=False)
    assert not report.results and "is not finite" in report.skipped["u2"]


def test_the_linear_probe_is_an_option_of_the_command(few, encoders, tmp_path, capsys):
    output = tmp_path / "results"
    arguments = ["evaluate", encoders["wordpiece"], "--suite", "relbert", "--tasks", "classification", "--quiet"]
    assert main([*arguments, "--classifier", "linear", "--output", str(output)]) == 0
    assert "C" in read_results(output)["ROOT09"].details["classifier_config"]
    shown = [line.split()[2:4] for line in capsys.readouterr().out.splitlines()[1:3]]
    assert shown == [["f1_micro,", "linear"], ["f1_macro,", "linear"]]
    (classified,) = json.loads((output / "classification.json").read_text()).values()
    assert classified["classifier"] == "linear"
    mlp = tmp_path / "mlp"
    assert main([*arguments, "--output", str(mlp)]) == 0
    assert read_results(mlp)["ROOT09"].details["classifier"] == "mlp"
    assert main(["compare", str(output), str(mlp)]) == 2
    assert "'ROOT09' come from different methods, 'linear' and" in capsys.readouterr().err
    analogies = ["evaluate", encoders["wordpiece"], "--analogies", "starter/held_out_pairs"]
    assert main([*analogies, "--classifier", "linear"]) == 2
    assert "Pass --suite relbert" in capsys.readouterr().err
