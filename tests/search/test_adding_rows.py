"""Rows are added to an index, and deleted from it."""

import numpy as np
import pyarrow as pa
import pytest

from st_relbert import RelBERT
from st_relbert.search import RelationIndex
from tests.search.conftest import PAIRS


def test_adding_is_idempotent(index, model):
    before = list(index.rows())
    assert index.add([{"head": h, "tail": t, "relation": "capital"} for h, t in PAIRS["capital"]]) == 0
    assert index.add([("Madrid", "Spain"), ("Oslo", "Norway"), ("Oslo", "Norway")]) == 1
    assert list(index.rows())[: len(before)] == before
    # The same pair with a different label is a different row.
    assert index.add([{"head": "Tokyo", "tail": "Japan", "relation": "city in"}] * 2) == 1
    assert len(index) == 10


def test_existing_pairs_are_not_encoded_again(index, model, monkeypatch):
    encoded = []
    plain = type(model).encode
    monkeypatch.setattr(
        type(model), "encode", lambda self, pairs, **kw: encoded.extend(pairs) or plain(self, pairs, **kw)
    )
    index.add([("Madrid", "Spain"), ("Oslo", "Norway")])
    assert encoded == [("Oslo", "Norway")]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_rows_and_queries_may_be_a_data_frame(model, tmp_path, library):
    library = pytest.importorskip(library)
    rows = [
        {"head": "Paris", "tail": "France", "relation": "capital", "year": 987},
        {"head": "hand", "tail": "arm", "relation": None, "year": None},
    ]
    frame = library.DataFrame({name: [row[name] for row in rows] for name in rows[0]})
    built = RelationIndex.build(tmp_path / "built", frame, model, columns={"year": int})
    assert list(built.rows()) == rows
    index = RelationIndex.create(tmp_path / "idx", model, columns={"year": int})
    assert index.add(frame) == 2 and list(index.rows()) == rows
    queries = frame[["head", "tail"]]
    assert index.search(queries, exclude="nothing") == index.search(
        [(row["head"], row["tail"]) for row in rows], exclude="nothing"
    )
    with pytest.raises(ValueError, match=r"The DataFrame has the columns .*expected head and tail, or two columns"):
        index.search(frame[["tail", "year", "relation"]])
    with pytest.raises(ValueError, match="row 0 has the column 'year', expected one of head, relation, tail, vector"):
        RelationIndex.build(tmp_path / "other", frame, model)


def test_rows_may_be_an_arrow_table(index, tmp_path, model):
    rows = [{"head": "Vienna", "tail": "Austria", "relation": "capital"}, {"head": "a", "tail": "b", "relation": None}]
    assert index.add(pa.Table.from_pylist(rows)) == 2 and list(index.rows())[-2:] == rows
    assert len(RelationIndex.build(tmp_path / "other", pa.Table.from_pylist(rows), model)) == 2


@pytest.mark.parametrize("chunk_size", [1, 3, 1000])
def test_the_chunk_size_does_not_matter(model, tmp_path, chunk_size):
    pairs = [(f"h{i % 7}", f"t{i % 5}") for i in range(40)]
    index = RelationIndex.create(tmp_path / "idx", model)
    assert index.add(iter(pairs), chunk_size=chunk_size) == 35
    assert sorted((row["head"], row["tail"]) for row in index.rows()) == sorted(set(pairs))


@pytest.mark.parametrize("name", ["batch_size", "chunk_size"])
@pytest.mark.parametrize("number", [0, -1, 2.5])
def test_batches_and_chunks_have_rows(index, name, number):
    """With chunks of none, nothing would be added, and nothing said."""
    with pytest.raises(ValueError, match=f"{name} is {number}, expected a positive whole number"):
        index.add([("Oslo", "Norway")], **{name: number})


