import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from st_relbert.data import leakage
from st_relbert.data.leakage import FORMS, PARTS, find_leakage, find_leakages, kind_name
from st_relbert.pairs import folded, folded_word

STEM, RIGHT, WRONG = ("Tokyo", "Japan"), ("Rome", "Italy"), ("cat", "dog")
QUESTION = {"stem": list(STEM), "choice": [list(WRONG), list(RIGHT)], "answer": 1}


def found(report):
    """The kinds of leakage found in some question."""
    return {kind for kind, rows in report.rows.items() if rows}


def kinds(parts, forms, label="positive"):
    return {kind_name(label, part, form) for part in parts for form in forms}


@pytest.mark.parametrize(
    ("pair", "parts", "forms"),
    [
        (("Tokyo", "Japan"), ["stem", "stem_or_answer"], ["exact", "folded"]),
        (("Japan", "Tokyo"), ["stem", "stem_or_answer"], ["reversed", "folded"]),
        (("TOKYO", "japan"), ["stem", "stem_or_answer"], ["folded"]),
        (("japan", "tokyo"), ["stem", "stem_or_answer"], ["folded"]),
        ((" Tokyo", "Japan\t"), ["stem", "stem_or_answer"], ["folded"]),
        (("Rome", "Italy"), ["answer", "stem_or_answer", "choice"], ["exact", "folded"]),
        (("Italy", "Rome"), ["answer", "stem_or_answer", "choice"], ["reversed", "folded"]),
        (("cat", "dog"), ["choice"], ["exact", "folded"]),
        (("dog", "cat"), ["choice"], ["reversed", "folded"]),
        (("dog", "Cat"), ["choice"], ["folded"]),
        (("Tokyo", "Italy"), [], []),
        (("To kyo", "Japan"), [], []),
    ],
)
def test_every_part_and_form_is_counted(pair, parts, forms):
    assert found(find_leakage([QUESTION], {"r": [pair]})) == kinds(parts, forms)
    assert found(find_leakage([QUESTION], {"r": [("x", "y")]}, {"r": [pair]})) == kinds(parts, forms, "negative")


@pytest.mark.parametrize(
    ("positives", "shared"),
    [
        ({"r": [STEM, RIGHT]}, True),
        ({"r": [STEM, RIGHT[::-1]]}, True),
        ({"r": [("tokyo", "JAPAN"), ("italy", "rome")]}, True),
        ({"r": [STEM], "s": [RIGHT]}, False),
        ({"r": [STEM], "s": [RIGHT], "t": [RIGHT, STEM]}, True),
        ({"r": [STEM, WRONG]}, False),
        ({"r": [RIGHT]}, False),
    ],
)
def test_a_shared_analogy_is_of_one_relation(positives, shared):
    assert find_leakage([QUESTION], positives).shared_analogies == [0] * shared


def test_negatives_make_no_shared_analogy():
    assert not find_leakage([QUESTION], {"r": [STEM]}, {"r": [STEM, RIGHT]}).shared_analogies


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("Straße", "STRASSE"),
        ("New York", "new  york"),
        ("ΟΔΟΣ", "οδος"),
        ("ﬁsh", "FISH"),
        ("a\u00a0b", "A b"),
        ("ice_cream", "Ice cream"),
        ("caf\u00e9", "CAFE\u0301"),
    ],
)
def test_words_are_folded(word, other):
    question = {**QUESTION, "stem": [word, "x"]}
    for pair in ((other, "X"), ("X", other)):
        assert found(find_leakage([question], {"r": [pair]})) == kinds(["stem", "stem_or_answer"], ["folded"])


def test_rows_refer_to_the_questions():
    other = {"stem": ["a", "b"], "choice": [["c", "d"]], "answer": 0}
    report = find_leakage([other, QUESTION, other, QUESTION], {"r": [STEM, WRONG]}, {"r": [("d", "c")]})
    assert report.questions == 4
    assert report.rows["positive_stem_exact"] == report.rows["positive_choice_exact"] == [1, 3]
    assert report.rows["negative_answer_reversed"] == [0, 2]
    assert report.overlapping == [0, 1, 2, 3]
    assert report.share("positive_stem_exact") == 0.5


def test_scores_leave_the_leaked_questions_out():
    other = {"stem": ["a", "b"], "choice": [["c", "d"]], "answer": 0}
    half = {**QUESTION, "choice": [["c", "e"], ["f", "g"]]}
    report = find_leakage([QUESTION, other, half, other], {"r": [STEM, RIGHT]})
    scores = report.scores([True, True, False, False])
    assert scores == {
        "all": (4, 0.5),
        "without_overlap": (2, 0.5),
        "without_shared_analogies": (3, pytest.approx(1 / 3)),
    }
    with pytest.raises(ValueError, match="3 outcomes for 4 questions"):
        report.scores([True, True, False])


