"""Pairs in files become rows with vectors."""

import os

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from st_relbert import RelBERT
from st_relbert.encoding import encode_files
from st_relbert.files import tables as pair_files
from st_relbert.files.options import TableOptions
from tests.encoding.writing import PAIRS, write


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_words_of_every_format_are_read_as_written(model, tmp_path, suffix):
    output = str(tmp_path / "out.parquet")
    assert encode_files(model, write(tmp_path, suffix), output, show_progress_bar=False) == len(PAIRS)
    table = pa.parquet.read_table(output)
    assert list(zip(table["head"].to_pylist(), table["tail"].to_pylist(), strict=True)) == PAIRS
    kind = str if suffix in (".csv", ".tsv") else int
    assert table["id"].to_pylist() == list(map(kind, range(len(PAIRS))))
    assert table.schema.field("vector").type == pa.list_(pa.float32(), 16)
    np.testing.assert_allclose(np.array(table["vector"].to_pylist()), model.encode(PAIRS), atol=1e-6)


def test_files_from_other_systems_are_read(model, tmp_path):
    (tmp_path / "x.csv").write_bytes(b"\xef\xbb\xbfhead,tail\r\nTokyo,Japan\r\n")
    output = str(tmp_path / "out.parquet")
    encode_files(model, str(tmp_path / "x.csv"), output, show_progress_bar=False)
    assert pa.parquet.read_table(output).drop(["vector"]).to_pylist() == [{"head": "Tokyo", "tail": "Japan"}]


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_the_last_json_line_may_lack_a_line_break(model, tmp_path, end):
    (tmp_path / "x.jsonl").write_text('{"head": "Tokyo", "tail": "Japan"}' + end, newline="")
    output = str(tmp_path / "out.parquet")
    encode_files(model, str(tmp_path / "x.jsonl"), output, show_progress_bar=False)
    assert pa.parquet.read_table(output).drop(["vector"]).to_pylist() == [{"head": "Tokyo", "tail": "Japan"}]


def test_a_file_of_several_chunks_keeps_its_order(model, tmp_path):
    pairs = [(f"word {index}", "x" * (index % 5 + 1)) for index in range(50)]
    output = str(tmp_path / "out.parquet")
    options = TableOptions(chunk_rows=7)
    encode_files(model, write(tmp_path, ".csv", pairs), output, options=options, show_progress_bar=False)
    table = pa.parquet.read_table(output)
    assert table["head"].to_pylist() == [head for head, _ in pairs]
    np.testing.assert_allclose(np.array(table["vector"].to_pylist()), model.encode(pairs), atol=1e-6)


def test_columns_can_have_other_names(model, tmp_path):
    path = write(tmp_path, ".csv", names=("from", "to"))
    with pytest.raises(ValueError, match="has the columns from, to, id, but no head and no tail.*--columns HEAD TAIL"):
        pair_files.read_table(path)
    output = str(tmp_path / "out.parquet")
    assert encode_files(
        model, path, output, options=TableOptions(columns=("from", "to")), show_progress_bar=False
    ) == len(PAIRS)


@pytest.mark.parametrize(("bad", "message"), [("", "visible character"), (" ", "visible character")])
def test_the_error_names_a_bad_row_and_nothing_is_written(model, tmp_path, bad, message):
    path = write(tmp_path, ".csv", [*PAIRS, ("good", bad)])
    with pytest.raises(ValueError, match=rf"pairs\.csv': the tail of line 8 .*{message}"):
        encode_files(model, path, str(tmp_path / "out.parquet"), options=TableOptions(chunk_rows=2))
    assert os.listdir(tmp_path) == ["pairs.csv"]


def test_the_error_names_missing_words(model, tmp_path):
    path = write(tmp_path, ".parquet", [("a", "b"), ("c", None)])
    with pytest.raises(ValueError, match="row 1 is None of type NoneType"):
        encode_files(model, path, str(tmp_path / "out.parquet"), show_progress_bar=False)


