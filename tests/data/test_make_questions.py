"""Questions made from pairs: only the key is right, and no pair is asked about twice."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_relbert.data import RelationSet, make_questions
from st_relbert.data.questions import as_questions
from st_relbert.pairs import folded_word

RELATIONS = RelationSet(
    {
        f"{parent}/{name}": [(f"{name}{n}", f"{name}{n} of") for n in range(size)]
        for parent, name, size in [("p", "a", 6), ("p", "b", 4), ("q", "c", 5), ("q", "d", 1), ("r", "e", 8)]
    }
)


def key(pair):
    return tuple(map(folded_word, pair))


class Places:
    """A model whose vectors of a relation's pairs are near each other, and those of reversed pairs elsewhere."""

    def __init__(self, symmetric=""):
        self.symmetric = symmetric

    def encode(self, pairs, **kwargs):
        return np.stack([self.vector(*pair) for pair in pairs]).astype(np.float32)

    def vector(self, head, tail):
        name, turned = head[0], head.endswith(" of") and head[0] not in self.symmetric
        number = int(head[1:].split()[0])
        vector = np.zeros(20)
        vector["abcde".index(name) + 10 * turned] = 1
        vector[5] = 0.3 + 0.01 * number
        return vector / np.linalg.norm(vector)


def relation_of(pair):
    return next((name for name, pairs in RELATIONS.positives.items() if tuple(pair) in pairs), None)


@pytest.mark.parametrize("model", [None, Places()])
@pytest.mark.parametrize("seed", range(3))
def test_only_the_right_choice_has_the_relation_of_the_stem(model, seed):
    difficulty = "hard" if model else "easy"
    records = make_questions(RELATIONS, choices=4, difficulty=difficulty, model=model, count=99, seed=seed)
    assert records == make_questions(RELATIONS, choices=4, difficulty=difficulty, model=model, count=99, seed=seed)
    assert len(records) == 3 + 2 + 2 + 4 and len({question["answer"] for question in records}) > 1
    asked = []
    for record, question in zip(records, as_questions(records), strict=True):
        right = question.choices[question.answer]
        assert relation_of(question.stem) == relation_of(right) == record["prefix"]
        others = [pair for pair in question.choices if pair != right]
        assert len(others) == 3 and all(relation_of(pair) != record["prefix"] for pair in others)
        assert len({key(pair) for pair in [question.stem, *question.choices]}) == 5
        asked += [question.stem, right]
    assert len(set(asked)) == len(asked) == 2 * len(records)


def test_no_pair_is_used_twice_while_there_are_others():
    relations = RelationSet({name: [(f"{name}{n}", f"{name}{n} of") for n in range(20)] for name in "abcdefgh"})
    questions = make_questions(relations, choices=5, count=20)
    pairs = [tuple(pair) for question in questions for pair in (question["stem"], *question["choice"])]
    assert len(pairs) == len(set(pairs)) == 120


def test_easy_choices_share_no_word_and_come_from_many_relations():
    positives = {**RELATIONS.positives, "same words": [("a0", "e1"), ("c2", "b3"), ("x", "y")]}
    for question in make_questions(RelationSet(positives), choices=5, count=99):
        own = {*question["stem"], *question["choice"][question["answer"]]}
        others = [pair for number, pair in enumerate(question["choice"]) if number != question["answer"]]
        assert not own & {word for pair in others for word in pair}
        assert len({relation_of(pair) for pair in others}) == 4


def test_hard_choices_are_similar_but_less_than_the_answer():
    model = Places()
    positives = {**RELATIONS.positives, "z": [("a0", "e1 of"), ("a1", "b3 of")]}
    questions = make_questions(RelationSet(positives), difficulty="hard", model=model, count=99)
    kinds = set()
    for question in questions:
        vectors = model.encode([question["stem"], *question["choice"]])
        cosines = vectors[1:] @ vectors[0]
        assert cosines.argmax() == question["answer"]
        own = {*question["stem"], *question["choice"][question["answer"]]}
        for number, (head, tail) in enumerate(question["choice"]):
            if number != question["answer"]:
                kinds.add("reversed" if relation_of((tail, head)) else "words" if own & {head, tail} else "near")
                if relation_of((tail, head)):
                    assert relation_of((tail, head)) == question["prefix"]
    assert kinds == {"reversed", "words", "near"}


