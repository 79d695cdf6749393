import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_relbert.wordnet.forms import adjective_forms, noun_forms, verb_forms
from st_relbert.wordnet.regular_forms import with_ed, with_er, with_est, with_ing, with_s

WORDS = st.from_regex(r"[a-z]{3,12}", fullmatch=True)


@pytest.mark.parametrize(
    ("rule", "word", "form"),
    [
        (with_s, "church", "churches"),
        (with_s, "boy", "boys"),
        (with_s, "quiz", "quizes"),  # which is why nouns in the exception lists do not follow the rule
        (with_ed, "plan", "planned"),
        (with_ed, "quit", "quitted"),
        (with_ed, "play", "played"),
        (with_ed, "fix", "fixed"),
        (with_ed, "agree", "agreed"),
        (with_ed, "look", "looked"),
        (with_ed, "open", "opened"),
        (with_ing, "dye", "dyeing"),
        (with_ing, "study", "studying"),
        (with_ing, "run", "running"),
        (with_er, "dry", "drier"),
        (with_er, "new", "newer"),
        (with_est, "wide", "widest"),
    ],
)
def test_regular_spelling(rule, word, form):
    assert rule(word) == form


@given(WORDS)
def test_a_regular_form_begins_with_the_word_and_is_longer(word):
    for rule, ending in ((with_s, "s"), (with_ed, "ed"), (with_ing, "ing"), (with_er, "er"), (with_est, "est")):
        form = rule(word)
        shared = len(word) - 2 if word.endswith("ie") and rule is with_ing else len(word) - 1
        assert form.startswith(word[:shared]) and form.endswith(ending) and len(form) > len(word)


@pytest.mark.parametrize(
    ("base", "exceptions", "plural"),
    [
        ("child", ["children"], {"irregular plural": "children"}),
        ("wolf", ["wolves"], {"irregular plural": "wolves"}),
        ("bus", ["busses"], {}),
        ("brother", ["brethren", "brothers"], {}),
        ("potato", [], {}),
        ("sheep", [], {}),
        ("glass", [], {"plural": "glasses"}),
        ("glasses", [], {}),
    ],
)
def test_plurals(base, exceptions, plural):
    assert noun_forms(base, exceptions) == plural


@pytest.mark.parametrize(
    ("base", "exceptions", "past"),
    [
        ("walk", [], ["walked", None, None]),
        ("hurt", [], [None, None, None]),
        ("put", ["putting"], [None, None, None]),
        ("carry", ["carried"], ["carried", None, None]),
        ("bleed", ["bled"], [None, "bled", None]),
        ("flee", ["fled"], [None, "fled", None]),
        ("win", ["winning", "won"], [None, "won", None]),
        ("beat", ["beaten"], [None, None, "beaten"]),
        ("show", ["shown"], [None, None, "shown"]),
        ("take", ["taken", "took"], [None, "took", "taken"]),
        ("go", ["gone", "went"], [None, "went", "gone"]),
        ("begin", ["began", "beginning", "begun"], [None, "began", "begun"]),
        ("be", ["am", "are", "been", "is", "was", "were"], [None, None, None]),
    ],
)
def test_pasts(base, exceptions, past):
    forms = verb_forms(base, exceptions)
    assert [forms.get(name) for name in ("past", "irregular past", "irregular past participle")] == past


def test_the_third_person_of_some_verbs_is_left_out():
    assert not any("third person" in verb_forms(base, []) for base in ("be", "have", "do", "go"))


def test_comparatives_of_the_list_stand_above_the_rule():
    assert adjective_forms("big", ["bigger", "biggest"]) == {"comparative": "bigger", "superlative": "biggest"}
    assert adjective_forms("unhappy", ["unhappier"]) == {"comparative": "unhappier"}
    assert adjective_forms("good", ["best", "better"]) == {}


@given(WORDS, st.lists(WORDS, max_size=5))
def test_forms_are_words(base, exceptions):
    for forms_of in (noun_forms, verb_forms, adjective_forms):
        for form in forms_of(base, exceptions).values():
            assert re.fullmatch("[a-z]+", form)
