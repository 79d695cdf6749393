"""Tables of all formats are read, nothing is dropped, and errors are one line."""

import bz2
import gzip
import io
import json
import pickle

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from st_relbert.files.options import TableOptions
from st_relbert.files.tables import is_table, read_table, read_tables
from tests.files.reading import CELLS, pairs, rows


@given(st.lists(st.fixed_dictionaries({"head": CELLS, "tail": CELLS}, optional={"n": st.integers(-9, 9), "s": CELLS})))
def test_every_value_of_json_lines_is_kept(tmp_path_factory, records):
    path = tmp_path_factory.mktemp("json") / "a.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records or [{"head": "a", "tail": "b"}]))
    read = rows(read_table(str(path), TableOptions(chunk_rows=2)))
    for row, record in zip(read, records or read, strict=True):
        assert {name: value for name, value in row.items() if value is not None} == record


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2, 0.5], pa.float64()),
        ([None, None, "x"], pa.string()),
        ([{"a": 1}, {"a": 2}, {"b": "x"}], pa.struct([("a", pa.int64()), ("b", pa.string())])),
        ([[], [], [1]], pa.list_(pa.int64())),
    ],
)
def test_later_rows_decide_the_type_of_a_json_column(written, values, kind):
    path = written("a.jsonl", "".join(f'{{"head": "a", "tail": "b", "x": {json.dumps(value)}}}\n' for value in values))
    table = read_table(path, TableOptions(chunk_rows=2))
    assert table.schema.field("x").type == kind
    kept = [row["x"] for row in rows(table)]
    if isinstance(values[0], dict):
        kept = [{name: value for name, value in row.items() if value is not None} for row in kept]
    assert kept == values


@pytest.mark.parametrize("chunk", [1, 2, 100])
@pytest.mark.parametrize(
    ("values", "place"),
    [
        ([3, 2**53 + 1, 0.5], "line 2"),
        ([0.5, 3, 2**53 + 1], "line 3"),
        ([1, "x", 2], "line 2"),
        ([None, 2**70], "line 2"),
    ],
)
def test_the_row_that_does_not_fit_is_named(written, values, place, chunk):
    path = written("a.jsonl", "".join(f'{{"head": "a", "tail": "b", "x": {json.dumps(value)}}}\n' for value in values))
    with pytest.raises(ValueError, match=rf"{place}\b.*--drop"):
        read_table(path, TableOptions(chunk_rows=chunk))


