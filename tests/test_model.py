import json
import os
import shutil

import numpy as np
import peft
import pytest
import torch
import transformers
from datasets import Dataset
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer

from st_relbert import RelBERT, environment
from st_relbert.modules import PromptTemplate, RelationPooling

PAIRS = [("Tokyo", "Japan"), ("Paris", "France"), ("mother-in-law", "New York City")]


@pytest.fixture
def model(encoders):
    return RelBERT(encoders["wordpiece"])


def test_an_encoder_gets_template_a_and_average_no_mask(model):
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


def test_two_pairs_are_a_batch_of_two(model):
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
    monkeypatch.setattr("st_relbert.model.computes_in_bfloat16", lambda device: False)
    np.testing.assert_array_equal(model.encode(PAIRS), exact)
    monkeypatch.setattr("st_relbert.model.computes_in_bfloat16", lambda device: device.type == "cpu")
    for vectors in (model.encode(PAIRS), model.encode(PAIRS, device="cpu", convert_to_tensor=True).numpy()):
        assert vectors.dtype == np.float32 and not np.array_equal(vectors, exact)
        cosines = (vectors * exact).sum(1) / np.linalg.norm(vectors, axis=1) / np.linalg.norm(exact, axis=1)
        assert cosines.min() > 0.999
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_the_callers_own_autocast_counts(model):
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
    tokens = mean[0].preprocess([PAIRS[0]])["attention_mask"].sum().item() - 1  # the mask does not count
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


def test_an_encoder_of_a_sentence_transformer_is_used_without_its_pooling(encoders, tmp_path):
    SentenceTransformer(encoders["wordpiece"]).save_pretrained(str(tmp_path / "plain"))
    expected = RelBERT(encoders["wordpiece"]).encode(PAIRS)
    np.testing.assert_allclose(RelBERT(str(tmp_path / "plain")).encode(PAIRS), expected, atol=1e-6)


def test_a_pipeline_made_and_saved_by_hand_is_read_back_as_it_was(encoders, tmp_path):
    prompt = PromptTemplate(encoders["wordpiece"], template="c")
    by_hand = SentenceTransformer(modules=[prompt, RelationPooling(16, "mask", "sum")])
    by_hand.save_pretrained(str(tmp_path), create_model_card=False)
    model = RelBERT(str(tmp_path))
    assert (model.template, model.pooling, model.reduction) == (prompt.template, "mask", "sum")
    # The two put the pairs into batches in different orders, which rounds differently.
    np.testing.assert_allclose(model.encode(PAIRS), by_hand.encode(PAIRS), rtol=1e-5, atol=1e-6)
    trusting = SentenceTransformer(str(tmp_path), trust_remote_code=True)
    assert np.array_equal(trusting.encode(PAIRS), by_hand.encode(PAIRS))
    assert RelBERT(str(tmp_path), pooling="average", template="a").pooling == "average"


def test_pooling_across_processes_gives_the_same(model):
    expected = model.encode(PAIRS)
    pool = model.start_multi_process_pool(["cpu", "cpu"])
    try:
        np.testing.assert_allclose(model.encode(PAIRS, pool=pool, chunk_size=2), expected, atol=1e-6)
    finally:
        model.stop_multi_process_pool(pool)


def in_the_cache(cache, name):
    """The folder in which the hub's client keeps a model, and looks for it."""
    revision = "0123456789abcdef0123456789abcdef01234567"
    repository = cache / f"models--{name.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(revision)
    return str(repository / "snapshots" / revision)


def test_a_model_on_the_hub_is_read_through_its_cache(encoders, tmp_path):
    """The hub's client lays models out like this; offline it reads them from there."""
    model = RelBERT(encoders["wordpiece"], template="short", pooling="mask")
    model.save_pretrained(in_the_cache(tmp_path, "owner/relbert-tiny"))
    cached = RelBERT("owner/relbert-tiny", cache_folder=str(tmp_path))
    assert (cached.template, cached.pooling) == (model.template, "mask")
    assert np.array_equal(cached.encode(PAIRS), model.encode(PAIRS))


def test_an_error_without_a_message_is_named(encoders, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr(PromptTemplate, "load", fail)
    with pytest.raises(ValueError, match=r"RuntimeError\. Expected a folder with config\.json"):
        RelBERT(encoders["wordpiece"])


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("no/such/folder", "Cannot load a model from 'no/such/folder': Path no/such/folder not found"),
        ("no-such-model", "Cannot load a model from 'no-such-model'"),
    ],
)
def test_a_missing_model_is_a_clear_error(path, message):
    with pytest.raises(ValueError, match=message):
        RelBERT(path)


@pytest.fixture
def no_hub(monkeypatch):
    """A hub that the client may ask, and that does not answer; the connections that were tried."""
    tried = []

    def refused(host, *args, **kwargs):
        tried.append(host)
        raise OSError("no network")

    monkeypatch.setattr(environment, "_HUB", environment._Hub())
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("socket.getaddrinfo", refused)
    return tried


