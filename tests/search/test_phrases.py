import numpy as np
import pytest

from st_relbert.search import labels as phrases_module
from st_relbert.search import search_phrase

SOUND = "attribute/sound of an animal"


def test_a_phrase_is_understood_as_a_relation_of_the_index(index):
    assert search_phrase(index, "is the capital of").relation == "capital"
    mine = search_phrase(index, "part")
    assert (mine.relation, mine.sentence, mine.understood) == ("part", None, "part")
    prototype = np.mean([row["vector"] for row in index.rows_of_relation("part", vectors=True)], axis=0)
    expected = index.search(prototype.astype(np.float32), exclude="nothing")
    assert [hit.pair for hit in mine.hits] == [hit.pair for hit in expected]


def test_shipped_pairs_are_the_query_if_the_index_has_none(index):
    answer = search_phrase(index, "the sound that an animal makes", k=2)
    assert (answer.relation, answer.sentence) == (SOUND, "{tail} is the sound that a {head} makes")
    assert answer.understood == f"{SOUND} ({answer.sentence})" and len(answer.hits) == 2
    assert answer.hits == index.search(list(phrases_module._shipped()[SOUND].pairs), k=2, exclude="nothing")


@pytest.mark.parametrize("phrase", ["", " ", "zzzz", "12345", "how are you today", "blorf the quux"])
def test_a_phrase_that_matches_no_relation_is_an_error(index, phrase):
    with pytest.raises(ValueError, match="does not match any relation. Rephrase it"):
        search_phrase(index, phrase)


def test_a_sentence_encoder_can_compare_phrases(index):
    class Encoder:
        def encode(self, texts, **kwargs):
            return np.ones(2) / 2**0.5 if isinstance(texts, str) else np.eye(2)[[int(text == "part") for text in texts]]

    assert search_phrase(index, "anything", encoder=Encoder()).score == pytest.approx(0.5**0.5)


def test_filters_apply(index):
    index.add([{"head": "Oslo", "tail": "Norway", "relation": "capital"}])
    assert {hit.relation for hit in search_phrase(index, "part", where={"relation": "capital"}).hits} == {"capital"}
