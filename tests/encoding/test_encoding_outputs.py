"""The formats in which encoded pairs are written."""

import json
import os

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from st_relbert.encoding import encode_files
from st_relbert.files.options import TableOptions
from st_relbert.files.tables import read_table
from tests.encoding.writing import PAIRS, cut_short, write


def test_only_one_block_is_in_memory_at_a_time(model, tmp_path, monkeypatch):
    """No block is kept: each table exists only while it is written."""
    rows = []
    write_table = pa.parquet.write_table
    monkeypatch.setattr(
        pa.parquet, "write_table", lambda table, *args: rows.append(len(table)) or write_table(table, *args)
    )
    pairs = [(f"word {index}", "x") for index in range(33)]
    output = str(tmp_path / "out.parquet")
    path, options = write(tmp_path, ".jsonl", pairs), TableOptions(chunk_rows=5)
    encode_files(model, path, output, options=options, block_rows=5, show_progress_bar=False)
    assert sum(rows) == 33 and max(rows) <= 10
    assert pa.parquet.ParquetFile(output).num_row_groups == len(rows)


def test_a_folder_of_parquet_files(model, tmp_path):
    path, output = write(tmp_path, ".csv"), tmp_path / "out"
    cut_short(model, path, str(output), after=1, block_rows=4)
    assert sorted(os.listdir(output)) == ["00000000.parquet", "_00000000.json", "_made_from.json"]
    encode_files(model, path, str(output), block_rows=4, show_progress_bar=False)
    assert sorted(os.listdir(output)) == ["00000000.parquet", "00000001.parquet", "_SUCCESS", "_made_from.json"]
    table = pa.parquet.read_table(output)  # files that begin with _ are passed over
    assert list(zip(table["head"].to_pylist(), table["tail"].to_pylist(), strict=True)) == PAIRS
    with pytest.raises(ValueError, match="is complete already"):
        encode_files(model, path, str(output), overwrite=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / ".DS_Store").touch()  # macOS adds it to folders that someone has looked at
    assert encode_files(model, tmp_path / "pairs.csv", tmp_path / "other", show_progress_bar=False) == len(PAIRS)
    (tmp_path / "other" / "_made_from.json").unlink()
    (tmp_path / "other" / "_SUCCESS").unlink()
    with pytest.raises(ValueError, match="folder of other files"):
        encode_files(model, path, str(tmp_path / "other"))


def test_a_lance_table(model, tmp_path):
    lancedb = pytest.importorskip("lancedb")
    path, output = write(tmp_path, ".csv"), str(tmp_path / "out.lance")
    encode_files(model, path, output, block_rows=4, show_progress_bar=False)
    table = lancedb.connect(str(tmp_path)).open_table("out").to_arrow()
    assert list(zip(table["head"].to_pylist(), table["tail"].to_pylist(), strict=True)) == PAIRS
    np.testing.assert_allclose(np.array(table["vector"].to_pylist()), model.encode(PAIRS), atol=1e-6)
    assert sorted(os.listdir(tmp_path)) == ["out.lance", "pairs.csv"]
    with pytest.raises(ValueError, match="already exists"):
        encode_files(model, path, output)
    assert encode_files(model, path, output, overwrite=True, show_progress_bar=False) == len(PAIRS)


def test_an_array_of_vectors(model, tmp_path):
    output = str(tmp_path / "out.npy")
    encode_files(model, write(tmp_path, ".csv"), output, block_rows=4, show_progress_bar=False)
    vectors = np.load(output)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, model.encode(PAIRS), atol=1e-6)


def test_a_csv_file_of_vectors(model, tmp_path):
    output = str(tmp_path / "out.csv")
    encode_files(model, write(tmp_path, ".jsonl"), output, block_rows=4, show_progress_bar=False)
    rows = [row for batch in read_table(output).batches() for row in batch.to_pylist()]
    assert [(row["head"], row["tail"]) for row in rows] == PAIRS and [row["id"] for row in rows] == list("012345")
    vectors = [[float(row[f"vector_{number}"]) for number in range(1, 17)] for row in rows]
    np.testing.assert_allclose(vectors, model.encode(PAIRS), atol=1e-6)
    (tmp_path / "pair.jsonl").write_text('{"pair": ["Tokyo", "Japan"]}')
    encode_files(model, str(tmp_path / "pair.jsonl"), output, overwrite=True, show_progress_bar=False)
    assert pa.csv.read_csv(output)["pair"].to_pylist() == ['["Tokyo", "Japan"]']


