import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from st_relbert.search import Calibration, RelationIndex, relation_labels
from st_relbert.search.calibration import calibrate
from st_relbert.search.hits import SearchHit, best_of
from st_relbert.search.store import PairStore

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


@settings(max_examples=20)
@given(
    words=st.integers(1, 150),
    labels=st.integers(1, 150),
    vectors=st.sampled_from([1, 2, 40, 150]),
    seed=st.integers(0, 99),
)
@example(words=150, labels=150, vectors=150, seed=0)  # each label once
@example(words=12, labels=2, vectors=150, seed=0)  # all combinations of the words
@example(words=1, labels=50, vectors=150, seed=0)  # all pairs have the same tail
@example(words=150, labels=2, vectors=1, seed=0)  # to the model, all pairs are the same
def test_any_labels_give_probabilities_or_no_calibration(words, labels, vectors, seed):
    """Numbers of distinct words on each side, of labels and of vectors; 150 rows."""
    rng = np.random.default_rng(seed)
    pairs = [(f"h{row // words}", f"t{row % words}") for row in range(150)]
    relations = [f"r{row % labels}" for row in range(150)]
    of_rows = unit(rng.normal(size=(vectors, D)))[np.arange(150) % vectors]
    made = calibrate(pairs, relations, of_rows, lambda asked: unit(rng.normal(size=(len(asked), D))), rows=150)
    if labels in (1, 150) or words == 1 or vectors == 1:
        assert made is None
    if made is not None:
        probabilities = [made.of_hit(0.5), made.of_hit(-1), made.of_pair(of_rows[0], [0.5] * 20)]
        assert all(0 <= each <= 1 for each in probabilities)


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


def labelled(word, count=20):
    return [{"head": f"{word} {number}", "tail": "y", "relation": "Tokyo"} for number in range(count)]


def test_an_index_that_has_changed_much_is_calibrated_again(built):
    """Only labelled rows count: the others say nothing about relations."""
    built.add([(f"w {number}", "y") for number in range(80)])
    built.add(labelled("x"))
    assert built.calibration is not None
    built.add(labelled("z"))
    assert built.calibration is None and built.search(("a", "b"), k=1)[0].probability is None
    assert built.relatedness(("a", "b")) is not None and built.calibration.rows == 160


def test_an_index_without_its_labelled_rows_gives_no_probability(built):
    built.add([(f"w {number}", "y") for number in range(480)])
    assert built.relatedness(("a", "b")) is not None
    built.delete("relation IS NOT NULL")
    assert built.calibration is None and built.relatedness(("a", "b")) is None
    assert {hit.probability for hit in built.search(("a", "b"))} == {None}


def test_an_index_with_a_label_per_pair_gives_no_probability(model, tmp_path, monkeypatch):
    """Whether it can be calibrated is only tried again after a change."""
    rows = [{"head": f"hand {n}", "tail": f"finger {n}", "relation": f"r{n}"} for n in range(120)]
    index = RelationIndex.build(tmp_path / "idx", rows, model)
    assert index.calibration is None and index.relatedness(("a", "b")) is None
    tried, plain = [], index.calibrate
    monkeypatch.setattr(index, "calibrate", lambda: tried.append(1) or plain())
    assert index.relatedness(("a", "b")) is None and not tried
    index.add(labelled("x", 40))
    assert index.relatedness(("a", "b")) is not None and tried


def test_labels_that_show_nothing_are_noticed_before_the_vectors_are_read(model, tmp_path, monkeypatch):
    """Each search of the command line would read them again."""
    rows = [{"head": f"hand {n}", "tail": f"finger {n}", "relation": "part"} for n in range(120)]
    index = RelationIndex.build(tmp_path / "idx", rows, model)
    read, plain = [], PairStore.batches
    monkeypatch.setattr(
        PairStore, "batches", lambda self, names, where: read.extend(names) or plain(self, names, where)
    )
    assert index.calibrate() is None and read == ["relation"]


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
    (best, _) = best_of([*straight, *(hit.turned() for hit in other)], k=2, reversed_penalty=0)
    assert (best.pair, best.reversed, best.relation) == (("Paris", "France"), True, "capital")
    assert best.score == pytest.approx(1, abs=1e-5)
    with pytest.raises(ValueError, match="contains no pairs"):
        index.search(np.ones(16, dtype=np.float32), both_directions=True)


@pytest.mark.parametrize("pair", [[("a", "b"), ("c", "d")], np.ones(D, np.float32), ("a",), "ab"])
def test_only_a_pair_is_related(built, index, pair):
    """Several pairs or a vector, which a search takes, would give a number that says nothing."""
    for asked in (built, index):
        with pytest.raises(ValueError, match="the pair is|the head of the pair is"):
            asked.relatedness(pair)
        with pytest.raises(ValueError, match="the pair is|the head of the pair is"):
            relation_labels(asked, pair)


def test_both_directions_find_as_many_pairs_as_one(model, tmp_path):
    """The index has each pair in both directions, which count as one."""
    index = RelationIndex.create(tmp_path / "idx", model)
    pairs = [(f"hand {number}", f"finger {number}") for number in range(20)]
    index.add([order for pair in pairs for order in (pair, pair[::-1])])
    everything = index.search(("Tokyo", "Japan"), k=20, both_directions=True)
    assert len({frozenset(hit.pair) for hit in everything}) == 20
    assert index.search(("Tokyo", "Japan"), k=7, both_directions=True) == everything[:7]


def test_a_reversed_hit_has_to_be_nearer():
    hits = [
        SearchHit("a", "b", None, 0.90),
        SearchHit("d", "c", None, 0.91).turned(),
        SearchHit("f", "e", "r", 0.93).turned(),
    ]
    assert [hit.pair for hit in best_of(hits, 3)] == [("e", "f"), ("a", "b"), ("c", "d")]
    twice = [SearchHit("a", "b", "r", 0.8), SearchHit("b", "a", "r", 0.7).turned(), SearchHit("a", "b", "s", 0.6)]
    assert best_of(twice, 3) == [twice[0], twice[2]]
