import json

import pytest

from st_relbert.cli import main
from st_relbert.data import RelationSet


@pytest.fixture
def places(tmp_path, wordnet_file):
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "capitals.jsonl").write_text('{"stem": ["animal", "CAT"], "choice": [["a", "b"]], "answer": 0}\n')
    (tmp_path / "empty").mkdir()
    return {"wordnet": wordnet_file, "tests": tests, "output": tmp_path / "wn.jsonl", "empty": tmp_path / "empty"}


def data(places, arguments):
    return main(["data", "wordnet", *(argument.format(**places) for argument in arguments)])


BASE = ["--wordnet", "{wordnet}", "--output", "{output}", "--quiet"]


def test_the_set_and_its_report_are_written(places, capsys):
    assert data(places, [*BASE, "--least", "1", "--exclude", "{tests}"]) == 0
    out, err = capsys.readouterr()
    relations = RelationSet.load(places["output"])
    assert relations.positives["hypernym/noun.animal"] == [("dog", "animal"), ("mouse", "animal")]
    report = json.loads(places["output"].with_suffix(".report.json").read_text())
    assert report["dropped"] == {"capitals": 1} and report["relations"] == len(relations.names)
    assert report["least"] == 1 and report["seed"] == 0
    rows = [" ".join(line.split()) for line in out.splitlines()]
    assert "capitals 1" in rows and "inflection 4 4" in rows and f"{relations}\nSaved" in out
    assert err == ""


def test_the_default_leaves_out_the_shipped_questions_and_the_data_folder(places, capsys, monkeypatch):
    monkeypatch.setenv("ST_RELBERT_DATA", str(places["tests"]))
    assert data(places, [*BASE, "--least", "1"]) == 0
    report = json.loads(places["output"].with_suffix(".report.json").read_text())
    assert {"relations/educated", "relations/held_out_pairs", "starter/held_out_pairs", "capitals"} <= set(
        report["dropped"]
    )
    assert data(places, [*BASE, "--least", "1", "--overwrite", "--no-exclude"]) == 0
    assert json.loads(places["output"].with_suffix(".report.json").read_text())["dropped"] == {}


@pytest.mark.parametrize("quiet", [False, True])
def test_progress_is_shown_unless_quiet(places, monkeypatch, quiet):
    wn = pytest.importorskip("wn.util")
    shown = []

    class Recorder(wn.ProgressHandler):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            shown.append(self)

    monkeypatch.setattr(wn, "ProgressBar", Recorder)
    assert data(places, [*(BASE if quiet else BASE[:-1]), "--least", "1", "--no-exclude"]) == 0
    assert bool(shown) is not quiet


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*BASE, "--relations", "no such"], "No triple has the relation 'no such'"),
        (["--wordnet", "{empty}", "--output", "{output}"], "Cannot read the wordnet"),
        ([*BASE, "--exclude", "{empty}"], "contains no JSON Lines file"),
        ([*BASE, "--exclude", "no/such"], "Cannot load 'no/such'"),
        ([*BASE, "--min-count", "-1"], "min_count is -1, expected at least 0"),
        ([*BASE, "--least", "150"], "relations have at least 150 pairs"),
        ([*BASE[:2], "--output", "{output}.txt"], "expected a name that ends in .jsonl"),
        ([*BASE[:2], "--output", "{tests}/capitals.jsonl"], "already exists"),
    ],
)
def test_errors_are_one_line_and_exit_status_2(places, capsys, arguments, message):
    assert data(places, [*arguments, "--quiet"]) == 2
    (line,) = capsys.readouterr().err.strip().split("\n")
    assert line.startswith("st-relbert data: ") and message in line
    assert not places["output"].exists()
