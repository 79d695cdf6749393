import numpy as np
import pytest
from scipy.stats import spearmanr

from st_relbert import RelBERT
from st_relbert.data.sources import read_records
from st_relbert.evaluation.semeval import SimilarityScore
from st_relbert.evaluation.similarity import RelationalSimilarityEvaluator, mean_cosines
from st_relbert.vectors import EncodeCache
from tests.evaluation.test_analogy import Lookup
from tests.evaluation.test_semeval_scores import maxdiff_by_loop

# The first paradigm lies along the first axis, and so do pairs like it. ("p", "r") is the other paradigm.
VECTORS = {
    ("p", "q"): [2, 0],
    ("p", "r"): [0, 5],
    ("a", "x"): [1, 1],
    ("b", "x"): [1, 0.1],
    ("c", "x"): [1, -0.5],
    ("D", "x"): [-3, -3],
    ("d", "x"): [0, -1],
}
RATINGS = [
    {
        "relation_type": "1/a",
        "split": "testing",
        "paradigms": [["p", "q"], ["p", "r"]],
        "pairs": [["a", "x", 40.0], ["b", "x", 10], ["c", "x", -20.5], ["D", "x", -30.0]],
    },
    {
        "relation_type": "1/b",
        "split": "testing",
        "paradigms": [["p", "q"]],
        "pairs": [["a", "x", 2.0], ["b", "x", 1.0]],
    },
    {"relation_type": "2/a", "split": "training", "paradigms": [["a", "b"]], "pairs": [["u", "v", 1.0], ["v", "u", 0]]},
]
FOUR = [["a", "x"], ["b", "x"], ["c", "x"], ["D", "x"]]
MAXDIFF = [
    {
        "relation_type": "1/b",
        "split": "testing",
        # ("d", "x"), in lower case, is not the pair ("D", "x"), and has no rating.
        "questions": [{"pairs": [*FOUR[:3], ["d", "x"]], "least": [1, 0, 3, 1], "most": [0, 5, 0, 0], "answers": 5}],
    },
    {
        "relation_type": "1/a",
        "split": "testing",
        "questions": [
            {"pairs": FOUR, "least": [0, 0, 1, 4], "most": [4, 1, 0, 0]},
            {"pairs": FOUR[::-1], "least": [1, 3, 0, 0], "most": [0, 0, 1, 4]},
        ],
    },
    {
        "relation_type": "2/a",
        "split": "training",
        "questions": [{"pairs": [["u", "v"]] * 4, "least": [0] * 4, "most": [0] * 4}],
    },
]


def test_numbers_are_mean_cosines_to_the_paradigms():
    scores = RelationalSimilarityEvaluator(RATINGS, MAXDIFF).scores(Lookup(VECTORS))
    root = np.sqrt(0.5)
    assert list(scores) == ["1/a", "1/b"]
    assert scores["1/a"] == {
        ("a", "x"): pytest.approx(root),
        ("b", "x"): pytest.approx(0.55 / np.sqrt(1.01)),
        ("c", "x"): pytest.approx(0.25 / np.sqrt(1.25)),
        ("D", "x"): pytest.approx(-root),
    }
    assert list(scores["1/b"]) == [("a", "x"), ("b", "x"), ("c", "x"), ("d", "x")]  # the last two are unrated
    assert scores["1/b"]["d", "x"] == 0


def test_metrics_are_averages_over_the_relations():
    evaluator = RelationalSimilarityEvaluator(RATINGS, MAXDIFF, name="toy")
    assert evaluator.primary_metric == "toy_maxdiff_accuracy"
    # The order for 1/a is a, b, c, D, so the least guess of the second question, D, is wrong. The order for 1/b is
    # b, c, a, d: the least guess, d, is wrong, and of the rated pairs b comes before a.
    assert evaluator.relation_scores(Lookup(VECTORS)) == {
        "1/a": (0.75, pytest.approx(1)),
        "1/b": (0.5, pytest.approx(-1)),
    }
    result = evaluator.evaluate(Lookup(VECTORS))
    assert (result.count, result.correct, list(result.intervals)) == (2, None, ["maxdiff_accuracy", "spearman"])
    assert evaluator(Lookup(VECTORS)) == {
        "toy_maxdiff_accuracy": 0.625,
        "toy_spearman": pytest.approx(0),
        "toy_relations": 2,
    }


def test_the_split_decides_the_relations():
    (relation,) = RelationalSimilarityEvaluator(RATINGS, MAXDIFF, split="training").relations
    assert relation.relation_type == "2/a"
    assert len(RelationalSimilarityEvaluator(iter(RATINGS), iter(MAXDIFF), split=None).relations) == 3


