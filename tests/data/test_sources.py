import gzip
import json
import shutil
from importlib import import_module

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_relbert.data import RelationSet, load_questions, load_relations, sources

RECORDS = [{"head": "Tokyo", "tail": "Japan", "relation": "capital"}, {"head": "a", "tail": "b", "relation": "r"}]


@pytest.fixture(autouse=True)
def reachable(monkeypatch):
    """A hub that only has what the tests ask for."""
    monkeypatch.setattr(sources, "hub_is_reachable", lambda: True)


def test_a_hub_data_set_is_read_by_config_and_first_split_found(monkeypatch):
    calls = []

    def load_dataset(name, config, split):
        calls.append((name, config, split))
        return [{"stem": ["a", "b"]}]

    monkeypatch.delenv("ST_RELBERT_DATA", raising=False)
    monkeypatch.setattr("datasets.get_dataset_split_names", lambda name, config: ["train", "validation"])
    monkeypatch.setattr("datasets.load_dataset", load_dataset)
    records, source = sources.read_records("relbert/analogy_questions/t_rex", ["test", "validation"])
    assert calls == [("relbert/analogy_questions", "t_rex", "validation")]
    assert records == [{"stem": ["a", "b"]}] and source == "relbert/analogy_questions/t_rex (validation)"
    sources.read_records("relbert/semeval2012_relational_similarity", ["train"])
    assert calls[-1] == ("relbert/semeval2012_relational_similarity", None, "train")


def test_a_hub_data_set_without_the_split_is_an_error(monkeypatch):
    monkeypatch.setattr("datasets.get_dataset_split_names", lambda name, config: ["train"])
    with pytest.raises(ValueError, match="it has the splits train, expected test or validation"):
        sources.read_records("owner/name", ["test", "validation"])


def test_the_data_folder_itself_is_not_a_data_set(tmp_path, monkeypatch):
    (tmp_path / "test.jsonl").write_text('{"a": 1}')
    monkeypatch.setenv("ST_RELBERT_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="Cannot load 'mistyped'"):
        sources.read_records("mistyped", ["test"])


def test_a_file_is_read_whatever_its_name(tmp_path):
    (tmp_path / "anything.json").write_text('{"a": 1}\n\n{"a": 2}\n')
    assert sources.read_records(tmp_path / "anything.json", ["test"])[0] == [{"a": 1}, {"a": 2}]


def test_files_of_other_systems_are_read(tmp_path):
    (tmp_path / "x.jsonl").write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n{"a": 2}\r\n')
    assert sources.read_records(tmp_path / "x.jsonl", ["test"])[0] == [{"a": 1}, {"a": 2}]


def test_line_separators_inside_a_word_do_not_break_the_line(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"a": "b\u2028c\x85d"}\n', encoding="utf-8")
    assert sources.read_records(tmp_path / "x.jsonl", ["test"])[0] == [{"a": "b\u2028c\x85d"}]


@pytest.mark.parametrize("name", ["relatoins.csv", "my/pairs.CSV", "owner/name.jsonl", "a.xlsx", "a.tsv.gz"])
def test_a_missing_file_is_not_looked_up_on_the_hub(name, monkeypatch):
    monkeypatch.setattr("datasets.get_dataset_split_names", lambda *_: pytest.fail("the hub was asked"))
    with pytest.raises(ValueError, match=f"There is no file '{name}'"):
        sources.read_records(name, ["train"])


def test_a_spreadsheet_has_to_be_exported(tmp_path):
    (tmp_path / "a.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.raises(ValueError, match="is a spreadsheet, .* Save the sheet as CSV"):
        sources.read_records(tmp_path / "a.xlsx", ["train"])


def test_an_unreachable_hub_is_not_asked(monkeypatch, tmp_path):
    calls = []

    def from_the_cache(name, config):
        calls.append(name)
        raise ConnectionError("Couldn't reach it")

    monkeypatch.setattr(sources, "hub_is_reachable", lambda: False)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path))
    monkeypatch.setattr("datasets.get_dataset_split_names", from_the_cache)
    for name in ("a/b", "c/d/e", "f"):
        with pytest.raises(ValueError, match=f"Cannot load '{name}': .* the Hugging Face hub cannot be reached"):
            sources.read_records(name, ["train"])
    assert not calls
    (tmp_path / "a___b").mkdir()
    with pytest.raises(ValueError, match="Cannot load 'a/b'.*Couldn't reach it"):
        sources.read_records("a/b", ["train"])
    assert calls == ["a/b"]


def test_a_cached_set_is_read_without_asking_an_unreachable_hub(monkeypatch, tmp_path):
    """The cache has the library's layout, and connections are counted at the socket."""
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    json_builder = import_module("datasets.packaged_modules.json.json").Json
    builder = json_builder(
        cache_dir=str(tmp_path / "made"),
        config_name="default",
        data_files={"train": str(tmp_path / "train.jsonl")},
    )
    builder.download_and_prepare()
    cached = tmp_path / "cache" / "owner___my_pairs" / "default" / "0.0.0" / "digest"
    shutil.copytree(builder.cache_dir, cached)
    (cached / "json-train.arrow").rename(cached / "my_pairs-train.arrow")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(sources, "hub_is_reachable", lambda: False)
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: pytest.fail("the hub was asked"))
    for name in ("owner/MyPairs", "owner/MyPairs/default"):
        records, source = sources.read_records(name, ["train"])
        assert records == RECORDS and source == f"{name} (train)"
    assert datasets.config.HF_HUB_OFFLINE is False
    with pytest.raises(ValueError, match="it has the splits train, expected test"):
        sources.read_records("owner/MyPairs", ["test"])


