from dataclasses import replace

import numpy as np
import pytest

from st_relbert import RelBERT
from st_relbert.search import AnalogyCompleter, Completion, RelationIndex, Vocabulary, completion

WORDS = ["France", "Italy", "hand", "book", "page", "tokyo", "Paris", "Italy", "arm", "finger"]
QUESTION = ("Tokyo", "Japan"), "Paris"


@pytest.fixture(scope="module")
def words(model):
    return Vocabulary.encode(model, WORDS)


@pytest.fixture
def strengths(monkeypatch):
    """The strengths of an index's hits, by pair. To an untrained model, all pairs would be similar."""
    said = {}

    def search(self, query, k=10, *, where=None, both_directions=False):
        hits = plain(self, query, 100, where=where)
        hits += [hit.turned() for hit in plain(self, query[::-1], 100)] if both_directions else []
        return [replace(hit, score=said[hit.pair], relation_score=None) for hit in hits if hit.pair in said][:k]

    plain = RelationIndex.search
    monkeypatch.setattr(RelationIndex, "search", search)
    return said


def expected(model, examples, head, candidates):
    """The plain way: each pair and its reverse alone, compared with the examples; and 3CosAdd on word vectors."""

    def unit(vector):
        return vector / np.linalg.norm(vector)

    def mean(pairs):
        return unit(np.mean([unit(vector) for vector in model.encode(pairs)], axis=0))

    def word(text):
        return unit(Vocabulary.encode(model, [text]).vectors[0])

    forth, back = mean(examples), mean([pair[::-1] for pair in examples])
    place = unit(word(head) + np.mean([word(tail) for _, tail in examples], axis=0)
                 - np.mean([word(each) for each, _ in examples], axis=0))  # fmt: skip
    return {
        tail: float((mean([(head, tail)]) @ forth + mean([(tail, head)]) @ back) / 2 + word(tail) @ place) / 2
        for tail in candidates
    }


def test_a_score_is_the_mean_of_the_model_and_the_word_vectors(model, words):
    candidates = ["France", "Italy", "hand", "book", "page", "arm", "finger"]  # without those of the question
    wanted = expected(model, [QUESTION[0]], QUESTION[1], candidates)
    found = AnalogyCompleter(model, words)(*QUESTION, k=100)
    assert [each.word for each in found] == sorted(wanted, key=lambda word: -wanted[word])
    assert dict(found) == pytest.approx(wanted, abs=1e-5)
    assert AnalogyCompleter(model, words)(*QUESTION, k=2) == found[:2]


def test_word_vectors_decide_the_shortlist(model, words):
    """The words that 3CosAdd finds likely, whatever the model's scores of the others."""
    unit = lambda word: (v := Vocabulary.encode(model, [word]).vectors[0]) / np.linalg.norm(v)  # noqa: E731
    place = unit("Paris") + unit("Japan") - unit("Tokyo")
    everything = AnalogyCompleter(model, words)(*QUESTION)
    found = AnalogyCompleter(model, words, shortlist=4)(*QUESTION)
    assert [each.word for each in found] == [each.word for each in everything if each.word in dict(found)]
    assert dict(found) == pytest.approx({word: dict(everything)[word] for word in dict(found)}, abs=1e-6)
    likely = sorted(dict(everything), key=lambda word: -(unit(word) @ place))[:4]
    assert set(dict(found)) == set(likely)


def test_pairs_of_an_index_similar_to_the_stem_are_examples_too(index, model, words, strengths):
    """In a small index, the nearest pairs may have any relation. They are no examples."""
    strengths |= {("Rome", "Italy"): 0.9, ("book", "page"): 0.8, ("finger", "hand"): 0.6}  # the second is turned
    found = dict(AnalogyCompleter(model, words, index=index)(*QUESTION))
    examples = [("Tokyo", "Japan"), ("Rome", "Italy"), ("book", "page")]
    assert found == pytest.approx(expected(model, examples, "Paris", found), abs=1e-5) and len(found) == 7
    strengths.clear()
    assert AnalogyCompleter(model, words, index=index)(*QUESTION) == AnalogyCompleter(model, words)(*QUESTION)


