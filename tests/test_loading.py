"""Models are loaded from whatever folder holds one, and never made up."""

import json
import os
import shutil

import numpy as np
import pytest
import transformers
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer

from st_relbert import RelBERT
from st_relbert.modules import PromptTemplate, RelationPooling

PAIRS = [("Tokyo", "Japan"), ("Paris", "France"), ("mother-in-law", "New York City")]


def test_an_encoder_of_a_sentence_transformer_is_used_without_its_pooling(encoders, tmp_path):
    SentenceTransformer(encoders["wordpiece"]).save_pretrained(str(tmp_path / "plain"))
    expected = RelBERT(encoders["wordpiece"]).encode(PAIRS)
    np.testing.assert_allclose(RelBERT(str(tmp_path / "plain")).encode(PAIRS), expected, atol=1e-6)


def test_a_pipeline_saved_by_hand_is_read_back_unchanged(encoders, tmp_path):
    prompt = PromptTemplate(encoders["wordpiece"], template="c")
    by_hand = SentenceTransformer(modules=[prompt, RelationPooling(16, "mask", reduction="sum")])
    by_hand.save_pretrained(str(tmp_path), create_model_card=False)
    model = RelBERT(str(tmp_path))
    assert (model.template, model.pooling, model.reduction) == (prompt.template, "mask", "sum")
    # The two batch the pairs in different orders, so they round differently.
    np.testing.assert_allclose(model.encode(PAIRS), by_hand.encode(PAIRS), rtol=1e-5, atol=1e-6)
    trusting = SentenceTransformer(str(tmp_path), trust_remote_code=True)
    assert np.array_equal(trusting.encode(PAIRS), by_hand.encode(PAIRS))
    assert RelBERT(str(tmp_path), pooling="average", template="a").pooling == "average"


def test_an_error_without_a_message_is_named(encoders, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr(PromptTemplate, "load", fail)
    with pytest.raises(ValueError, match=r"RuntimeError\. Expected a folder with config\.json"):
        RelBERT(encoders["wordpiece"])


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("no/such/folder", "Cannot load a model from 'no/such/folder': there is no such folder, and the name"),
        ("no-such-model", "Cannot load a model from 'no-such-model'"),
    ],
)
def test_a_missing_model_is_a_clear_error(path, message):
    with pytest.raises(ValueError, match=message):
        RelBERT(path)


def test_unusable_folders_are_clear_errors(encoders, tmp_path):
    with pytest.raises(ValueError, match=r"has no config\.json"):
        RelBERT(str(tmp_path))
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueError, match="is a file, expected a model folder"):
        RelBERT(str(tmp_path / "file"))

    folder = shutil.copytree(encoders["wordpiece"], tmp_path / "no-weights")
    os.remove(folder / "model.safetensors")
    with pytest.raises(ValueError, match="Cannot load a model from"):
        RelBERT(str(folder))
    (folder / "model.safetensors").write_bytes(b"\x08\x00damaged")
    with pytest.raises(ValueError, match="Cannot load a model from"):
        RelBERT(str(folder))
    (folder / "config.json").write_text("{ not json")
    with pytest.raises(ValueError, match="Cannot load a model from|not JSON"):
        RelBERT(str(folder))


def test_errors_for_unknown_settings_list_the_known_ones(encoders):
    with pytest.raises(ValueError, match="named templates: a, b, c, d, e, short"):
        RelBERT(encoders["wordpiece"], template="f")
    with pytest.raises(ValueError, match="expected one of 'average_no_mask', 'average', 'mask'"):
        RelBERT(encoders["wordpiece"], pooling="cls")
    for name in ("template", "pooling", "reduction"):  # an empty text is not the default
        with pytest.raises(ValueError, match="''"):
            RelBERT(encoders["wordpiece"], **{name: ""})
        with pytest.raises(ValueError, match="no effect without model_name_or_path"):
            RelBERT(**{name: ""})


