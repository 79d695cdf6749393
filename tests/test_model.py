"""A model embeds pairs: in every form, and with an error for what is none."""

import json

import numpy as np
import pytest
import torch
from datasets import Dataset
from sentence_transformers import quantize_embeddings

from st_relbert import RelBERT
from st_relbert.modules import PromptTemplate, RelationPooling

PAIRS = [("Tokyo", "Japan"), ("Paris", "France"), ("mother-in-law", "New York City")]


@pytest.fixture
def model(encoders):
    return RelBERT(encoders["wordpiece"])


def test_an_encoder_defaults_to_template_a_and_average_no_mask(model):
    assert isinstance(model[0], PromptTemplate) and isinstance(model[1], RelationPooling)
    assert model.template.startswith("Today, I finally discovered")
    assert (model.pooling, model.reduction) == ("average_no_mask", "mean")


def test_pairs_give_float32_rows_and_one_pair_gives_a_vector(model):
    vectors = model.encode(PAIRS)
    assert vectors.shape == (3, 16) and vectors.dtype == np.float32
    vector = model.encode(("Tokyo", "Japan"))
    assert vector.shape == (16,)
    np.testing.assert_allclose(vector, vectors[0], atol=1e-6)


@pytest.mark.parametrize(
    "pairs",
    [
        np.array(PAIRS),
        np.array(PAIRS, dtype=object),
        tuple(PAIRS),
        [list(pair) for pair in PAIRS],
        Dataset.from_dict({"pair": [list(pair) for pair in PAIRS]})["pair"],
        Dataset.from_dict({"pair": [list(pair) for pair in PAIRS]})[:]["pair"],
    ],
)
def test_every_kind_of_batch_gives_the_same(model, pairs):
    np.testing.assert_allclose(model.encode(pairs), model.encode(PAIRS), atol=1e-6)


@pytest.mark.parametrize("pair", [["Tokyo", "Japan"], np.array(["Tokyo", "Japan"])])
def test_every_kind_of_single_pair_gives_the_same(model, pair):
    np.testing.assert_allclose(model.encode(pair), model.encode(("Tokyo", "Japan")), atol=1e-6)


def test_a_list_of_two_pairs_is_a_batch_of_two(model):
    assert model.encode(PAIRS[:2]).shape == (2, 16)


@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"convert_to_tensor": True},
        {"convert_to_numpy": False},
        {"precision": "int8"},
        {"precision": "ubinary"},
        {"normalize_embeddings": True, "truncate_dim": 8},
        {"output_value": "token_embeddings"},
        {"output_value": None},
    ],
)
def test_a_repeated_pair_is_embedded_once_in_every_kind_of_output(model, kwargs, monkeypatch):
    expected = model.encode(PAIRS, **kwargs)
    seen = []
    preprocess = model[0].preprocess
    monkeypatch.setattr(model[0], "preprocess", lambda pairs, **kw: seen.extend(pairs) or preprocess(pairs, **kw))
    order = [2, 0, 0, 1, 2, 2, 1]
    vectors = model.encode([PAIRS[index] for index in order], **kwargs)
    assert sorted(seen) == sorted(PAIRS)
    assert type(vectors) is type(expected) and len(vectors) == len(order)
    for vector, index in zip(vectors, order, strict=True):
        if isinstance(vector, dict):
            vector, wanted = vector["sentence_embedding"], expected[index]["sentence_embedding"]
        else:
            wanted = expected[index]
        assert vector.dtype == wanted.dtype
        np.testing.assert_array_equal(vector, wanted)