@pytest.mark.parametrize("chunk", [1, 2, 100])
@pytest.mark.parametrize("values", [[1, 2, "x"], [True, 2, 3], [2**53 + 1, 3, 0.5], [1, 2**70, 3], [[1], 2, 3]])
def test_values_of_different_types_are_refused(written, values, chunk):
    path = written("a.jsonl", "".join(f'{{"head": "a", "tail": "b", "x": {json.dumps(value)}}}\n' for value in values))
    with pytest.raises(ValueError, match=r"Cannot read '.*a.jsonl'.*--drop"):
        read_table(path, TableOptions(chunk_rows=chunk))
    assert len(rows(read_table(path, TableOptions(drop=["X"], chunk_rows=chunk)))) == 3


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("semicolons.csv", "head;tail;relation\nTokyo;Japan;capital\n"),
        ("tabs.csv", "head\ttail\trelation\nTokyo\tJapan\tcapital\n"),
        ("excel.csv", "sep=;\r\nhead;tail;relation\r\nTokyo;Japan;capital\r\n"),
        ("upper.csv", "HEAD,Tail,Relation\nTokyo,Japan,capital\n"),
        ("blanks.csv", "head , tail, relation \nTokyo,Japan,capital\n"),
        ("trailing.csv", "head,tail,relation,,\nTokyo,Japan,capital,,\n\n"),
        ("quoted.csv", '"head","tail","relation"\n"Tokyo","Japan","capital"\n'),
        ("no_end.tsv", "head\ttail\trelation\nTokyo\tJapan\tcapital"),
        ("text.txt", "head\ttail\trelation\r\nTokyo\tJapan\tcapital\r\n"),
        ("bom.csv", b"\xef\xbb\xbfhead,tail,relation\nTokyo,Japan,capital\n"),
        ("utf16.csv", "head,tail,relation\nTokyo,Japan,capital\n".encode("utf-16")),
        ("utf32.csv", "head,tail,relation\nTokyo,Japan,capital\n".encode("utf-32")),
        ("UPPER.CSV", "head,tail,relation\nTokyo,Japan,capital\n"),
        ("begins_blank.csv", "\r\n\nhead;tail;relation\nTokyo;Japan;capital\n"),
        ("excel_begins_blank.csv", "\nsep=|\nhead|tail|relation\nTokyo|Japan|capital\n"),
        ("spaced.csv", '"head", "tail", "relation"\n"Tokyo", "Japan", "capital"\n'),
        ("spaced.txt", 'head|tail|relation\n "Tokyo"| "Japan"|"capital"\n'),
        ("rows_left_blank.csv", "head;tail;relation\n;;\nTokyo;Japan;capital\n\n;;;\n;;\n"),
        ("rows_left_blank.tsv", "head\ttail\trelation\nTokyo\tJapan\tcapital\n\t\t\n"),
        (
            "a.csv.gz",
            gzip.compress(b"head,tail,relation\n", mtime=0) + gzip.compress(b"Tokyo,Japan,capital\n", mtime=0),
        ),
        ("a.csv.bz2", bz2.compress(b"head,tail,relation\nTokyo,Japan,capital\n")),
        ("a.csv.GZ", gzip.compress(b"head,tail,relation\nTokyo,Japan,capital\n", mtime=0)),
        ("A.CSV.Zst", pa.compress(b"head,tail,relation\nTokyo,Japan,capital\n", "zstd", asbytes=True)),
        ("a.csv.zst", pa.compress(b"head,tail,relation\nTokyo,Japan,capital\n", "zstd", asbytes=True)),
        ("a.jsonl.gz", gzip.compress(b'{"Head": "Tokyo", "tail": "Japan", "RELATION": "capital"}\n', mtime=0)),
        ("array.json", '[{"head": "Tokyo",\n "tail": "Japan", "relation": "capital"}]'),
        ("lines.json", '{"head": "Tokyo", "tail": "Japan", "relation": "capital"}\n'),
        ("pair.jsonl", '{"pair": ["Tokyo", "Japan"], "relation": "capital"}'),
        ("objects.jsonl", '\n{"Pair": {"tail": "Japan", "head": "Tokyo"}, "relation": "capital"}\n'),
    ],
)
def test_files_from_common_programs_are_read(written, name, content):
    table = read_table(written(name, content))
    assert [row[:2] for row in table.records()] == [(("Tokyo", "Japan"), "capital")] and table.rows == 1


def test_files_without_a_header_are_read(written):
    path = written("conceptnet.tsv", "AtLocation\tTokyo\tJapan\t1\nPartOf\tfinger\thand\t2\n")
    table = read_table(path, TableOptions(header=False, columns=(2, 3), relation=1))
    assert [row[:2] for row in table.records()] == [(("Tokyo", "Japan"), "AtLocation"), (("finger", "hand"), "PartOf")]
    assert table.schema.names == ["relation", "head", "tail", "column_4"]
    assert pairs(path, header=False, columns=("2", "3"), drop=["4"]) == [("Tokyo", "Japan"), ("finger", "hand")]
    assert pairs(written("two.csv", "Tokyo,Japan\n"), header=False) == [("Tokyo", "Japan")]
    assert pairs(written("lists.jsonl", '["Tokyo", "Japan"]')) == [("Tokyo", "Japan")]
    lists = written("lists.json", '[["is", "Tokyo", "Japan", {}]]')
    for name in (path, lists):  # line numbers are those of the file, whatever is left out
        table = read_table(name, TableOptions(header=False, columns=(2, 3), drop=[1, 4]))
        assert table.schema.names == ["head", "tail"] and next(table.records())[:2] == (("Tokyo", "Japan"), None)
    with pytest.raises(ValueError, match="there is no column 'head': without a header, columns are numbered.*1 to 4"):
        read_table(path, TableOptions(header=False, columns=("head", "2")))
    with pytest.raises(ValueError, match="has the columns AtLocation, Tokyo, .*no head and no tail.*--no-header"):
        read_table(path)


