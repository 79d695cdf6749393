import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from st_relbert.modules.prompts import PromptTokenizer
from st_relbert.templates import Template

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


def test_the_guard_character_is_refused(tokenizer):
    with pytest.raises(ValueError, match=r"U\+FDD0"):
        PromptTokenizer.check_word("a\ufdd00\ufdd0")


def test_the_tokenizer_itself_is_left_alone(tokenizer):
    before = tokenizer.backend_tokenizer.to_str()
    PromptTokenizer(tokenizer)
    assert tokenizer.backend_tokenizer.to_str() == before


def test_a_slow_tokenizer_is_refused():
    class Slow:
        pass

    with pytest.raises(ValueError, match="Slow is not a fast tokenizer"):
        PromptTokenizer(Slow())