def test_a_fast_model_computes_in_bfloat16_where_the_device_does(encoders, monkeypatch):
    exact = RelBERT(encoders["wordpiece"]).encode(PAIRS)
    model = RelBERT(encoders["wordpiece"], fast=True)
    monkeypatch.setattr("st_relbert.environment.computes_in_bfloat16", lambda device: False)
    np.testing.assert_array_equal(model.encode(PAIRS), exact)
    monkeypatch.setattr("st_relbert.environment.computes_in_bfloat16", lambda device: device.type == "cpu")
    for vectors in (model.encode(PAIRS), model.encode(PAIRS, device="cpu", convert_to_tensor=True).numpy()):
        assert vectors.dtype == np.float32 and not np.array_equal(vectors, exact)
        cosines = (vectors * exact).sum(1) / np.linalg.norm(vectors, axis=1) / np.linalg.norm(exact, axis=1)
        assert cosines.min() > 0.999
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_the_callers_autocast_is_respected(model):
    exact = model.encode(PAIRS)
    with torch.autocast("cpu", torch.bfloat16):
        vectors = model.encode(PAIRS)
    assert not np.array_equal(vectors, exact)
    np.testing.assert_allclose(vectors, exact, atol=0.1)


def test_batches_hold_prompts_of_one_length(encoder, monkeypatch):
    """Sorted by tokens, not by characters: here some words are of many characters and few tokens."""
    model = RelBERT(encoder)
    pairs = [(f"{name} {number}", "Japan") for number in range(8) for name in ("Tokyo", "qj", "mother-in-law")]
    lengths = [model[0].preprocess([pair])["input_ids"].shape[1] for pair in pairs]
    shapes = []
    preprocess = model[0].preprocess

    def watched(batch, **kwargs):
        features = preprocess(batch, **kwargs)
        shapes.append(tuple(features["input_ids"].shape))
        return features

    monkeypatch.setattr(model[0], "preprocess", watched)
    model.encode(pairs, batch_size=4)
    longest_first = sorted(lengths, reverse=True)
    assert shapes == [(4, longest_first[start]) for start in range(0, len(pairs), 4)]


@pytest.mark.parametrize("empty", [[], (), np.empty((0, 2), dtype=object)])
def test_no_pairs_give_no_rows(model, empty):
    assert model.encode(empty).shape == (0, 16)
    tensor = model.encode(empty, convert_to_tensor=True)
    assert tensor.shape == (0, 16) and tensor.dtype == torch.float32
    assert model.encode(empty, convert_to_numpy=False) == []
    assert model.encode(empty, truncate_dim=8).shape == (0, 8)


@pytest.mark.parametrize("precision", ["float32", "int8", "uint8", "binary", "ubinary"])
def test_any_precision_gives_a_row_per_pair(model, precision):
    """As sentence-transformers' own function does for the vectors of these pairs."""
    for pairs in ([], PAIRS[:1] * 2, [*PAIRS, *PAIRS]):
        expected = quantize_embeddings(model.encode(pairs), precision)
        vectors = model.encode(pairs, precision=precision)
        assert vectors.dtype == expected.dtype
        np.testing.assert_array_equal(vectors, expected)


@pytest.mark.parametrize("pairs", [PAIRS[0], PAIRS[:1]])
def test_one_vector_cannot_be_quantized(model, pairs):
    with pytest.raises(ValueError, match="Cannot compute int8 quantization ranges from a single embedding"):
        model.encode(pairs, precision="int8")


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("Tokyo", "the input is the string 'Tokyo'"),
        (None, "the input is None"),
        (3.5, "the input is 3.5"),
        (["a", "b", "c"], "pair 0 is the string 'a'"),
        ([("a", "b"), "c d"], "pair 1 is the string 'c d'"),
        ([("a", "b"), ("c", "d", "e")], "pair 1 is"),
        ([("a" * 50, "b"), ("c", None)], "the tail of pair 1 is None"),
        (np.array([1, 2]), "pair 0 is .*1.*, expected two words"),
    ],
)
def test_bad_input_is_named_by_its_place(model, bad, message):
    """The place in the whole input: encode sorts by length before it makes batches."""
    with pytest.raises(ValueError, match=message):
        model.encode(bad, batch_size=1)


def test_encode_query_and_encode_document_agree_with_encode(model):
    for encode in (model.encode_query, model.encode_document):
        np.testing.assert_allclose(encode(PAIRS), model.encode(PAIRS), atol=1e-6)
        assert encode(("Tokyo", "Japan")).shape == (16,)


