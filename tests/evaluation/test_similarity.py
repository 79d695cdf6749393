import copy
import json

import numpy as np
import pytest
from scipy.stats import spearmanr

from st_relbert import RelBERT
from st_relbert.evaluation.semeval_data import as_similarity_relations
from st_relbert.evaluation.similarity import RelationalSimilarityEvaluator, combine_cosines
from st_relbert.sources import read_records
from tests.evaluation.test_analogy import Lookup
from tests.evaluation.test_semeval_scores import maxdiff_by_loop

# The more a pair points along the first axis, the more it is like the first paradigm; ("p", "r") is the other one.
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
        "pairs": [["a", "x", 1.0], ["b", "x", 2.0]],
    },
    {"relation_type": "2/a", "split": "training", "paradigms": [["a", "b"]], "pairs": [["u", "v", 1.0], ["v", "u", 0]]},
]
FOUR = [["a", "x"], ["b", "x"], ["c", "x"], ["D", "x"]]
MAXDIFF = [
    {
        "relation_type": "1/b",
        "split": "testing",
        # ("d", "x"), in lower case, is another pair than ("D", "x") and rated nowhere.
        "questions": [{"pairs": [*FOUR[:3], ["d", "x"]], "least": [1, 0, 3, 1], "most": [0, 5, 0, 0], "answers": 5}],
    },
    {
        "relation_type": "1/a",
        "split": "testing",
        "questions": [
            {"pairs": FOUR, "least": [0, 0, 1, 4], "most": [4, 1, 0, 0]},
            {"pairs": FOUR[::-1], "least": [1, 3, 0, 0], "most": [0, 0, 4, 1]},
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


def test_numbers_can_be_the_highest_cosine():
    scores = RelationalSimilarityEvaluator(RATINGS, MAXDIFF, combine="max").scores(Lookup(VECTORS))
    assert scores["1/a"]["b", "x"] == pytest.approx(1 / np.sqrt(1.01))
    assert scores["1/a"]["b", "x"] > scores["1/a"]["a", "x"]


def test_metrics_are_averages_over_the_relations():
    # 1/a: all guesses right but the least of the second question, where D is last-but-three; Spearman 1.
    # 1/b: the most guess (b) is right, the least guess is d, not c; Spearman of (a, b) is 1.
    metrics = RelationalSimilarityEvaluator(RATINGS, MAXDIFF, "toy")(Lookup(VECTORS))
    assert metrics == {
        "toy_maxdiff_accuracy": pytest.approx((0.5 + 0.5) / 2),
        "toy_spearman": 1,
        "toy_relations": 2,
    }
    evaluator = RelationalSimilarityEvaluator(RATINGS, MAXDIFF, "toy")
    assert evaluator.primary_metric == "toy_maxdiff_accuracy"
    assert evaluator.relation_scores(Lookup(VECTORS))["1/b"] == (0.5, 1)


def test_the_split_decides_the_relations():
    assert [r.relation_type for r in RelationalSimilarityEvaluator(RATINGS, MAXDIFF, split="training").relations] == [
        "2/a"
    ]
    assert len(RelationalSimilarityEvaluator(iter(RATINGS), iter(MAXDIFF), split=None).relations) == 3


def test_each_distinct_pair_is_encoded_once():
    model = Lookup(VECTORS)
    RelationalSimilarityEvaluator(RATINGS, MAXDIFF)(model)
    assert sorted(model.encoded) == sorted(VECTORS)


@pytest.mark.parametrize("combine", ["mean", "max"])
def test_a_model_that_tells_nothing_apart_has_no_correlation(combine):
    generator = np.random.default_rng(0)
    constant = Lookup({pair: [1, 2 + 1e-7 * generator.random()] for pair in VECTORS})
    evaluator = RelationalSimilarityEvaluator(RATINGS, MAXDIFF, combine=combine)
    assert evaluator(constant)["spearman"] == 0


def test_the_prototype_orders_pairs_as_the_mean_does():
    """Why there is no combine="prototype"; see combine_cosines."""
    generator = np.random.default_rng(0)
    for _ in range(50):
        vectors = generator.normal(size=(24, 8))
        units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        pairs, paradigms = units[:20], units[20:]
        prototype = paradigms.mean(axis=0)
        to_prototype = pairs @ prototype / np.linalg.norm(prototype)
        mean = combine_cosines(pairs @ paradigms.T, "mean")
        assert (np.argsort(to_prototype) == np.argsort(mean)).all()
        assert to_prototype * np.linalg.norm(prototype) == pytest.approx(mean, abs=1e-12)


def test_real_models_will_do(encoders, tmp_path):
    evaluator = RelationalSimilarityEvaluator(RATINGS, MAXDIFF, "toy", batch_size=3)
    metrics = evaluator(RelBERT(encoders["wordpiece"]), str(tmp_path), epoch=1, steps=2)
    assert -1 <= metrics["toy_spearman"] <= 1
    header, row = (tmp_path / "similarity_evaluation_toy_results.csv").read_text().splitlines()
    assert header == "epoch,steps,maxdiff_accuracy,spearman,relations"
    assert row.split(",")[0] == "1" and float(row.split(",")[-1]) == 2


def without(column):
    return lambda ratings, maxdiff: ratings[0].pop(column)


def put(value, *path):
    """A change that sets data[path[0]][path[1]]... to a value; path[0]: 0 for the ratings, 1 for the questions."""

    def change(*data):
        target = data
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = value

    return change


QUESTION = (1, 1, "questions", 1)
MALFORMED = {
    "no paradigms": (put([], 0, 0, "paradigms"), r"ratings, row 0 \(1/a\), paradigms: \[\], expected a list of"),
    "no paradigm column": (without("paradigms"), "ratings, row 0 has no 'paradigms'"),
    "no split column": (without("split"), "ratings, row 0 has no 'split'"),
    "no questions column": (lambda ratings, maxdiff: maxdiff[1].pop("questions"), "maxdiff, row 1 has no 'questions'"),
    "no questions": (put([], 1, 1, "questions"), r"maxdiff, row 1 \(1/a\), questions: \[\]"),
    "pairs no list": (put("abc", 0, 0, "pairs"), r"row 0 \(1/a\), pairs: 'abc', expected"),
    "relation no string": (put(7, 0, 0, "relation_type"), "ratings, row 0 has the relation_type 7, expected"),
    "paradigm no pair": (put("pq", 0, 0, "paradigms", 1), r"row 0 \(1/a\), paradigm 1 is the string 'pq'"),
    "no rating": (put(["a", "x"], 0, 0, "pairs", 2), r"rated pair 2 is \['a', 'x'\], expected \[head, tail, rating\]"),
    "rating nan": (put(float("nan"), 0, 0, "pairs", 2, 2), r"rated pair 2, \('c', 'x'\), has the rating nan, expected"),
    "rating text": (put("5", 0, 0, "pairs", 2, 2), r"has the rating '5', expected a finite number"),
    "rated twice": (put(["a", "x", 3.0], 0, 0, "pairs", 2), r"rated pair 2 is \('a', 'x'\), which is rated before"),
    "equal ratings": (put([["a", "x", 3], ["b", "x", 3]], 0, 0, "pairs"), "rates 2 pairs, all 3.0, expected at least"),
    "question no object": (put("?", *QUESTION), r"row 1 \(1/a\), question 1 is '\?', expected an object"),
    "three pairs": (put(FOUR[:3], *QUESTION, "pairs"), r"question 1 has the pairs .*, expected a list of 4 pairs"),
    "no pair": (put(["a"], *QUESTION, "pairs", 2), r"question 1, pair 2 is \['a'\], expected two words"),
    "no votes": (put(None, *QUESTION, "least"), r"question 1 has no 'least'"),
    "five votes": (put([0] * 5, *QUESTION, "most"), r"question 1, most is \[0, 0, 0, 0, 0\], expected a list of 4"),
    "negative vote": (put(-1, *QUESTION, "least", 0), r"question 1, least holds -1, expected numbers of votes"),
    "vote of half": (put(0.5, *QUESTION, "most", 3), r"question 1, most holds 0.5, expected"),
    "vote no number": (put(True, *QUESTION, "most", 3), r"question 1, most holds True, expected"),
    "rated relation twice": (
        put("1/a", 0, 2, "relation_type"),
        "ratings, row 2 is of the relation '1/a', as is ratings, row 0",
    ),
    "asked relation twice": (
        put("1/b", 1, 2, "relation_type"),
        "maxdiff, row 2 is of the relation '1/b', as is maxdiff, row 0",
    ),
    "no ratings": (
        put("9/z", 1, 1, "relation_type"),
        r"maxdiff, row 1 \(9/z\) is of the relation '9/z', which has no ratings in the split 'testing'",
    ),
    "no questions of a relation": (
        lambda ratings, maxdiff: maxdiff.pop(0),
        r"ratings, row 1 \(1/b\) is of the relation '1/b', which has no questions in the split 'testing'",
    ),
    "splits that differ": (put("training", 0, 1, "split"), "'1/b', which has no ratings in the split 'testing'"),
    "nothing": (lambda ratings, maxdiff: maxdiff.clear(), r"maxdiff has no relation .*\(splits found: nothing\)"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_data_are_named(case):
    change, message = MALFORMED[case]
    ratings, maxdiff = copy.deepcopy((RATINGS, MAXDIFF))
    change(ratings, maxdiff)
    with pytest.raises(ValueError, match=message):
        RelationalSimilarityEvaluator(ratings, maxdiff)


def test_arguments_are_checked():
    with pytest.raises(
        ValueError,
        match=r"ratings has no relation in the split 'test', expected at least one "
        r"\(splits found: 'testing', 'training'\)",
    ):
        RelationalSimilarityEvaluator(RATINGS, MAXDIFF, split="test")
    with pytest.raises(ValueError, match="combine is 'median', expected 'mean' or 'max'"):
        RelationalSimilarityEvaluator(RATINGS, MAXDIFF, combine="median")


def test_a_vector_of_nan_is_an_error():
    broken = Lookup({**VECTORS, ("a", "x"): [np.nan, 1]})
    with pytest.raises(ValueError, match="not finite"):
        RelationalSimilarityEvaluator(RATINGS, MAXDIFF)(broken)


def test_records_of_numpy_values_will_do():
    ratings, maxdiff = copy.deepcopy((RATINGS, MAXDIFF))
    ratings[0]["pairs"][0][2] = np.float32(40)
    maxdiff[0]["questions"][0]["least"] = np.array([1, 0, 3, 1])
    relations = as_similarity_relations(ratings, maxdiff)
    assert relations == as_similarity_relations(RATINGS, MAXDIFF)
    json.dumps(relations[1].questions[0].least)


@pytest.mark.slow
def test_an_untrained_encoder_beats_chance_and_equals_a_plain_loop(data, minilm):
    ratings, maxdiff = (read_records(data / f"semeval2012_{part}.jsonl", [])[0] for part in ("gold_ratings", "maxdiff"))
    model = RelBERT(minilm, template="short")
    evaluator = RelationalSimilarityEvaluator(ratings, maxdiff)
    scores = evaluator.scores(model)
    metrics = evaluator(model)
    assert metrics["relations"] == 69
    # Random numbers spread around 0.304 and 0 by 0.007 and 0.020.
    assert metrics["maxdiff_accuracy"] > 0.304 + 4 * 0.0073 and metrics["spearman"] > 4 * 0.0205

    accuracies, correlations = [], []
    for relation in evaluator.relations:
        pairs, paradigms = model.encode(relation.pairs), model.encode(relation.paradigms)
        for pair, vector in zip(relation.pairs, pairs, strict=True):
            cosines = [vector @ p / (np.linalg.norm(vector) * np.linalg.norm(p)) for p in paradigms]
            assert scores[relation.relation_type][pair] == pytest.approx(np.mean(cosines), abs=1e-5)
        numbers = scores[relation.relation_type]
        accuracies.append(maxdiff_by_loop(relation.questions, numbers))
        correlations.append(
            spearmanr(list(relation.ratings.values()), [numbers[pair] for pair in relation.ratings]).statistic
        )
    assert metrics["maxdiff_accuracy"] == pytest.approx(np.mean(accuracies), abs=1e-12)
    assert metrics["spearman"] == pytest.approx(np.mean(correlations), abs=1e-12)
