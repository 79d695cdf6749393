import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import normalizers
from transformers import AutoTokenizer

from st_relbert.modules.prompts import PromptAssembler, PromptTokenizer
from st_relbert.templates import Template
from tests import tiny

SPECIAL = ["[MASK]", "[CLS]", "[SEP]", "[PAD]", "[UNK]", "<mask>", "<s>", "</s>", "<pad>", "<unk>", "<subj>", "<obj>"]
text = st.text(min_size=1).filter(
    lambda word: "\ufdd0" not in word and not any("\ud800" <= c <= "\udfff" for c in word)
)


@pytest.fixture
def tokenizer(encoder):
    return AutoTokenizer.from_pretrained(encoder)


@pytest.fixture
def prompts(tokenizer):
    return PromptTokenizer(tokenizer)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(head=text, tail=text)
@pytest.mark.parametrize("name", ["a", "e", "short"])
def test_ids_equal_those_of_the_whole_prompt(tokenizer, prompts, name, head, tail):
    """As in the relbert library: the prompt is tokenised as one text."""
    if any(special in head + tail for special in tokenizer.all_special_tokens):
        return
    template = Template.named(name)
    ours = prompts(template.render([(head, tail)], prompts.mask))[0].ids
    assert ours == tokenizer(template.render([(head, tail)], tokenizer.mask_token)[0])["input_ids"]


@pytest.mark.parametrize("word", [*SPECIAL, "x[MASK]y", "a <mask> b", "</s></s>", " <mask>"])
def test_no_word_becomes_a_special_token(tokenizer, prompts, word):
    ids = prompts(Template.named("a").render([(word, word)], prompts.mask))[0].ids
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    start_mask_end = [tokenizer("")["input_ids"][0], tokenizer.mask_token_id, tokenizer("")["input_ids"][-1]]
    assert [token for token in ids if token in special] == start_mask_end


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(words=st.lists(st.one_of(st.sampled_from(SPECIAL), text), min_size=2, max_size=6).map("".join))
def test_no_text_becomes_a_special_token(tokenizer, prompts, words):
    ids = prompts(Template.named("short").render([(words, "x")], prompts.mask))[0].ids
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    assert sum(token in special for token in ids) == 3


def test_a_plain_tokenizer_reads_a_special_token(tokenizer):
    """The premise of the tests above."""
    prompt = Template.named("a").render([(tokenizer.mask_token, "x")], tokenizer.mask_token)[0]
    assert tokenizer(prompt)["input_ids"].count(tokenizer.mask_token_id) == 3


def test_the_guard_character_is_refused(prompts):
    with pytest.raises(ValueError, match=r"U\+FDD0"):
        prompts.check_words(["Tokyo", "a\ufdd00\ufdd0"])


def build_uncased():
    tokenizer = tiny.build_tokenizer("wordpiece")
    tokenizer.backend_tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    return PromptTokenizer(tokenizer)


@pytest.fixture(scope="session")
def every_kind():
    return [build_uncased(), *(PromptTokenizer(tiny.build_tokenizer(kind)) for kind in tiny.KINDS)]


@pytest.mark.parametrize("word", ["\u0301", " \u0301", "\u0301\u0338", "\u3099"])
def test_a_word_of_which_the_tokenizer_leaves_nothing_is_refused(word):
    """An uncased BERT removes accents, so that a lone one would be read as an empty word."""
    uncased = build_uncased()
    assert uncased.pieces([f"x {word} x"]) == uncased.pieces(["x x"])
    with pytest.raises(ValueError, match="drops every character of the word"):
        uncased.check_words(["Tokyo", word, "\U0001f642"])
    for text in ("<subj> <mask> <obj>", "<subj><obj>"):
        template = Template(text)
        assembler = PromptAssembler.try_build(uncased, template)
        assert (assembler is None) == (text == "<subj><obj>")
        if assembler:
            with pytest.raises(ValueError, match="drops every character of the word"):
                assembler([("Tokyo", word)])


@given(words=st.lists(text, min_size=1, max_size=6))
def test_the_refused_words_are_those_without_tokens(every_kind, words):
    for tokenizer in every_kind:
        assert tokenizer.lost(words) == [word for word in words if not tokenizer.pieces([word])[0]]


def test_the_tokenizer_itself_is_left_alone(tokenizer):
    before = tokenizer.backend_tokenizer.to_str()
    PromptTokenizer(tokenizer)
    assert tokenizer.backend_tokenizer.to_str() == before


def test_a_slow_tokenizer_is_refused():
    class Slow:
        pass

    with pytest.raises(ValueError, match="Slow is not a fast tokenizer"):
        PromptTokenizer(Slow())
