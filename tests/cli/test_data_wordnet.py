import json

import pytest

from st_relbert.cli import main
from st_relbert.data import RelationSet
from tests.wordnet import tiny_wordnet


@pytest.fixture
def places(tmp_path):
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "capitals.jsonl").write_text('{"stem": ["france", "paris"], "choice": [["a", "b"]], "answer": 0}\n')
    (tmp_path / "empty").mkdir()
    folder = tiny_wordnet.write(tmp_path / "wordnet", tiny_wordnet.SYNSETS, tiny_wordnet.EXCEPTIONS)
    return {"wordnet": folder, "tests": tests, "output": tmp_path / "wn.jsonl", "empty": tmp_path / "empty"}


def data(places, arguments):
    return main(["data", "wordnet", *(argument.format(**places) for argument in arguments)])


BASE = ["--wordnet", "{wordnet}", "--output", "{output}", "--quiet"]


def test_the_set_and_its_report(places, capsys):
    assert data(places, [*BASE, "--min-pairs", "1", "--exclude", "{tests}"]) == 0
    out, err = capsys.readouterr()
    relations = RelationSet.load(places["output"])
    assert ("Lyon", "France") in relations.positives["named part/city"]
    assert relations.positives["named part/city"] == [("Lyon", "France")]
    report = json.loads(places["output"].with_suffix(".report.json").read_text())
    assert report["dropped"] == {"capitals": 1} and report["relations"] == len(relations.names)
    assert report["min_pairs"] == 1 and report["seed"] == 0
    rows = [" ".join(line.split()) for line in out.splitlines()]
    assert "capitals 1" in rows and "named part 1 1" in rows and f"{relations}\nSaved" in out
    assert err == ""


def test_the_default_leaves_out_the_shipped_questions_and_the_data_folder(places, capsys, monkeypatch):
    monkeypatch.setenv("ST_RELBERT_DATA", str(places["tests"]))
    assert data(places, BASE) == 0
    report = json.loads(places["output"].with_suffix(".report.json").read_text())
    assert list(report["dropped"]) == ["starter/held_out_pairs", "starter/held_out_relations", "capitals"]
    assert data(places, [*BASE, "--overwrite", "--no-exclude"]) == 0
    assert json.loads(places["output"].with_suffix(".report.json").read_text())["dropped"] == {}


def test_progress_is_shown_unless_quiet(places, capsys):
    assert data(places, [*BASE[:-1], "--no-exclude"]) == 0
    assert "Reading nouns" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--wordnet", "{empty}", "--output", "{output}"], "is not WordNet: it has no data.noun"),
        ([*BASE, "--exclude", "{empty}"], "holds no JSON Lines file"),
        ([*BASE, "--exclude", "no/such"], "Cannot load 'no/such'"),
        ([*BASE, "--min-count", "0"], "min_count is 0, expected at least 1"),
        ([*BASE, "--min-pairs", "1000"], "WordNet has 0 relations"),
        ([*BASE[:2], "--output", "{output}.txt"], "expected a name that ends in .jsonl"),
        ([*BASE[:2], "--output", "{tests}/capitals.jsonl"], "exists already"),
    ],
)
def test_errors_are_one_line_and_exit_status_2(places, capsys, arguments, message):
    assert data(places, [*arguments, "--quiet"]) == 2
    (line,) = capsys.readouterr().err.strip().split("\n")
    assert line.startswith("st-relbert data: ") and message in line
    assert not places["output"].exists()