def test_a_hub_that_cannot_be_reached_is_asked_once_and_said_once(no_hub, caplog, monkeypatch):
    for name in ("owner/x", "x", "owner/y"):
        with pytest.raises(ValueError, match=f"There is no folder '{name}' here, and the Hugging Face hub cannot be"):
            RelBERT(name)
    assert len(no_hub) == 1
    assert [record.levelname for record in caplog.records if "hub cannot be reached" in record.message] == ["WARNING"]
    monkeypatch.setattr(environment, "_ASKED_AGAIN_AFTER", -1.0)
    with pytest.raises(ValueError, match="hub cannot be reached"):
        RelBERT("owner/x")
    assert len(no_hub) == 2


def test_who_says_that_there_is_no_hub_does_not_wait_for_it(no_hub):
    with pytest.raises(ValueError, match="Cannot load a model"):
        RelBERT("owner/x", local_files_only=True)
    assert not no_hub


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


def test_unknown_settings_are_answered_with_the_known_ones(encoders):
    with pytest.raises(ValueError, match="named ones: a, b, c, d, e, short"):
        RelBERT(encoders["wordpiece"], template="f")
    with pytest.raises(ValueError, match="expected one of: average, average_no_mask, mask"):
        RelBERT(encoders["wordpiece"], pooling="cls")


def test_the_model_card_shows_pairs_and_cites_relbert(model, tmp_path):
    model.save_pretrained(str(tmp_path))
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "['Tokyo', 'Japan']," in card
    assert "# tensor([[1.0" in card  # the snippet was run
    assert "Distilling Relation Embeddings from Pretrained Language Models" in card
    assert "- relation-embeddings" in card


def test_weights_are_saved_as_safetensors_alone(model, tmp_path):
    model.save_pretrained(str(tmp_path))
    suffixes = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert suffixes <= {".json", ".safetensors", ".md", ".jinja", ".txt"}
    assert json.loads((tmp_path / "config.json").read_text())["relbert_config"]["aggregation_mode"] == "average_no_mask"


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


def test_layers_that_the_weights_lack_are_not_made_up(saved, tmp_path):
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
    with pytest.raises(Exception, match=r"pair \('a', 'finger'\) a vector that is not finite"):
        model.encode(pairs, **kwargs)


@pytest.mark.parametrize(
    ("filename", "text", "message"),
    [
        ("modules.json", "[1]", "modules.json of .* holds .1., expected a list of modules"),
        ("modules.json", "[" * 100_000, "modules.json of .* is not JSON"),
        ("modules.json", '[{"idx": 0, "name": "0", "path": "../../etc", "type": "x.Y"}]', "without '..' components"),
        ("config.json", "null", "config.json of .* holds None, expected an object"),
        ("config.json", '{"model_type": ["bert"]}', "Cannot load a model from"),
        ("config.json", '{"a":' * 5_000, "config.json of .* is not JSON"),
        ("config_sentence_transformers.json", "[]", r"holds \[\], expected an object"),
        ("sentence_bert_config.json", "{", "is not JSON"),
        ("tokenizer_config.json", "7", "holds 7, expected an object"),
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
    with pytest.raises(ValueError, match="has the id .*, but the encoder has 50 token vectors"):
        RelBERT(str(folder))


def test_a_missing_backend_is_named(encoders):
    with pytest.raises(ImportError, match="ONNX"):
        RelBERT(encoders["wordpiece"], backend="onnx")


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


def test_settings_without_a_model_to_load_are_refused(model):
    with pytest.raises(ValueError, match="template, pooling and reduction are for a model that is loaded"):
        RelBERT(modules=list(model), template="c")


def test_a_cached_model_is_found_where_sentence_transformers_keeps_them(encoders, tmp_path, monkeypatch, no_hub):
    RelBERT(encoders["wordpiece"], template="short").save_pretrained(in_the_cache(tmp_path, "owner/relbert-tiny"))
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path))
    assert RelBERT("owner/relbert-tiny").template.startswith("I discovered")
    assert len(no_hub) == 1  # and not once for each of the files that are looked for


@pytest.mark.parametrize("asked", [True, False])
def test_a_lora_adapter_loads_from_any_cache_with_its_encoder(encoders, tmp_path, monkeypatch, no_hub, asked):
    shutil.copytree(encoders["wordpiece"], in_the_cache(tmp_path, "owner/encoder"))
    kwargs = {"cache_folder": str(tmp_path), "local_files_only": asked}
    model = RelBERT("owner/encoder", template="short", **kwargs)
    model.add_adapter(peft.LoraConfig(task_type="FEATURE_EXTRACTION", r=2, target_modules=["query"]))
    model.save_pretrained(in_the_cache(tmp_path, "owner/adapter"), create_model_card=False)
    cached = RelBERT("owner/adapter", **kwargs)
    assert cached.active_adapters() == ["default"]
    np.testing.assert_array_equal(cached.encode(PAIRS), model.encode(PAIRS))
