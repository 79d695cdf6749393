"""All commands read the same files: the same pairs in every format."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from st_relbert import RelBERT
from st_relbert.cli import main

RELATIONS = {"capital": ["Tokyo,Japan", "Rome,Italy", "Paris,France"], "part": ["finger,hand", "toe,foot"]}
ROWS = [(*pair.split(","), name) for name, pairs in RELATIONS.items() for pair in pairs]


def write(folder, suffix):
    """The pairs in a format, with column names as people spell them."""
    path = folder / f"pairs{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.table(dict(zip(("Head", "Tail", "RELATION"), zip(*ROWS, strict=True), strict=True))), path)
    elif suffix == ".jsonl":
        records = [
            {"relation_type": name, "positives": [pair.split(",") for pair in pairs]}
            for name, pairs in RELATIONS.items()
        ]
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
    else:
        separator = {".csv": ";", ".tsv": "\t"}[suffix]
        path.write_text("".join(separator.join(row) + "\n" for row in [("Head", "TAIL", "Relation"), *ROWS]))
    return str(path)


@pytest.fixture(scope="module")
def saved(encoders, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("saved") / "model")
    RelBERT(encoders["wordpiece"], template="short").save_pretrained(folder, create_model_card=False)
    return folder


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".jsonl"])
def test_every_command_reads_the_same_tables(saved, tmp_path, capsys, suffix):
    pytest.importorskip("lancedb", reason="needs pip install st-relbert[search]")
    path, questions = write(tmp_path, suffix), tmp_path / "questions.jsonl"
    question = {"stem": ["Tokyo", "Japan"], "choice": [["a", "b"], ["Rome", "Italy"]], "answer": 1}
    questions.write_text(json.dumps(question) + "\n")
    output = tmp_path / "output"
    for command, says in [
        (["map", saved, path, "--output", f"{output}.html", "--no-png"], "5 pairs of 2 relations"),
        (["leakage", "--train", path, "--test", str(questions)], "1 (100.0%)"),
        (["encode", saved, path, "--output", f"{output}.npy"], "Saved 5 vectors"),
        (["index", "build", path, "--model", saved, "--output", str(output)], "5 rows"),
        (["data", "combine", path, "--output", f"{output}.jsonl"], "2 relations with 5 pairs"),
    ]:
        assert main([*command, "--quiet"]) == 0, capsys.readouterr().err
        assert says in capsys.readouterr().out, command


@pytest.mark.parametrize("name", ["none.csv", "none.xlsx", "owner/none.jsonl", "none.parquet"])
def test_a_missing_file_is_reported_as_missing(saved, tmp_path, capsys, monkeypatch, name):
    monkeypatch.setattr("datasets.get_dataset_split_names", lambda *_: pytest.fail("the hub was asked"))
    output = str(tmp_path / "output")
    for command in (
        ["map", saved, name, "--output", f"{output}.html", "--no-png"],
        ["leakage", "--train", name, "--test", name],
        ["train", "--base-model", saved, "--train-data", name, "--output", output],
        ["encode", saved, name, "--output", f"{output}.npy"],
        ["index", "build", name, "--model", saved, "--output", output],
    ):
        assert main([*command, "--quiet"]) == 2
        (line,) = capsys.readouterr().err.strip().split("\n")
        assert f"There is no file {name!r}" in line or f"{name!r} does not exist" in line, line
