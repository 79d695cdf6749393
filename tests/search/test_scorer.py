import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_relbert import RelBERT
from st_relbert.data import RelationSet
from st_relbert.identity import ModelIdentity
from st_relbert.search import OffsetScorer, PairScorer, Vocabulary, train_scorer

WIDTH = 6


def made_up(seed=0, hidden=5):
    rng = np.random.default_rng(seed)
    shapes = {"center": WIDTH, "hidden": (3 * WIDTH, hidden), "hidden_bias": hidden, "out": (hidden, WIDTH)}
    shapes |= {"out_bias": WIDTH, "tail": (WIDTH, WIDTH)}
    return PairScorer({name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}, "digest")


def unit(vector):
    return vector / np.linalg.norm(vector)


def vectors(seed, *sizes):
    rng = np.random.default_rng(seed + 1_000_000)
    return [rng.normal(size=(size, WIDTH)).astype(np.float32) for size in sizes]


@given(seed=st.integers(0, 1000), heads=st.integers(1, 5), examples=st.integers(1, 3))
def test_scores_of_many_pairs_equal_those_of_single_pairs(seed, heads, examples):
    h, t, a, b = vectors(seed, heads, 4, examples, examples)
    scorer = made_up(seed)
    w = scorer.weights
    at = lambda vector: unit(vector - w["center"])  # noqa: E731
    first, second = (np.mean([at(each) for each in side], axis=0) for side in (a, b))
    for head, place in zip(h, scorer.places((a, b), h), strict=True):
        hidden = np.maximum(np.concatenate([first, second, at(head)]) @ w["hidden"] + w["hidden_bias"], 0)
        expected = unit(at(head) + second - first + hidden @ w["out"] + w["out_bias"])
        np.testing.assert_allclose(place, expected, atol=1e-4)
    for tail, place in zip(t, scorer.tails(t), strict=True):
        np.testing.assert_allclose(place, unit(at(tail) + at(tail) @ w["tail"]), atol=1e-4)


@given(seed=st.integers(0, 1000))
def test_the_offset_scorer_is_3cosadd(seed):
    h, t, a, b = vectors(seed, 3, 4, 1, 1)
    scores = OffsetScorer().places((a, b), h) @ OffsetScorer().tails(t).T
    expected = [[unit(unit(x) + unit(b[0]) - unit(a[0])) @ unit(y) for y in t] for x in h]
    np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_a_scorer_survives_saving_and_loading(tmp_path):
    scorer = made_up()
    scorer.save(tmp_path / "scorer")
    loaded = PairScorer.load(tmp_path / "scorer")
    assert loaded.digest == "digest" and loaded.weights.keys() == scorer.weights.keys()
    for name, weights in scorer.weights.items():
        np.testing.assert_array_equal(loaded.weights[name], weights)


def test_damaged_folders_are_refused(tmp_path):
    with pytest.raises(ValueError, match="Cannot read the scorer .* Make one with st-relbert distill"):
        PairScorer.load(tmp_path)
    made_up().save(tmp_path)
    (tmp_path / "scorer.json").write_text(json.dumps({"other": 1}))
    with pytest.raises(ValueError, match="Cannot read the scorer"):
        PairScorer.load(tmp_path)


def test_a_scorer_belongs_to_one_model(model, encoders):
    digest = Vocabulary.encode(model, ["a"]).digest
    scorer = PairScorer(made_up().weights, digest)
    scorer.require(ModelIdentity.of(model))
    with pytest.raises(ValueError, match="The scorer belongs to another model"):
        scorer.require(ModelIdentity.of(RelBERT(encoders["bytelevel"], template="short")))


@pytest.fixture(scope="module")
def relations():
    """Words around a few places, and relations that rotate their vectors, which no offset can express."""
    rng = np.random.default_rng(0)
    count = 20
    things = rng.normal(size=(count, WIDTH))
    kinds = {
        kind: things @ np.linalg.qr(rng.normal(size=(WIDTH, WIDTH)))[0] + 3 * rng.normal(size=WIDTH)
        for kind in ("turned", "mirrored")
    }
    words = [f"{kind}{i}" for kind in ("thing", *kinds) for i in range(count)]
    positives = {kind: [(f"thing{i}", f"{kind}{i}") for i in range(count)] for kind in kinds}
    vectors = np.concatenate([things, *kinds.values()]).astype(np.float32)
    return Vocabulary(words, vectors, "digest"), RelationSet(positives)


def share_right(scorer, vocabulary, pairs):
    """The share of pairs, without the three examples, whose tail is the nearest word, in either direction."""
    right = []
    for turned in (pairs, [pair[::-1] for pair in pairs]):
        examples = [vocabulary.vectors_of(side) for side in zip(*turned[:3], strict=True)]
        heads, tails = zip(*turned[3:], strict=True)
        scores = scorer.places(examples, vocabulary.vectors_of(heads)) @ scorer.tails(vocabulary.vectors).T
        right += [vocabulary.words[row] == tail for row, tail in zip(scores.argmax(axis=1), tails, strict=True)]
    return np.mean(right)


def test_training_learns_what_3cosadd_cannot(relations):
    """It finds nearly all tails in either direction; chance is one in sixty."""
    vocabulary, relation_set = relations
    small = {"batch_size": 32, "wrong_tails": 32, "learning_rate": 2e-2}
    scorer = train_scorer(vocabulary, relation_set, hidden=128, steps=300, **small)
    for pairs in relation_set.positives.values():
        assert share_right(OffsetScorer(), vocabulary, pairs) < 0.1
        assert share_right(scorer, vocabulary, pairs) > 0.9


def test_an_untrained_scorer_is_3cosadd_around_the_center(relations):
    vocabulary, relation_set = relations
    scorer = train_scorer(vocabulary, relation_set, hidden=2, steps=1)
    centered = Vocabulary(vocabulary.words, vocabulary.vectors - scorer.weights["center"], "digest")
    for words in (["thing1"], ["thing2", "turned3"]):
        rows, others = vocabulary.vectors_of(words), centered.vectors_of(words)
        places = scorer.places((rows[:1], rows[-1:]), rows)
        np.testing.assert_allclose(places, OffsetScorer().places((others[:1], others[-1:]), others), atol=0.02)


def test_the_same_seed_gives_the_same_scorer(relations):
    vocabulary, pairs = relations
    first, second, third = (train_scorer(vocabulary, pairs, hidden=2, steps=2, seed=s).weights for s in (1, 1, 2))
    np.testing.assert_array_equal(first["hidden"], second["hidden"])
    assert not np.allclose(first["hidden"], third["hidden"])


def test_invalid_training_input_is_refused(relations):
    vocabulary, pairs = relations
    with pytest.raises(ValueError, match="Of 1 relation, none has two pairs"):
        train_scorer(vocabulary, RelationSet({"turned": [("thing1", "turned1")]}))
    with pytest.raises(ValueError, match="word 'x' of the relations is not in the vocabulary"):
        train_scorer(vocabulary, RelationSet({**pairs.positives, "more": [("x", "thing1"), ("x", "thing2")]}))
    for bad in ({"steps": 0}, {"hidden": 0}):
        with pytest.raises(ValueError, match="is 0, expected a positive whole number"):
            train_scorer(vocabulary, pairs, **bad)
