"""Text is read as written: cells stay text, and quotes, blanks, separators and encodings are understood."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_relbert.files.tables import read_table
from tests.files.reading import CELLS, pairs, rows


def test_cells_stay_text(written):
    path = written("a.csv", "head,tail,id,price,day,none\nTokyo,Japan,00123,1.10,2020-01-01,NA\n007,1e5,,x,y,z\n")
    first, second = rows(read_table(path))
    expected = {"head": "Tokyo", "tail": "Japan", "id": "00123", "price": "1.10", "day": "2020-01-01", "none": "NA"}
    assert first == expected
    assert second["head"] == "007" and second["tail"] == "1e5" and second["id"] == ""


def test_quotes_are_ordinary_characters_in_tsv(written):
    content = 'head\ttail\n"a\tb\nc\td\n5" disk\t"x"\n"\te\n'
    assert pairs(written("a.tsv", content)) == [('"a', "b"), ("c", "d"), ('5" disk', '"x"'), ('"', "e")]


@given(st.lists(st.tuples(CELLS, CELLS, st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))))
def test_what_the_csv_module_writes_is_read_back(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("head", "tail", "note"), *content])
    assert [tuple(row.values()) for row in rows(read_table(str(path)))] == content


@given(
    st.lists(st.tuples(CELLS, CELLS, st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))),
    st.sampled_from(",;\t|"),
    st.integers(0, 2),
)
def test_blanks_between_a_separator_and_a_quote_are_not_part_of_the_cell(tmp_path_factory, content, separator, blanks):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    quoted = [['"{}"'.format(cell.replace('"', '""')) for cell in row] for row in [("head", "tail", "note"), *content]]
    text = "".join((separator + " " * blanks).join(row) + "\r\n" for row in quoted)
    path.write_text(text, encoding="utf-8", newline="")
    assert [tuple(row.values()) for row in rows(read_table(str(path)))] == content


def test_blanks_that_belong_to_a_cell_are_kept(written):
    content = 'head,tail,note\n"Tokyo", "Japan"," a"\nRome, Italy, \n  "hand ","fin\nger", " ""x"""\n'
    assert [tuple(row.values()) for row in rows(read_table(written("a.csv", content)))] == [
        ("Tokyo", "Japan", " a"),
        ("Rome", " Italy", " "),
        ("hand ", "fin\nger", ' "x"'),
    ]
    assert pairs(written("b.csv", "head tail x\na b \n"), separator=" ") == [("a", "b")]


def test_an_encoding_may_be_named(written):
    path = written("a.csv", "head,tail\ncafé,b\n".encode("latin-1"))
    assert pairs(path, encoding="latin-1") == [("café", "b")]
    with pytest.raises(ValueError, match="unknown encoding: klingon.*--encoding"):
        pairs(path, encoding="klingon")


def test_a_separator_may_be_named(written):
    path = written("a.csv", "head#tail\nTokyo#Japan\n")
    assert pairs(path, separator="#") == [("Tokyo", "Japan")]
    assert pairs(written("b.csv", "head\ttail\na\tb\n"), separator="tab") == [("a", "b")]
