import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer

from st_relbert import RelBERT
from st_relbert.modules import PromptTemplate, RelationPooling
from st_relbert.modules.prompts import PromptTokenizer
from st_relbert.pairs import as_pair
from tests.tiny import KINDS

PAIRS = [("Tokyo", "Japan"), ("finger", "hand"), ("New York City", "mother-in-law café 東京 " + "mask " * 20)]


def is_word(word):
    try:
        return bool(as_pair((word, "x"), "it"))
    except ValueError:
        return False


def pipeline(prompt, **kwargs):
    return SentenceTransformer(modules=[prompt, RelationPooling(prompt.get_embedding_dimension(), **kwargs)])


def test_the_modules_work_by_hand_in_a_plain_pipeline(encoder):
    model = pipeline(PromptTemplate(encoder, template="short"))
    vectors = model.encode(PAIRS)
    assert vectors.shape == (3, 16) and vectors.dtype == np.float32
    assert len(np.unique(vectors, axis=0)) == 3


@pytest.mark.parametrize("bad", ["Tokyo", ["Tokyo", "Japan"], ("Tokyo", "Japan")])
def test_the_error_for_strings_in_a_plain_pipeline_shows_how_to_write_a_pair(encoders, bad):
    with pytest.raises(ValueError, match=r'Write one pair as \[\("head", "tail"\)\]'):
        pipeline(PromptTemplate(encoders["wordpiece"])).encode(bad)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_pair_has_the_same_vector_alone_and_batched_with_a_long_one(encoder, side):
    prompt = PromptTemplate(encoder, template="a", processor_kwargs={"padding_side": side})
    model = pipeline(prompt)
    widths = [prompt.preprocess([pair])["input_ids"].shape[1] for pair in PAIRS]
    assert max(widths) > min(widths)  # so that there is padding
    together = model.encode(PAIRS, batch_size=3)
    alone = np.stack([model.encode([pair])[0] for pair in PAIRS])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_features_are_ids_and_mask(encoder):
    prompt = PromptTemplate(encoder, template="short")
    features = prompt.preprocess(PAIRS)
    assert features["input_ids"].dtype == features["attention_mask"].dtype == torch.int64
    assert features["input_ids"].shape == features["attention_mask"].shape
    padding = features["attention_mask"] == 0
    assert padding.any()
    assert (features["input_ids"][padding] == prompt.tokenizer.pad_token_id).all()


def test_a_prompt_is_only_cut_if_head_tail_and_mask_remain(encoder):
    prompt = PromptTemplate(encoder, template="a")
    pair = ("Tokyo", "Japan")
    whole = prompt.preprocess([pair])["input_ids"][0].tolist()
    mask = whole.index(prompt.tokenizer.mask_token_id)
    prompt.max_seq_length = mask + 2  # the mask, and the end token
    assert prompt.preprocess([pair])["input_ids"][0].tolist() == [*whole[: mask + 1], whole[-1]]
    prompt.max_seq_length = mask + 1
    with pytest.raises(ValueError, match=rf"has {len(whole)} tokens, but max_seq_length is {mask + 1}\. Cutting"):
        prompt.preprocess([pair])
    prompt.max_seq_length = 1
    with pytest.raises(ValueError, match="max_seq_length is 1"):
        prompt.preprocess([pair])


def test_a_prompt_never_loses_its_tail_word(encoder):
    prompt = PromptTemplate(encoder, template="short")  # the tail is the last thing in it
    length = prompt.preprocess([("Tokyo", "Japan")])["input_ids"].shape[1]
    prompt.max_seq_length = length - 1
    with pytest.raises(ValueError, match=r"'Tokyo', 'Japan'.*increase max_seq_length"):
        prompt.preprocess([("Tokyo", "Japan")])


@pytest.mark.parametrize("kind", ["bytelevel", "unigram"], indirect=True)
def test_a_word_of_ten_thousand_characters_is_an_error(encoder):
    with pytest.raises(ValueError, match="they have 10000 and 5 characters"):
        PromptTemplate(encoder).preprocess([("ab" * 5_000, "Japan")])


def test_longer_words_are_refused_before_tokenising(encoders, monkeypatch):
    prompt = PromptTemplate(encoders["wordpiece"])
    monkeypatch.setattr(PromptTokenizer, "pieces", None)
    with pytest.raises(ValueError, match="the tail of pair 1 is .*2,000,000 characters"):
        prompt.preprocess([("a", "b"), ("c", "d" * 2_000_000)])


def test_wordpiece_reads_a_word_of_ten_thousand_characters_as_unknown(encoders):
    prompt = PromptTemplate(encoders["wordpiece"], template="short")
    assert prompt.tokenizer.unk_token_id in prompt.preprocess([("ab" * 5_000, "Japan")])["input_ids"]


@pytest.fixture(scope="module")
def prompts(encoders):
    return [PromptTemplate(encoders[kind], template=template) for kind in KINDS for template in ("a", "<subj><obj>")]


def refusal(function, *arguments):
    try:
        function(*arguments)
    except ValueError as error:
        return str(error)
    return None


@given(
    pairs=st.lists(st.tuples(*[st.text(min_size=1, max_size=40).filter(is_word)] * 2), min_size=1, max_size=3),
    limit=st.integers(1, 80),
)
@example(pairs=[("\ufdfa" * 4, "x")], limit=80)
@example(pairs=[("x", "a\ufdd0")], limit=80)
@example(pairs=[("e\u0301\u0338" * 9, "\U0001f642" * 9)], limit=60)
def test_the_check_refuses_what_preprocessing_refuses(prompts, pairs, limit):
    for prompt in prompts:
        prompt.max_seq_length = limit
        assert refusal(prompt.check_prompts, pairs) == refusal(prompt.preprocess, pairs)


