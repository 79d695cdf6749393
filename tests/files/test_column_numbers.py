"""Columns given by number, in every format."""

import json

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_relbert.files.options import TableOptions
from st_relbert.files.tables import read_table


@pytest.mark.parametrize("chunk", [1, 2, 100])
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet"])
@given(order=st.permutations(["id", "from", "to", "kind"]), dropped=st.sets(st.integers(0, 3)), numbered=st.booleans())
def test_numbers_count_all_columns_whatever_is_left_out(tmp_path_factory, chunk, name, order, dropped, numbered):
    """In JSON, columns count in the order in which they first occur."""
    path = tmp_path_factory.mktemp("numbers") / name
    records = [{"id": "1", "from": "Tokyo", "to": "Japan", "kind": "capital"}] * 3
    records = [{column: record[column] for column in order} for record in records]
    if name == "a.jsonl":
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
    elif name == "a.csv":
        path.write_text("".join(",".join(cells) + "\n" for cells in (order, *(each.values() for each in records))))
    else:
        pa.parquet.write_table(pa.Table.from_pylist(records), path)

    def given_as(column):
        return order.index(column) + 1 if numbered else column.upper()

    left_out = [order[place] for place in dropped]
    options = TableOptions(
        columns=(given_as("from"), given_as("to")),
        relation=given_as("kind"),
        drop=[place + 1 for place in dropped],
        chunk_rows=chunk,
    )
    if {"from", "to", "kind"} & set(left_out):
        with pytest.raises(ValueError, match="but no"):
            read_table(str(path), options)
        return
    table = read_table(str(path), options)
    assert [row[:2] for row in table.records()] == [(("Tokyo", "Japan"), "capital")] * 3
    assert table.schema.names == [column for column in order if column not in left_out]


def test_a_column_of_json_may_first_occur_in_a_later_chunk(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"head": "a", "tail": "b"}\n{"head": "c", "tail": "d", "Note": "x", "note": "y"}\n')
    for drop in (["Note"], [3]):
        table = read_table(str(path), TableOptions(drop=drop, chunk_rows=1))
        assert table.schema.names == ["head", "tail", "note"]
    with pytest.raises(ValueError, match="no column 5 to leave out"):
        read_table(str(path), TableOptions(drop=[5], chunk_rows=1))