def test_without_questions_there_is_no_score():
    scores = find_leakage([QUESTION], {"r": [STEM, RIGHT]}).scores([True])
    assert scores == {"all": (1, 1.0), "without_overlap": (0, None), "without_shared_analogies": (0, None)}


def test_malformed_questions_are_named():
    with pytest.raises(ValueError, match="u2, row 0 has no 'answer'"):
        find_leakages({"u2": [{"stem": ["a", "b"], "choice": [["c", "d"]]}]}, {})
    with pytest.raises(ValueError, match="no questions"):
        find_leakage([], {})


def test_pairs_may_be_lists():
    assert find_leakage([QUESTION], {"r": [list(STEM)]}).rows["positive_stem_exact"] == [0]


# Few words, so that questions and training pairs often share a pair.
WORDS = st.sampled_from(["a", "A", " a", "b", "ß", "SS", "ss", "b  c", "B c", "b_c", "\u00e9", "E\u0301"])
PAIRS = st.tuples(WORDS, WORDS)
RELATIONS = st.dictionaries(st.sampled_from("rst"), st.lists(PAIRS, max_size=4), max_size=3)


@st.composite
def questions(draw):
    choices = draw(st.lists(PAIRS, min_size=1, max_size=3))
    return {"stem": draw(PAIRS), "choice": choices, "answer": draw(st.integers(0, len(choices) - 1))}


def plain_match(pair, other, form):
    def fold(words):
        return [folded_word(word) for word in words]

    if form == "exact":
        return pair == other
    if form == "reversed":
        return pair == (other[1], other[0])
    return fold(pair) == fold(other) or fold(pair) == fold(other)[::-1]


def plain_rows(questions, relations, part, form):
    rows = []
    for row, question in enumerate(questions):
        right = question["choice"][question["answer"]]
        held = {"stem": [question["stem"]], "answer": [right], "choice": question["choice"]}
        held["stem_or_answer"] = held["stem"] + held["answer"]
        trained = [pair for pairs in relations.values() for pair in pairs]
        if any(plain_match(pair, other, form) for pair in held[part] for other in trained):
            rows.append(row)
    return rows


def plain_shared(questions, relations):
    def among(pair, others):
        return any(plain_match(pair, other, form) for other in others for form in FORMS)

    return [
        row
        for row, question in enumerate(questions)
        if any(
            among(question["stem"], pairs) and among(question["choice"][question["answer"]], pairs)
            for pairs in relations.values()
        )
    ]


@settings(max_examples=200, deadline=None)
@given(st.lists(questions(), min_size=1, max_size=5), RELATIONS, RELATIONS)
def test_sets_find_what_comparing_all_pairs_finds(questions, positives, negatives):
    report = find_leakage(questions, positives, negatives)
    expected = {
        kind_name(label, part, form): plain_rows(questions, relations, part, form)
        for label, relations in (("positive", positives), ("negative", negatives))
        for part in PARTS
        for form in FORMS
    }
    assert report.rows == {**expected, "shared_analogy": plain_shared(questions, positives)}


def test_several_sets_are_reported_as_each_alone():
    sets = {"one": [QUESTION], "two": [{**QUESTION, "stem": ["a", "b"]}, QUESTION]}
    training = {"r": [STEM, RIGHT]}, {"r": [WRONG]}
    assert find_leakages(sets, *training) == {name: find_leakage(of, *training) for name, of in sets.items()}


def test_each_pair_is_folded_only_once(monkeypatch):
    """Comparing all with all would take forever for a million pairs and a thousand questions."""
    looked_at = []
    monkeypatch.setattr(leakage, "folded", lambda pair: looked_at.append(pair) or folded(pair))
    positives = {f"r{r}": [(f"head {r}-{i}", f"tail {i}") for i in range(100)] for r in range(50)}
    questions = [
        {"stem": [f"Head {q}-0", "tail 0"], "choice": [[f"tail {c}", f"head {q}-{c}"] for c in (1, 2)], "answer": q % 2}
        for q in range(100)
    ]
    report = find_leakage(questions, positives)
    assert report.shared_analogies == report.overlapping == list(range(50))
    assert len(looked_at) == 50 * 100 + 3 * len(questions)
