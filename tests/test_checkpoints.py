import json
import shutil
import subprocess
import sys

import jinja2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer

from st_relbert import RelBERT
from st_relbert.checkpoints import read_relbert_config
from st_relbert.modules.relation_pooling import POOLING_MODES
from st_relbert.templates import NAMED_TEMPLATES

PAIRS = [("Tokyo", "Japan"), ("café", "mother-in-law"), ("a", "New York City 東京"), ("3.14", "don't")]
CUSTOM = {
    "mask first": "<mask> : <subj> <obj>",
    "mask between words": "<obj><mask><subj>",
    "mask last": "<subj> <obj> <mask>",
    "jinja and quotes": 'a "quoted" {{ text }} {% x %} \\ with <subj>\'s <mask> and <obj>!',
    "two masks": "<mask> <subj> <mask> <obj>",
    "special tokens": "<subj> [SEP] </s> <obj> <mask>",
}
CHECKPOINTS = [
    f"{architecture}-{rest}"
    for architecture in ("bert", "roberta")
    for rest in ("a-average_no_mask", "c-average_no_mask", "d-average", "e-mask")
]


@pytest.mark.parametrize("aggregation", POOLING_MODES)
@pytest.mark.parametrize("template", [*NAMED_TEMPLATES, *CUSTOM])
def test_the_portable_form_gives_the_same_vectors(encoder, tmp_path, template, aggregation):
    model = RelBERT(encoder, template=CUSTOM.get(template, template), pooling=aggregation)
    model.save_pretrained(str(tmp_path), create_model_card=False)
    plain, expected = SentenceTransformer(str(tmp_path)), model.encode(PAIRS)
    assert len(np.unique(expected.round(4), axis=0)) == len(PAIRS)
    np.testing.assert_allclose(plain.encode(PAIRS), expected, atol=1e-5)
    np.testing.assert_allclose(plain.encode_document(PAIRS), expected, atol=1e-5)
    if aggregation != "mask":  # sentence-transformers applies no keep list to queries
        np.testing.assert_allclose(plain.encode_query(PAIRS), expected, atol=1e-5)
    np.testing.assert_allclose(RelBERT(str(tmp_path)).encode(PAIRS), expected, atol=1e-6)


def test_a_template_without_mask_has_a_portable_form(encoder, tmp_path):
    model = RelBERT(encoder, template="<subj> and <obj>")
    model.save_pretrained(str(tmp_path))
    np.testing.assert_allclose(SentenceTransformer(str(tmp_path)).encode(PAIRS), model.encode(PAIRS), atol=1e-5)


def test_a_plain_process_loads_the_model_without_this_package(encoders, tmp_path):
    model = RelBERT(encoders["wordpiece"])
    model.save_pretrained(str(tmp_path / "model"))
    code = f"""
import sys, numpy
sys.modules["st_relbert"] = None  # importing it would raise an error
from sentence_transformers import SentenceTransformer
numpy.save({str(tmp_path / "v.npy")!r}, SentenceTransformer({str(tmp_path / "model")!r}).encode({PAIRS!r}))
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "v.npy"), model.encode(PAIRS), atol=1e-5)


@pytest.mark.parametrize("bad", ["Tokyo", ["Tokyo", "Japan"], ("Tokyo", "Japan")])
def test_the_plain_form_says_how_to_write_a_pair(encoders, tmp_path, bad):
    RelBERT(encoders["wordpiece"]).save_pretrained(str(tmp_path))
    with pytest.raises(jinja2.TemplateError, match=r'Write one pair as \[\("head", "tail"\)\]'):
        SentenceTransformer(str(tmp_path)).encode(bad)


def test_the_plain_form_cuts_long_prompts_where_the_fast_one_does(encoders, tmp_path):
    model = RelBERT(encoders["bytelevel"], template="a")
    length = model[0].preprocess([("Tokyo", "Japan")])["input_ids"].shape[1]
    model.max_seq_length = length - 2
    model.save_pretrained(str(tmp_path))
    plain = SentenceTransformer(str(tmp_path))
    assert plain.max_seq_length == length - 2
    np.testing.assert_allclose(plain.encode(PAIRS[:1]), model.encode(PAIRS[:1]), atol=1e-5)


def test_a_model_without_a_portable_form_is_not_saved(encoders, tmp_path):
    with pytest.raises(ValueError, match="reduction 'sum' has no portable form"):
        RelBERT(encoders["wordpiece"], reduction="sum").save_pretrained(str(tmp_path / "sum"))
    assert not (tmp_path / "sum").exists() or not any((tmp_path / "sum").iterdir())


def edit_tokenizer(encoder, folder, edit):
    """A copy of an encoder with another tokenizer."""
    shutil.copytree(encoder, folder)
    state = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    edit(state)
    (folder / "tokenizer.json").write_text(json.dumps(state), encoding="utf-8")
    return str(folder)


def test_a_tokenizer_that_marks_only_the_first_word_has_a_portable_form(encoders, tmp_path):
    """The first word's blank is then written out after the start token."""

    def edit(state):
        state["pre_tokenizer"]["prepend_scheme"] = "first"

    model = RelBERT(edit_tokenizer(encoders["unigram"], tmp_path / "encoder", edit), template="a")
    first = model[0].preprocess(PAIRS)["input_ids"][0, 1]
    assert model.tokenizer.convert_ids_to_tokens([first])[0].startswith("▁")
    model.save_pretrained(str(tmp_path / "model"))
    assert "<s> " in (tmp_path / "model" / "chat_template.jinja").read_text(encoding="utf-8")
    np.testing.assert_allclose(
        SentenceTransformer(str(tmp_path / "model")).encode(PAIRS), model.encode(PAIRS), atol=1e-5
    )