def test_sum_is_the_mean_times_the_number_of_tokens(encoders):
    mean, total = (RelBERT(encoders["wordpiece"], reduction=reduction) for reduction in ("mean", "sum"))
    tokens = mean[0].preprocess([PAIRS[0]])["attention_mask"].sum().item() - 1  # the mask token is left out
    np.testing.assert_allclose(total.encode(PAIRS[0]), mean.encode(PAIRS[0]) * tokens, rtol=1e-4)


def test_a_reloaded_model_equals_the_saved_one(encoder, tmp_path):
    model = RelBERT(encoder, template="<subj> : <obj> <mask>", pooling="mask")
    model.save_pretrained(str(tmp_path / "model"))
    reloaded = RelBERT(tmp_path / "model")
    assert (reloaded.template, reloaded.pooling) == (model.template, model.pooling)
    assert np.array_equal(reloaded.encode(PAIRS), model.encode(PAIRS))


def test_arguments_override_what_a_checkpoint_says(encoders, tmp_path):
    RelBERT(encoders["wordpiece"], template="short").save_pretrained(str(tmp_path / "model"))
    model = RelBERT(str(tmp_path / "model"), template="c", pooling="average")
    assert model.template.endswith(": <mask>") and model.pooling == "average"
    model.save_pretrained(str(tmp_path / "again"))
    assert RelBERT(str(tmp_path / "again")).template == model.template


def test_saving_leaves_the_model_as_it_was(model, tmp_path):
    before = model.encode(PAIRS)
    model.save_pretrained(str(tmp_path / "model"))
    assert isinstance(model[0], PromptTemplate)
    assert np.array_equal(model.encode(PAIRS), before)


def test_the_model_card_shows_pairs_and_cites_relbert(model, tmp_path):
    model.save_pretrained(str(tmp_path))
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "['Tokyo', 'Japan']," in card
    assert "# tensor([[1.0" in card  # the snippet did run
    assert "Distilling Relation Embeddings from Pretrained Language Models" in card
    assert "- relation-embeddings" in card


def test_weights_are_saved_as_safetensors_only(model, tmp_path):
    model.save_pretrained(str(tmp_path))
    suffixes = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert suffixes <= {".json", ".safetensors", ".md", ".jinja", ".txt"}
    assert json.loads((tmp_path / "config.json").read_text())["relbert_config"]["aggregation_mode"] == "average_no_mask"


@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"convert_to_tensor": True},
        {"precision": "int8"},
        {"output_value": "token_embeddings"},
        {"output_value": None},
    ],
)
def test_vectors_that_are_not_finite_are_an_error_that_names_the_first_pair(model, kwargs):
    token = model[0].preprocess([("x", "finger")])["input_ids"]
    finger = (set(token[0].tolist()) - set(model[0].preprocess([("x", "Japan")])["input_ids"][0].tolist())).pop()
    with torch.no_grad():
        model[0].model.get_input_embeddings().weight[finger] = float("nan")
    pairs = [("Tokyo", "Japan"), ("a", "finger"), ("finger", "b")]
    with pytest.raises(Exception, match=r"vector of the pair \('a', 'finger'\) is not finite"):
        model.encode(pairs, **kwargs)


def test_sentences_is_another_name_for_inputs(model):
    np.testing.assert_array_equal(model.encode(sentences=PAIRS), model.encode(PAIRS))


def test_iterables_of_pairs_are_embedded(model):
    heads, tails = zip(*PAIRS, strict=True)
    for pairs in (zip(heads, tails, strict=True), (pair for pair in PAIRS)):
        np.testing.assert_array_equal(model.encode(pairs), model.encode(PAIRS))


def test_prompts_for_texts_are_refused_and_stored_ones_change_nothing(encoders):
    model = RelBERT(encoders["wordpiece"], prompts={"query": "find: "}, default_prompt_name="query")
    expected = RelBERT(encoders["wordpiece"]).encode(PAIRS)
    np.testing.assert_array_equal(model.encode(PAIRS), expected)
    np.testing.assert_allclose(model.encode_query(PAIRS), expected, atol=1e-6)
    for kwargs in ({"prompt": "find: "}, {"prompt_name": "nobody's"}):
        with pytest.raises(ValueError, match="pairs are read through a template"):
            model.encode(PAIRS, **kwargs)
