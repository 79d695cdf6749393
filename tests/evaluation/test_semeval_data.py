import copy

import numpy as np
import pytest

from st_relbert.evaluation.semeval import as_similarity_relations
from tests.evaluation.test_similarity import FOUR, MAXDIFF, RATINGS


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
    "rated twice": (
        put(["a", "x", 3.0], 0, 0, "pairs", 2),
        r"rated pair 2 is \('a', 'x'\), which already has a rating",
    ),
    "equal ratings": (put([["a", "x", 3], ["b", "x", 3]], 0, 0, "pairs"), "rates all 2 pairs 3.0, expected at least"),
    "question no object": (put("?", *QUESTION), r"row 1 \(1/a\), question 1 is '\?', expected an object"),
    "three pairs": (put(FOUR[:3], *QUESTION, "pairs"), r"question 1 has the pairs .*, expected a list of 4 pairs"),
    "no pair": (put(["a"], *QUESTION, "pairs", 2), r"question 1, pair 2 is \['a'\], expected two words"),
    "no votes": (put(None, *QUESTION, "least"), r"question 1 has no 'least'"),
    "five votes": (put([0] * 5, *QUESTION, "most"), r"question 1, most is \[0, 0, 0, 0, 0\], expected a list of 4"),
    "negative vote": (put(-1, *QUESTION, "least", 0), r"question 1, least contains -1, expected vote counts"),
    "vote of half": (put(0.5, *QUESTION, "most", 3), r"question 1, most contains 0.5, expected"),
    "vote no number": (put(True, *QUESTION, "most", 3), r"question 1, most contains True, expected"),
    "rated relation twice": (
        put("1/a", 0, 2, "relation_type"),
        "ratings, row 2 has the relation '1/a', as does ratings, row 0",
    ),
    "asked relation twice": (
        put("1/b", 1, 2, "relation_type"),
        "maxdiff, row 2 has the relation '1/b', as does maxdiff, row 0",
    ),
    "no ratings": (
        put("9/z", 1, 1, "relation_type"),
        r"maxdiff, row 1 \(9/z\) has the relation '9/z', which has no ratings in the split 'testing'",
    ),
    "no questions of a relation": (
        lambda ratings, maxdiff: maxdiff.pop(0),
        r"ratings, row 1 \(1/b\) has the relation '1/b', which has no questions in the split 'testing'",
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
        as_similarity_relations(ratings, maxdiff)


def test_records_may_contain_numpy_values():
    ratings, maxdiff = copy.deepcopy((RATINGS, MAXDIFF))
    ratings[0]["pairs"][0][2] = np.float32(40)
    maxdiff[0]["questions"][0]["least"] = np.array([1, 0, 3, 1])
    relations = as_similarity_relations(ratings, maxdiff)
    assert relations == as_similarity_relations(RATINGS, MAXDIFF)
