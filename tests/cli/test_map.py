import json
import sys

import pytest

from st_relbert.cli import main

BASE = ["--template", "short", "--quiet"]


@pytest.fixture
def relations(tmp_path):
    path = tmp_path / "relations.jsonl"
    records = [
        {"relation_type": f"group/{name}", "positives": [[f"{name}{n}", f"x{n}"] for n in range(7)]} for name in "ab"
    ] + [{"relation_type": "other/c", "positives": [[f"c{n}", f"y{n}"] for n in range(7)]}]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(path)


def test_the_page_and_the_pictures_are_written(relations, encoders, tmp_path, capsys):
    output = tmp_path / "map.html"
    command = ["map", encoders["wordpiece"], relations, "--output", str(output), *BASE]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert out.startswith("21 pairs of 3 relations; ") and f"Saved {output}, " in out
    assert sorted(path.name for path in tmp_path.glob("map*")) == ["map.confusion.png", "map.html", "map.png"]
    assert main(command) == 2
    assert "already exists" in capsys.readouterr().err
    first = output.read_text()
    assert main([*command, "--overwrite"]) == 0 and output.read_text() == first


def test_pairs_can_be_sampled_and_pictures_left_out(relations, encoders, tmp_path, capsys):
    output = str(tmp_path / "few.html")
    options = ["--no-png", "--max-pairs", "9", "--colour", "relation"]
    assert main(["map", encoders["wordpiece"], relations, "--output", output, *options, *BASE]) == 0
    assert "Drew 9 of 21 pairs (--max-pairs, seed 0)." in capsys.readouterr().out
    assert [path.name for path in tmp_path.glob("few*")] == ["few.html"]


def test_errors_are_one_line_and_exit_status_2(relations, encoders, tmp_path, capsys, monkeypatch):
    model, output = encoders["wordpiece"], str(tmp_path / "map.html")
    for arguments, message in [
        ([model, relations, "--output", "map.pdf"], "'map.pdf', expected a name that ends in .html"),
        ([model, "no/such", "--output", output], "Cannot load 'no/such'"),
        ([str(tmp_path / "none"), relations, "--output", output], str(tmp_path / "none")),
        ([model, relations, "--output", output, "--max-pairs", "2"], "there are 3 relations"),
        ([model, relations, "--output", output, "--method", "umap"], "pip install umap-learn"),
    ]:
        monkeypatch.setitem(sys.modules, "umap", None)
        assert main(["map", *arguments, *BASE]) == 2
        (line,) = [line for line in capsys.readouterr().err.strip().split("\n") if line.startswith("st-relbert ")]
        assert message in line
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["map", model, relations, "--output", output, *BASE]) == 2
    assert "pip install 'st-relbert[plot]'" in capsys.readouterr().err
    assert not list(tmp_path.glob("map*"))