def test_columns_are_named_or_numbered(written):
    path = written("a.csv", "id,from,to,kind\n1,Tokyo,Japan,capital\n")
    for columns in (("from", "to"), ("FROM", "To"), (2, 3), ("2", "3")):
        table = read_table(path, TableOptions(columns=columns, relation="kind", drop=["id"]))
        assert [row[:2] for row in table.records()] == [(("Tokyo", "Japan"), "capital")]
    assert table.schema.names == ["from", "to", "kind"]
    with pytest.raises(ValueError, match="no column 'x' to leave out .the columns are id, from, to, kind"):
        read_table(path, TableOptions(columns=("from", "to"), drop=["x"]))
    with pytest.raises(ValueError, match="but no sort"):
        read_table(path, TableOptions(columns=("from", "to"), relation="sort"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "", "it is empty"),
        ("a.jsonl", "", "it is empty"),
        ("a.csv", "head,tail\na,b\nc\n", "line 3 has 1 cell, expected 2.*--separator"),
        ("a.csv", "head,tail\na,b\nc,d,e\n", "line 3 has 3 cells, expected 2"),
        ("a.csv", 'head,tail\n"a\nb",c\n"d,e\n', "line 4 has a quote that cannot be read"),
        ("a.csv", 'head,tail\na,"b\n' + "c,d\n" * 40_000, "line 2 has a cell of more than 131,072 .* double the quote"),
        ("a.csv", "head,tail\na,b\nc," + "d" * 140_000, "line 3 has a cell of more than 131,072 .* or use JSON Lines"),
        ("a.csv", 'head,tail\n\n"a\nb",c\nd,\n', "the tail of line 5 is ''"),
        ("a.csv", "head,head\na,b\n", "it has two columns 'head'"),
        ("a.csv", "head,tail\ncafé,b\n".encode("cp1252"), "line 2 is not in .*utf-8.*as UTF-8.*--encoding.*cp1252"),
        ("a.csv", "head,tail\na,b\n".encode("utf-16-le"), "zero byte.*--encoding"),
        ("a.csv", b"PK\x03\x04\x14\x00xl/workbook.xml", "it is a spreadsheet, .*Save the sheet as CSV"),
        ("a.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "it is a spreadsheet, .*Save the sheet as CSV"),
        ("a.csv", "head,tail\na,b\n".encode("utf-16")[:-1], "not in the encoding utf-16"),
        ("a.csv.gz", gzip.compress(b"head,tail\na,b\n", mtime=0)[:-9], "Cannot read"),
        ("a.csv.gz", "head,tail\na,b\n", "Cannot read"),
        ("a.jsonl", '{"head": "a", "tail": "b"}\n{"head"', "line 2 is not JSON"),
        ("a.jsonl", '[\n["a", "b"]]', r"line 1 is not JSON.*name the file \.json"),
        ("a.jsonl", '"a"', "line 1 is 'a', expected an object"),
        ("a.jsonl", '["a", "b"]\n{"head": "a", "tail": "b"}', "line 2 is an object, expected a list"),
        ("a.jsonl", '{"head": "a", "tail": "b"}\n["a", "b"]', "line 2 is a list, expected an object"),
        ("a.json", '[\n["a", "b"],\n]', r"it is not JSON \(.*, line \d, column \d+\)\.$"),
        ("a.json", '[["a", "b"]', r"it is not JSON \(.*, column 12\)\.$"),
        ("a.json", '["a", "b"]\n["c"\n', "line 2 is not JSON"),
        ("a.json", " \n", "it is empty"),
        ("a.json", "3", "element 1 is 3, expected an object"),
        ("a.jsonl", "[" * 300_000, "line 1 is nested too deeply"),
        ("a.json", "[" * 300_000, "nested too deeply"),
        ("a.jsonl", '{"head": "a", "tail": "b", "x": ' + "[" * 900 + "]" * 900 + "}", "nested too deeply.*--drop x"),
        ("a.jsonl", '{"head": "a", "tail": "\\ud800"}', "column 'tail' has .* in line 1"),
        ("a.jsonl", '{"head": "a", "tail": 5}', "the tail of line 1 is 5 of type int"),
        ("a.jsonl", '{"pair": ["a"]}', "line 1 is .*, expected two words"),
        ("a.jsonl", '{"pair": {"from": "a", "to": "b"}}', "line 1 is .*, expected two words"),
        ("a.csv", "head,tail,vector\na,b,c\n", "it already has a column 'vector'.*--drop vector"),
        (
            "a.jsonl",
            '{"head": "a", "tail": "b", "head": "c"}',
            "line 1 cannot be read: .* has the name 'head' twice",
        ),
        ("a.json", '[{"head": "a",\n"tail": {"x": 1, "x": 2}}]', "it cannot be read: .* the name 'x' twice"),
        (
            "a.jsonl",
            '{"head": "a", "tail": "b"}\n{"n": ' + "9" * 5000 + "}",
            r"line 2 cannot be read: Exceeds the limit",
        ),
        ("a.jsonl", '{"head": "a", "tail": "b", "n": ' + "9" * 300 + "}", "column 'n' has 999.*in line 1"),
        ("a.parquet", "no parquet", "Cannot read"),
        ("a.docx", "", r"name of a table, expected one that ends in \.csv"),
    ],
)
def test_unreadable_files_are_one_line_errors_with_the_place(written, name, content, message):
    with pytest.raises(ValueError, match=f"(?s){message}") as error:
        read_table(written(name, content))
    assert name in str(error.value)


