import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from st_relbert.evaluation.best_mapping import MappingSearch, best_mapping, prepare, score_orders


def soft_maximum(units, temperature):
    """By the definition, in whole numbers; with the highest taken out, which no exponential would hold."""
    scale, highest = temperature * 10**10, max(units)
    return round(highest + scale * math.log(math.fsum(math.exp((unit - highest) / scale) for unit in units)))


def by_loop(scores, temperature=0):
    """The first of the best orders, by the definition, in whole numbers."""
    over = (lambda units: soft_maximum(units, temperature)) if temperature else max
    table, size = np.vectorize(lambda score: round(score * 10**10), otypes=[object])(scores).tolist(), len(scores)
    best, best_score = None, -math.inf
    for order in permutations(range(size)):
        score = sum(over([table[i][j][order[i]][order[j]] for j in range(size) if j != i]) for i in range(size))
        if score > best_score:
            best, best_score = order, score
    return best


def test_sums_that_are_equal_in_decimals_tie():
    """0.5 + 0.5 + 0.9 and 0.7 + 0.7 + 0.5 have different nearest doubles of their terms."""
    scores = np.zeros((3,) * 4)
    for order, of_source in ((0, 1, 2), (0.5, 0.5, 0.9)), ((0, 2, 1), (0.7, 0.7, 0.5)), ((1, 0, 2), (0.7, 0.5, 0.7)):
        for i, score in enumerate(of_source):
            for j in {0, 1, 2} - {i}:
                scores[i, j, order[i], order[j]] = score
    assert best_mapping(scores) == [0, 1, 2]


def random_scores(size, seed, levels=None):
    """Scores between -1 and 1, of a few levels if these are given."""
    scores = np.random.default_rng(seed).uniform(-1, 1, (size,) * 4)
    return np.round(scores * levels) / levels if levels else scores


SEEDS = st.integers(0, 2**32 - 1)


@settings(max_examples=150, deadline=None)
@given(size=st.integers(2, 6), seed=SEEDS, levels=st.sampled_from([1, 2, 4, None]))
def test_the_order_equals_that_of_a_plain_loop(size, seed, levels):
    """With few levels many orders tie: the first has to be the same, too."""
    scores = random_scores(size, seed, levels)
    assert best_mapping(scores) == list(by_loop(scores))


@settings(max_examples=100, deadline=None)
@given(size=st.integers(2, 6), seed=SEEDS, temperature=st.sampled_from([0.01, 0.05, 1, 100]))
def test_the_soft_maximum_equals_that_of_a_plain_loop(size, seed, temperature):
    scores = random_scores(size, seed)
    assert best_mapping(scores, temperature) == list(by_loop(scores, temperature))


@pytest.mark.parametrize("temperature", [0.05, 10])
def test_orders_with_equal_soft_maxima_tie(temperature):
    assert best_mapping(np.full((7,) * 4, 0.3), temperature) == list(range(7))
    scores = random_scores(5, 3, levels=1)
    assert best_mapping(scores, temperature) == list(by_loop(scores, temperature))


def test_many_partners_that_agree_outweigh_one_in_the_soft_score():
    """By hand: [0, 1, 2] has one perfect partner a source, [0, 2, 1] two of 0.98: 1 < 0.98 + 0.05 ln 2 = 1.015."""
    scores = np.full((3,) * 4, -1.0)
    for i, j in (0, 1), (1, 0), (2, 0):
        scores[i, j, i, j] = 1
    order = [0, 2, 1]
    for i, j in permutations(range(3), 2):
        scores[i, j, order[i], order[j]] = 0.98
    assert best_mapping(scores) == [0, 1, 2]
    assert best_mapping(scores, 0.05) == order
    assert best_mapping(scores, 0.02) == [0, 1, 2]  # 0.98 + 0.02 ln 2 = 0.994


@settings(max_examples=100, deadline=None)
@given(size=st.integers(3, 6), seed=SEEDS, levels=st.sampled_from([2, 5]), share=st.floats(0, 0.5))
def test_the_order_is_right_if_most_scores_are_equal(size, seed, levels, share):
    scores = random_scores(size, seed, levels)
    scores[np.random.default_rng(seed + 1).random(scores.shape) > share] = 0.5
    assert best_mapping(scores) == list(by_loop(scores))


@settings(max_examples=30, deadline=None)
@given(size=st.integers(7, 8), seed=SEEDS, levels=st.sampled_from([1, 2, 4, 8, None]))
def test_larger_problems_are_solved_as_if_all_orders_were_scored(size, seed, levels):
    scores, orders = random_scores(size, seed, levels), np.array(list(permutations(range(size))))
    assert best_mapping(scores) == orders[score_orders(prepare(scores), orders).argmax()].tolist()


@pytest.mark.parametrize("size", [2, 5, 7, 12])
def test_equal_scores_leave_the_order_as_it_is(size):
    assert best_mapping(np.full((size,) * 4, 0.3)) == list(range(size))


@pytest.mark.parametrize("size", [5, 7])
def test_scores_closer_than_the_grid_tie(size):
    scores = np.full((size,) * 4, 0.3)
    scores[0, 1, 1, 0] += 1e-13
    assert best_mapping(scores) == list(range(size))
    scores[0, 1, 1, 0] += 1e-9
    assert best_mapping(scores)[:2] == [1, 0]


def test_a_problem_of_14_terms_takes_few_nodes():
    """Relations as vectors that share a lot, as those of an encoder do; the targets are the sources, shuffled."""
    rng = np.random.default_rng(0)
    size = 14
    sources = 0.3 * rng.normal(size=(size, size, 32)) + rng.normal(size=32)
    order = rng.permutation(size)
    targets = sources[np.ix_(order, order)] + 0.2 * rng.normal(size=sources.shape)
    sources, targets = (x / np.linalg.norm(x, axis=-1, keepdims=True) for x in (sources, targets))
    search = MappingSearch(prepare(np.einsum("ijd,abd->ijab", sources, targets)))
    assert search.best_order() == tuple(np.argsort(order).tolist())
    assert search.nodes < 1000


def test_scores_of_a_term_with_itself_are_never_read():
    scores = random_scores(7, 1)
    expected = best_mapping(scores)
    same = np.eye(7, dtype=bool)
    scores[same] = np.nan
    scores[:, :, same] = 99
    assert best_mapping(scores) == expected


def test_the_scores_are_not_modified():
    scores = random_scores(4, 0)
    before = scores.copy()
    best_mapping(scores)
    assert (scores == before).all()


@pytest.mark.parametrize("shape", [(), (3, 3), (3, 3, 3, 4), (1, 1, 1, 1), (0, 0, 0, 0)])
def test_another_shape_is_an_error(shape):
    with pytest.raises(ValueError, match=r"expected \(n, n, n, n\) with n at least 2"):
        best_mapping(np.zeros(shape))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1.1, -2])
def test_scores_out_of_range_are_an_error(value):
    scores = np.zeros((3,) * 4)
    scores[0, 2, 1, 0] = value
    with pytest.raises(ValueError, match=rf"score at \(0, 2, 1, 0\) is {float(value)}, expected a number from -1 to 1"):
        best_mapping(scores)


@pytest.mark.parametrize("temperature", [-0.1, math.nan, math.inf])
def test_a_temperature_out_of_range_is_an_error(temperature):
    with pytest.raises(ValueError, match=rf"temperature is {temperature}, expected 0 or a positive finite number"):
        best_mapping(np.zeros((3,) * 4), temperature)


def test_cosines_a_rounding_error_above_1_are_fine():
    assert best_mapping(np.full((3,) * 4, 1 + 1e-15)) == [0, 1, 2]
