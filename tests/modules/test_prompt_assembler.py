import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from st_relbert.modules import PromptTemplate
from st_relbert.modules.prompts import PromptAssembler, PromptTokenizer
from st_relbert.templates import NAMED_TEMPLATES, PLACEHOLDERS, Template
from tests import tiny

CUSTOM = [
    "<subj> <mask> <obj>",
    "<mask> <obj> <subj>",
    "(<subj>) is to (<obj>), <mask>!",
    "<subj><mask> <obj>",
    "[SEP] <subj> </s><obj>",
    "re<subj>ed, '<obj>'",
]
# Letters of many scripts, blanks, marks and emoji, and text that looks like a tokenizer's own symbols.
CHARACTERS = st.one_of(
    st.characters(exclude_categories=["Cs"], exclude_characters="\ufdd0"),
    st.sampled_from(" \t\n'’-.:/▁Ġ_\u0301\u0338\u200d\u0600\u00a0"),
)
WORDS = st.one_of(st.text(CHARACTERS, min_size=1, max_size=8), st.sampled_from(["Tokyo", "[MASK]", "<mask>", "</s>"]))


def marked(tokenizer, text):
    parts = Template.named(text).parts
    return Template("".join(part if part in PLACEHOLDERS else tokenizer.mark(part) for part in parts))


@pytest.fixture(scope="session")
def tokenizers():
    return {kind: PromptTokenizer(tiny.build_tokenizer(kind)) for kind in tiny.KINDS}


@pytest.mark.parametrize("text", [*NAMED_TEMPLATES, *CUSTOM])
def test_token_ids_equal_those_of_whole_prompts(tokenizers, kind, text):
    """The slow way is to write out and tokenise every prompt."""
    tokenizer = tokenizers[kind]
    template = marked(tokenizer, text)
    assembler = PromptAssembler.try_build(tokenizer, template)
    assert assembler is not None

    @settings(max_examples=25)
    @given(pairs=st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=8))
    def same(pairs):
        pairs = [pair for pair in pairs if not tokenizer.lost(pair)]
        assert assembler(pairs) == [encoding.ids for encoding in tokenizer(template.render(pairs, tokenizer.mask))]

    same()


@pytest.mark.parametrize("text", ["<subj>/<obj>", "<subj><obj> <mask>"])
def test_words_that_touch_need_whole_prompts(tokenizers, kind, text):
    assert PromptAssembler.try_build(tokenizers[kind], marked(tokenizers[kind], text)) is None


@pytest.mark.parametrize(
    "splitter", [None, pre_tokenizers.Metaspace(split=False), pre_tokenizers.ByteLevel(use_regex=False)]
)
def test_a_tokenizer_with_tokens_across_blanks_needs_whole_prompts(splitter):
    """Here "jam of" is one token. No probe would show it, because the word is not known in advance."""
    backend = Tokenizer(models.BPE())
    if splitter is not None:
        backend.pre_tokenizer = splitter
    special = ["<mask>", "<pad>"]
    backend.train_from_iterator(["jam of"] * 9, trainers.BpeTrainer(special_tokens=special, initial_alphabet=["x"]))
    tokenizer = PromptTokenizer(
        PreTrainedTokenizerFast(tokenizer_object=backend, mask_token="<mask>", pad_token="<pad>")
    )
    assert len(tokenizer.pieces(["jam of"])[0]) < sum(map(len, tokenizer.pieces(["jam", " of"])))
    assert PromptAssembler.try_build(tokenizer, marked(tokenizer, "<subj> of <obj>")) is None


@pytest.mark.parametrize(
    "token", ["of Japan", "ok", "yo", " is", AddedToken("of", rstrip=True), AddedToken("a", lstrip=True)]
)
def test_added_tokens_are_found_as_in_whole_prompts(kind, token):
    """They are matched before a text is split at blanks, and may extend across one."""
    tokenizer = tiny.build_tokenizer(kind)
    tokenizer.add_tokens([token])
    prompts = PromptTokenizer(tokenizer)
    template = marked(prompts, "a")
    assembler = PromptAssembler.try_build(prompts, template)
    pairs = [("Tokyo", "Japan"), ("of", "Japan is"), ("a of Japan", "ok yo"), ("café a", " is")]
    whole = [encoding.ids for encoding in prompts(template.render(pairs, prompts.mask))]
    assert (assembler(pairs) if assembler else whole) == whole
    assert (assembler is None) == (str(token) not in ("ok", "yo"))


def test_both_ways_give_the_same_features(encoder, monkeypatch):
    pairs = [("Tokyo", "Japan"), ("New York", "mother-in-law"), ("Tokyo", "café")]
    fast = PromptTemplate(encoder).preprocess(pairs)
    monkeypatch.setattr(PromptAssembler, "try_build", lambda *args: None)
    plain = PromptTemplate(encoder).preprocess(pairs)
    assert {key: plain[key].tolist() for key in ("input_ids", "attention_mask")} == {
        key: fast[key].tolist() for key in ("input_ids", "attention_mask")
    }


def test_a_word_with_the_noncharacter_is_an_error(tokenizers, kind):
    assembler = PromptAssembler.try_build(tokenizers[kind], marked(tokenizers[kind], "a"))
    with pytest.raises(ValueError, match="contains the noncharacter U\\+FDD0"):
        assembler([("Tokyo", "\ufdd0" + "3\ufdd0")])