@given(
    st.binary(max_size=60), st.sampled_from([".csv", ".tsv", ".json", ".jsonl", ".parquet", ".csv.gz", ".jsonl.zst"])
)
@example(gzip.compress(b"head,tail\n", mtime=0)[:-9], ".csv.gz")  # one that is truncated
def test_any_bytes_are_read_or_are_a_value_error(tmp_path_factory, content, suffix):
    path = tmp_path_factory.mktemp("bytes") / f"a{suffix}"
    path.write_bytes(content)
    for options in (TableOptions(), TableOptions(header=False)):
        try:
            read_table(str(path), options)
        except ValueError as error:
            assert str(path) in str(error)


@pytest.mark.parametrize("options", [{"separator": "ab"}, {"separator": '"'}, {"columns": ("a",)}, {"columns": "ab"}])
def test_invalid_options_are_refused(options):
    with pytest.raises(ValueError, match="expected"):
        TableOptions(**options)


def test_parquet_keeps_its_types_and_names_its_rows(written):
    buffer = io.BytesIO()
    kind = pa.dictionary(pa.int32(), pa.string())
    columns = {"head": pa.array(["a", "b"]).cast(kind), "tail": ["c", "d"], "n": pa.array([1, 2], pa.int8())}
    pa.parquet.write_table(pa.table(columns), buffer)
    table = read_table(written("a.parquet", buffer.getvalue()))
    assert [str(field.type)[:4] for field in table.schema] == ["dict", "stri", "int8"]
    assert rows(table) == [{"head": "a", "tail": "c", "n": 1}, {"head": "b", "tail": "d", "n": 2}]
    pa.parquet.write_table(pa.table({"pair": [["a", "b"], ["c", None]]}), buffer := io.BytesIO())
    with pytest.raises(ValueError, match="the tail of row 1 is None of type NoneType"):
        read_table(written("b.parquet", buffer.getvalue()))


def test_a_folder_of_parquet_files_is_read(tmp_path):
    for name, number in (("part-1", 0.5), ("part-0", 1), ("_metadata", 2)):
        pa.parquet.write_table(pa.table({"head": ["a"], "tail": ["b"], "n": [number]}), tmp_path / f"{name}.parquet")
    (tmp_path / "_SUCCESS").touch()
    parts = read_tables(str(tmp_path))
    assert [row["n"] for part in parts for row in rows(part)] == [1.0, 0.5]
    assert is_table(str(tmp_path)) and not is_table(str(tmp_path / "none")) and is_table("x.csv.gz")
    pa.parquet.write_table(pa.table({"head": ["a"], "tail": ["b"], "m": [1]}), tmp_path / "part-2.parquet")
    with pytest.raises(ValueError, match="part-2.parquet' has the columns .*m .*, expected those of .*part-0"):
        read_tables(str(tmp_path))