def test_further_columns_are_kept_and_can_be_filtered(model, tmp_path):
    columns = {"year": int, "source": str, "weight": float, "checked": bool, "tags": pa.list_(pa.string())}
    index = RelationIndex.create(tmp_path / "idx", model, columns=columns)
    index.add([{"head": "a", "tail": "b", "year": 1990, "source": "s", "weight": 0.5, "checked": True, "tags": ["x"]}])
    index.add([{"head": "c", "tail": "d", "year": 2000}, ("e", "f")])
    (hit,) = index.search(("x", "y"), where="year > 1995")
    assert hit.pair == ("c", "d") and hit.columns["year"] == 2000 and hit.columns["source"] is None
    assert index.search(("x", "y"), where={"checked": True})[0].columns["tags"] == ["x"]
    assert index.columns == ["head", "tail", "relation", *columns]
    for row, message in [
        ({"head": "a", "tail": "b", "colour": "red"}, "row 0 has the column 'colour', expected one of checked, head"),
        ({"head": "g", "tail": "b", "year": "long ago"}, "The column 'year' has the type int64"),
        ({"head": "a"}, "the tail of row 0 is None"),
        ({"head": "a", "tail": "b", "relation": 3}, "The relation of row 0 is 3"),
        (("a",), "row 0 is"),
    ]:
        with pytest.raises(ValueError, match=message):
            index.add([row])
    assert len(index) == 3


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"vector": str}, "'vector' cannot be created"),
        ({"a b": str}, "'a b' cannot be created"),
        ({"a": "text"}, "type 'text'"),
        ({"a": pa.map_(pa.string(), pa.int64())}, "'a' has the type map<.*>, which an index cannot hold"),
        ({"a": pa.list_view(pa.int64())}, "which an index cannot hold"),
        ({"a": pa.struct([("x", pa.list_(pa.struct([])))])}, "which an index cannot hold"),
    ],
)
def test_invalid_columns_are_refused(model, tmp_path, columns, message):
    with pytest.raises(ValueError, match=message):
        RelationIndex.create(tmp_path / "idx", model, columns=columns)
    assert not (tmp_path / "idx").exists()


def test_rows_can_be_deleted(index):
    with pytest.raises(ValueError, match="There is no condition for what to delete"):
        index.delete(None)
    with pytest.raises(ValueError, match="The filter cannot be used"):
        index.delete("nonsense =")
    assert index.delete("relation = 'part'") == 3
    assert index.relations() == ["capital"] and len(index) == 5
    assert index.add([{"head": "finger", "tail": "hand", "relation": "part"}]) == 1


def test_a_vector_of_the_model_that_is_not_usable_is_an_error(index, model, monkeypatch):
    monkeypatch.setattr(type(model), "encode", lambda self, pairs, **kw: np.full((len(pairs), 16), np.nan, np.float32))
    with pytest.raises(ValueError, match="not finite"):
        index.add([("g", "h")])
    monkeypatch.setattr(type(model), "encode", lambda self, pairs, **kw: np.zeros((len(pairs), 16), np.float32))
    with pytest.raises(ValueError, match="zero"):
        index.add([("g", "h")])
    assert len(index) == 8


def test_rows_may_include_their_vectors(index, model, tmp_path, monkeypatch):
    pairs = [("Vienna", "Austria"), ("rung", "ladder")]
    rows = [
        {"head": head, "tail": tail, "vector": vector * 3}
        for (head, tail), vector in zip(pairs, model.encode(pairs), strict=True)
    ]
    with monkeypatch.context() as patch:
        patch.setattr(RelBERT, "encode", None)
        assert index.add(rows) == 2
    assert index.search(("Vienna", "Austria"), exclude="nothing")[0].score == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("vector", [None, [1.0], [float("nan")] * 16])
def test_unusable_vectors_are_refused(index, vector):
    rows = [{"head": "a", "tail": "b", "vector": [1.0] * 16}, {"head": "c", "tail": "d", "vector": vector}]
    with pytest.raises(ValueError, match=r"\('c', 'd'\) has .*vector.*, expected one of 16 finite numbers"):
        index.add(rows)


def test_rows_too_long_for_a_prompt_are_refused_before_encoding(index, model, tmp_path, monkeypatch):
    rows = [("a", "b"), ("x " * 600, "too long")]
    monkeypatch.setattr(RelBERT, "encode", lambda *_, **__: pytest.fail("a pair was encoded"))
    before = len(index)
    for add in (
        lambda: RelationIndex.build(tmp_path / "other", rows, model, chunk_size=1),
        lambda: index.add(rows, chunk_size=1),
    ):
        with pytest.raises(ValueError, match="too long"):
            add()
    assert len(index) == before and not list(tmp_path.glob("other*"))


def test_rows_with_vectors_may_be_too_long_for_a_prompt(model, tmp_path):
    index = RelationIndex.create(tmp_path / "idx", model)
    vector = model.encode(("a", "b"))
    assert index.add([{"head": "x " * 600, "tail": "long", "vector": vector}]) == 1
