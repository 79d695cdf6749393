from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_relbert.encoding.blocks import Block, RowReader
from st_relbert.files import tables as files_tables

ROWS = 30


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    for name in ("a", "b"):
        lines = [f"{name}{number},x" for number in range(ROWS)]
        (folder / f"{name}.csv").write_text("\n".join(["head,tail", *lines]) + "\n")
    return files_tables.read_tables(str(folder / "*.csv"))


def in_chunks(tables, rows):
    return [replace(table, options=replace(table.options, chunk_rows=rows)) for table in tables]


blocks = st.lists(st.tuples(st.integers(0, 1), st.integers(0, ROWS), st.integers(0, ROWS)), max_size=8)


@given(blocks=blocks, chunk=st.integers(1, 12))
def test_blocks_in_any_order_contain_the_right_rows(tables, blocks, chunk):
    reader = RowReader(in_chunks(tables, chunk))
    for table, start, rows in blocks:
        rows = min(rows, ROWS - start)
        read = reader.read(Block(0, table, start, rows))
        assert read["head"].to_pylist() == [f"{'ab'[table]}{number}" for number in range(start, start + rows)]


def test_blocks_in_order_are_read_in_one_pass(tables, monkeypatch):
    opened = []
    read_separated = files_tables.read_separated
    monkeypatch.setattr(
        files_tables, "read_separated", lambda place, options: opened.append(place) or read_separated(place, options)
    )
    reader = RowReader(in_chunks(tables, 4))
    for start in (0, 5, 15, 20):  # one is left out, because another worker has it
        assert len(reader.read(Block(0, 0, start, 5))) == 5
    assert len(opened) == 1


def test_a_table_that_lost_rows_is_refused(tables):
    with pytest.raises(ValueError, match="has lost rows since it was checked: it ends at row 30"):
        RowReader(tables).read(Block(0, 0, 28, 5))
