import json

import pytest

from st_relbert import RelBERT
from st_relbert.cli import main
from st_relbert.cli.compare import SetResult, read_results

GOOD = {"set": "u2", "correct": [True, False], "digest": "d"}


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(path)


def test_results_are_read_by_set(tmp_path):
    results = read_results(write(tmp_path / "r.json", {"model": "m", "results": [GOOD, {**GOOD, "set": "bats"}]}))
    assert results == {"u2": SetResult([True, False], "d"), "bats": SetResult([True, False], "d")}
    assert results["u2"].accuracy == 0.5


def test_a_run_of_the_suite_has_the_same_answers(encoders, tmp_path, monkeypatch):
    """Of the sets that have one answer a question, and under the same digest."""
    data = tmp_path / "data" / "analogy_questions" / "u2"
    data.mkdir(parents=True)
    record = {"stem": ["a", "b"], "choice": [["c", "d"], ["e", "f"]], "answer": 1, "prefix": "x"}
    write(data / "test.jsonl", json.dumps(record))
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
        ("", "holds no results (JSONDecodeError"),
        ([], "holds no results (TypeError"),
        ({}, "holds no results (KeyError: 'results')"),
        ({"results": {"u2": 1}}, "holds no results (TypeError"),
        ({"results": [{"set": "u2", "correct": [True]}]}, "holds no results (KeyError: 'digest')"),
        ({"results": [{**GOOD, "correct": [1, 0]}]}, "'correct' is no list of booleans"),
        ({"results": [{**GOOD, "correct": []}]}, "'correct' is no list of booleans"),
        ({"results": []}, "holds the answers to no question set"),
        ({"details": {"relation_mapping": {"prediction": []}}}, "holds the answers to no question set"),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    with pytest.raises(ValueError) as error:
        read_results(write(tmp_path / "r.json", content))
    assert message in str(error.value)


def test_a_file_or_folder_that_is_not_there_is_an_error(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(ValueError, match="holds no results"):
            read_results(str(path))