def test_each_distinct_pair_is_encoded_once():
    model = Lookup(VECTORS)
    RelationalSimilarityEvaluator(RATINGS, MAXDIFF)(model)
    assert sorted(model.encoded) == sorted(VECTORS)


def test_a_model_that_distinguishes_nothing_has_no_correlation():
    generator = np.random.default_rng(0)
    constant = Lookup({pair: [1, 2 + 1e-7 * generator.random()] for pair in VECTORS})
    evaluator = RelationalSimilarityEvaluator(RATINGS, MAXDIFF)
    assert evaluator.relation_scores(constant) == {"1/a": (0.25, 0), "1/b": (0, 0)}


def test_the_prototype_ranks_pairs_like_the_mean():
    """The cosine to the prototype m is (x . m) / |m|, and the mean of the cosines is x . m."""
    generator = np.random.default_rng(0)
    for _ in range(50):
        vectors = generator.normal(size=(24, 8))
        units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        pairs, paradigms = units[:20], units[20:]
        prototype = paradigms.mean(axis=0)
        to_prototype = pairs @ prototype / np.linalg.norm(prototype)
        mean = mean_cosines(pairs @ paradigms.T)
        assert (np.argsort(to_prototype) == np.argsort(mean)).all()
        assert to_prototype * np.linalg.norm(prototype) == pytest.approx(mean, abs=1e-12)


def test_real_models_are_scored(encoders, tmp_path):
    evaluator = RelationalSimilarityEvaluator(RATINGS, MAXDIFF, name="toy", batch_size=3)
    metrics = evaluator(RelBERT(encoders["wordpiece"]), str(tmp_path), epoch=1, steps=2)
    assert -1 <= metrics["toy_spearman"] <= 1
    header, row = (tmp_path / "similarity_evaluation_toy_results.csv").read_text().splitlines()
    assert header == "epoch,steps,maxdiff_accuracy,spearman,relations"
    assert row.split(",")[0] == "1" and float(row.split(",")[-1]) == 2


def test_a_split_without_relations_is_an_error():
    with pytest.raises(
        ValueError,
        match=r"ratings has no relation in the split 'test', expected at least one "
        r"\(splits found: 'testing', 'training'\)",
    ):
        RelationalSimilarityEvaluator(RATINGS, MAXDIFF, split="test")


def test_a_nan_vector_is_an_error():
    broken = Lookup({**VECTORS, ("a", "x"): [np.nan, 1]})
    with pytest.raises(ValueError, match="not finite"):
        RelationalSimilarityEvaluator(RATINGS, MAXDIFF)(broken)


@pytest.mark.slow
def test_an_untrained_encoder_beats_chance_and_equals_a_plain_loop(data, minilm):
    """On every third relation, because encoding takes time."""
    ratings, maxdiff = (read_records(data / f"semeval2012_{part}.jsonl", [])[0] for part in ("gold_ratings", "maxdiff"))
    model = EncodeCache(RelBERT(minilm, template="short"))
    relations = RelationalSimilarityEvaluator(ratings, maxdiff).relations
    kept = {relation.relation_type for relation in relations[::3]}
    evaluator = RelationalSimilarityEvaluator(
        *([row for row in rows if row["relation_type"] in kept] for rows in (ratings, maxdiff))
    )
    scores = evaluator.scores(model)
    average = SimilarityScore(*evaluator.evaluate(model).metrics.values())
    # Random scores have means of 0.304 and 0, and standard deviations of 0.013 and 0.036 (see
    # test_semeval_reference_points.py; over a third of the relations, larger by the root of 3).
    assert average.maxdiff_accuracy > 0.304 + 2 * 0.013 and average.spearman > 2 * 0.036

    accuracies, correlations = [], []
    for relation in evaluator.relations:
        numbers = scores[relation.relation_type]
        accuracies.append(maxdiff_by_loop(relation.questions, numbers))
        correlations.append(
            spearmanr(list(relation.ratings.values()), [numbers[pair] for pair in relation.ratings]).statistic
        )
    assert len(relations) == 69 and len(accuracies) == 23
    assert average == pytest.approx((np.mean(accuracies), np.mean(correlations)), abs=1e-12)

    for relation in evaluator.relations[::5]:
        pairs, paradigms = model.model.encode(relation.pairs), model.model.encode(relation.paradigms)
        for pair, vector in zip(relation.pairs, pairs, strict=True):
            cosines = [vector @ p / (np.linalg.norm(vector) * np.linalg.norm(p)) for p in paradigms]
            assert abs(scores[relation.relation_type][pair] - np.mean(cosines)) < 1e-5
