"""The official scores of known systems on the task's own data."""

import math

import numpy as np
import pytest

from st_relbert.data.sources import read_records
from st_relbert.evaluation.semeval import SimilarityScore, as_similarity_relations, maxdiff_accuracy, score_relations
from tests.evaluation.test_semeval_scores import maxdiff_by_loop


@pytest.fixture(scope="module")
def semeval(data):
    ratings, maxdiff = (read_records(data / f"semeval2012_{part}.jsonl", [])[0] for part in ("gold_ratings", "maxdiff"))
    return as_similarity_relations(ratings, maxdiff)


def score(relations, number_of):
    numbers = {relation.relation_type: dict(number_of(relation)) for relation in relations}
    return SimilarityScore(*np.mean(list(score_relations(relations, numbers).values()), axis=0))


def test_every_pair_of_a_question_is_rated_in_the_same_spelling(semeval):
    assert len(semeval) == 69 and sum(len(relation.questions) for relation in semeval) == 6997
    for relation in semeval:
        assert {pair for question in relation.questions for pair in question.pairs} == set(relation.ratings)
        assert not set(relation.paradigms) & set(relation.ratings)  # it does not see the ratings


def test_reference_point_gold_against_itself(semeval):
    gold = score(semeval, lambda relation: relation.ratings)
    assert gold.maxdiff_accuracy == pytest.approx(0.753, abs=0.0005)
    assert gold.spearman == pytest.approx(1, abs=1e-12)
    for relation in semeval:
        loop = maxdiff_by_loop(relation.questions, relation.ratings)
        assert maxdiff_accuracy(relation.questions, relation.ratings) == pytest.approx(loop, abs=1e-12)


def test_reference_point_random(semeval):
    """A random guess of a side is right with probability winners / 4, exactly; a random order correlates with 0.

    The published figures of the task's Random baseline, 31.2 % and 0.018, are those of one draw.
    """
    expected = np.mean(
        [
            np.mean([np.mean(np.equal(votes, max(votes))) for q in relation.questions for votes in (q.least, q.most)])
            for relation in semeval
        ]
    )
    assert expected == pytest.approx(0.3039, abs=1e-4)
    generator = np.random.default_rng(0)
    draws = np.array([score(semeval, lambda r: ((pair, generator.random()) for pair in r.pairs)) for _ in range(20)])
    spread = draws.std(axis=0, ddof=1)
    # Four standard errors of the mean of 20 draws around the expected value. One seed in 600 would fail.
    assert np.all(np.abs(draws.mean(axis=0) - [expected, 0]) < 4 * spread / math.sqrt(len(draws)))
    # The published draw lies within three standard deviations of one draw.
    assert np.all(np.abs(np.array([0.312, 0.018]) - [expected, 0]) < 3 * spread)


def test_reference_point_equal_numbers(semeval):
    """Annotators took the first of the four as the best far more often than the last, so equal numbers beat random."""
    equal = score(semeval, lambda relation: dict.fromkeys(relation.pairs, 0.0))
    assert equal == (pytest.approx(0.3321, abs=1e-4), 0)
