import csv
import json
import math
from itertools import permutations
from statistics import mean

import numpy as np
import pytest
from datasets import Dataset

from st_relbert import RelBERT
from st_relbert.data.sources import read_records
from st_relbert.evaluation.mapping import RelationMappingEvaluator
from tests.evaluation.test_analogy import Lookup

ATOM = {
    "source": ["solar system", "sun", "planet", "mass", "gravity"],
    "target": ["atom", "nucleus", "electron", "charge", "electromagnetism"],
    "target_random": ["electron", "charge", "electromagnetism", "atom", "nucleus"],
}
MIND = {
    "source": ["computer", "hard disk", "bug", "writing to"],
    "target": ["human mind", "memory", "mistake", "learning by heart"],
    "target_random": ["memory", "human mind", "learning by heart", "mistake"],
    "id": "m0",
    "agreement": [90.0, 80.5],
}
# As in SCAN: terms that occur on both sides, and terms of two words.
SHARED = {
    "source": ["combustion", "oxygen", "carbon dioxide", "fire place", "fuel", "hot", "intense"],
    "target": ["respiration", "oxygen", "carbon dioxide", "living thing", "food", "alive", "vigorous"],
    "target_random": ["oxygen", "vigorous", "food", "carbon dioxide", "respiration", "alive", "living thing"],
}


def planted(*problems, noise=0.1):
    """A model whose vector of a pair is nearly that of the corresponding pair, where the order is right."""
    rng = np.random.default_rng(0)
    vectors = {}
    for problem in problems:
        for i, j in permutations(range(len(problem["source"])), 2):
            vector = rng.normal(size=16)
            vectors[problem["source"][i], problem["source"][j]] = vector
            vectors[problem["target"][i], problem["target"][j]] = vector + noise * rng.normal(size=16)
    return Lookup(vectors)


class Constant(Lookup):
    """Gives all pairs the same vector, which is not normalised."""

    def __init__(self, vector):
        super().__init__({})
        self.vector = vector

    def encode(self, pairs, **kwargs):
        return np.array([self.vector] * len(pairs), dtype=np.float32)


def plain_score(model, problem):
    """The score of an order of the targets, by the definition, on a vector for each pair alone."""
    source, given = problem["source"], problem["target_random"]
    vectors = {pair: model.encode(pair).astype(float) for side in (source, given) for pair in permutations(side, 2)}

    def similarity(a, b):
        return a @ b / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-4)

    similarities = {
        (left, right): similarity(vectors[left], vectors[right])
        for left in permutations(source, 2)
        for right in permutations(given, 2)
    }

    def score(order):
        return mean(
            max(similarities[(s, t), (order[i], order[j])] for j, t in enumerate(source) if j != i)
            for i, s in enumerate(source)
        )

    return score


def predicted_by_loop(model, problem):
    """The first of the best orders."""
    return list(max(permutations(problem["target_random"]), key=plain_score(model, problem)))


def test_a_model_that_knows_the_relations_is_right():
    evaluator = RelationMappingEvaluator([ATOM, MIND], "toy")
    model = planted(ATOM, MIND)
    assert evaluator.predict(model) == [ATOM["target"], MIND["target"]]
    assert evaluator(model) == {"toy_accuracy": 1}
    assert evaluator.primary_metric == "toy_accuracy"


def test_accuracy_is_the_mean_share_over_problems():
    """A model that distinguishes nothing leaves the targets as given, wherever the right ones are."""
    half = {**MIND, "target_random": ["human mind", "memory", "learning by heart", "mistake"]}
    evaluator = RelationMappingEvaluator([ATOM, half])
    assert evaluator.predict(Constant([1, 2])) == [ATOM["target_random"], half["target_random"]]
    solved = evaluator.evaluate(Constant([1, 2])).details["prediction"]
    assert [problem["accuracy"] for problem in solved] == [0, 0.5]
    assert evaluator(Constant([1, 2])) == {"accuracy": 0.25}


@pytest.mark.parametrize("vector", [[0, 0], [1e-3, 0], [1e30, 1e30]])
def test_vectors_of_any_length_can_be_compared(vector):
    assert RelationMappingEvaluator([MIND]).predict(Constant(vector)) == [MIND["target_random"]]


def test_the_cosine_has_1e_4_in_its_denominator():
    """Short vectors are penalised: with parallel vectors, only the length decides."""
    lengths = {("a", "b"): 1, ("b", "a"): 1, ("c", "d"): 0.01, ("d", "c"): 1, ("c", "e"): 0.01}
    model = Lookup({})
    model.encode = lambda pairs, **kwargs: np.array([[lengths.get(pair, 0.02)] for pair in pairs], dtype=np.float32)
    problem = {"source": ["a", "b", "x"], "target": ["c", "d", "e"], "target_random": ["c", "d", "e"]}
    assert RelationMappingEvaluator([problem]).predict(model) == [predicted_by_loop(Single(lengths), problem)]
    assert RelationMappingEvaluator([problem]).predict(model) != [["c", "d", "e"]]


class Single:
    """Encodes one pair at a time, from lengths."""

    def __init__(self, lengths):
        self.lengths = lengths

    def encode(self, pair):
        return np.array([self.lengths.get(pair, 0.02)], dtype=np.float32)


def test_each_distinct_pair_is_encoded_once():
    model = planted(ATOM, SHARED)
    RelationMappingEvaluator([ATOM, SHARED, ATOM]).predict(model)
    assert sorted(model.encoded) == sorted(model.vectors)
    assert ("oxygen", "carbon dioxide") in model.encoded


