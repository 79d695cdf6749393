import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from st_relbert.evaluation.semeval import (
    MaxDiffQuestion,
    as_similarity_relations,
    maxdiff_accuracy,
    score_relations,
    spearman,
)

A, B, C, D = PAIRS = [("a", "x"), ("b", "x"), ("c", "x"), ("d", "x")]


def by_pair(*values):
    return dict(zip(PAIRS, values, strict=False))


def maxdiff_by_loop(questions, numbers):
    """The official rule, word for word."""
    right = 0
    for question in questions:
        lowest = highest = 0
        for index, pair in enumerate(question.pairs):
            if numbers[pair] < numbers[question.pairs[lowest]]:
                lowest = index
            if numbers[pair] > numbers[question.pairs[highest]]:
                highest = index
        right += not any(votes > question.least[lowest] for votes in question.least)
        right += not any(votes > question.most[highest] for votes in question.most)
    return right / (2 * len(questions))


def test_each_side_counts_half():
    question = MaxDiffQuestion(PAIRS, least=[3, 1, 1, 0], most=[0, 1, 1, 3])
    assert maxdiff_accuracy([question], by_pair(1, 2, 3, 4)) == 1
    assert maxdiff_accuracy([question], by_pair(1, 4, 3, 2)) == 0.5
    assert maxdiff_accuracy([question], by_pair(4, 3, 2, 1)) == 0


def test_each_of_several_tied_winners_is_right():
    question = MaxDiffQuestion(PAIRS, least=[2, 2, 1, 0], most=[0, 1, 2, 2])
    assert [maxdiff_accuracy([question], by_pair(*numbers)) for numbers in ([1, 2, 3, 4], [2, 1, 4, 3])] == [1, 1]
    unasked = MaxDiffQuestion(PAIRS, least=[0, 0, 0, 0], most=[0, 0, 0, 0])
    assert maxdiff_accuracy([unasked], by_pair(3, 1, 4, 2)) == 1


def test_the_first_of_equal_numbers_is_guessed_for_both_sides():
    first = MaxDiffQuestion(PAIRS, least=[5, 0, 0, 0], most=[5, 0, 0, 0])
    last = MaxDiffQuestion(PAIRS, least=[0, 0, 0, 5], most=[0, 0, 0, 5])
    assert maxdiff_accuracy([first], by_pair(0, 0, 0, 0)) == 1
    assert maxdiff_accuracy([last], by_pair(0, 0, 0, 0)) == 0
    third = MaxDiffQuestion(PAIRS, least=[1, 0, 0, 0], most=[0, 0, 1, 0])
    assert maxdiff_accuracy([third], by_pair(0, 0, 7, 7)) == 1


QUESTIONS = st.lists(
    st.builds(
        MaxDiffQuestion,
        pairs=st.permutations(PAIRS),
        least=st.lists(st.integers(0, 3), min_size=4, max_size=4),
        most=st.lists(st.integers(0, 3), min_size=4, max_size=4),
    ),
    min_size=1,
    max_size=6,
)


@given(QUESTIONS, st.lists(st.integers(0, 3) | st.sampled_from([-math.inf, math.inf]), min_size=4, max_size=4))
def test_maxdiff_equals_a_plain_loop(questions, values):
    numbers = by_pair(*values)
    assert maxdiff_accuracy(questions, numbers) == pytest.approx(maxdiff_by_loop(questions, numbers), abs=1e-12)


def test_spearman_of_equal_numbers_is_zero():
    assert spearman(by_pair(1, 2, 3, 4), by_pair(7, 7, 7, 7)) == 0


@given(
    st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=2, max_size=30).filter(
        lambda values: len({gold for gold, _ in values}) > 1
    )
)
def test_spearman_equals_scipy(values):
    pairs = [(str(index), "x") for index in range(len(values))]
    gold, system = zip(*values, strict=True)
    expected = spearmanr(gold, system).statistic if len(set(system)) > 1 else 0
    ratings, numbers = dict(zip(pairs, gold, strict=True)), dict(zip(pairs, system, strict=True))
    assert spearman(ratings, numbers) == pytest.approx(expected, abs=1e-12)


@given(st.permutations(range(4)), st.floats(1e-3, 1e3), st.floats(-100, 100))
def test_only_the_order_of_numbers_counts(order, scale, shift):
    question = MaxDiffQuestion(PAIRS, least=[3, 1, 1, 0], most=[0, 1, 1, 3])
    plain, moved = by_pair(*order), by_pair(*(shift + scale * value for value in order))
    assert spearman(by_pair(1, 2, 3, 4), plain) == spearman(by_pair(1, 2, 3, 4), moved)
    assert maxdiff_accuracy([question], plain) == maxdiff_accuracy([question], moved)


def test_infinite_numbers_are_ordered_and_others_ignored():
    numbers = {**by_pair(-math.inf, 0, 1, math.inf), ("e", "x"): math.nan}
    assert spearman(by_pair(1, 2, 3, 4), numbers) == 1


@pytest.mark.parametrize("bad", [math.nan, None, np.float32("nan")])
def test_a_number_that_is_missing_or_nan_is_an_error(bad):
    question = MaxDiffQuestion(PAIRS, least=[3, 1, 1, 0], most=[0, 1, 1, 3])
    numbers = {**by_pair(1, 2, 3, 4), C: bad}
    if bad is None:
        del numbers[C]
    with pytest.raises(ValueError, match=r"\('c', 'x'\) has the number (nan|None|np.float32\(nan\)), expected"):
        maxdiff_accuracy([question], numbers)
    with pytest.raises(ValueError, match=r"\('c', 'x'\) has the number"):
        spearman(by_pair(1, 2, 3, 4), numbers)


def test_nothing_to_score_is_an_error():
    with pytest.raises(ValueError, match="no questions"):
        maxdiff_accuracy([], {})
    with pytest.raises(ValueError, match="4 ratings are equal"):
        spearman(by_pair(1, 1, 1, 1), by_pair(1, 2, 3, 4))


def relation(name="1/a"):
    rows = [{"relation_type": name, "split": "testing", "paradigms": [["p", "q"]], "pairs": [[*A, 5.0], [*B, -5.0]]}]
    questions = [{"pairs": PAIRS, "least": [0, 1, 0, 0], "most": [1, 0, 0, 0]}]
    return as_similarity_relations(rows, [{"relation_type": name, "split": "testing", "questions": questions}])


def test_errors_name_the_relation():
    with pytest.raises(ValueError, match="'1/a' has no numbers"):
        score_relations(relation(), {})
    with pytest.raises(ValueError, match=r"Relation '1/a': The pair \('d', 'x'\)"):
        score_relations(relation(), {"1/a": by_pair(1, 2, 3)})