def test_reversed_pairs_of_symmetric_relations_are_not_wrong_choices():
    both_ways = RelationSet({**RELATIONS.positives, "p/b": [("b0", "b0 of"), ("b0 of", "b0"), ("b1", "b1 of")]})
    for relations, model in ((both_ways, Places()), (RELATIONS, Places(symmetric="b"))):
        questions = make_questions(relations, difficulty="hard", model=model, count=99)
        assert any(question["prefix"] == "p/b" for question in questions)
        for question in questions:
            for number, (head, _) in enumerate(question["choice"]):
                if question["prefix"] == "p/b" and number != question["answer"]:
                    assert not head.startswith("b")


def test_pairs_of_several_or_similar_relations_are_not_used():
    positives = {
        "capital": [("Tokyo", "Japan"), ("Rome", "Italy"), ("Oslo", "Norway")],
        "city": [("tokyo", "Japan"), ("Lyon", "France"), ("Milan", "Italy")],
        "young": [("puppy", "dog"), ("kitten", "cat")],
    }
    for question in make_questions(RelationSet(positives), choices=3, count=99):
        pairs = [tuple(pair) for pair in (question["stem"], question["choice"][question["answer"]])]
        assert ("Tokyo", "Japan") not in pairs and ("tokyo", "Japan") not in pairs
        if question["prefix"] in ("capital", "city"):
            assert {"puppy", "kitten"} == {pair[0] for pair in question["choice"]} - {pair[0] for pair in pairs}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"choices": 1}, "number of choices is 1, expected 2 to 26"),
        ({"choices": 27}, "number of choices is 27, expected 2 to 26"),
        ({"count": 0}, "count is 0"),
        ({"difficulty": "medium"}, "difficulty 'medium', expected one of 'easy', 'hard'"),
        ({"difficulty": "hard"}, "Hard questions need a model"),
        ({"model": Places()}, "Easy questions do not use a model"),
        ({"choices": 26}, "No question with 26 choices can be made from these 5 relations"),
    ],
)
def test_input_without_questions_is_a_one_line_error(settings, message):
    with pytest.raises(ValueError, match=message) as error:
        make_questions(RELATIONS, **settings)
    assert "\n" not in str(error.value)


WORDS = st.text("abAB ", min_size=1, max_size=3).map(lambda text: f"x{text}")


@given(
    st.dictionaries(WORDS, st.lists(st.tuples(WORDS, WORDS), min_size=1, unique=True), min_size=2),
    st.integers(2, 4),
    st.integers(0, 3),
)
def test_the_key_is_right_for_any_pairs(positives, choices, seed):
    try:
        questions = make_questions(RelationSet(positives), choices=choices, count=9, seed=seed)
    except ValueError as error:
        assert "No question" in str(error)
        return
    known = {name: set(map(key, pairs)) for name, pairs in positives.items()}
    asked = [question["stem"] for question in questions]
    asked += [question["choice"][question["answer"]] for question in questions]
    assert len({key(pair) for pair in asked}) == len(asked)
    for question, (number, pair) in itertools.product(questions, enumerate(range(choices))):
        right = key(question["choice"][pair]) in known[question["prefix"]]
        assert right == (number == question["answer"])


def test_the_answer_is_not_the_reversed_stem():
    positives = {"opposite": [("hot", "cold"), ("cold", "hot"), ("big", "small"), ("small", "big")], "x": [("a", "b")]}
    questions = make_questions(RelationSet(positives), choices=2, count=99)
    assert len(questions) == 2
    for question in questions:
        assert {*question["stem"], *question["choice"][question["answer"]]} == {"hot", "cold", "big", "small"}
    with pytest.raises(ValueError, match="No question"):
        make_questions(RelationSet({"opposite": [("hot", "cold"), ("cold", "hot")], "x": [("a", "b")]}), choices=2)