def test_broken_files_are_errors(model, tmp_path):
    (tmp_path / "x.parquet").write_text("no parquet")
    with pytest.raises(ValueError, match="Cannot read"):
        pair_files.read_table(str(tmp_path / "x.parquet"))
    (tmp_path / "x.csv").write_text("head,tail\na,b\nc\n")
    with pytest.raises(ValueError, match="Cannot read"):
        encode_files(model, str(tmp_path / "x.csv"), str(tmp_path / "o.parquet"), show_progress_bar=False)


def test_an_empty_file_gives_an_empty_output(model, tmp_path):
    output = str(tmp_path / "out.parquet")
    assert encode_files(model, write(tmp_path, ".csv", []), output, show_progress_bar=False) == 0
    assert pa.parquet.read_table(output).num_rows == 0


def test_several_files_become_one_output(model, tmp_path):
    (tmp_path / "in").mkdir()
    write(tmp_path / "in", ".csv", PAIRS[:2])
    os.rename(tmp_path / "in" / "pairs.csv", tmp_path / "in" / "b.csv")
    write(tmp_path / "in", ".csv", PAIRS[2:])
    os.rename(tmp_path / "in" / "pairs.csv", tmp_path / "in" / "c.csv")
    output = str(tmp_path / "out.parquet")
    assert encode_files(model, str(tmp_path / "in" / "*.csv"), output, show_progress_bar=False) == len(PAIRS)
    table = pa.parquet.read_table(output)
    assert list(zip(table["head"].to_pylist(), table["tail"].to_pylist(), strict=True)) == PAIRS
    other = write(tmp_path, ".csv", names=("head", "tail"))
    os.rename(other, other := str(tmp_path / "other.csv"))
    with open(other, encoding="utf-8") as file:
        text = file.read().replace("head,tail,id", "head,tail,number")
    with open(other, "w", encoding="utf-8") as file:
        file.write(text)
    with pytest.raises(ValueError, match=r"other.csv' has the columns .*number .*, expected those of .*b.csv"):
        encode_files(model, [str(tmp_path / "in" / "b.csv"), other], str(tmp_path / "o.parquet"))
    with pytest.raises(ValueError, match="No file matches"):
        encode_files(model, str(tmp_path / "in" / "*.tsv"), str(tmp_path / "o.parquet"))


def test_an_unknown_engine_is_refused(model, tmp_path):
    with pytest.raises(ValueError, match="Unknown engine 'spark', expected one of 'one', 'processes', 'ray'"):
        encode_files(model, write(tmp_path, ".csv"), str(tmp_path / "out.parquet"), engine="spark")


def test_blocks_and_chunks_have_rows(model, tmp_path):
    with pytest.raises(ValueError, match="block_rows is 0, expected a positive whole number"):
        encode_files(model, write(tmp_path, ".csv"), str(tmp_path / "out.parquet"), block_rows=0)
    with pytest.raises(ValueError, match="batch_size is 0, expected a positive whole number"):
        encode_files(model, write(tmp_path, ".csv"), str(tmp_path / "out.parquet"), batch_size=0)
    assert os.listdir(tmp_path) == ["pairs.csv"]
    with pytest.raises(ValueError, match="chunk_rows is 0, expected a positive whole number"):
        TableOptions(chunk_rows=0)


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (("a " * 300, "b"), r"line 9002: The prompt of the pair \('a a .*max_seq_length is 256"),
        (("🙂" * 80, "b"), "line 9002: The prompt of the pair"),  # four tokens each
        (("a\ufdd0", "b"), "line 9002: .*U\\+FDD0"),
    ],
)
def test_pairs_too_long_for_a_prompt_are_refused_before_embedding(encoders, tmp_path, pair, message):
    model = RelBERT(encoders["bytelevel"], template="short")
    path = tmp_path / "a.tsv"
    path.write_text("head\ttail\n" + "a\tb\n" * 9000 + "\t".join(pair) + "\nc\td\n", encoding="utf-8")
    model.encode = None
    with pytest.raises(ValueError, match=message):
        encode_files(model, str(path), str(tmp_path / "out"))
    assert os.listdir(tmp_path) == ["a.tsv"]
