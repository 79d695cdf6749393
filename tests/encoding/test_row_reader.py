import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_relbert.encoding.blocks import Block, RowReader
from st_relbert.files import tables as pair_files

ROWS = 30


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    for name in ("a", "b"):
        lines = [f"{name}{number},x" for number in range(ROWS)]
        (folder / f"{name}.csv").write_text("\n".join(["head,tail", *lines]) + "\n")
    return {name: str(folder / f"{name}.csv") for name in ("a", "b")}


blocks = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, ROWS), st.integers(0, ROWS)), max_size=8)


@given(blocks=blocks, chunk=st.integers(1, 12))
def test_blocks_in_any_order_are_the_rows_of_their_places(files, blocks, chunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pair_files, "_CHUNK", chunk)
        reader = RowReader(("head", "tail"))
        for name, start, rows in blocks:
            rows = min(rows, ROWS - start)
            table = reader.read(Block(0, files[name], start, rows))
            assert table["head"].to_pylist() == [f"{name}{number}" for number in range(start, start + rows)]


def test_blocks_in_order_are_read_in_one_pass(files, monkeypatch):
    monkeypatch.setattr(pair_files, "_CHUNK", 4)
    opened = []
    read_batches = pair_files.read_batches
    monkeypatch.setattr(
        "st_relbert.encoding.blocks.read_batches", lambda *args: opened.append(args[1]) or read_batches(*args)
    )
    reader = RowReader(("head", "tail"))
    for start in (0, 5, 15, 20):  # one is left out, as another worker has it
        assert isinstance(reader.read(Block(0, files["a"], start, 5)), pa.Table)
    assert opened == [files["a"]]


def test_a_file_that_has_become_shorter(files):
    with pytest.raises(ValueError, match="has lost rows since it was checked: it ends at row 30"):
        RowReader(("head", "tail")).read(Block(0, files["a"], 28, 5))
