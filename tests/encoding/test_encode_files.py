import json
import os

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from st_relbert import RelBERT
from st_relbert.encoding import blocks as block
from st_relbert.encoding import encode_files
from st_relbert.files import tables as pair_files
from st_relbert.files.options import TableOptions

PAIRS = [("Tokyo", "Japan"), ("3.14", "pi"), ("NA", "null"), ("007", "1e5"), ('say "hi"', "a,b"), ("café", "東京")]


@pytest.fixture
def model(encoders):
    return RelBERT(encoders["wordpiece"], template="short")


def write(folder, suffix, pairs=PAIRS, names=("head", "tail")):
    import csv

    path = folder / f"pairs{suffix}"
    if suffix in (".csv", ".tsv"):
        with open(path, "w", newline="", encoding="utf-8") as file:
            quoting = {"delimiter": "\t", "quoting": csv.QUOTE_NONE, "quotechar": None} if suffix == ".tsv" else {}
            writer = csv.writer(file, **quoting)
            writer.writerows([[*names, "id"], *([*pair, index] for index, pair in enumerate(pairs))])
    else:
        records = [{**dict(zip(names, pair, strict=True)), "id": index} for index, pair in enumerate(pairs)]
        if suffix == ".parquet":
            pa.parquet.write_table(pa.Table.from_pylist(records), path)
        else:
            path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return str(path)


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


def test_files_of_other_systems_are_read(model, tmp_path):
    (tmp_path / "x.csv").write_bytes(b"\xef\xbb\xbfhead,tail\r\nTokyo,Japan\r\n")
    output = str(tmp_path / "out.parquet")
    encode_files(model, str(tmp_path / "x.csv"), output, show_progress_bar=False)
    assert pa.parquet.read_table(output).drop(["vector"]).to_pylist() == [{"head": "Tokyo", "tail": "Japan"}]


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_one_json_line_may_end_or_not(model, tmp_path, end):
    (tmp_path / "x.jsonl").write_text('{"head": "Tokyo", "tail": "Japan"}' + end, newline="")
    output = str(tmp_path / "out.parquet")
    encode_files(model, str(tmp_path / "x.jsonl"), output, show_progress_bar=False)
    assert pa.parquet.read_table(output).drop(["vector"]).to_pylist() == [{"head": "Tokyo", "tail": "Japan"}]


def test_a_file_longer_than_a_chunk_keeps_its_order(model, tmp_path, monkeypatch):
    monkeypatch.setattr(pair_files, "CHUNK_ROWS", 7)
    pairs = [(f"word {index}", "x" * (index % 5 + 1)) for index in range(50)]
    output = str(tmp_path / "out.parquet")
    encode_files(model, write(tmp_path, ".csv", pairs), output, show_progress_bar=False)
    table = pa.parquet.read_table(output)
    assert table["head"].to_pylist() == [head for head, _ in pairs]
    np.testing.assert_allclose(np.array(table["vector"].to_pylist()), model.encode(pairs), atol=1e-6)


def test_other_column_names_are_named(model, tmp_path):
    path = write(tmp_path, ".csv", names=("from", "to"))
    with pytest.raises(ValueError, match="has the columns from, to, id, but no head and no tail.*--columns HEAD TAIL"):
        pair_files.read_table(path)
    output = str(tmp_path / "out.parquet")
    assert encode_files(
        model, path, output, options=TableOptions(columns=("from", "to")), show_progress_bar=False
    ) == len(PAIRS)


@pytest.mark.parametrize(("bad", "message"), [("", "visible character"), (" ", "visible character")])
def test_a_bad_row_is_named_and_nothing_is_written(model, tmp_path, monkeypatch, bad, message):
    monkeypatch.setattr(pair_files, "CHUNK_ROWS", 2)
    path = write(tmp_path, ".csv", [*PAIRS, ("good", bad)])
    with pytest.raises(ValueError, match=rf"pairs\.csv': the tail of line 8 .*{message}"):
        encode_files(model, path, str(tmp_path / "out.parquet"), show_progress_bar=False)
    assert os.listdir(tmp_path) == ["pairs.csv"]


def test_missing_words_are_named(model, tmp_path):
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


def test_a_file_without_rows_gives_one_without_rows(model, tmp_path):
    output = str(tmp_path / "out.parquet")
    assert encode_files(model, write(tmp_path, ".csv", []), output, show_progress_bar=False) == 0
    assert pa.parquet.read_table(output).num_rows == 0