def test_a_tokenizer_that_cannot_read_its_own_special_tokens_has_none(encoders, tmp_path):
    """Here: they count between blanks only, so "Japan[SEP]" does not end with one."""

    def edit(state):
        for token in state["added_tokens"]:
            token["single_word"] = True

    model = RelBERT(edit_tokenizer(encoders["wordpiece"], tmp_path / "encoder", edit))
    with pytest.raises(ValueError, match="has no portable form and cannot be saved"):
        model.save_pretrained(str(tmp_path / "model"))


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_published_checkpoints_give_the_recorded_vectors(golden, tmp_path, name):
    """As in the relbert library: get_embedding of relbert 2.0 at max_length 64, which sums token vectors."""
    folder = golden / "checkpoints" / name
    recorded = json.loads((folder / "expected_embeddings.json").read_text(encoding="utf-8"))
    pairs, expected = [tuple(pair) for pair in recorded["pairs"]], np.array(recorded["embeddings"])
    model = RelBERT(str(folder), reduction="sum")
    assert model.max_seq_length == 64
    vectors = model.encode(pairs)
    error = np.linalg.norm(vectors - expected, axis=1) / np.linalg.norm(expected, axis=1)
    assert error.max() <= 1e-5

    mean = RelBERT(str(folder))
    mean.save_pretrained(str(tmp_path))
    plain = SentenceTransformer(str(tmp_path)).encode(pairs)
    np.testing.assert_allclose(plain, mean.encode(pairs), atol=1e-5)
    cosine = (plain * expected).sum(1) / np.linalg.norm(plain, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosine.min() > 1 - 1e-6


def test_weights_in_pytorch_format_are_read(encoders, tmp_path):
    folder = shutil.copytree(encoders["wordpiece"], tmp_path / "model")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    expected = RelBERT(encoders["wordpiece"]).encode(PAIRS)
    np.testing.assert_allclose(RelBERT(str(folder)).encode(PAIRS), expected, atol=1e-6)


def publish(encoder, folder, relbert_config, **finetuning):
    """Lay an encoder out as a published checkpoint."""
    shutil.copytree(encoder, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "relbert_config": relbert_config}))
    if finetuning:
        (folder / "finetuning_config.json").write_text(json.dumps(finetuning))
    return str(folder)


@pytest.mark.parametrize(
    ("relbert_config", "missing"),
    [
        ({"mode": "average_no_mask", "template": "<subj> <obj>"}, "no 'aggregation_mode' .it has: mode, template"),
        ({"aggregation_mode": "mask", "template_type": "a"}, "no 'template'"),
        ({}, "no 'template' .it has: nothing"),
    ],
)
def test_errors_for_old_checkpoints_name_the_missing_key(encoders, tmp_path, relbert_config, missing):
    folder = publish(encoders["wordpiece"], tmp_path / "old", relbert_config)
    with pytest.raises(ValueError, match=missing):
        RelBERT(folder)


def test_a_published_checkpoint_keeps_its_maximum_length(encoders, tmp_path):
    relbert_config = {"template": NAMED_TEMPLATES["a"], "aggregation_mode": "average"}
    with_length = publish(encoders["wordpiece"], tmp_path / "a", relbert_config, max_length=48)
    assert read_relbert_config(with_length).max_length == 48
    assert RelBERT(with_length).max_seq_length == 48
    without = publish(encoders["wordpiece"], tmp_path / "b", relbert_config)
    assert RelBERT(without).max_seq_length == 64


def test_an_encoder_has_no_relbert_config(encoders):
    assert read_relbert_config(encoders["wordpiece"]) is None
