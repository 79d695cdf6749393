from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_relbert.evaluation.statistics import mcnemar

OUTCOMES = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=80)


def p_value_by_loop(first_only, second_only):
    """The probability of all splits at most as likely as the seen one, in exact fractions."""
    number = first_only + second_only
    seen = comb(number, first_only)
    return float(sum(Fraction(comb(number, k), 2**number) for k in range(number + 1) if comb(number, k) <= seen))


@given(OUTCOMES)
def test_the_result_equals_a_plain_loop(outcomes):
    counts = {cell: 0 for cell in [(True, True), (True, False), (False, True), (False, False)]}
    for outcome in outcomes:
        counts[outcome] += 1
    result = mcnemar(*zip(*outcomes, strict=True))
    assert result[:4] == tuple(counts.values())
    assert result.p_value == pytest.approx(p_value_by_loop(result.first_only, result.second_only), rel=1e-9)


@given(OUTCOMES)
def test_the_order_of_the_models_makes_no_difference(outcomes):
    first, second = zip(*outcomes, strict=True)
    there, back = mcnemar(first, second), mcnemar(second, first)
    assert (there.first_only, there.second_only) == (back.second_only, back.first_only)
    assert there.p_value == back.p_value
    assert 0 < there.p_value <= 1


@given(OUTCOMES, st.booleans())
def test_questions_answered_alike_do_not_matter(outcomes, right):
    more = mcnemar(*zip(*outcomes, *[(right, right)] * 9, strict=True))
    assert more.p_value == mcnemar(*zip(*outcomes, strict=True)).p_value


def test_models_that_always_agree_have_p_value_1():
    assert mcnemar([1, 0, 1], [1, 0, 1]) == (2, 0, 0, 1, 1.0)


def test_a_textbook_example():
    """5 and 15 of 20: twice the binomial tail 21,700 / 2**20."""
    first = np.array([1] * 10 + [1] * 5 + [0] * 15 + [0] * 10, dtype=np.int8)
    second = np.array([1] * 10 + [0] * 5 + [1] * 15 + [0] * 10, dtype=np.float32)
    assert mcnemar(first, second) == (10, 5, 15, 10, pytest.approx(2 * 21_700 / 2**20))


def test_many_questions_are_no_problem():
    number = 100_000
    first = np.arange(number) % 2 == 0
    assert mcnemar(first, ~first).p_value == 1
    assert 0 <= mcnemar(np.ones(number), np.zeros(number)).p_value < 1e-300


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ([], [], r"first outcomes have the shape \(0,\), expected one row"),
        ([1], [[1]], r"second outcomes have the shape \(1, 1\)"),
        ([1, 0], [1], "2 outcomes of the first model and 1 of the second"),
        ([1, 2], [1, 0], "Outcome 1 of the first model is .*2.*, expected 0 or 1"),
        ([1, 0], [float("nan"), 0], "Outcome 0 of the second model is .*nan.*, expected 0 or 1"),
        (["yes"], [1], "Outcome 0 of the first model is .*yes.*, expected 0 or 1"),
    ],
)
def test_malformed_outcomes_are_named(first, second, message):
    with pytest.raises(ValueError, match=message):
        mcnemar(first, second)
