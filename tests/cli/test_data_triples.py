import json

import pytest

from st_relbert.cli import main
from st_relbert.data import RelationSet


@pytest.fixture
def places(tmp_path):
    rows = [f"head {i};{relation};tail {i}" for relation in ("made_by", "lives in") for i in range(12)]
    (tmp_path / "graph.csv").write_text("\n".join(["subject;predicate;object", *rows]) + "\n")
    (tmp_path / "bare.tsv").write_text("\n".join(rows).replace(";", "\t") + "\n")
    (tmp_path / "tests.jsonl").write_text('{"head": "Tail 3", "tail": "head_3", "relation": "x"}\n')
    return {"graph": tmp_path / "graph.csv", "bare": tmp_path / "bare.tsv", "tests": tmp_path / "tests.jsonl",
            "out": tmp_path / "out.jsonl"}  # fmt: skip


def triples(places, *arguments):
    return main(["data", "triples", *(argument.format(**places) for argument in arguments), "--quiet"])


COLUMNS = ["--columns", "subject", "predicate", "object"]


def test_the_set_and_its_report_are_written(places, capsys):
    arguments = ["{graph}", "--output", "{out}", *COLUMNS, "--most", "10", "--exclude", "{tests}"]
    assert triples(places, *arguments) == 0
    out, err = capsys.readouterr()
    relations = RelationSet.load(places["out"])
    assert relations.names == ["lives in", "made_by"]
    assert all(len(pairs) == 10 and ("head 3", "tail 3") not in pairs for pairs in relations.positives.values())
    report = json.loads(places["out"].with_suffix(".report.json").read_text())
    assert list(report["dropped"].values()) == [2] and report["pairs"] == 24 and report["most"] == 10
    assert "pairs left out" in out and f"{relations}\nSaved" in out and err == ""


def test_files_without_a_header_and_chosen_relations_are_read(places, capsys):
    assert triples(places, "{bare}", "--output", "{out}", "--no-header", "--no-exclude") == 0
    assert len(RelationSet.load(places["out"]).positives["made_by"]) == 12
    arguments = ["{bare}", "--output", "{out}", "--no-header", "--no-exclude", "--overwrite"]
    assert triples(places, *arguments, "--columns", "3", "2", "1", "--without", "made_by", "lives in") == 2
    assert "0 of 2 relations have at least 5 pairs" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["kg", "kg/", "kg/*.jsonl", "kg/*.json", "kg/out.jsonl"])
def test_an_output_is_not_written_to_where_the_next_run_would_read_it(places, capsys, monkeypatch, name):
    monkeypatch.chdir(places["out"].parent)
    (places["out"].parent / "kg").mkdir()
    places["bare"].rename(places["out"].parent / "kg" / "graph.tsv")
    arguments = [name, "--output", "{out}", "--no-exclude", "--columns", "1", "2", "3", "--no-header"]
    assert triples(places, *arguments[:2], "kg/out.jsonl", *arguments[3:]) == 2
    assert f"is written to where {name!r} is read, so the next run would read it" in capsys.readouterr().err
    assert not name.startswith("kg/") or name == "kg/" or triples(places, "kg/*.tsv", *arguments[1:]) == 0


def test_an_encoding_may_be_named_for_any_format(places, capsys):
    for name in ("P1", "P2"):
        lines = [json.dumps({"sub_label": f"é{i}", "obj_label": f"b{i}"}, ensure_ascii=False) for i in range(6)]
        (places["out"].parent / f"{name}.jsonl").write_text("\n".join(lines), encoding="latin-1")
    pattern = str(places["out"].parent / "P*.jsonl")
    assert triples(places, pattern, "--output", "{out}", "--no-exclude") == 2
    assert "--encoding" in capsys.readouterr().err
    assert triples(places, pattern, "--output", "{out}", "--no-exclude", "--encoding", "latin-1") == 0
    assert ("é3", "b3") in RelationSet.load(places["out"]).positives["P1"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{graph}"], "subject, predicate, object"),
        (["{graph}", *COLUMNS, "--relations", "likes"], "the relation 'likes'. The relations are: lives in, made_by."),
        (["{graph}", *COLUMNS, "--least", "13"], "0 of 2 relations have at least 13 pairs"),
        (["{graph}", *COLUMNS, "--most", "3"], "maximum number of pairs per relation is 3, expected at least"),
        (["no-such.csv"], "no-such.csv"),
        (["{graph}", "--format", "rdf"], "Unknown format 'rdf'"),
        (["{graph}", *COLUMNS, "--exclude", "{tests}"], "--no-exclude leaves out no pairs. Pass one of the two."),
    ],
)  # fmt: skip
def test_errors_are_one_line_and_exit_status_2(places, capsys, arguments, message):
    assert triples(places, *arguments, "--output", "{out}", "--no-exclude") == 2
    (line,) = capsys.readouterr().err.strip().split("\n")
    assert line.startswith("st-relbert data: ") and message in line
    assert not places["out"].exists()
