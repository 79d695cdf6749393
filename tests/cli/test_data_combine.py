import json

import pytest

from st_relbert.cli import main
from st_relbert.data import RelationSet


@pytest.fixture
def places(tmp_path):
    (tmp_path / "mine.jsonl").write_text(
        '{"relation_type": "capital", "positives": [["Tokyo", "Japan"], ["Paris", "France"]]}\n'
        '{"relation_type": "geographic/island_country", "positives": [["Java", "Indonesia"]]}\n'
    )
    (tmp_path / "tests.jsonl").write_text('{"stem": ["france", "paris"], "choice": [["a", "b"]], "answer": 0}\n')
    return {name: tmp_path / f"{name}.jsonl" for name in ("mine", "tests", "out")}


def combine(places, *arguments):
    return main(["data", "combine", *(argument.format(**places) for argument in arguments), "--quiet"])


def test_the_set_and_its_report_are_written(places, capsys):
    starter = RelationSet.load("starter")
    assert combine(places, "starter", "{mine}", "--output", "{out}", "--exclude", "{tests}") == 0
    out, err = capsys.readouterr()
    relations = RelationSet.load(places["out"])
    assert relations.names == [*starter.names, "capital"]
    assert relations.positives["capital"] == [("Tokyo", "Japan")]
    island = "geographic/island_country"
    assert relations.positives[island] == [*starter.positives[island], ("Java", "Indonesia")]
    report = json.loads(places["out"].with_suffix(".report.json").read_text())
    assert report["sets"] == ["starter", str(places["mine"])] and report["small_relations"] == []
    assert list(report["dropped"].values()) == [1] and report["dropped_in_all"] == 1
    assert f"{relations}\nSaved" in out and "pairs left out" in out and err == ""


def test_without_test_sets_there_is_no_table_of_them(places, capsys):
    assert combine(places, "{mine}", "--output", "{out}") == 0
    assert capsys.readouterr().out.startswith("2 relations with 3 pairs")


def test_mismatches_become_negatives(places):
    assert combine(places, "starter", "{mine}", "--output", "{out}", "--exclude", "{tests}", "--mismatches") == 0
    relations, starter = RelationSet.load(places["out"]), RelationSet.load("starter")
    name = starter.names[0]
    assert len(starter.negatives[name]) + 20 < len(relations.negatives[name]) <= len(starter.negatives[name]) + 42
    assert json.loads(places["out"].with_suffix(".report.json").read_text())["mismatches"] is True


def test_sets_are_weighed(places):
    command = ["starter", "{mine}", "--weight", "mine=2", "starter=0.5", "--output", "{out}"]
    assert combine(places, *command) == 0
    relations = RelationSet.load(places["out"])
    assert relations.weights["capital"] == relations.weights["geographic/island_country"] == 2
    assert set(relations.weights.values()) == {0.5, 2}
    assert json.loads(places["out"].with_suffix(".report.json").read_text())["weights"] == {"mine": 2, "starter": 0.5}
    assert combine(places, *command[:2], "--weight", "{mine}=1", "--output", "{out}", "--overwrite") == 0
    assert '"weight":' not in places["out"].read_text()


@pytest.mark.parametrize(
    "weights",
    [
        ["mine=0"], ["mine=-1"], ["mine=inf"], ["mine=nan"], ["mine=two"], ["mine="], ["mine"], ["=2"], ["mine=1e9"],
        ["other=2"], ["mine=2", "mine=3"], ["mine=2", "{mine}=2"],
    ],
)  # fmt: skip
def test_an_invalid_weight_is_a_one_line_error(places, capsys, weights):
    assert combine(places, "starter", "{mine}", "--output", "{out}", "--weight", *weights) == 2
    (line,) = capsys.readouterr().err.strip().split("\n")
    assert line.startswith("st-relbert data: ") and "weight" in line
    assert not places["out"].exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no/such", "--output", "{out}"], "Cannot load 'no/such'"),
        (["{mine}", "--output", "{out}", "--exclude", "no/such"], "Cannot load 'no/such'"),
        (["{mine}", "--output", "{out}.txt"], "expected a name that ends in .jsonl"),
        (["{mine}", "--output", "{tests}"], "already exists"),
    ],
)
def test_errors_are_one_line_and_exit_status_2(places, capsys, arguments, message):
    assert combine(places, *arguments) == 2
    (line,) = capsys.readouterr().err.strip().split("\n")
    assert line.startswith("st-relbert data: ") and message in line
    assert not places["out"].exists()
