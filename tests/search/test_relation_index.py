"""Searching in an index of pairs."""

import json

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from st_relbert import RelBERT
from st_relbert.search import RelationIndex
from tests.search.conftest import PAIRS, pairs_of


def unit(model, pairs):
    vectors = model.encode(pairs).astype(np.float64)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def unlabelled(index, model, tmp_path):
    """The same pairs without their labels, which change the order (test_means.py)."""
    plain = RelationIndex.create(tmp_path / "unlabelled", model)
    plain.add([(row["head"], row["tail"]) for row in index.rows()])
    return plain


def test_a_search_returns_pairs_by_cosine(unlabelled, model):
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
    vector = unit(model, [query])[0]
    for each in (vector, torch.tensor(vector, requires_grad=True)):
        assert pairs_of(index.search(each, k=8)) == pairs_of(hits)
    assert len(index.search(query, k=100)) == 8


def test_hits_have_their_labels(index):
    assert {hit.pair: hit.relation for hit in index.search(("x", "y"), k=8)}["Paris", "France"] == "capital"


def test_several_pairs_make_a_prototype(unlabelled, model):
    """The mean of unit vectors, not of vectors."""
    index = unlabelled
    examples = PAIRS["capital"]  # two pairs would be equally near to their mean
    prototype = unit(model, examples).mean(axis=0)
    hits = index.search(examples, k=8, exclude="nothing")
    rows = [(row["head"], row["tail"]) for row in index.rows()]
    cosines = unit(model, rows) @ prototype / np.linalg.norm(prototype)
    assert pairs_of(hits) == [rows[i] for i in np.argsort(-cosines)]
    assert set(pairs_of(index.search(examples, k=8))) == set(rows) - set(examples)


def test_a_relation_is_searched_by_the_prototype_of_its_pairs(index):
    hits = index.search_relation("capital", k=8)
    expected = index.search(PAIRS["capital"], k=8, where="relation IS NULL OR relation != 'capital'")
    assert pairs_of(hits) == pairs_of(expected) and len(hits) == 5
    assert [hit.score for hit in hits] == pytest.approx([hit.score for hit in expected], abs=1e-5)
    assert {hit.relation for hit in index.search_relation("capital", k=8, where={"relation": "part"})} == {"part"}
    with pytest.raises(ValueError, match="No row has the relation 'cpaital'. The index has: capital, part"):
        index.search_relation("cpaital")


def test_names_similar_to_a_mistyped_relation_come_first(model, tmp_path):
    index = RelationIndex.create(tmp_path / "idx", model)
    names = [*(f"other {number:02}" for number in range(30)), "place/state_capital"]
    index.add([{"head": name, "tail": "x", "relation": name} for name in names])
    listed = "The index has: place/state_capital, other 00, .* and 11 more .st-relbert index relations lists all."
    with pytest.raises(ValueError, match=f"No row has the relation 'Capital'. {listed}"):
        index.search_relation("Capital")


def test_a_relation_is_searched_without_encoding(index, monkeypatch):
    monkeypatch.setattr(RelBERT, "encode", None)
    assert len(RelationIndex.open(index.path).search_relation("capital")) == 5


def test_rows_and_counts_of_relations(index):
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


def test_excluded_words_are_folded(model, tmp_path):
    index = RelationIndex.create(tmp_path / "idx", model)
    index.add([("New_York", "x"), ("y", "NEW  YORK"), ("cafe\u0301", "z"), ("York", "New")])
    assert pairs_of(index.search(("new york", "CAFÉ"), exclude="words")) == [("York", "New")]


def test_the_best_hit_is_found_behind_many_excluded_ones(model, tmp_path):
    """There are more excluded rows than a search asks for at first."""
    index = RelationIndex.create(tmp_path / "idx", model)
    index.add([("a", f"b{number}") for number in range(200)] + [("c", "d")])
    assert pairs_of(index.search(("a", "b0"), k=1, exclude="words")) == [("c", "d")]