def test_usual_pairs_are_checked_without_the_tokenizer(encoders, monkeypatch):
    prompt = PromptTemplate(encoders["wordpiece"], template="a")
    monkeypatch.setattr(prompt, "preprocess", None)
    prompt.check_prompts([("Tokyo", "Japan"), ("mother-in-law", "café 東京")] * 20_000)


def test_the_trainers_max_length_is_used(encoders):
    prompt = PromptTemplate(encoders["wordpiece"])
    with pytest.raises(ValueError, match="max_seq_length is 5"):
        prompt.preprocess([("Tokyo", "Japan")], max_length=5)


def test_a_special_token_in_the_template_is_read_as_one(encoder):
    """As in the relbert library: the prompt is tokenised as one text."""
    tokens = PromptTemplate(encoder).tokenizer.all_special_tokens
    assert len(tokens) == 5
    for token in tokens:
        prompt = PromptTemplate(encoder, template=f"{token} <subj> {token} <obj> <mask>.")
        whole = f"{token} Tokyo {token} Japan {prompt.tokenizer.mask_token}."
        assert prompt.preprocess([("Tokyo", "Japan")])["input_ids"].tolist() == [prompt.tokenizer(whole)["input_ids"]]


@pytest.mark.parametrize(("token", "special"), [("[REL]", True), ("zzzz", False), ("Toky", False), ("of Japan", False)])
def test_an_added_token_takes_effect_at_once(encoder, tmp_path, token, special):
    """The result equals a saved and reloaded model, and a tokenizer that had the token from the start."""
    pairs = [("Tokyo", "Japan"), (f"a {token} b", "x"), ("of", token)]
    prompt = PromptTemplate(encoder, template="short")
    before = prompt.preprocess(pairs)["input_ids"].tolist()
    prompt.tokenizer.add_tokens([token], special_tokens=special)
    prompt.model.resize_token_embeddings(len(prompt.tokenizer) + 8)
    after = prompt.preprocess(pairs)["input_ids"].tolist()
    prompt.save(str(tmp_path))
    assert after == PromptTemplate.load(str(tmp_path)).preprocess(pairs)["input_ids"].tolist()
    new = prompt.tokenizer.convert_tokens_to_ids(token)
    assert any(new in row for row in after) != special  # words are data, so none of them becomes a special token
    if special:
        assert after == before


def test_an_added_special_token_in_the_template_is_read_as_one(encoder, tmp_path):
    model = RelBERT(encoder, template="short")
    model.tokenizer.add_tokens(["[REL]"], special_tokens=True)
    model[0].model.resize_token_embeddings(len(model.tokenizer) + 8)
    model[0].template = "<subj> [REL] <obj> : <mask>"
    token = model.tokenizer.convert_tokens_to_ids("[REL]")
    assert (model.preprocess(PAIRS)["input_ids"] == token).sum(dim=1).tolist() == [1, 1, 1]
    model.save_pretrained(str(tmp_path), create_model_card=False)
    for saved in (RelBERT(str(tmp_path)), SentenceTransformer(str(tmp_path))):
        np.testing.assert_allclose(saved.encode(PAIRS), model.encode(PAIRS), atol=1e-5)


def test_control_characters_and_right_to_left_text_are_read(encoder):
    vectors = pipeline(PromptTemplate(encoder)).encode([("To\x00kyo", "Ja\tpan"), ("שלום", "\u202eعالم")])
    assert np.isfinite(vectors).all()


def test_a_prompt_argument_is_refused(encoders):
    with pytest.raises(ValueError, match="pairs are read through a template"):
        pipeline(PromptTemplate(encoders["wordpiece"])).encode([("a", "b")], prompt="query: ")


def test_a_mask_in_the_template_needs_a_mask_token(encoders):
    kwargs = {"processor_kwargs": {"mask_token": None}}
    with pytest.raises(ValueError, match="has a <mask>, but .* has no mask token"):
        PromptTemplate(encoders["wordpiece"], template="a", **kwargs)
    prompt = PromptTemplate(encoders["wordpiece"], template="<subj> and <obj>", **kwargs)
    assert pipeline(prompt, pooling="average").encode([("a", "b")]).shape == (1, 16)


def test_the_template_is_part_of_the_saved_configuration(encoders, tmp_path):
    prompt = PromptTemplate(encoders["wordpiece"], template="short")
    prompt.save(str(tmp_path))
    assert PromptTemplate.load(str(tmp_path)).template == prompt.template


@pytest.mark.parametrize("missing", [["pad"], ["pad", "eos", "sep"]])
def test_a_tokenizer_without_a_padding_token_gets_one_that_is_saved(encoder, tmp_path, missing):
    model = RelBERT(encoder, template="short", processor_kwargs={f"{name}_token": None for name in missing})
    assert model.tokenizer.pad_token in model.tokenizer.all_special_tokens
    np.testing.assert_array_equal(model.encode(PAIRS), RelBERT(encoder, template="short").encode(PAIRS))
    model.save_pretrained(str(tmp_path))
    np.testing.assert_array_equal(RelBERT(tmp_path).encode(PAIRS), model.encode(PAIRS))


def test_a_tokenizer_without_any_token_to_pad_with_is_refused(encoders):
    kwargs = {f"{name}_token": None for name in ("pad", "eos", "sep", "unk", "cls")}
    with pytest.raises(ValueError, match="has no token to pad with: .* are not set. Set its pad_token to any token"):
        RelBERT(encoders["wordpiece"], processor_kwargs=kwargs)