def test_an_error_for_one_set_does_not_affect_others(monkeypatch):
    monkeypatch.setattr("datasets.get_dataset_split_names", lambda name, config: ["test"])
    monkeypatch.setattr("datasets.load_dataset", lambda name, config, split: [{"a": 1}])
    with pytest.raises(ValueError, match="it has the splits test"):
        sources.read_records("a/b", ["train"])
    assert sources.read_records("a/c", ["test"])[0] == [{"a": 1}]


@pytest.mark.parametrize("load", [load_relations, load_questions])
def test_an_error_shows_a_record_of_the_right_kind(tmp_path, load):
    path = tmp_path / "x.jsonl"
    shown = "relation_type" if load is load_relations else "stem"
    for text in ("not JSON", "[1]", '{"a": 1}', "[" * 100_000, '{"a": ' * 5_000 + "1" + "}" * 5_000):
        path.write_text(f"{text}\n")
        with pytest.raises(ValueError, match=f'line 1.*{{"{shown}": ') as error:
            load(path)
        assert "\n" not in str(error.value)


@given(st.text(max_size=20) | st.binary(max_size=20))
def test_any_file_gives_records_or_a_one_line_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "x.jsonl"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    try:
        records, _ = sources.read_records(path, ["train"])
    except ValueError as error:
        assert "x.jsonl" in str(error)
    else:
        assert all(isinstance(record, dict) for record in records)


NAMES = ("head", "tail", "relation")
ROWS = [("Tokyo", "Japan", "capital"), ("Rome", "Italy", "capital"), ("finger", "hand", "part")]


def csv_text(separator, header="head,tail,relation"):
    lines = [header, *(",".join(row) for row in ROWS)]
    return "\n".join(lines).replace(",", separator) + "\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv", csv_text(",").encode()),
        ("x.csv", csv_text(";", "Head,Tail,Relation").encode("utf-8-sig")),
        ("x.CSV", csv_text(",").encode("utf-16")),
        ("x.tsv", csv_text("\t").encode()),
        ("x.csv.gz", gzip.compress(csv_text(",").encode(), mtime=0)),
        (
            "x.jsonl",
            b"".join(json.dumps(dict(zip(NAMES, row, strict=True))).encode() + b"\n" for row in ROWS),
        ),
        ("x.json", json.dumps([dict(zip(NAMES, row, strict=True)) for row in ROWS]).encode()),
    ],
)
def test_tables_are_read_as_relation_sets(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    relations = RelationSet.load(tmp_path / name)
    assert relations.positives == {"capital": [("Tokyo", "Japan"), ("Rome", "Italy")], "part": [("finger", "hand")]}


def test_parquet_is_read_as_a_relation_set(tmp_path):
    columns = dict(zip(NAMES, zip(*ROWS, strict=True), strict=True))
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    assert RelationSet.load(tmp_path / "x.parquet").names == ["capital", "part"]


def test_a_table_without_relations_says_what_to_do(tmp_path):
    (tmp_path / "x.csv").write_text("head,tail,kind\na,b,c\n")
    with pytest.raises(ValueError, match="head, tail, kind, expected head, tail and relation.*data triples --columns"):
        RelationSet.load(tmp_path / "x.csv")


def test_several_files_are_read_as_one_set(tmp_path):
    pieces = [pa.table(dict(zip(NAMES, map(list, zip(row)), strict=True))) for row in ROWS]
    (tmp_path / "folder").mkdir()
    for number, piece in enumerate(pieces):
        pq.write_table(piece, tmp_path / "folder" / f"{number}.parquet")
        (tmp_path / f"{number}.csv").write_text(csv_text(";").splitlines()[0] + "\n" + ";".join(ROWS[number]) + "\n")
    for name in (tmp_path / "folder", tmp_path / "*.csv"):
        assert RelationSet.load(name).positives == {
            "capital": [("Tokyo", "Japan"), ("Rome", "Italy")],
            "part": [("finger", "hand")],
        }
    with pytest.raises(ValueError, match="No file matches"):
        RelationSet.load(tmp_path / "*.tsv")


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("x.csv", "Head;Tail;Relation\na;b;r\n\nc;d;\n", "line 4"),
        ("x.tsv", "head\ttail\trelation\na\tb\tr\nc\td\t\n", "line 3"),
        ("x.csv", 'head,tail,relation\n"a",b,"two\nlines"\n', "line 2"),
        ("x.jsonl", '\n{"relation_type": "r", "positives": [["a", "b"]]}\n\n{"relation_type": "s"}\n', "line 4"),
        ("x.jsonl", '{"HEAD": "a", "tail": "b", "relation": "r"}\n{"head": "a", "tail": " ", "relation": 7}', "line 2"),
        ("x.json", '[{"head": "a", "tail": "b", "relation": ""}]', "element 1"),
    ],
)
def test_errors_name_the_line_of_the_file(tmp_path, name, content, place):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=rf"{name}, {place}\b"):
        RelationSet.load(tmp_path / name)


def test_pairs_in_json_are_named_as_in_tables(tmp_path):
    records = [
        {"Head": "Tokyo", "TAIL": "Japan", "Relation": "capital"},
        {"pair": ["Rome", "Italy"], "relation": "capital", "id": 7},
        {"Pair": {"head": "finger", "tail": "hand"}, "relation": "part"},
    ]
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    assert RelationSet.load(tmp_path / "x.jsonl").positives == {
        "capital": [("Tokyo", "Japan"), ("Rome", "Italy")],
        "part": [("finger", "hand")],
    }
