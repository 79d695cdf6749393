import tracemalloc

import numpy as np
import pytest
from scipy.stats import binom

from st_relbert.evaluation.statistics import bootstrap_interval


def interval_by_loop(outcomes, level, samples, seed):
    """Resample, one mean at a time."""
    generator = np.random.default_rng(seed)
    means = sorted(sum(generator.choice(outcomes, size=len(outcomes))) / len(outcomes) for _ in range(samples))
    return means[int((1 - level) / 2 * samples)], means[int((1 + level) / 2 * samples)]


@pytest.mark.parametrize(
    "outcomes", [[1] * 30 + [0] * 70, [True, False] * 40, [0.1, 0.5, 0.9, 2.0] * 10, [-1.0, 0, 3.5]], ids=str
)
def test_intervals_agree_with_a_plain_loop(outcomes):
    """Up to chance: an end of the interval of 2,000 means varies by about a fifteenth of the means' spread."""
    spread = np.std(outcomes) / np.sqrt(len(outcomes))
    expected = interval_by_loop(outcomes, 0.9, 2000, 1)
    assert bootstrap_interval(outcomes, level=0.9, samples=20_000) == pytest.approx(expected, abs=0.3 * spread)


def test_drawing_the_number_of_right_answers_equals_drawing_outcomes():
    outcomes = np.array([1.0] * 130 + [0.0] * 70)
    # With a shift they are no longer 0 and 1, so they are resampled one by one.
    shifted = np.array(bootstrap_interval(outcomes + 5, samples=20_000)) - 5
    assert bootstrap_interval(outcomes, samples=20_000) == pytest.approx(shifted, abs=0.01)


def test_ends_are_quantiles_of_the_binomial_distribution():
    low, high = bootstrap_interval([1] * 300 + [0] * 700, samples=100_000)
    assert (low * 1000, high * 1000) == pytest.approx(binom.ppf([0.025, 0.975], 1000, 0.3), abs=1.01)


def test_intervals_cover_the_true_accuracy_as_often_as_stated():
    generator = np.random.default_rng(0)
    intervals = [
        bootstrap_interval(generator.random(200) < 0.7, level=0.9, samples=500, seed=run) for run in range(400)
    ]
    covered = np.mean([low <= 0.7 <= high for low, high in intervals])
    # The standard error of the share is 0.015.
    assert 0.83 < covered < 0.96


def test_the_seed_decides_the_draws():
    intervals = [bootstrap_interval(np.linspace(0, 1, 50) ** 2, samples=200, seed=seed) for seed in (0, 0, 1)]
    assert intervals[0] == intervals[1] != intervals[2]


def test_equal_outcomes_have_an_interval_of_one_value():
    assert bootstrap_interval([True] * 7) == (1, 1)
    assert bootstrap_interval([0.25, 0.25], samples=10) == (0.25, 0.25)


def test_memory_is_bounded():
    """20,000 outcomes times 500 resamples would be 80 MB of indices at once."""
    outcomes = np.random.default_rng(0).random(20_000)
    tracemalloc.start()
    bootstrap_interval(outcomes, samples=500)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"correct": []}, r"shape \(0,\), expected one row"),
        ({"correct": [[1, 0]]}, r"shape \(1, 2\), expected one row"),
        ({"correct": 1}, r"shape \(\), expected one row"),
        ({"correct": [1, float("nan")]}, "Outcome 1 is nan, expected finite"),
        ({"correct": [float("inf")]}, "Outcome 0 is inf"),
        ({"correct": [1, 0], "level": 95}, "level is 95, expected a share between 0 and 1"),
        ({"correct": [1, 0], "level": 0}, "level is 0"),
        ({"correct": [1, 0], "samples": 0}, "samples is 0, expected a positive whole number"),
    ],
)
def test_malformed_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(**arguments)