def test_filters_select_rows(index):
    assert {hit.relation for hit in index.search(("a", "b"), k=8, where="relation = 'part'")} == {"part"}
    assert {hit.relation for hit in index.search(("a", "b"), k=8, where={"relation": None})} == {None}
    assert index.search(("a", "b"), where="head = 'Paris' AND relation = 'capital'")[0].pair == ("Paris", "France")
    for where, message in [
        ("colour = 'red'", "The filter cannot be used.*The columns are head, tail, relation"),
        ("relation = 'it's'", "The filter cannot be used"),
        (" ", "The filter is empty"),
        ({}, "The filter is an empty dict"),
        ({"colour": "red"}, "names the column 'colour', expected one of head, tail, relation"),
    ]:
        with pytest.raises(ValueError, match=message):
            index.search(("a", "b"), where=where)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12).map("a".__add__))
def test_values_in_filters_are_escaped(tmp_path_factory, model, text):
    index = RelationIndex.create(tmp_path_factory.mktemp("idx") / "i", model)
    assert index.add([{"head": text, "tail": "b", "relation": text}, ("c", "d")]) == 2
    (hit,) = index.search(("x", "y"), where={"relation": text, "head": text})
    assert (hit.head, hit.relation) == (text, text)
    assert index.add([{"head": text, "tail": "b", "relation": text}]) == 0
    assert index.delete({"head": text}) == 1 and len(index) == 1


def test_a_value_that_looks_like_sql_is_only_a_value(index):
    assert index.search(("a", "b"), where={"relation": "x' OR '1' = '1"}) == []
    assert index.delete({"relation": "x' OR '1' = '1"}) == 0 and len(index) == 8


def test_an_empty_index_has_no_hits(model, tmp_path):
    index = RelationIndex.create(tmp_path / "idx", model)
    assert index.search(("a", "b")) == [] and index.relations() == [] and index.words() == []
    assert index.add([]) == 0 and index.state.rows == 0
    index.optimize()
    with pytest.raises(ValueError, match="No row has the relation 'x'. The index has: none"):
        index.search_relation("x")


@pytest.mark.parametrize("k", [0, -1, 2.5, True, None])
def test_k_must_be_positive(index, k):
    with pytest.raises(ValueError, match="expected a positive whole number"):
        index.search(("a", "b"), k=k)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ([], "The query contains no pairs"),
        ("Tokyo", "The input is 'Tokyo'. Expected pairs of words"),
        (["Tokyo"], "query pair 0 is the string 'Tokyo'"),
        (np.zeros(16, np.float32), "zero or not finite"),
        (np.full(16, np.nan, np.float32), "zero or not finite"),
        (torch.ones(3), r"has shape \(3,\), expected \(16,\)"),
        (np.ones(3, np.float32), r"has shape \(3,\), expected \(16,\)"),
    ],
)
def test_malformed_queries_are_refused(index, query, message):
    with pytest.raises(ValueError, match=message):
        index.search(query)


def test_unknown_exclude_is_refused(index):
    with pytest.raises(ValueError, match="Unknown exclude 'head', expected one of 'pair', 'words', 'nothing'"):
        index.search(("a", "b"), exclude="head")


def test_a_large_index_is_searched_approximately(encoders, tmp_path):
    """The approximate index is built by add, reported, and compared with the exact search, including new rows."""
    model = RelBERT(encoders["bytelevel"], template="short")  # its vectors of all these words differ
    index = RelationIndex.create(tmp_path / "idx", model)
    index._store.ann_from = 2000
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


def test_a_narrow_filter_finds_its_rows_in_a_large_index(model, tmp_path):
    """The few rows that meet it may not be in the parts of the index nearest to the query."""
    index = RelationIndex.create(tmp_path / "idx", model)
    index._store.ann_from, index._store.ann_parts = 1500, 64
    rows = [{"head": f"head{i}", "tail": f"tail{i * 7 % 1000}", "relation": f"r{i % 300}"} for i in range(1500)]
    index.add(rows)
    assert not index.state.exact
    for label in ("r0", "r17", "r170"):
        hits = index.search(("head5", "tail5"), k=5, where={"relation": label})
        assert sorted(pairs_of(hits)) == sorted((row["head"], row["tail"]) for row in rows if row["relation"] == label)