@pytest.mark.parametrize(("examples", "least"), [({("Rome", "Italy"): 0.9, ("hand", "arm"): 0.72}, 0.67), ({}, 0.65)])
def test_words_known_to_have_the_relation_come_first(index, model, words, strengths, examples, least):
    """In either direction, even if vocabulary and shortlist leave them out; but not words of other relations."""
    index.add([("Paris", "Louvre"), ("Seine", "Paris"), ("Paris", "Texas"), ("Paris", "paris")])
    strengths |= examples
    plain = AnalogyCompleter(model, words, index=index, shortlist=2)(*QUESTION)
    near = least + 0.001  # near enough to count as known, but too weak to be an example
    strengths |= dict.fromkeys([("Paris", "Louvre"), ("Seine", "Paris"), ("Paris", "paris")], near)
    strengths[("Paris", "Texas")] = least - 0.001
    found = AnalogyCompleter(model, words, index=index, shortlist=2)(*QUESTION)
    assert {"Louvre", "Seine"} == {each.word for each in found[:2]} and len(found) == 4 and len(plain) == 2
    assert all(score <= 1 for _, score in found)  # known pairs change the rank, not the score


def test_the_words_of_an_index_are_candidates(index, model):
    """The words are encoded once and stored with the index."""
    found = AnalogyCompleter.of_index(index, shortlist=100)(*QUESTION, k=100)
    assert {each.word for each in found} == set(index.words()) - {"Tokyo", "Japan", "Paris"}
    kept = Vocabulary.load(index.path)
    assert kept.words == index.words()
    assert found == AnalogyCompleter(model, kept, index=index, shortlist=100)(*QUESTION, k=100)


def test_words_of_the_question_are_left_out_in_any_spelling(model):
    vocabulary = Vocabulary.encode(model, ["new_york", "NEW  YORK", "cafe\u0301", "Straße", "hand"])
    found = AnalogyCompleter(model, vocabulary)(("New York", "café"), "STRASSE")
    assert [each.word for each in found] == ["hand"]


def test_only_the_question_and_the_shortlist_are_encoded(model, words, monkeypatch):
    completer = AnalogyCompleter(model, words, shortlist=3)
    encoded = []
    plain = type(model).encode
    monkeypatch.setattr(type(model), "encode", lambda self, p, **kw: encoded.extend(p) or plain(self, p, **kw))
    completer(("Tokyo", "Japan"), "Rome")
    assert len(encoded) == 2 * (1 + 3)  # both directions of the stem and the shortlist


def test_a_model_is_identified_only_once(index, model, tmp_path, monkeypatch):
    """Even for a small model, the digest of its weights takes a third of a second."""
    AnalogyCompleter.of_index(index)
    asked = []
    plain = completion.ModelIdentity.of
    monkeypatch.setattr(completion.ModelIdentity, "of", lambda found: asked.append(found) or plain(found))
    opened = RelationIndex.open(index.path, model)
    assert len(asked) == 1
    AnalogyCompleter.of_index(opened)(*QUESTION)
    assert len(asked) == 1


def test_an_index_of_another_model_is_refused(index, encoders):
    """The vocabulary fits the model, but the index's pairs would be found by other vectors."""
    other = RelBERT(encoders["bytelevel"], template="short")
    with pytest.raises(ValueError, match="different weights.*not comparable"):
        AnalogyCompleter(other, Vocabulary.encode(other, WORDS), index=index)
    template = RelBERT(encoders["wordpiece"], template="a")
    with pytest.raises(ValueError, match="different template.*not comparable"):
        AnalogyCompleter(template, Vocabulary.encode(template, WORDS), index=index)


def test_bad_input_is_refused(model, words):
    with pytest.raises(ValueError, match="shortlist is 0"):
        AnalogyCompleter(model, words, shortlist=0)
    completer = AnalogyCompleter(model, words)
    with pytest.raises(ValueError, match="the stem is"):
        completer(("Tokyo",), "Paris")
    with pytest.raises(ValueError, match="^the word to complete is ''"):
        completer(("Tokyo", "Japan"), "")
    with pytest.raises(ValueError, match="k is 0"):
        completer(("a", "b"), "c", k=0)
    only = AnalogyCompleter(model, Vocabulary.encode(model, ["a"]))
    assert only(("a", "b"), "c") == [] and Completion("a", 1.0).word == "a"
