"""Hits are ordered by their own cosine and by that of their relation's mean."""

import numpy as np
import pytest

from st_relbert.search import RelationIndex, SearchHit, relation_labels
from st_relbert.search.hits import RELATION_WEIGHT, REVERSED_PENALTY, Exclusion, RelationMeans

D = 16


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def rows_of(count, relations, seed=0, unlabelled=0):
    """Rows with vectors: clouds around the directions of the relations."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(relations, D))
    vectors = unit(np.repeat(centres, count // relations, axis=0) + 0.8 * rng.normal(size=(count, D)))
    labels = [f"r{number * relations // count}" for number in range(count - unlabelled)] + [None] * unlabelled
    return [
        {"head": f"h{number}", "tail": f"t{number}", "relation": label, "vector": vector.astype(np.float32)}
        for number, (label, vector) in enumerate(zip(labels, vectors, strict=True))
    ]


def plainly(rows, query):
    """The plain way: all rows, by numpy."""
    vectors = np.stack([row["vector"] for row in rows])
    cosines = vectors @ unit(query)
    labels = np.array([row["relation"] or "" for row in rows])
    strengths = cosines.copy()
    for label in set(labels) - {""}:
        if (labels == label).sum() > 1:
            mean = unit(vectors[labels == label].mean(axis=0)) @ unit(query)
            strengths[labels == label] = (cosines[labels == label] + RELATION_WEIGHT * mean) / (1 + RELATION_WEIGHT)
    return strengths, cosines


@pytest.fixture
def filled(model, tmp_path):
    rows = rows_of(1200, 60, unlabelled=40)
    index = RelationIndex.create(tmp_path / "many", model)
    index.add([*rows, {"head": "a", "tail": "b", "relation": "of one pair", "vector": rows[7]["vector"]}])
    return index, [*rows, {"head": "a", "tail": "b", "relation": "of one pair", "vector": rows[7]["vector"]}]


def queries(count=20):
    return np.random.default_rng(1).normal(size=(count, D)).astype(np.float32)


@pytest.mark.parametrize("where", [None, "relation IS NOT NULL", {"relation": None}])
def test_the_fast_search_finds_the_hits_of_an_exact_one(filled, where):
    index, rows = filled
    kept = np.array([where is None or (row["relation"] is None) == isinstance(where, dict) for row in rows])
    shared = []
    for query in queries():
        strengths, cosines = plainly(rows, query)
        strengths[~kept] = -2
        hits = index.search(query, k=10, where=where)
        places = [next(i for i, row in enumerate(rows) if row["head"] == hit.head) for hit in hits]
        np.testing.assert_allclose([hit.strength for hit in hits], strengths[places], atol=1e-5)
        np.testing.assert_allclose([hit.score for hit in hits], cosines[places], atol=1e-5)
        assert [hit.strength for hit in hits] == sorted((hit.strength for hit in hits), reverse=True)
        shared.append(len(set(places) & set(np.argsort(-strengths)[:10])) / 10)
    assert np.mean(shared) >= 0.98


def test_hits_of_an_index_without_relations_are_ordered_by_cosine(model, tmp_path):
    rows = [{**row, "relation": None} for row in rows_of(200, 10)]
    index = RelationIndex.create(tmp_path / "plain", model)
    index.add(rows)
    for query in queries(5):
        hits = index.search(query, k=10)
        assert [hit.head for hit in hits] == [rows[i]["head"] for i in np.argsort(-plainly(rows, query)[1])[:10]]
        assert {hit.relation_score for hit in hits} == {None} and all(hit.strength == hit.score for hit in hits)


def test_added_and_deleted_rows_change_the_means(filled, model):
    index, rows = filled
    other = RelationIndex.open(index.path, model)
    index.search(queries(1)[0])
    more = [{**row, "head": f"new {row['head']}"} for row in rows_of(60, 60, seed=3)]
    index.add(more)
    index.delete("relation = 'r5'")
    now = [row for row in [*rows, *more] if row["relation"] != "r5"]
    for asked in (index, other):
        for query in queries(5):
            best = asked.search(query, k=1)[0]
            assert best.strength == pytest.approx(plainly(now, query)[0].max(), abs=1e-5)


def test_the_means_are_stored_with_the_index(filled, model, monkeypatch, caplog):
    index, _ = filled
    hits = index.search(queries(1)[0])
    assert RelationMeans.of(index._store).version == index._store.version
    with monkeypatch.context() as patch:
        patch.setattr(RelationMeans, "_compute", None)
        assert RelationIndex.open(index.path, model).search(queries(1)[0]) == hits
    (index.path / "relation_means.safetensors").write_bytes(b"x")
    assert RelationIndex.open(index.path, model).search(queries(1)[0]) == hits and "is damaged" in caplog.text


def test_only_the_largest_relations_have_means(filled):
    index, _ = filled
    assert len(RelationMeans._compute(index._store, "1", most=3)) == 3


def test_a_build_stores_the_means(model, tmp_path, monkeypatch):
    index = RelationIndex.build(tmp_path / "built", rows_of(120, 4), model)
    with monkeypatch.context() as patch:
        patch.setattr(RelationMeans, "_compute", None)
        assert index.search(queries(1)[0])[0].relation_score is not None
    again = RelationIndex.build(tmp_path / "built", [("a", "b")], model, overwrite=True)
    assert again.search(queries(1)[0])[0].relation_score is None


def test_means_count_for_both_directions_and_several_pairs(index, model):
    rows = [
        {**row, "vector": model.encode((row["head"], row["tail"]), normalize_embeddings=True)} for row in index.rows()
    ]
    examples = [("Berlin", "Germany"), ("Oslo", "Norway")]
    straight, turned = (
        plainly(rows, model.encode(pairs, normalize_embeddings=True).mean(axis=0))[0]
        for pairs in (examples, [pair[::-1] for pair in examples])
    )
    hits = index.search(examples, k=1, both_directions=True)
    assert hits[0].reversed == (turned.max() - REVERSED_PENALTY > straight.max())
    assert hits[0].strength == pytest.approx(max(straight.max(), turned.max() if hits[0].reversed else -1), abs=1e-5)


def test_the_strongest_hits_decide_the_label(index, monkeypatch):
    """One hit is much stronger than the two others."""
    hits = [SearchHit("a", "b", "x", 0.9), SearchHit("c", "d", "y", 0.6), SearchHit("e", "f", "y", 0.5)]
    monkeypatch.setattr(index, "search", lambda *_, **__: hits)
    labels = relation_labels(index, ("g", "h"))
    assert [(label.relation, label.score, label.support) for label in labels] == [
        ("x", pytest.approx(0.8), 1),
        ("y", pytest.approx(0.2), 2),
    ]


def test_a_blank_label_is_none(model, tmp_path):
    index = RelationIndex.create(tmp_path / "idx", model)
    labels = ["", " ", None, "part", "part"]
    assert index.add([{"head": "hand", "tail": f"arm {n // 2}", "relation": r} for n, r in enumerate(labels)]) == 4
    assert index.relation_counts() == {"part": 2} and len(list(index.rows({"relation": None}))) == 2
    means = RelationMeans([""], np.ones((1, D), np.float32), index._store.version)
    hits = means.strongest(index._store, model.encode(("Tokyo", "Japan")), 9, None, Exclusion([]))
    assert [hit.relation_score for hit in hits] == [None] * 4