def cut_short(model, path, output, after):
    """Encode until some calls of the model are done; then Ctrl-C."""
    encode, calls = model.encode, []

    def encode_or_stop(pairs, **kwargs):
        if len(calls) == after:
            raise KeyboardInterrupt
        calls.append(pairs)
        return encode(pairs, **kwargs)

    model.encode = encode_or_stop
    with pytest.raises(KeyboardInterrupt):
        encode_files(model, path, output, show_progress_bar=False)
    del model.encode


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_an_interrupted_encoding_goes_on(model, tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(pair_files, "CHUNK_ROWS", 7)
    monkeypatch.setattr(block, "BLOCK_ROWS", 10)
    pairs = [(f"word {index}", "x" * (index % 5 + 1)) for index in range(50)]
    path, output = write(tmp_path, suffix, pairs), str(tmp_path / "out.parquet")
    cut_short(model, path, output, after=3)
    assert not os.path.exists(output)
    encoded = []
    encode = model.encode
    model.encode = lambda pairs, **kwargs: encoded.extend(pairs) or encode(pairs, **kwargs)
    assert encode_files(model, path, output, show_progress_bar=False) == 50
    assert encoded == pairs[30:]
    table = pa.parquet.read_table(output)
    assert list(zip(table["head"].to_pylist(), table["tail"].to_pylist(), strict=True)) == pairs
    np.testing.assert_allclose(np.array(table["vector"].to_pylist()), encode(pairs), atol=1e-6)
    assert sorted(os.listdir(tmp_path)) == ["out.parquet", os.path.basename(path)]


def test_what_another_file_or_model_began_is_not_gone_on_with(encoders, model, tmp_path, monkeypatch):
    monkeypatch.setattr(pair_files, "CHUNK_ROWS", 2)
    monkeypatch.setattr(block, "BLOCK_ROWS", 2)
    path, output = write(tmp_path, ".csv"), str(tmp_path / "out.parquet")
    cut_short(model, path, output, after=2)
    other = RelBERT(encoders["wordpiece"], template="a")
    with pytest.raises(ValueError, match=r"out.parquet.partial' holds a part .* made with other model .*delete"):
        encode_files(other, path, output, show_progress_bar=False)
    for other in (
        RelBERT(encoders["wordpiece"], "short", reduction="sum"),
        RelBERT(encoders["wordpiece"], "short", fast=True),
    ):
        with pytest.raises(ValueError, match="made with other model"):
            encode_files(other, path, output, show_progress_bar=False)
    with open(path, "a", encoding="utf-8") as file:
        file.write("finger,hand,6\n")
    with pytest.raises(ValueError, match="made with other files"):
        encode_files(model, path, output, show_progress_bar=False)


def test_memory_holds_a_block_at_a_time(model, tmp_path, monkeypatch):
    """No block is kept: each table lives only while it is written."""
    monkeypatch.setattr(pair_files, "CHUNK_ROWS", 5)
    monkeypatch.setattr(block, "BLOCK_ROWS", 5)
    rows = []
    write_table = pa.parquet.write_table
    monkeypatch.setattr(
        pa.parquet, "write_table", lambda table, *args: rows.append(len(table)) or write_table(table, *args)
    )
    pairs = [(f"word {index}", "x") for index in range(33)]
    output = str(tmp_path / "out.parquet")
    encode_files(model, write(tmp_path, ".jsonl", pairs), output, show_progress_bar=False)
    assert sum(rows) == 33 and max(rows) <= 10
    assert pa.parquet.ParquetFile(output).num_row_groups == len(rows)


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


def test_a_folder_of_parquet_files(model, tmp_path, monkeypatch):
    monkeypatch.setattr(block, "BLOCK_ROWS", 4)
    path, output = write(tmp_path, ".csv"), tmp_path / "out"
    cut_short(model, path, str(output), after=1)
    assert sorted(os.listdir(output)) == ["00000000.parquet", "_00000000.json", "_made_from.json"]
    encode_files(model, path, str(output), show_progress_bar=False)
    assert sorted(os.listdir(output)) == ["00000000.parquet", "00000001.parquet", "_SUCCESS", "_made_from.json"]
    table = pa.parquet.read_table(output)  # files that begin with _ are passed over
    assert list(zip(table["head"].to_pylist(), table["tail"].to_pylist(), strict=True)) == PAIRS
    with pytest.raises(ValueError, match="is done already"):
        encode_files(model, path, str(output), overwrite=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="folder of other files"):
        encode_files(model, path, str(tmp_path / "other"))


def test_a_lance_table(model, tmp_path, monkeypatch):
    lancedb = pytest.importorskip("lancedb")
    monkeypatch.setattr(block, "BLOCK_ROWS", 4)
    path, output = write(tmp_path, ".csv"), str(tmp_path / "out.lance")
    encode_files(model, path, output, show_progress_bar=False)
    table = lancedb.connect(str(tmp_path)).open_table("out").to_arrow()
    assert list(zip(table["head"].to_pylist(), table["tail"].to_pylist(), strict=True)) == PAIRS
    np.testing.assert_allclose(np.array(table["vector"].to_pylist()), model.encode(PAIRS), atol=1e-6)
    assert sorted(os.listdir(tmp_path)) == ["out.lance", "pairs.csv"]
    with pytest.raises(ValueError, match="exists already"):
        encode_files(model, path, output)
    assert encode_files(model, path, output, overwrite=True, show_progress_bar=False) == len(PAIRS)


def test_an_engine_that_there_is_not(model, tmp_path):
    with pytest.raises(ValueError, match="The engine is 'spark', expected 'one', 'processes', 'ray'"):
        encode_files(model, write(tmp_path, ".csv"), str(tmp_path / "out.parquet"), engine="spark")


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "fewer rows", "record gone", "record broken"])
@pytest.mark.parametrize("output", ["out", "out.parquet"])
def test_a_damaged_block_is_encoded_again(model, tmp_path, monkeypatch, damage, output):
    monkeypatch.setattr(block, "BLOCK_ROWS", 2)
    path, output = write(tmp_path, ".csv"), str(tmp_path / output)
    cut_short(model, path, output, after=2)
    folder = tmp_path / ("out" if output.endswith("out") else "out.parquet.partial")
    part, record = folder / "00000000.parquet", folder / "_00000000.json"
    content = bytearray(part.read_bytes())
    if damage == "cut":
        part.write_bytes(content[:-20])
    elif damage == "empty":
        part.write_bytes(b"")
    elif damage == "flipped":
        content[len(content) // 2] ^= 1
        part.write_bytes(content)
    elif damage == "fewer rows":
        pa.parquet.write_table(pa.parquet.read_table(part).slice(1), part)
    elif damage == "record gone":
        record.unlink()
    else:
        record.write_text("[[")
    assert encode_files(model, path, output, show_progress_bar=False) == len(PAIRS)
    table = pa.parquet.read_table(output)
    assert table["head"].to_pylist() == [head for head, _ in PAIRS]
    np.testing.assert_allclose(np.array(table["vector"].to_pylist()), model.encode(PAIRS), atol=1e-6)


@pytest.mark.parametrize("output", ["out", "out.parquet"])
def test_a_block_that_is_damaged_while_others_are_made_is_no_success(model, tmp_path, monkeypatch, output):
    monkeypatch.setattr(block, "BLOCK_ROWS", 2)
    path, output = write(tmp_path, ".csv"), str(tmp_path / output)
    folder = tmp_path / ("out" if output.endswith("out") else "out.parquet.partial")
    encode = model.encode

    def damaging(pairs, **kwargs):
        for part in folder.glob("00000001.parquet"):
            part.write_bytes(part.read_bytes()[:-1])
        return encode(pairs, **kwargs)

    model.encode = damaging
    with pytest.raises(ValueError, match="00000001.parquet' is damaged.*Run the same command again"):
        encode_files(model, path, output, show_progress_bar=False)
    model.encode = encode
    assert not (tmp_path / "out" / "_SUCCESS").exists() and not (tmp_path / "out.parquet").exists()
    assert encode_files(model, path, output, show_progress_bar=False) == len(PAIRS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "99999999.parquet").write_bytes(b""), "holds '99999999.parquet', which is no part"),
        (lambda folder: (folder / "mine.txt").write_bytes(b""), "holds 'mine.txt', which is no part"),
        (lambda folder: (folder / "_made_from.json").unlink(), "no _made_from.json"),
        (lambda folder: (folder / "_made_from.json").write_text("{"), "_made_from.json' is damaged"),
        (lambda folder: (folder / "_made_from.json").write_text("[1]"), "_made_from.json' is damaged"),
        (lambda folder: (folder / "_made_from.json").write_text("[" * 200_000), "_made_from.json' is damaged"),
        (lambda folder: (folder / "_made_from.json").write_text("{}"), "made with other files"),
    ],
)
@pytest.mark.parametrize("output", ["out", "out.parquet"])
def test_a_folder_that_is_not_as_it_was_left_is_refused(model, tmp_path, monkeypatch, output, change, message):
    monkeypatch.setattr(block, "BLOCK_ROWS", 2)
    path, output = write(tmp_path, ".csv"), str(tmp_path / output)
    cut_short(model, path, output, after=2)
    change(tmp_path / ("out" if output.endswith("out") else "out.parquet.partial"))
    with pytest.raises(ValueError, match=message):
        encode_files(model, path, output, show_progress_bar=False)


