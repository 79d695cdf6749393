import random

import pytest

from st_relbert.data import RelationSet
from st_relbert.evaluation import AnalogyEvaluator
from st_relbert.training import validation_questions


def relation_set(sizes=(3, 2, 1), negatives=2, shared=None):
    records = [
        {
            "relation_type": str(index),
            "positives": [[f"h{index}-{row}", "t"] for row in range(size)] + ([shared] if shared else []),
            "negatives": [[f"n{index}-{row}", "t"] for row in range(negatives)],
        }
        for index, size in enumerate(sizes)
    ]
    return RelationSet.from_records(records)


def test_each_pair_asks_for_the_next_pair_of_its_relation():
    questions = validation_questions(relation_set())
    assert [question["stem"][0] for question in questions] == ["h0-0", "h0-1", "h0-2", "h1-0", "h1-1"]
    answers = [question["choice"][question["answer"]][0] for question in questions]
    assert answers == ["h0-1", "h0-2", "h0-0", "h1-1", "h1-0"]
    assert AnalogyEvaluator(questions).questions[0].stem == ("h0-0", "t")  # in the form that the evaluator takes


def test_wrong_choices_are_own_negatives_and_pairs_of_other_relations():
    for question in validation_questions(relation_set(sizes=[2] * 12, negatives=6)):
        heads = [head for head, _ in question["choice"]]
        assert len(set(heads)) == len(heads) == 10
        wrong = [head for index, head in enumerate(heads) if index != question["answer"]]
        own = [head for head in wrong if head.startswith(f"n{question['prefix']}-")]
        others = {head.split("-")[0] for head in wrong if head.startswith("h")}
        assert len(own) == 4 and len(others) == 5 and f"h{question['prefix']}" not in others


def test_a_pair_of_the_stems_relation_is_never_a_wrong_choice():
    for question in validation_questions(relation_set(sizes=[1, 1, 1], shared=["x", "y"])):
        assert sum(head == "x" for head, _ in question["choice"]) <= 1
        assert question["stem"] == ("x", "y") or question["choice"][question["answer"]] == ("x", "y")


def test_the_seed_determines_the_questions_and_the_answer_is_anywhere():
    relations = RelationSet.load("starter", "validation")
    questions = validation_questions(relations, seed=1)
    assert questions == validation_questions(relations, seed=1) != validation_questions(relations, seed=2)
    assert {question["answer"] for question in questions} == set(range(10))


def test_a_question_takes_no_longer_among_thousands_of_relations(monkeypatch):
    sample, drawn = random.Random.sample, []
    monkeypatch.setattr(random.Random, "sample", lambda rng, of, size: drawn.append(size) or sample(rng, of, size))
    questions = validation_questions(relation_set(sizes=[2] * 300))
    assert {len(question["choice"]) for question in questions} == {10} and max(drawn) < 100


def test_a_question_has_a_wrong_choice():
    relations = RelationSet({"a": [("x", "y"), ("u", "v")], "b": [("x", "y"), ("u", "v")], "c": [("x", "y")]})
    with pytest.raises(ValueError, match="a pair of another relation as a wrong choice, so no questions can be made"):
        validation_questions(relations)
    with pytest.raises(ValueError, match="choices is 1, expected at least 2"):
        validation_questions(relation_set(), choices=1)


def test_relations_with_one_pair_give_no_questions():
    with pytest.raises(ValueError, match="No relation of the validation set has two pairs"):
        validation_questions(relation_set(sizes=[1, 1]))
