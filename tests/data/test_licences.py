import json
from pathlib import Path

import pytest

from st_relbert.cli import main
from st_relbert.data import load_relations
from st_relbert.data.sources import LICENCES, NOT_KNOWN, sources_of
from tests.data import tiny_wordnet

TRIPLES = "wheel,PartOf,car\nfinger,PartOf,hand\ncat,IsA,animal\ndog,IsA,animal\n"
DOCUMENTS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("relations", {"relations": "CC0 1.0 (public domain)"}),
        ("relbert/analogy_questions/u2", {"relbert/analogy_questions/u2": "CC BY-NC 4.0"}),
        ("relbert/analogy_questions_2", {"relbert/analogy_questions_2": NOT_KNOWN}),
        ("owner/name", {"owner/name": NOT_KNOWN}),
        ("secret/place/pairs-*.csv", {"pairs-*.csv": NOT_KNOWN}),
        ("s3://bucket/pairs.parquet", {"pairs.parquet": NOT_KNOWN}),
    ],
)
def test_sources_are_known_by_their_names(name, expected):
    assert sources_of(name) == expected


def test_a_users_folder_with_a_known_name_is_not_that_source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "starter").mkdir()
    assert sources_of("starter") == {"starter": NOT_KNOWN}


@pytest.mark.parametrize("report", ["not JSON", "[]", "{}", '{"sources": ["relations"]}', b"\xff"])
def test_a_report_of_another_program_is_ignored(tmp_path, report):
    (tmp_path / "own.jsonl").touch()
    (tmp_path / "own.report.json").write_bytes(report if isinstance(report, bytes) else report.encode())
    assert sources_of(tmp_path / "own.jsonl") == {"own.jsonl": NOT_KNOWN}


def test_a_report_is_that_of_the_json_lines_only(tmp_path):
    (tmp_path / "own.report.json").write_text('{"sources": {"other": "CC0"}}')
    (tmp_path / "own").mkdir()
    for name in ("own.jsonl", "own.csv", "own.csv.gz"):
        (tmp_path / name).touch()
    assert sources_of(tmp_path / "own.jsonl") == {"other": "CC0"}
    for name in ("own", "own.csv", "own.csv.gz"):
        assert sources_of(tmp_path / name) == {name: NOT_KNOWN}


def test_reports_in_a_folder_and_of_a_pattern_are_found(tmp_path):
    for name in ("train", "a-1", "a-2"):
        (tmp_path / f"{name}.jsonl").touch()
        (tmp_path / f"{name}.report.json").write_text(json.dumps({"sources": {f"source of {name}": "CC0"}}))
    assert sources_of(tmp_path) == {"source of train": "CC0"}
    assert sources_of(tmp_path / "a-*.jsonl") == {"source of a-1": "CC0", "source of a-2": "CC0"}
    (tmp_path / "a-2.report.json").unlink()
    assert sources_of(tmp_path / "a-*.jsonl") == {"source of a-1": "CC0", "a-*.jsonl": NOT_KNOWN}
    (tmp_path / "a-[1].jsonl").touch()  # a file, not a pattern
    assert sources_of(tmp_path / "a-[1].jsonl") == {"a-[1].jsonl": NOT_KNOWN}


def test_sets_made_by_data_commands_know_their_sources(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, separator in (("own.csv", ","), ("conceptnet.tsv", "\t")):
        rows = [line.split(",") for line in TRIPLES.splitlines()]
        # ConceptNet's lines begin with the relation.
        Path(name).write_text(
            "head,relation,tail\n" + TRIPLES
            if separator == ","
            else "".join(f"{relation}\t{head}\t{tail}\n" for head, relation, tail in rows)
        )
        command = ["data", "triples", name, "--least", "1", "--no-exclude", "--output"]
        assert main([*command, f"{Path(name).stem}.jsonl", "--quiet"]) == 0
    wordnet = str(tiny_wordnet.write(tmp_path / "tiny.xml"))
    command = ["data", "wordnet", "--wordnet", wordnet, "--least", "1", "--no-exclude", "--output", "wn.jsonl"]
    assert main([*command, "--quiet"]) == 0
    sets = ["starter", "own.jsonl", "conceptnet.jsonl", "wn.jsonl"]
    assert main(["data", "combine", *sets, "--output", "all.jsonl", "--quiet"]) == 0
    expected = {
        "starter": LICENCES["starter"],
        "own.csv": NOT_KNOWN,
        "ConceptNet": LICENCES["ConceptNet"],
        "Tiny": "CC0",
    }
    assert sources_of("all.jsonl") == expected
    assert json.loads(Path("all.report.json").read_text())["sources"] == expected
    info = load_relations("all.jsonl").shuffle(seed=0).info
    assert info.license.splitlines() == [f"{name}: {licence}" for name, licence in expected.items()]


def test_the_page_on_data_gives_the_same_licences():
    page = (DOCUMENTS / "data.md").read_text(encoding="utf-8")
    for source, licence in LICENCES.items():
        (row,) = [line for line in page.splitlines() if line.startswith("| `") and f"`{source}`" in line]
        assert row.split("|")[2].strip() == licence.removesuffix(" (public domain)")
