import json

import numpy as np
import peft
import pyarrow as pa
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from st_relbert import RelBERT
from st_relbert.search import RelationIndex
from st_relbert.search import store as store_module
from tests.search.conftest import PAIRS


def unit(model, pairs):
    vectors = model.encode(pairs).astype(np.float64)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def pairs_of(hits):
    return [hit.pair for hit in hits]


@pytest.fixture
def unlabelled(index, model, tmp_path):
    """The same pairs without their labels, which change the order (test_means.py)."""
    plain = RelationIndex.create(tmp_path / "unlabelled", model)
    plain.add([(row["head"], row["tail"]) for row in index.rows()])
    return plain


def test_a_search_gives_the_pairs_by_cosine(unlabelled, model):
    """Against the plain way: all cosines, sorted."""
    index = unlabelled
    rows = list(index.rows())
    pairs = [(row["head"], row["tail"]) for row in rows]
    query = ("Berlin", "Germany")
    cosines = unit(model, pairs) @ unit(model, [query])[0]
    hits = index.search(query, k=8)
    assert pairs_of(hits) == [pairs[i] for i in np.argsort(-cosines)]
    np.testing.assert_allclose([hit.score for hit in hits], -np.sort(-cosines), atol=1e-5)
    assert index.search(list(query), k=8) == hits
    assert pairs_of(index.search(unit(model, [query])[0], k=8)) == pairs_of(hits)
    assert len(index.search(query, k=100)) == 8


def test_hits_have_their_labels(index):
    assert {hit.pair: hit.relation for hit in index.search(("x", "y"), k=8)}["Paris", "France"] == "capital"


def test_several_pairs_are_a_prototype(unlabelled, model):
    """The mean of unit vectors, not of vectors."""
    index = unlabelled
    examples = PAIRS["capital"]  # of two, both would be as near to their mean
    prototype = unit(model, examples).mean(axis=0)
    hits = index.search(examples, k=8, exclude="nothing")
    rows = [(row["head"], row["tail"]) for row in index.rows()]
    cosines = unit(model, rows) @ prototype / np.linalg.norm(prototype)
    assert pairs_of(hits) == [rows[i] for i in np.argsort(-cosines)]
    assert set(pairs_of(index.search(examples, k=8))) == set(rows) - set(examples)


def test_a_relation_is_the_prototype_of_its_pairs(index):
    hits = index.search_relation("capital", k=8)
    expected = index.search(PAIRS["capital"], k=8, where="relation IS NULL OR relation != 'capital'")
    assert pairs_of(hits) == pairs_of(expected) and len(hits) == 5
    assert [hit.score for hit in hits] == pytest.approx([hit.score for hit in expected], abs=1e-5)
    assert {hit.relation for hit in index.search_relation("capital", k=8, where={"relation": "part"})} == {"part"}
    with pytest.raises(ValueError, match="No row has the relation 'cpaital'. The index has: capital, part"):
        index.search_relation("cpaital")


def test_a_relation_is_searched_without_encoding(index, monkeypatch):
    monkeypatch.setattr(RelBERT, "encode", None)
    assert len(RelationIndex.open(index.path).search_relation("capital")) == 5


def test_the_rows_and_the_number_of_each_relation(index):
    assert index.relation_counts() == {"capital": 3, "part": 3}
    rows = list(index.rows_of_relation("part", "head != 'page'"))
    assert [(row["head"], row["tail"]) for row in rows] == PAIRS["part"][:2]
    assert index.tails("Tokyo") == ["Japan", "sushi"] and index.tails("x") == []
    with pytest.raises(ValueError, match="No row has the relation 'x'. The index has: capital, part"):
        index.rows_of_relation("x")


def test_words_of_the_query_can_be_excluded(index):
    """Upper and lower case are the same word."""
    everything = pairs_of(index.search(("tokyo", "x"), k=8))
    assert len(everything) == 8
    kept = pairs_of(index.search(("tokyo", "x"), k=8, exclude="words"))
    assert kept == [pair for pair in everything if "Tokyo" not in pair] and len(kept) == 6
    assert ("Tokyo", "Japan") in pairs_of(index.search(("Tokyo", "Japan"), k=8, exclude="nothing"))
    assert ("Tokyo", "Japan") not in pairs_of(index.search(("Tokyo", "Japan"), k=8))


def test_excluded_words_are_compared_folded(model, tmp_path):
    index = RelationIndex.create(tmp_path / "idx", model)
    index.add([("New_York", "x"), ("y", "NEW  YORK"), ("cafe\u0301", "z"), ("York", "New")])
    assert pairs_of(index.search(("new york", "CAFÉ"), exclude="words")) == [("York", "New")]