def test_an_unfinished_folder_is_refused(tmp_path):
    pa.parquet.write_table(pa.table({"head": ["a"], "tail": ["b"]}), tmp_path / "00000000.parquet")
    (tmp_path / "_made_from.json").touch()
    with pytest.raises(ValueError, match="is not finished"):
        read_tables(str(tmp_path))


def test_paths_may_be_objects(tmp_path):
    (tmp_path / "a.csv").write_text("head,tail\na,b\n")
    for paths in (tmp_path / "a.csv", tmp_path / "*.csv", [tmp_path / "a.csv"]):
        assert [table.path for table in read_tables(paths)] == [str(tmp_path / "a.csv")]
    assert read_table(tmp_path / "a.csv").rows == 1 and is_table(tmp_path / "a.csv")


def test_tables_can_be_sent_to_other_processes(written):
    table = pickle.loads(pickle.dumps(read_table(written("a.csv", "head,tail\na,b\n"))))
    assert [row[:2] for row in table.records()] == [(("a", "b"), None)]


def test_columns_can_be_given_a_type(written):
    path = written("a.csv", "head,tail,year,share,old\na,b,1990,0.5,true\nc,d,,1,False\n")
    table = read_table(path, TableOptions(types={"YEAR": "int", "share": "float", 5: "bool"}))
    assert [tuple(row.values())[2:] for row in rows(table)] == [(1990, 0.5, True), (None, 1.0, False)]
    with pytest.raises(ValueError, match="column 'share' has '0.5' in line 2"):
        read_table(path, TableOptions(types={"share": "int"}))
    with pytest.raises(ValueError, match="no column 'x' for the type"):
        read_table(path, TableOptions(types={"x": "int"}))
    with pytest.raises(ValueError, match="the column 'year' has two types, as 'year' and as 3. Remove one"):
        read_table(path, TableOptions(types={"year": "int", 3: "float"}))
    with pytest.raises(ValueError, match="is 'date', expected one of int, float, bool"):
        TableOptions(types={"x": "date"})
    with pytest.raises(ValueError, match="its columns already have types"):
        read_table(written("a.jsonl", '{"head": "a", "tail": "b"}'), TableOptions(types={"head": "int"}))


def test_relation_sets_are_read_as_tables_of_their_positives(written):
    lines = [
        {"relation_type": "capital", "positives": [["Tokyo", "Japan"], ["Rome", "Italy"]], "negatives": [["a", "b"]]},
        {"relation_type": 7, "positives": [["finger", "hand"]], "weight": 2},
    ]
    expected = [
        (("Tokyo", "Japan"), "capital", "line 1, positive 0"),
        (("Rome", "Italy"), "capital", "line 1, positive 1"),
        (("finger", "hand"), "7", "line 2, positive 0"),
    ]
    table = read_table(written("a.jsonl", "".join(json.dumps(line) + "\n" for line in lines)))
    assert list(table.records()) == expected and table.rows == 3 and table.relation == "relation"
    for positives in ("ab", [["a"]], [["a", " "]]):
        path = written("b.jsonl", json.dumps({"relation_type": "r", "positives": positives}))
        with pytest.raises(ValueError, match="Cannot read '.*b.jsonl': .*line 1"):
            read_table(path)
    for relation in (None, ["a", "b"], {"a": 1}, True, 1.5, " "):
        path = written("b.jsonl", json.dumps({"relation_type": relation, "positives": [["a", "b"]]}))
        with pytest.raises(ValueError, match="Cannot read '.*b.jsonl': line 1: the relation is .*, expected a name"):
            read_table(path)


@pytest.mark.parametrize("name", ["a.xlsx", "A.ODS"])
def test_a_spreadsheet_has_to_be_saved_as_csv(written, name):
    with pytest.raises(ValueError, match="is a spreadsheet, expected a text file. Save the sheet as CSV"):
        read_table(written(name, b"PK"))
    with pytest.raises(ValueError, match="'none.xlsx' does not exist"):
        read_table("none.xlsx")
