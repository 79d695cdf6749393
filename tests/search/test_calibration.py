import json
from dataclasses import asdict

import numpy as np
import pytest

from st_relbert.search import Calibration, RelationIndex, relation_labels
from st_relbert.search.calibration import calibrate
from st_relbert.search.hits import SearchHit, best_of

D = 16


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def relations():
    """Pairs of four relations, each a cloud of vectors. All other pairs have random vectors."""
    rng = np.random.default_rng(0)
    centres, labels = np.eye(D)[:4], np.repeat(list("abcd"), 40)
    vectors = unit(np.repeat(centres, 40, axis=0) + 0.1 * rng.normal(size=(160, D)))
    order = rng.permutation(160)
    pairs = [(f"h{number}", f"t{number}") for number in range(160)]
    return pairs, labels[order].tolist(), vectors[order], lambda asked: unit(rng.normal(size=(len(asked), D)))


def test_related_pairs_are_distinguished_from_others(relations):
    made = calibrate(*relations, rows=160)
    near, far = np.eye(D)[0], np.eye(D)[10]
    cosines = {"near": [0.95] * 20, "far": [0.3] * 20}
    assert made.of_pair(near, cosines["near"]) > 0.9 and made.of_pair(far, cosines["far"]) < 0.1
    assert made.of_hit(0.95) > 0.9 and made.of_hit(0.3) < 0.1
    ladder = [made.of_hit(cosine) for cosine in np.linspace(-1, 1, 9)]
    assert ladder == sorted(ladder) and 0 <= ladder[0] < ladder[-1] <= 1


def test_too_few_pairs_give_no_calibration(relations):
    pairs, labels, vectors, encode = relations
    assert calibrate(pairs[:99], labels[:99], vectors[:99], encode, rows=99) is None
    assert calibrate(pairs, ["a"] * len(pairs), vectors, encode, rows=160) is None


def test_a_calibration_survives_writing_and_reading(relations):
    made = calibrate(*relations, rows=160)
    assert Calibration.from_json(json.dumps(asdict(made))) == made
    for text in ("{}", "[1]", '{"hit": [1]}', "no json"):
        with pytest.raises(ValueError):
            Calibration.from_json(text)


@pytest.fixture(scope="module")
def rows():
    return [
        {"head": f"{name} {number}", "tail": f"{tail} {number}", "relation": name}
        for name, tail in (("hand", "finger"), ("Tokyo", "Japan"), ("Paris", "France"))
        for number in range(40)
    ]


@pytest.fixture
def built(rows, model, tmp_path):
    return RelationIndex.build(tmp_path / "built", rows, model)


def test_an_index_is_calibrated_when_it_is_built(built, model):
    made = built.calibration
    assert made.rows == 120
    assert RelationIndex.open(built.path, model).calibration == made
    hits = built.search(("hand", "finger"), k=3)
    assert [hit.probability for hit in hits] == [made.of_hit(hit.strength) for hit in hits]
    assert all(hit.probability is not None for hit in built.search_relation("hand", k=3))
    assert 0 <= built.relatedness(("hand", "finger")) <= 1
    assert built.relatedness(("hand", "finger")) == built.relatedness(("finger", "hand"))


def test_an_index_that_has_changed_much_is_calibrated_again(built):
    built.add([(f"x {number}", "y") for number in range(20)])
    assert built.calibration is not None
    built.add([(f"z {number}", "y") for number in range(20)])
    assert built.calibration is None and built.search(("a", "b"), k=1)[0].probability is None
    assert built.relatedness(("a", "b")) is not None and built.calibration.rows == 160


def test_a_replaced_index_does_not_keep_the_calibration(built, model):
    assert RelationIndex.build(built.path, [("a", "b")], model, overwrite=True).calibration is None


def test_a_damaged_calibration_is_ignored(built, caplog):
    (built.path / "calibration.json").write_text("{")
    assert built.calibration is None and "is damaged" in caplog.text
    assert built.relatedness(("a", "b")) is not None and built.calibration is not None


def test_a_small_index_gives_no_probability(index):
    assert index.calibrate() is None and index.relatedness(("Tokyo", "Japan")) is None
    assert {hit.probability for hit in index.search(("Tokyo", "Japan"))} == {None}
    assert relation_labels(index, ("Berlin", "Germany"))


def test_reversed_hits_are_found_and_marked(model, tmp_path):
    index = RelationIndex.create(tmp_path / "idx", model)
    index.add([{"head": "France", "tail": "Paris", "relation": "capital"}, ("finger", "hand")])
    one_way = {hit.pair: hit for hit in index.search(("Paris", "France"))}
    assert not any(hit.reversed for hit in one_way.values()) and len(one_way) == 2
    (hit,) = index.search(("Paris", "France"), both_directions=True)  # the query is not found in either direction
    assert set(hit.pair) == {"finger", "hand"} and hit.reversed == (hit.pair == ("hand", "finger"))
    straight, other = (index.search(pair, exclude="nothing") for pair in (("Paris", "France"), ("France", "Paris")))
    (best, _) = best_of([*straight, *(hit.turned() for hit in other)], k=2, turned_costs=0)
    assert (best.pair, best.reversed, best.relation) == (("Paris", "France"), True, "capital")
    assert best.score == pytest.approx(1, abs=1e-5)
    with pytest.raises(ValueError, match="contains no pairs"):
        index.search(np.ones(16, dtype=np.float32), both_directions=True)


def test_a_reversed_hit_has_to_be_nearer():
    hits = [
        SearchHit("a", "b", None, 0.90),
        SearchHit("d", "c", None, 0.91).turned(),
        SearchHit("f", "e", "r", 0.93).turned(),
    ]
    assert [hit.pair for hit in best_of(hits, 3)] == [("e", "f"), ("a", "b"), ("c", "d")]
    twice = [SearchHit("a", "b", "r", 0.8), SearchHit("b", "a", "r", 0.7).turned(), SearchHit("a", "b", "s", 0.6)]
    assert best_of(twice, 3) == [twice[0], twice[2]]