def test_the_best_is_found_behind_many_that_are_excluded(model, tmp_path):
    """More of them than a search asks for at first."""
    index = RelationIndex.create(tmp_path / "idx", model)
    index.add([("a", f"b{number}") for number in range(200)] + [("c", "d")])
    assert pairs_of(index.search(("a", "b0"), k=1, exclude="words")) == [("c", "d")]


def test_filters(index):
    assert {hit.relation for hit in index.search(("a", "b"), k=8, where="relation = 'part'")} == {"part"}
    assert {hit.relation for hit in index.search(("a", "b"), k=8, where={"relation": None})} == {None}
    assert index.search(("a", "b"), where="head = 'Paris' AND relation = 'capital'")[0].pair == ("Paris", "France")
    for where, message in [
        ("colour = 'red'", "The filter cannot be used.*The columns are head, tail, relation"),
        ("relation = 'it's'", "The filter cannot be used"),
        (" ", "The filter is empty"),
        ({}, "The filter names no column"),
        ({"colour": "red"}, "names the column 'colour', expected head, tail, relation"),
    ]:
        with pytest.raises(ValueError, match=message):
            index.search(("a", "b"), where=where)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12).map("a".__add__))
def test_values_are_only_compared_whatever_they_hold(tmp_path_factory, model, text):
    index = RelationIndex.create(tmp_path_factory.mktemp("idx") / "i", model)
    assert index.add([{"head": text, "tail": "b", "relation": text}, ("c", "d")]) == 2
    (hit,) = index.search(("x", "y"), where={"relation": text, "head": text})
    assert (hit.head, hit.relation) == (text, text)
    assert index.add([{"head": text, "tail": "b", "relation": text}]) == 0
    assert index.delete({"head": text}) == 1 and len(index) == 1


def test_a_value_that_looks_like_sql_is_a_value(index):
    assert index.search(("a", "b"), where={"relation": "x' OR '1' = '1"}) == []
    assert index.delete({"relation": "x' OR '1' = '1"}) == 0 and len(index) == 8


def test_adding_is_idempotent(index, model):
    before = list(index.rows())
    assert index.add([{"head": h, "tail": t, "relation": "capital"} for h, t in PAIRS["capital"]]) == 0
    assert index.add([("Madrid", "Spain"), ("Oslo", "Norway"), ("Oslo", "Norway")]) == 1
    assert list(index.rows())[: len(before)] == before
    # The same pair with another label is another row.
    assert index.add([{"head": "Tokyo", "tail": "Japan", "relation": "city in"}] * 2) == 1
    assert len(index) == 10


def test_pairs_that_are_there_are_not_encoded_again(index, model, monkeypatch):
    encoded = []
    plain = type(model).encode
    monkeypatch.setattr(
        type(model), "encode", lambda self, pairs, **kw: encoded.extend(pairs) or plain(self, pairs, **kw)
    )
    index.add([("Madrid", "Spain"), ("Oslo", "Norway")])
    assert encoded == [("Oslo", "Norway")]


@pytest.mark.parametrize("chunk_size", [1, 3, 1000])
def test_chunks_do_not_matter(model, tmp_path, chunk_size):
    pairs = [(f"h{i % 7}", f"t{i % 5}") for i in range(40)]
    index = RelationIndex.create(tmp_path / "idx", model)
    assert index.add(iter(pairs), chunk_size=chunk_size) == 35
    assert sorted((row["head"], row["tail"]) for row in index.rows()) == sorted(set(pairs))


def test_further_columns_are_kept_and_filtered_by(model, tmp_path):
    columns = {"year": int, "source": str, "weight": float, "checked": bool, "tags": pa.list_(pa.string())}
    index = RelationIndex.create(tmp_path / "idx", model, columns=columns)
    index.add([{"head": "a", "tail": "b", "year": 1990, "source": "s", "weight": 0.5, "checked": True, "tags": ["x"]}])
    index.add([{"head": "c", "tail": "d", "year": 2000}, ("e", "f")])
    (hit,) = index.search(("x", "y"), where="year > 1995")
    assert hit.pair == ("c", "d") and hit.columns["year"] == 2000 and hit.columns["source"] is None
    assert index.search(("x", "y"), where={"checked": True})[0].columns["tags"] == ["x"]
    assert index.columns == ["head", "tail", "relation", *columns]
    for row, message in [
        ({"head": "a", "tail": "b", "colour": "red"}, "row 0 has the column 'colour', expected checked, head"),
        ({"head": "g", "tail": "b", "year": "long ago"}, "The column 'year' is of the type int64"),
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
        ({"vector": str}, "'vector' cannot be made"),
        ({"a b": str}, "'a b' cannot be made"),
        ({"a": "text"}, "type 'text'"),
    ],
)
def test_columns_that_cannot_be_made(model, tmp_path, columns, message):
    with pytest.raises(ValueError, match=message):
        RelationIndex.create(tmp_path / "idx", model, columns=columns)
    assert not (tmp_path / "idx").exists()


