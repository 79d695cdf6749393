import numpy as np
import pytest

from st_relbert.search import Vocabulary
from st_relbert.search.completion import AnalogyCompleter, Completion

WORDS = ["France", "Italy", "hand", "book", "page", "tokyo", "Paris", "Italy", "arm", "finger"]


def test_the_words_are_ranked_by_their_pairs(model):
    """Against the plain way: each pair by itself, and reversed."""
    expected = []
    for word in ["France", "Italy", "hand", "book", "page", "arm", "finger"]:  # not those of the question
        forth = model.similarity(*model.encode([("Paris", word), ("Tokyo", "Japan")]))
        back = model.similarity(*model.encode([(word, "Paris"), ("Japan", "Tokyo")]))
        expected.append((word, float(forth + back) / 2))
    expected.sort(key=lambda item: -item[1])
    found = AnalogyCompleter(model, WORDS)(("Tokyo", "Japan"), "Paris", k=100)
    assert [completion.word for completion in found] == [word for word, _ in expected]
    np.testing.assert_allclose([completion.score for completion in found], [s for _, s in expected], atol=1e-5)
    assert AnalogyCompleter(model, WORDS)(("Tokyo", "Japan"), "Paris", k=2) == found[:2]


def test_with_a_first_stage_its_cosine_counts_too(model):
    """Against the plain way, 3CosAdd on the vectors of single words; whatever the shortlist leaves out."""
    question = ("Tokyo", "Japan"), "Paris"
    unit = lambda word: (v := Vocabulary.encode(model, [word]).vectors[0]) / np.linalg.norm(v)  # noqa: E731
    place = unit("Paris") + unit("Japan") - unit("Tokyo")
    first = {word: float(unit(word) @ place / np.linalg.norm(place)) for word in WORDS}
    by_model = dict(AnalogyCompleter(model, WORDS)(*question))
    everything = AnalogyCompleter(model, WORDS, shortlist=100)(*question)
    assert dict(everything) == pytest.approx({w: (by_model[w] + first[w]) / 2 for w in by_model}, abs=1e-5)
    found = AnalogyCompleter(model, WORDS, shortlist=4)(*question)
    assert len(found) == 4 and found == [each for each in everything if each.word in dict(found)]
    assert set(dict(found)) == set(sorted(by_model, key=lambda word: -first[word])[:4])


def test_words_that_are_known_to_follow_count(model):
    """They are candidates though the vocabulary and the shortlist leave them out, and stand a little higher."""
    question = ("Tokyo", "Japan"), "Paris"
    completer = AnalogyCompleter(model, WORDS, shortlist=1)
    found = completer(*question, known=["Louvre", "paris", "Japan"])
    assert {"Louvre"} < {each.word for each in found} and len(found) == 2
    scored = dict(AnalogyCompleter(model, [*WORDS, "Louvre"], shortlist=100)(*question, k=100))
    assert dict(found)["Louvre"] == pytest.approx(scored["Louvre"], abs=1e-5)
    plain = AnalogyCompleter(model, [*WORDS, "Louvre"])(*question, k=100)
    scores = dict(plain)
    last = plain[-1].word
    places = [[each.word for each in plain].index(last)]
    again = AnalogyCompleter(model, [*WORDS, "Louvre"])(*question, k=100, known=[last])
    places.append([each.word for each in again].index(last))
    expected = sum(score > scores[last] + 0.1 for score in scores.values())
    assert places[1] == expected <= places[0]


def test_words_of_the_question_are_left_out_however_they_are_written(model):
    vocabulary = ["new_york", "NEW  YORK", "cafe\u0301", "Straße", "hand"]
    completer = AnalogyCompleter(model, vocabulary)
    found = completer(("New York", "café"), "STRASSE", known=["New_York", "CAFÉ", "book"])
    assert {each.word for each in found} == {"hand", "book"}


def test_the_vocabulary_is_encoded_once_for_all_questions(model, monkeypatch):
    """Of the second question only the shortlist and the question itself."""
    completer = AnalogyCompleter(model, WORDS, shortlist=3)
    completer(("Tokyo", "Japan"), "Paris")
    encoded = []
    plain = type(model).encode
    monkeypatch.setattr(type(model), "encode", lambda self, p, **kw: encoded.extend(p) or plain(self, p, **kw))
    completer(("Tokyo", "Japan"), "Rome")
    assert len(encoded) == 2 * (1 + 3)  # both directions of the stem and the shortlist


def test_bad_input(model):
    with pytest.raises(ValueError, match="The vocabulary holds no word"):
        AnalogyCompleter(model, [])
    with pytest.raises(ValueError, match="word 1 of the vocabulary"):
        AnalogyCompleter(model, ["a", " "])
    with pytest.raises(ValueError, match="shortlist is 0"):
        AnalogyCompleter(model, ["a"], shortlist=0)
    completer = AnalogyCompleter(model, ["a"])
    with pytest.raises(ValueError, match="the stem is"):
        completer(("Tokyo",), "Paris")
    with pytest.raises(ValueError, match="the head of the pair to complete"):
        completer(("Tokyo", "Japan"), "")
    with pytest.raises(ValueError, match="k is 0"):
        completer(("a", "b"), "c", k=0)
    assert completer(("a", "b"), "c") == [] and Completion("a", 1.0).word == "a"
