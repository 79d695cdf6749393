import pytest

from st_relbert.wordnet import WordNet
from st_relbert.wordnet.vocabulary import Vocabulary, is_name


@pytest.fixture(scope="module")
def wordnet(wordnet_folder):
    return WordNet.read(wordnet_folder)


def synset(wordnet, *words):
    return next(synset for synset in wordnet.synsets if synset.lemma_names() == list(words))


@pytest.mark.parametrize(
    ("words", "min_count", "word"),
    [
        (["domestic_dog", "dog"], 1, "dog"),  # the most frequent of its words
        (["domestic_dog", "dog"], 9, None),
        (["aardvark"], 1, None),
        (["dog"], 1, None),  # the second sense of the word
        (["Paris", "City_of_Light"], 9, "Paris"),  # a name, whatever its count
        (["Reading"], 1, None),  # a name, but first of all another word
    ],
)
def test_the_word_of_a_synset(wordnet, words, min_count, word):
    assert Vocabulary(wordnet, min_count).word(synset(wordnet, *words)) == word


def test_words_are_common_in_any_sense_and_case(wordnet):
    vocabulary = Vocabulary(wordnet, 12)
    assert vocabulary.is_common("Dog", "noun") and not vocabulary.is_common("dog", "verb")
    assert not vocabulary.is_common("animal", "noun")


def test_instances_are_names(wordnet):
    assert is_name(synset(wordnet, "France")) and not is_name(synset(wordnet, "country"))