def test_two_terms_are_enough():
    problem = {"source": ["a", "b"], "target": ["c", "d"], "target_random": ["d", "c"]}
    assert RelationMappingEvaluator([problem]).predict(planted(problem)) == [["c", "d"]]


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_predictions_are_the_best_in_a_plain_loop_over_orders(encoder, reduction):
    """Of orders that differ by less than the rounding of a batch, which is another on each machine, any will do."""
    model = RelBERT(encoder, reduction=reduction)
    problems = [ATOM, MIND, {key: values[:6] for key, values in SHARED.items()}]
    problems[2]["target_random"] = sorted(problems[2]["target"])
    for problem, predicted in zip(problems, RelationMappingEvaluator(problems).predict(model), strict=True):
        score = plain_score(model, problem)
        scores = sorted(map(score, permutations(problem["target_random"])))
        assert score(predicted) >= scores[-1] - 1e-6
        assert scores[len(scores) // 2] < scores[-1] - 1e-4  # most orders would not pass


def soft_by_loop(model, problem):
    """The best order by the soft score, by its definition, on a vector for each pair alone."""
    source, given = problem["source"], problem["target_random"]
    vectors = {pair: model.encode(pair).astype(float) for side in (source, given) for pair in permutations(side, 2)}

    def similarity(left, right):
        (a, b), (c, d) = ((vectors[pair], vectors[pair[::-1]]) for pair in (left, right))
        return mean([x @ y / (np.linalg.norm(x) * np.linalg.norm(y) + 1e-4) for x, y in ((a, c), (b, d))])

    def score(order):
        partners = [[j for j in range(len(source)) if j != i] for i in range(len(source))]
        return sum(
            0.05
            * math.log(sum(math.exp(similarity((source[i], source[j]), (order[i], order[j])) / 0.05) for j in of_i))
            for i, of_i in enumerate(partners)
        )

    return list(max(permutations(given), key=score))


def test_the_soft_score_equals_a_plain_loop(encoder):
    model = RelBERT(encoder, reduction="sum")
    problems = [ATOM, MIND]
    evaluator = RelationMappingEvaluator(problems, score="soft")
    assert evaluator.predict(model) == [soft_by_loop(model, problem) for problem in problems]
    assert (
        evaluator.evaluate(model).method == "soft" and RelationMappingEvaluator(problems).evaluate(model).method == ""
    )


def test_an_unknown_score_is_an_error():
    with pytest.raises(ValueError, match="Unknown score 'mean', expected one of 'max', 'soft'"):
        RelationMappingEvaluator([MIND], score="mean")


def test_problems_may_be_a_dataset():
    rows = [{key: problem[key] for key in ("source", "target", "target_random")} for problem in (ATOM, MIND)]
    model = planted(ATOM, MIND)
    assert RelationMappingEvaluator(Dataset.from_list(rows)).predict(model) == [ATOM["target"], MIND["target"]]
    assert RelationMappingEvaluator(Dataset.from_list(rows).with_format("numpy"))(model) == {"accuracy": 1}


def test_metrics_are_appended_to_a_csv_file_and_the_model_card(tmp_path):
    model = planted(ATOM)
    RelationMappingEvaluator([ATOM], "toy")(model, str(tmp_path), epoch=1, steps=10)
    with open(tmp_path / "mapping_evaluation_toy_results.csv", newline="") as file:
        assert list(csv.reader(file)) == [["epoch", "steps", "accuracy"], ["1", "10", "1.0"]]
    assert model.metrics[1] == {"toy_accuracy": 1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target": None}, r"toy, row 1 has no 'target' .*expected the columns source, target, target_random"),
        ({"source": ["computer"]}, r"row 1, source is \['computer'\], expected a list of at least 2 terms"),
        ({"source": []}, r"row 1, source is \[\], expected a list of at least 2 terms"),
        ({"source": "computer"}, r"row 1, source is 'computer', expected a list"),
        ({"target": ["memory", "mistake"]}, r"row 1 has 4 source terms .* and 2 target terms .*as many targets as"),
        (
            {"target_random": ["memory", "mistake"]},
            r"row 1 has the target_random \['memory', 'mistake'\], expected the",
        ),
        ({"target_random": ["a", "b", "c", "d"]}, r"row 1 has the target_random \['a'.*expected the terms of target"),
        ({"source": ["a", "b", "a", "c"]}, r"row 1, source is \['a'.*which has 'a' 2 times, expected each term once"),
        ({"target": ["x", "y", "y", "y"]}, r"row 1, target is .*which has 'y' 3 times, expected each term once"),
        ({"source": ["a", "b", None, "c"]}, r"row 1, source, term 2 is None of type NoneType, expected a string"),
        ({"source": ["a", "b", " ", "c"]}, r"row 1, source, term 2 is ' ', expected a word"),
    ],
)
def test_a_malformed_problem_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        RelationMappingEvaluator([MIND, {**MIND, **changes}], "toy")


def test_no_problems_are_an_error():
    with pytest.raises(ValueError, match="no problems, expected at least one"):
        RelationMappingEvaluator([])


@pytest.mark.slow
def test_accuracy_equals_that_of_the_relbert_library(data, golden, minilm):
    """As in the relbert library: evaluate_relation_mapping of relbert 2.0 on an untrained encoder, template a."""
    recorded = json.loads((golden / "minilm_evaluation.json").read_text(encoding="utf-8"))["mapping"]["accuracy"]
    problems, _ = read_records(data / "relation_mapping", ["test"])
    model = RelBERT(minilm, template="a", reduction="sum")
    model.max_seq_length = 64
    evaluator = RelationMappingEvaluator(problems, "relation_mapping")
    assert evaluator(model) == {"relation_mapping_accuracy": pytest.approx(recorded, abs=1e-9)}