@pytest.mark.parametrize("name", ["template", "pooling", "reduction"])
def test_an_empty_text_is_not_a_default(encoders, tmp_path, name):
    """A variable that is not set in a script becomes one."""
    RelBERT(encoders["wordpiece"]).save_pretrained(str(tmp_path))
    for folder in (encoders["wordpiece"], tmp_path):
        with pytest.raises(ValueError, match=f"(Unknown|The) {name} ''"):
            RelBERT(folder, **{name: ""})


def damage_weights(folder, change):
    weights = load_file(folder / "model.safetensors")
    save_file(change(weights), folder / "model.safetensors", metadata={"format": "pt"})


@pytest.fixture(scope="module")
def saved(encoders, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "model"
    RelBERT(encoders["wordpiece"], template="short").save_pretrained(str(folder))
    return folder


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("layer.1.attention.self.query", "lacks weights of its encoder .BertModel.: encoder.layer.1.attention.self.q"),
        ("embeddings.LayerNorm.bias", "lacks weights .*: embeddings.LayerNorm.bias. The model is damaged"),
        ("pooler", None),  # nothing reads it
    ],
)
def test_weights_are_not_made_up(saved, tmp_path, missing, message):
    folder = shutil.copytree(saved, tmp_path / "model")
    damage_weights(folder, lambda weights: {name: weights[name] for name in weights if missing not in name})
    if message is None:
        np.testing.assert_array_equal(RelBERT(str(folder)).encode(PAIRS), RelBERT(str(saved)).encode(PAIRS))
    else:
        with pytest.raises(ValueError, match=message):
            RelBERT(str(folder))


def test_missing_layers_are_not_made_up(saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 4}))
    with pytest.raises(ValueError, match="encoder.layer.2.* and 31 more"):
        RelBERT(str(folder))


def test_a_checkpoint_of_a_language_model_needs_no_pooler(encoders, tmp_path):
    config = transformers.AutoConfig.from_pretrained(encoders["wordpiece"])
    transformers.BertForMaskedLM(config).save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(f"{encoders['wordpiece']}/{name}", tmp_path)
    assert np.isfinite(RelBERT(str(tmp_path)).encode(PAIRS)).all()


@pytest.mark.parametrize(
    ("filename", "text", "message"),
    [
        ("modules.json", "[1]", "modules.json of .* contains .1., expected a list of modules"),
        ("modules.json", "[" * 100_000, "modules.json of .* is not JSON"),
        ("modules.json", '[{"idx": 0, "name": "0", "path": "../../etc", "type": "x.Y"}]', "without '..' components"),
        ("config.json", "null", "config.json of .* contains None, expected an object"),
        ("config.json", '{"model_type": ["bert"]}', "Cannot load a model from"),
        ("config.json", '{"a":' * 5_000, "config.json of .* is not JSON"),
        ("config_sentence_transformers.json", "[]", r"contains \[\], expected an object"),
        ("sentence_bert_config.json", "{", "is not JSON"),
        ("tokenizer_config.json", "7", "contains 7, expected an object"),
        ("tokenizer.json", "null", "Cannot load a model|Unrecognized"),
        ("2_Pooling/config.json", "null", "Cannot load a model"),
    ],
)
def test_damaged_files_are_an_error_of_one_line(saved, tmp_path, filename, text, message):
    folder = shutil.copytree(saved, tmp_path / "model")
    (folder / filename).write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        RelBERT(str(folder))
    assert "\n" not in str(caught.value)


def test_tokens_without_a_vector_are_an_error(encoders, tmp_path):
    folder = shutil.copytree(encoders["wordpiece"], tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": 50}))
    name = "embeddings.word_embeddings.weight"
    damage_weights(folder, lambda weights: {**weights, name: weights[name][:50].clone()})
    with pytest.raises(ValueError, match="has the id .*, but the encoder has only 50 token vectors"):
        RelBERT(str(folder))


def test_a_missing_backend_is_named(encoders):
    with pytest.raises(ImportError, match="ONNX"):
        RelBERT(encoders["wordpiece"], backend="onnx")


def test_settings_without_a_model_to_load_are_refused(encoders):
    with pytest.raises(ValueError, match="template, pooling and reduction have no effect without model_name_or_path"):
        RelBERT(modules=list(RelBERT(encoders["wordpiece"])), template="c")
