"""Filters: one complete condition, or values that are only compared."""

import datetime

import numpy as np
import pyarrow as pa
import pytest

from st_relbert.search import RelationIndex

COLUMNS = {"n": int, "weight": float, "checked": bool, "order": str, "day": pa.date32(), "moment": pa.timestamp("us")}
ROW = {
    "head": "a",
    "tail": "b",
    "n": 5,
    "weight": 0.5,
    "checked": True,
    "order": "x",
    "day": datetime.date(2020, 1, 2),
    "moment": datetime.datetime(2020, 1, 2, 3, 4),
}


@pytest.fixture(scope="module")
def typed(model, tmp_path_factory):
    index = RelationIndex.create(tmp_path_factory.mktemp("typed") / "idx", model, columns=COLUMNS)
    index.add([ROW, {"head": "c", "tail": "d", "n": 6}])
    return index


@pytest.mark.parametrize(
    "where",
    [
        {"n": np.int64(5)},
        {"n": np.uint8(5)},
        {"weight": np.float32(0.5)},
        {"weight": np.float64(0.5)},
        {"checked": np.bool_(True)},
        {"head": np.str_("a")},
        {"order": "x"},
        {"day": datetime.date(2020, 1, 2)},
        {"day": np.datetime64("2020-01-02")},
        {"moment": datetime.datetime(2020, 1, 2, 3, 4)},
        {"moment": np.datetime64("2020-01-02T03:04", "ns")},
        {"n": np.int64(5), "weight": 0.5, "checked": True, "head": "a"},
        "n = 5 AND (weight < 1 OR weight > 2)",
        "head = 'a' AND tail != ';--('",
        "`order` = 'x'",
    ],
)
def test_a_filter_is_sql_or_values_by_column(typed, where):
    assert [(row["head"], row["n"]) for row in typed.rows(where)] == [("a", 5)]
    assert [hit.pair for hit in typed.search(("x", "y"), where=where)] == [("a", "b")]


@pytest.mark.parametrize(
    "where",
    [
        "n = 5; DROP TABLE pairs",
        "n = 5 nonsense",
        "n = 5 AN weight = 3",
        "n = 5 ORDER BY n",
        "n = 5 LIMIT 1",
        "n = 5 -- all",
        "n = 5 /* all */",
        "n = 5) OR (n = 6",
        "n = 5) nonsense (",
        "(n = 5) nonsense)",
        "((n = 5)",
        "n = 5 'nonsense",
        "n",
        "n + 1",
        "cast(head as int) = 3",
        "n / 0 = 1",
        "colour = 3",
    ],
)
def test_text_other_than_one_complete_condition_is_refused(typed, where):
    """LanceDB ignores what follows a condition, so all rows that meet it would be deleted."""
    for use in (
        lambda: typed.search(("x", "y"), where=where),
        lambda: list(typed.rows(where)),
        lambda: typed.delete(where),
    ):
        with pytest.raises(ValueError, match="The filter"):
            use()
    assert len(typed) == 2


@pytest.mark.parametrize(
    "value", [[1, 2], {"a": 1}, float("nan"), np.float64("inf"), np.array([1]), b"x", object(), np.datetime64("NaT")]
)
def test_values_of_other_types_are_refused(typed, value):
    with pytest.raises(ValueError, match="The filter (compares|names)"):
        typed.search(("x", "y"), where={"n": value})


@pytest.mark.parametrize("where", [5, ["n = 5"], b"n = 5"])
def test_filters_of_another_kind_are_refused(typed, where):
    with pytest.raises(ValueError, match="expected an SQL condition or a dict"):
        typed.search(("x", "y"), where=where)


def test_a_filter_is_checked_before_the_model_is_loaded(typed):
    without = RelationIndex.open(typed.path, "no/such/model")
    for arguments in ({"where": "nonsense"}, {"where": {"colour": 1}}, {"k": 0}, {"exclude": "all"}):
        with pytest.raises(ValueError, match="filter|k is 0|exclude"):
            without.search(("x", "y"), **arguments)


@pytest.mark.parametrize("name", ["_distance", "_rowid", "_anything", "row_key", "vector", "Vector", "HEAD", "a-b", 3])
def test_taken_column_names_are_refused(model, tmp_path, name):
    with pytest.raises(ValueError, match="cannot be created"):
        RelationIndex.create(tmp_path / "idx", model, columns={name: str})
    assert not (tmp_path / "idx").exists()


def test_columns_that_differ_only_in_case_are_refused(model, tmp_path):
    """LanceDB's filters confuse them."""
    with pytest.raises(ValueError, match="'year' cannot be created"):
        RelationIndex.create(tmp_path / "idx", model, columns={"Year": int, "year": int})
