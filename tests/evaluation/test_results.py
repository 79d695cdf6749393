import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_relbert import RelBERT
from st_relbert.cli import main
from st_relbert.evaluation import EvaluationReport, EvaluationResult, read_results, write_report, write_report_folder

U2 = EvaluationResult(
    task="analogy",
    dataset="u2",
    metrics={"accuracy": 0.5},
    count=2,
    intervals={"accuracy": (0.0, 1.0)},
    extras={"ties": 1},
    correct=[True, False],
    digest="d",
    details={"predictions": [0, 1]},
)
MAPPING = EvaluationResult(task="mapping", dataset="relation_mapping", metrics={"accuracy": 0.75}, count=20)
ABOUT = {"model": "m", "template": "<subj> <mask> <obj>", "aggregation": "average"}


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(path)


def record(**changes):
    """The record of the result on U2 in a file, with some values replaced; ... removes one."""
    values = {**json.loads(json.dumps(vars(U2))), **changes}
    return {key: value for key, value in values.items() if value is not ...}


def test_results_survive_writing_and_reading(tmp_path):
    write_report(tmp_path / "r.json", EvaluationReport([U2, MAPPING], {"sat": "nowhere"}), ABOUT)
    assert read_results(tmp_path / "r.json") == {"u2": U2, "relation_mapping": MAPPING}
    written = json.loads((tmp_path / "r.json").read_text())
    assert written["model"] == "m" and written["skipped"] == {"sat": "nowhere"} and written["versions"]["torch"]


def test_results_of_several_tasks_on_a_set_are_all_read(tmp_path):
    other = replace(MAPPING, dataset="u2")
    write_report(tmp_path / "r.json", EvaluationReport([U2, other, MAPPING]), ABOUT)
    assert read_results(tmp_path / "r.json") == {"analogy/u2": U2, "mapping/u2": other, "relation_mapping": MAPPING}
    write_report(tmp_path / "r.json", EvaluationReport([U2, MAPPING, U2]), ABOUT)
    with pytest.raises(ValueError, match="has two results of the task 'analogy' on the set 'u2', expected one"):
        read_results(tmp_path / "r.json")


def test_the_files_of_a_report_can_have_any_names(tmp_path):
    write_report_folder(tmp_path, EvaluationReport([replace(MAPPING, dataset="mine/first")]), ABOUT)
    assert {path.name for path in tmp_path.iterdir()} == {"mine%2Ffirst.json", "suite.json"}


def test_rows_are_flat():
    assert list(U2.rows()) == [
        {
            "task": "analogy",
            "dataset": "u2",
            "metric": "accuracy",
            "value": 0.5,
            "count": 2,
            "interval": (0.0, 1.0),
            "method": "",
        }
    ]
    assert [row["interval"] for row in EvaluationReport([MAPPING]).rows()] == [None]


def test_a_run_of_the_suite_has_the_same_result(encoders, tmp_path, monkeypatch):
    data = tmp_path / "data" / "analogy_questions" / "u2"
    data.mkdir(parents=True)
    question = {"stem": ["a", "b"], "choice": [["c", "d"], ["e", "f"]], "answer": 1, "prefix": "x"}
    write(data / "test.jsonl", json.dumps(question))
    monkeypatch.setenv("ST_RELBERT_DATA", str(tmp_path / "data"))
    folder = str(tmp_path / "model")
    RelBERT(encoders["wordpiece"], template="short").save_pretrained(folder, create_model_card=False)
    whole, single = str(tmp_path / "suite"), str(tmp_path / "single.json")
    command = ["evaluate", folder, "--quiet"]
    assert main([*command, "--suite", "relbert", "--tasks", "analogy", "--output", whole]) == 0
    assert main([*command, "--analogies", "relbert/analogy_questions/u2", "--output", single]) == 0
    assert read_results(whole) == read_results(f"{whole}/suite.json") == read_results(single)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "contains no results (JSONDecodeError"),
        ([], "has an empty list of results"),
        ({}, "contains no results (KeyError: 'results')"),
        ({"results": {"u2": 1}}, "expected an object with the keys task, dataset"),
        ({"results": [record(digest=...)]}, "expected an object with the keys task, dataset"),
        ({"results": [record(correct=[1, 0])]}, "unexpected 'correct': [1, 0]"),
        ({"results": [record(correct=[], count=0)]}, "unexpected 'correct': []"),
        ({"results": [record(count=3)]}, "unexpected 'correct': [True, False]"),
        ({"results": [record(metrics={})]}, "unexpected 'metrics'"),
        ({"results": [record(intervals={"accuracy": [1]})]}, "contains no results (ValueError"),
        ({"results": []}, "has an empty list of results"),
        ("[" * 100_000, "contains no results (RecursionError"),
        ('{"results": [{"a": ' * 50_000, "contains no results ("),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path, capsys, content, message):
    path = write(tmp_path / "r.json", content)
    with pytest.raises(ValueError) as error:
        read_results(path)
    assert message in str(error.value)
    for arguments in (["compare", path, path], ["leakage", "--train", "starter", "--test", "starter/held_out_pairs"]):
        assert main([*arguments, *(["--results", path] if arguments[0] == "leakage" else [])]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert " has an empty list of results" in line or " contains no results" in line


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(key=st.sampled_from([*vars(U2), "other"]), value=VALUES)
def test_a_damaged_record_is_read_or_an_error(tmp_path_factory, key, value):
    path = tmp_path_factory.getbasetemp() / "damaged.json"
    write(path, {"results": [record(**{key: value})]})
    try:
        (result,) = read_results(path).values()
    except ValueError as error:
        assert "contains no results" in str(error)
    else:
        assert result.correct is None or len(result.correct) == result.count


def test_a_missing_file_or_folder_is_an_error(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(ValueError, match="contains no results"):
            read_results(path)