def test_an_array_of_vectors(model, tmp_path, monkeypatch):
    monkeypatch.setattr(block, "BLOCK_ROWS", 4)
    output = str(tmp_path / "out.npy")
    encode_files(model, write(tmp_path, ".csv"), output, show_progress_bar=False)
    vectors = np.load(output)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, model.encode(PAIRS), atol=1e-6)


def test_a_csv_file_of_vectors(model, tmp_path, monkeypatch):
    monkeypatch.setattr(block, "BLOCK_ROWS", 4)
    output = str(tmp_path / "out.csv")
    encode_files(model, write(tmp_path, ".jsonl"), output, show_progress_bar=False)
    rows = [row for batch in pair_files.read_table(output).batches() for row in batch.to_pylist()]
    assert [(row["head"], row["tail"]) for row in rows] == PAIRS and [row["id"] for row in rows] == list("012345")
    vectors = [[float(row[f"vector_{number}"]) for number in range(1, 17)] for row in rows]
    np.testing.assert_allclose(vectors, model.encode(PAIRS), atol=1e-6)
    (tmp_path / "pair.jsonl").write_text('{"pair": ["Tokyo", "Japan"]}')
    encode_files(model, str(tmp_path / "pair.jsonl"), output, overwrite=True, show_progress_bar=False)
    assert pa.csv.read_csv(output)["pair"].to_pylist() == ['["Tokyo", "Japan"]']