@pytest.mark.parametrize("name", ["my vectors.lance", "é.lance", "out.npz", "out.partial", "folder.csv", "pairs.csv"])
def test_an_invalid_output_is_refused_before_encoding(model, tmp_path, name):
    path = write(tmp_path, ".csv")
    (tmp_path / "folder.csv").mkdir()
    model.encode = None
    with pytest.raises(ValueError, match="expected|is a folder|is also one of the input tables"):
        encode_files(model, path, str(tmp_path / name), overwrite=True)
    assert sorted(os.listdir(tmp_path)) == ["folder.csv", "pairs.csv"]


ALL = [".csv", ".npy", ".parquet", ".lance", ""]


@pytest.mark.parametrize("suffix", ALL)
@pytest.mark.parametrize(
    ("column", "make", "refused_by"),
    [
        ("a.b", lambda: pa.array(["x"]), [".lance"]),
        ("nothing", lambda: pa.array([{}]), ALL),
        ("nothings", lambda: pa.array([[{}]]), ALL),
        ("view", lambda: pa.array(["x"], pa.string_view()), [".csv"]),
        ("id", lambda: pa.array([bytes(16)], pa.uuid()), [".csv"]),
        ("note", lambda: pa.array(["{}"], pa.json_()), [".csv"]),
        ("bytes", lambda: pa.array([b"\xff"]), [".csv"]),
        ("enum", lambda: pa.array([b"\xff"]).dictionary_encode(), [".csv"]),
        ("lists", lambda: pa.array([[1]], pa.list_view(pa.int64())), [".lance"]),
        ("vector_1", lambda: pa.array([1]), [".csv"]),
        ("vector_16", lambda: pa.array([1]), [".csv"]),
        ("vector_17", lambda: pa.array([1]), []),
    ],
)
def test_a_column_that_the_output_cannot_hold_is_refused_before_encoding(
    model, tmp_path, column, make, refused_by, suffix
):
    if suffix == ".lance":
        pytest.importorskip("lancedb")
    path, output = tmp_path / "pairs.parquet", str(tmp_path / f"out{suffix}")
    try:
        values = make()
    except AttributeError:
        pytest.skip("this version of pyarrow has no such type")
    if column.startswith("nothing"):  # JSON may contain empty objects, Parquet may not
        path = tmp_path / "pairs.jsonl"
        path.write_text(json.dumps({"head": "a", "tail": "b", column: values[0].as_py()}))
    else:
        try:
            pa.parquet.write_table(pa.table({"head": ["a"], "tail": ["b"], column: values}), path)
        except pa.ArrowNotImplementedError:
            pytest.skip("this version of pyarrow does not write such a type")
    drop = []
    if suffix in refused_by:
        encode, model.encode = model.encode, None
        with pytest.raises(ValueError, match=f"the column '{column}'.*--drop {column}"):
            encode_files(model, str(path), output)
        assert os.listdir(tmp_path) == [path.name]
        model.encode, drop = encode, [column]
    assert encode_files(model, str(path), output, options=TableOptions(drop=drop), show_progress_bar=False) == 1


def test_the_whole_file_is_checked_before_the_first_pair_is_embedded(model, tmp_path):
    path = tmp_path / "a.jsonl"
    good = '{"head": "a", "tail": "b", "n": 1}\n' * 20_000
    model.encode = None
    path.write_text(good + '{"head": "a", "tail": "b", "n": "x"}\n')
    with pytest.raises(ValueError, match=r"line 20001|element 20001|rows from line"):
        encode_files(model, str(path), str(tmp_path / "out"))
    assert os.listdir(tmp_path) == ["a.jsonl"]