def test_an_index_is_opened_with_its_own_model(index, model, encoders):
    again = RelationIndex.open(index.path)
    assert len(again) == 8 and again.search(("a", "b")) == index.search(("a", "b"))
    assert RelationIndex.open(index.path, RelBERT(encoders["wordpiece"], template="short")).identity == index.identity
    for other, what in [
        (RelBERT(encoders["wordpiece"], template="a"), "template"),
        (RelBERT(encoders["wordpiece"], template="short", pooling="mask"), "pooling"),
        (RelBERT(encoders["bytelevel"], template="short"), "weights"),
    ]:
        with pytest.raises(ValueError, match=f"of other {what}.*not comparable"):
            RelationIndex.open(index.path, other)


def test_the_plain_form_of_the_model_is_the_same_model(index, model, tmp_path):
    from sentence_transformers import SentenceTransformer

    model.save_pretrained(str(tmp_path / "saved"), create_model_card=False)
    plain = RelationIndex.open(index.path, SentenceTransformer(str(tmp_path / "saved")))
    expected, found = index.search(("a", "b")), plain.search(("a", "b"))
    assert pairs_of(found) == pairs_of(expected)


def test_an_index_of_an_adapter_finds_the_adapter_again_and_not_its_encoder(encoders, tmp_path):
    model = RelBERT(encoders["wordpiece"], template="short")
    model.add_adapter(peft.LoraConfig(task_type="FEATURE_EXTRACTION", r=2, target_modules=["query"]))
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight)
    model.save_pretrained(str(tmp_path / "adapter"))
    index = RelationIndex.create(tmp_path / "idx", RelBERT(str(tmp_path / "adapter")))
    index.add([("Paris", "France"), ("finger", "hand")])
    assert index.identity.name == str(tmp_path / "adapter")
    found = RelationIndex.open(tmp_path / "idx").search(("Tokyo", "Japan"), k=2)
    assert [hit.pair for hit in found] == [hit.pair for hit in index.search(("Tokyo", "Japan"), k=2)]


def test_a_model_that_has_changed_is_refused(tmp_path, encoders, model):
    saved = str(tmp_path / "saved")
    model.save_pretrained(saved, create_model_card=False)
    index = RelationIndex.create(tmp_path / "idx", RelBERT(saved))
    index.add([("a", "b")])
    RelBERT(encoders["bytelevel"], template="short").save_pretrained(saved, create_model_card=False)
    with pytest.raises(ValueError, match="not comparable"):
        RelationIndex.open(tmp_path / "idx").search(("a", "b"))


def test_places_that_are_no_index(index, model, tmp_path):
    with pytest.raises(ValueError, match="is no index. Make one"):
        RelationIndex.open(tmp_path / "none")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("keep me")
    with pytest.raises(ValueError, match="is no index"):
        RelationIndex.open(tmp_path / "notes")
    for overwrite in (False, True):
        with pytest.raises(ValueError, match="exists and is no index, so it is not replaced"):
            RelationIndex.create(tmp_path / "notes", model, overwrite=overwrite)
    assert (tmp_path / "notes" / "a.txt").read_text() == "keep me"
    with pytest.raises(ValueError, match="is an index already"):
        RelationIndex.create(index.path, model)
    assert len(RelationIndex.create(index.path, model, overwrite=True)) == 0


def test_a_table_of_another_program_is_refused(tmp_path):
    import lancedb

    lancedb.connect(str(tmp_path / "x")).create_table("pairs", [{"vector": [1.0, 2.0]}])
    with pytest.raises(ValueError, match="it names no model"):
        RelationIndex.open(tmp_path / "x")


def test_an_empty_index(model, tmp_path):
    index = RelationIndex.create(tmp_path / "idx", model)
    assert index.search(("a", "b")) == [] and index.relations() == [] and index.words() == []
    assert index.add([]) == 0 and index.state.rows == 0
    index.optimize()
    with pytest.raises(ValueError, match="No row has the relation 'x'. The index has: none"):
        index.search_relation("x")


def test_deleting(index):
    with pytest.raises(ValueError, match="No condition says what to delete"):
        index.delete(None)
    with pytest.raises(ValueError, match="The filter cannot be used"):
        index.delete("nonsense =")
    assert index.delete("relation = 'part'") == 3
    assert index.relations() == ["capital"] and len(index) == 5
    assert index.add([{"head": "finger", "tail": "hand", "relation": "part"}]) == 1