@pytest.mark.parametrize("name", ["my vectors.lance", "é.lance", "out.npz", "out.partial", "folder.csv", "pairs.csv"])
def test_an_output_that_cannot_be_is_refused_before_the_work(model, tmp_path, name):
    path = write(tmp_path, ".csv")
    (tmp_path / "folder.csv").mkdir()
    model.encode = None
    with pytest.raises(ValueError, match="expected|is a folder|is one of the tables"):
        encode_files(model, path, str(tmp_path / name), overwrite=True)
    assert sorted(os.listdir(tmp_path)) == ["folder.csv", "pairs.csv"]


def test_what_a_file_holds_at_its_end_is_known_before_the_first_pair_is_embedded(model, tmp_path):
    path = tmp_path / "a.jsonl"
    good = '{"head": "a", "tail": "b", "n": 1}\n' * 20_000
    model.encode = None
    path.write_text(good + '{"head": "a", "tail": "b", "n": "x"}\n')
    with pytest.raises(ValueError, match=r"line 20001|element 20001|rows from line"):
        encode_files(model, str(path), str(tmp_path / "out"))
    assert os.listdir(tmp_path) == ["a.jsonl"]


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (("a " * 300, "b"), r"line 9002: The prompt of the pair \('a a .*max_seq_length is 256"),
        (("🙂" * 80, "b"), "line 9002: The prompt of the pair"),  # four tokens each
        (("a\ufdd0", "b"), "line 9002: .*U\\+FDD0"),
    ],
)
def test_what_fits_no_prompt_is_known_before_the_first_pair_is_embedded(encoders, tmp_path, pair, message):
    model = RelBERT(encoders["bytelevel"], template="short")
    path = tmp_path / "a.tsv"
    path.write_text("head\ttail\n" + "a\tb\n" * 9000 + "\t".join(pair) + "\nc\td\n", encoding="utf-8")
    model.encode = None
    with pytest.raises(ValueError, match=message):
        encode_files(model, str(path), str(tmp_path / "out"))
    assert os.listdir(tmp_path) == ["a.tsv"]
