import pytest

from st_relbert.modules.prompts import PromptTokenizer, Surroundings, WordTokens
from tests import tiny


class Counting(PromptTokenizer):
    """Remembers what it tokenised."""

    def __init__(self, tokenizer):
        super().__init__(tokenizer)
        self.texts = []

    def pieces(self, texts):
        self.texts += texts
        return super().pieces(texts)


@pytest.fixture
def tokenizer():
    return Counting(tiny.build_tokenizer("bytelevel"))


def test_the_tokens_include_what_touches_the_word(tokenizer):
    tokens = WordTokens(tokenizer, Surroundings("x", " (", "'s ", "x")).ids_of({"Tokyo"})["Tokyo"]
    assert tokenizer.pieces(["x (Tokyo's x"])[0] == tokenizer.pieces(["x"])[0] + tokens + tokenizer.pieces([" x"])[0]


def test_a_word_is_tokenised_once(tokenizer):
    tokens = WordTokens(tokenizer, Surroundings("x", " ", " ", "x"))
    tokenizer.texts.clear()
    first = tokens.ids_of({"Tokyo", "Japan"})["Japan"]
    assert sorted(tokenizer.texts) == ["x Japan x", "x Tokyo x"]
    assert tokens.ids_of({"Japan"})["Japan"] == first
    tokens.ids_of({"Paris", "Japan"})
    assert tokenizer.texts[2:] == ["x Paris x"]


def test_memory_is_bounded_and_results_do_not_change_later(tokenizer):
    tokens = WordTokens(tokenizer, Surroundings("", "", " ", "x"), most=1_000)
    given = tokens.ids_of({"Tokyo"})
    for start in range(0, 1000, 40):
        words = {f"w{number}" for number in range(start, start + 40)}
        assert words <= tokens.ids_of(words).keys()
        assert sum(len(word) + len(ids) for word, ids in tokens.ids_of(words).items()) <= 1_000
    assert "Tokyo" in given
    many = {f"w{number}" for number in range(300)}
    assert many <= tokens.ids_of(many).keys()  # more words at once than the cache keeps


def test_long_words_displace_others(tokenizer):
    tokens = WordTokens(tokenizer, Surroundings("", "", " ", "x"), most=1_000)
    tokens.ids_of({"Tokyo", "Japan"})
    assert tokens.ids_of({"x" * 600, "Japan"}).keys() == {"x" * 600, "Japan"}
    # Words that are still needed are not tokenised again.
    tokenizer.texts.clear()
    tokens.ids_of({"Japan"})
    assert not tokenizer.texts