@pytest.mark.parametrize("k", [0, -1, 2.5, True, None])
def test_k_has_to_be_positive(index, k):
    with pytest.raises(ValueError, match="expected a number of rows from 1 up"):
        index.search(("a", "b"), k=k)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ([], "The query holds no pair"),
        ("Tokyo", "query pair 0"),
        (np.zeros(16, np.float32), "zero or not finite"),
        (np.full(16, np.nan, np.float32), "zero or not finite"),
        (np.ones(3, np.float32), r"has the shape \(3,\), expected \(16,\)"),
    ],
)
def test_malformed_queries_are_refused(index, query, message):
    with pytest.raises(ValueError, match=message):
        index.search(query)


def test_exclude_has_to_be_known(index):
    with pytest.raises(ValueError, match="exclude is 'head', expected 'pair', 'words', 'nothing'"):
        index.search(("a", "b"), exclude="head")


def test_a_model_that_gives_no_usable_vector(index, model, monkeypatch):
    monkeypatch.setattr(type(model), "encode", lambda self, pairs, **kw: np.full((len(pairs), 16), np.nan, np.float32))
    with pytest.raises(ValueError, match="not finite"):
        index.add([("g", "h")])
    monkeypatch.setattr(type(model), "encode", lambda self, pairs, **kw: np.zeros((len(pairs), 16), np.float32))
    with pytest.raises(ValueError, match="zero"):
        index.add([("g", "h")])
    assert len(index) == 8


def test_a_large_index_is_searched_approximately(encoders, tmp_path, monkeypatch):
    """Built by add, reported, and right: here against the exact search, new rows included."""
    model = RelBERT(encoders["bytelevel"], template="short")  # it knows all these words apart
    for module in ("store",):
        monkeypatch.setattr(f"st_relbert.search.{module}.ANN_FROM", 2000)
    index = RelationIndex.create(tmp_path / "idx", model)
    index.add([(f"head{i}", f"tail{i * 7 % 1000}") for i in range(1000)])
    assert index.state.exact
    index.add([(f"word{i}", f"other{i * 3 % 1000}") for i in range(1500)])
    state = index.state
    assert not state.exact and state.unindexed == 0 and state.rows == 2500
    index.add([("Tokyo", "Japan"), ("Paris", "France")])
    assert index.state.unindexed == 2
    queries = [(f"head{i}", f"tail{i}") for i in range(5, 500, 25)]
    shares = []
    for query in queries:
        exact = index.search(query, exact=True)
        shares.append(len(set(pairs_of(exact)) & set(pairs_of(index.search(query)))) / len(exact))
    assert np.mean(shares) >= 0.9
    assert index.search(("Tokyo", "Japan"), k=1, exclude="nothing")[0].pair == ("Tokyo", "Japan")
    before = json.loads(index.identity.as_json())
    assert json.loads(RelationIndex.open(index.path).identity.as_json()) == before
    assert store_module.ANN_FROM == 2000


def test_a_narrow_filter_finds_its_rows_in_a_large_index_too(model, tmp_path, monkeypatch):
    """The few rows that it leaves may be in other parts of the index than those nearest to the query."""
    lancedb_index = pytest.importorskip("lancedb.index")
    for module in ("store",):
        monkeypatch.setattr(f"st_relbert.search.{module}.ANN_FROM", 1500)
    many_parts = lancedb_index.IvfRq(distance_type="cosine", num_partitions=64)
    monkeypatch.setattr("st_relbert.search.store._ann_config", lambda: many_parts)
    index = RelationIndex.create(tmp_path / "idx", model)
    rows = [{"head": f"head{i}", "tail": f"tail{i * 7 % 1000}", "relation": f"r{i % 300}"} for i in range(1500)]
    index.add(rows)
    assert not index.state.exact
    for label in ("r0", "r17", "r170"):
        hits = index.search(("head5", "tail5"), k=5, where={"relation": label})
        assert sorted(pairs_of(hits)) == sorted((row["head"], row["tail"]) for row in rows if row["relation"] == label)


def test_rows_may_bring_their_vectors(index, model, tmp_path, monkeypatch):
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
def test_vectors_that_cannot_be_used(index, vector):
    rows = [{"head": "a", "tail": "b", "vector": [1.0] * 16}, {"head": "c", "tail": "d", "vector": vector}]
    with pytest.raises(ValueError, match=r"\('c', 'd'\) has a vector that cannot be used .*expected 16 finite numbers"):
        index.add(rows)


def test_all_rows_fit_into_a_prompt_before_the_first_is_encoded(index, model, tmp_path, monkeypatch):
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


def test_rows_with_vectors_are_not_put_into_prompts(model, tmp_path):
    index = RelationIndex.create(tmp_path / "idx", model)
    vector = model.encode(("a", "b"))
    assert index.add([{"head": "x " * 600, "tail": "long", "vector": vector}]) == 1
