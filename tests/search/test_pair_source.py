import io
import json

import pyarrow as pa
import pyarrow.parquet
import pytest

from st_relbert.data.sources import read_records
from st_relbert.files.options import TableOptions
from st_relbert.search import open_pair_source, read_queries


def rows_of(source):
    return [dict(row) for row in source]


def write_lines(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return str(path)


def test_files_of_pairs_are_read(tmp_path):
    expected = [
        {"head": "3.14", "tail": "pi", "relation": "7", "year": "0001"},
        {"head": "NA", "tail": "b", "relation": "x", "year": "2"},
    ]
    (tmp_path / "p.csv").write_text("head,tail,relation,year\n3.14,pi,7,0001\nNA,b,x,2\n")
    (tmp_path / "p.tsv").write_text("head\ttail\trelation\tyear\n3.14\tpi\t7\t0001\nNA\tb\tx\t2\n")
    pa.parquet.write_table(pa.Table.from_pylist(expected), tmp_path / "p.parquet")
    write_lines(tmp_path / "p.jsonl", expected)
    for suffix in ("csv", "tsv", "parquet", "jsonl"):
        source = open_pair_source(str(tmp_path / f"p.{suffix}"))
        assert rows_of(source) == expected and source.total == 2
        assert source.columns == {"year": pa.string()}


def test_a_blank_relation_means_no_relation(tmp_path):
    """As in a sheet that is only partly labelled: rows without a name must not vote."""
    (tmp_path / "p.csv").write_text("head;tail;relation\nTokyo;Japan;capital\noboe;oboist;\nhot;cold; \n")
    assert [row["relation"] for row in rows_of(open_pair_source(str(tmp_path / "p.csv")))] == ["capital", None, None]


def test_columns_may_have_other_names(tmp_path):
    (tmp_path / "p.csv").write_text("from,to,n\na,b,1\n")
    source = open_pair_source(str(tmp_path / "p.csv"), TableOptions(columns=("from", "to")))
    assert rows_of(source) == [{"head": "a", "tail": "b", "n": "1"}]
    with pytest.raises(ValueError, match="--columns HEAD TAIL"):
        open_pair_source(str(tmp_path / "p.csv"))


def test_the_positives_of_relation_sets_are_read(tmp_path):
    records = [
        {"relation_type": "capital", "positives": [["Tokyo", "Japan"], ["Rome", "Italy"]], "negatives": [["a", "b"]]},
        {"relation_type": "part", "positives": [["finger", "hand"]]},
    ]
    (tmp_path / "set").mkdir()
    write_lines(tmp_path / "set" / "train.jsonl", records)
    expected = [
        {"head": "Tokyo", "tail": "Japan", "relation": "capital"},
        {"head": "Rome", "tail": "Italy", "relation": "capital"},
        {"head": "finger", "tail": "hand", "relation": "part"},
    ]
    for name in ("set", "set/train.jsonl"):
        source = open_pair_source(str(tmp_path / name))
        assert rows_of(source) == expected and source.total == 3 and source.columns == {}


def test_the_shipped_relations_are_read():
    source = open_pair_source("starter")
    records = read_records("starter", ["train"])[0]
    assert len(rows_of(source)) == source.total == sum(len(record["positives"]) for record in records)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([{"relation_type": "r", "positives": [["a"]]}], "line 1, positive 0 is"),
        (
            [{"relation_type": "r", "positives": []}, {"positives": [["a", "b"]]}],
            "but no 'relation_type'",
        ),
        ([{"stem": 1}], "no head and no tail"),
    ],
)
def test_malformed_files_are_refused(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        open_pair_source(write_lines(tmp_path / "bad.jsonl", content))


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("name", ["queries.txt", "QUERIES.TXT", "-"])
def test_queries_are_lines_of_words_with_or_without_a_byte_order_mark(tmp_path, monkeypatch, mark, name):
    monkeypatch.chdir(tmp_path)
    text = f"{mark}Tokyo\tJapan\n\nNew York \tUSA\n"
    if name == "-":
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
    else:
        (tmp_path / name).write_text(text, encoding="utf-8")
    asked = read_queries(name, "head and tail", lambda count: count == 2)
    assert list(asked) == [["Tokyo", "Japan"], ["New York", "USA"]]


def test_missing_files_are_errors(tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        open_pair_source(str(tmp_path / "none.csv"))
    with pytest.raises(ValueError, match="Cannot load 'no/such'"):
        open_pair_source("no/such")
