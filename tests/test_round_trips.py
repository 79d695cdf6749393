"""A RelBERT is any pipeline that begins with a pair prompt and a relation pooling, and stays it on disk."""

import json

import numpy as np
import peft
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize
from sentence_transformers.sentence_transformer.modules import LayerNorm, WeightedLayerPooling

from st_relbert import RelBERT
from st_relbert.modules import PromptTemplate, RelationPooling
from st_relbert.modules.relation_pooling import POOLING_MODES

PAIRS = [("Tokyo", "Japan"), ("café", "mother-in-law"), ("a", "New York City 東京")]
TEMPLATES = ["short", "c", "<subj> [SEP] <obj> <mask>", 'a "{{- x -}}" \\ <obj> ~ <mask> <subj>']
TRAILING = {
    "Normalize": lambda: Normalize(),
    "Dense": lambda: Dense(16, 16),
    "LayerNorm": lambda: LayerNorm(16),
}
CARD = "---\nlicense: cc0-1.0\n---\n\n# Mine\n\nWritten by hand.\n"


def state_of(folder):
    """What a saved model says of itself."""
    config = json.loads((folder / "config_sentence_transformers.json").read_text())
    modules = [module["type"] for module in json.loads((folder / "modules.json").read_text())]
    return config, modules, (folder / "README.md").read_text()


def walk(model, folder, adapter=False):
    """Save a RelBERT and load it in both forms in turn, everything equal at each step."""
    folders = [folder / str(step) for step in range(4)]
    expected = model.encode(PAIRS)
    model.save_pretrained(str(folders[0]), create_model_card=False)
    (folders[0] / "README.md").write_text(CARD)
    for step, kind in enumerate((SentenceTransformer, RelBERT, SentenceTransformer, RelBERT)):
        loaded = kind(str(folders[step]))
        np.testing.assert_allclose(loaded.encode(PAIRS), expected, atol=2e-5)
        if kind is RelBERT:
            assert (loaded.template, loaded.pooling) == (model.template, model.pooling)
        if step < 3:
            loaded.save_pretrained(str(folders[step + 1]))
            assert (folders[step + 1] / "adapter_config.json").is_file() == adapter
    states = [state_of(saved) for saved in folders]
    assert states == [states[0]] * 4
    return loaded, states[0]


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    template=st.sampled_from(TEMPLATES),
    pooling=st.sampled_from(POOLING_MODES),
    trailing=st.lists(st.sampled_from(sorted(TRAILING)), max_size=3),
    truncate_dim=st.sampled_from([None, 8]),
    similarity=st.sampled_from(["cosine", "dot", "manhattan"]),
    prompts=st.sampled_from([{}, {"query": "find: ", "mine": "x "}]),
    default_prompt=st.booleans(),
)
@example("c", "mask", ["Dense", "Normalize"], 8, "dot", {"mine": "x "}, True)
def test_every_pipeline_survives_a_round_trip(
    encoders, tmp_path_factory, template, pooling, trailing, truncate_dim, similarity, prompts, default_prompt
):
    modules = [PromptTemplate(encoders["wordpiece"], template=template), RelationPooling(16, pooling)]
    model = RelBERT(
        modules=[*modules, *(TRAILING[name]() for name in trailing)],
        truncate_dim=truncate_dim,
        similarity_fn_name=similarity,
        prompts=dict(prompts),
        default_prompt_name="mine" if default_prompt and prompts.get("mine") else None,
    )
    loaded, (config, types, card) = walk(model, tmp_path_factory.mktemp("walk"))
    assert [type(module).__name__ for module in loaded][2:] == trailing
    assert [name.rpartition(".")[2] for name in types][len(types) - len(trailing) :] == trailing
    assert (config["similarity_fn_name"], config.get("truncate_dim")) == (similarity, truncate_dim)
    assert {name: config["prompts"].get(name) for name in prompts} == prompts
    assert card == CARD


def test_a_module_before_the_pooling_keeps_its_place(encoders, tmp_path):
    prompt = PromptTemplate(encoders["wordpiece"], config_kwargs={"output_hidden_states": True})
    layers = WeightedLayerPooling(16, num_hidden_layers=2, layer_start=1)
    with torch.no_grad():
        layers.layer_weights[:] = torch.tensor([3.0, 1.0])
    loaded, (_, types, _) = walk(RelBERT(modules=[prompt, layers, RelationPooling(16)]), tmp_path)
    assert [type(module).__name__ for module in loaded] == ["PromptTemplate", "WeightedLayerPooling", "RelationPooling"]
    assert types[1].endswith("WeightedLayerPooling")


@pytest.mark.parametrize("pooling", POOLING_MODES)
def test_an_adapter_is_saved_and_loaded_with_its_template(encoders, tmp_path, pooling):
    model = RelBERT(encoders["wordpiece"], template="short", pooling=pooling)
    model.add_adapter(peft.LoraConfig(task_type="FEATURE_EXTRACTION", r=2, target_modules=["query"]))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.fill_(0.5)
    walk(model, tmp_path, adapter=True)


def test_requirements_and_the_records_of_training_and_evaluation_stay(encoders, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    RelBERT(encoders["wordpiece"]).save_pretrained(str(first))
    config = json.loads((first / "config_sentence_transformers.json").read_text())
    requirements = {"sentence-transformers": ">=6"}
    (first / "config_sentence_transformers.json").write_text(json.dumps({**config, "requirements": requirements}))
    (first / ".eval_results").mkdir()
    records = {
        "finetuning_config.json": '{"template": "short"}',
        ".eval_results/st-relbert.yaml": "- value: 1\n",
        ".eval_results/by_hand.yaml": "- value: 2\n",
    }
    for name, text in records.items():
        (first / name).write_text(text)
    model = RelBERT(str(first))
    model.save_pretrained(str(second))
    assert json.loads((second / "config_sentence_transformers.json").read_text())["requirements"] == requirements
    assert {name: (second / name).read_text() for name in records} == records
    model.model_card_data.add_tags("generated_from_trainer")  # as the trainer does; the record is of an earlier run
    model.save_pretrained(str(tmp_path / "third"))
    assert not any((tmp_path / "third" / name).exists() for name in records)


@pytest.mark.parametrize("how", ["loaded", "trained", "merged"])
def test_saving_over_a_model_leaves_none_of_its_records(encoders, tmp_path, how):
    """The records of the model that is saved replace those of the model that was there; other files stay."""
    there, own = tmp_path / "there", tmp_path / "own"
    for folder in (there, own):
        RelBERT(encoders["wordpiece"], template="short").save_pretrained(str(folder))
        (folder / ".eval_results").mkdir()
        for name in ("finetuning_config.json", f".eval_results/{folder.name}.yaml", ".eval_results/st-relbert.yaml"):
            (folder / name).write_text(f'"{folder.name}"')
    (there / ".eval_results" / "notes.txt").write_text("mine")
    (there / "finetuning_notes.json").write_text("mine")
    if how == "merged":
        pytest.importorskip("mergekit")
        model = RelBERT.merge([own, there])
    else:
        model = RelBERT(own)
    if how == "trained":
        model.model_card_data.add_tags("generated_from_trainer")
    model.save_pretrained(str(there))
    records = {path.relative_to(there).as_posix() for path in (there / ".eval_results").iterdir()}
    kept = {".eval_results/own.yaml", ".eval_results/st-relbert.yaml"} if how == "loaded" else set()
    assert records == kept | {".eval_results/notes.txt"} and (there / "finetuning_notes.json").exists()
    assert (there / "finetuning_config.json").exists() == (how == "loaded")
    assert all((there / name).read_text() == '"own"' for name in kept)


def test_an_encoder_saved_over_an_adapter_is_loaded_without_it(encoders, tmp_path):
    adapted = RelBERT(encoders["wordpiece"])
    adapted.add_adapter(peft.LoraConfig(r=2, target_modules=["query"], init_lora_weights=False))
    adapted.save_pretrained(str(tmp_path))
    model = RelBERT(encoders["bytelevel"], template="short")
    model.save_pretrained(str(tmp_path))
    np.testing.assert_array_equal(RelBERT(tmp_path).encode(PAIRS), model.encode(PAIRS))


def test_an_adapter_is_not_saved_over_an_encoder_other_than_its_own(encoders, tmp_path):
    model = RelBERT(encoders["bytelevel"], template="short")
    model.save_pretrained(str(tmp_path))
    adapted = RelBERT(encoders["wordpiece"])
    adapted.add_adapter(peft.LoraConfig(r=2, target_modules=["query"], init_lora_weights=False))
    with pytest.raises(ValueError, match="contains an encoder, but the model is saved as an adapter of the encoder"):
        adapted.save_pretrained(str(tmp_path))
    np.testing.assert_array_equal(RelBERT(tmp_path).encode(PAIRS), model.encode(PAIRS))
    own = RelBERT(tmp_path)
    own.add_adapter(peft.LoraConfig(r=2, target_modules=["query"], init_lora_weights=False))
    own.save_pretrained(str(tmp_path))
    np.testing.assert_array_equal(RelBERT(tmp_path).encode(PAIRS), own.encode(PAIRS))


def test_a_pipeline_of_our_modules_saved_by_sentence_transformers_keeps_all_modules(encoders, tmp_path):
    prompt = PromptTemplate(encoders["wordpiece"], template="c")
    by_hand = SentenceTransformer(
        modules=[prompt, RelationPooling(16, "mask", reduction="sum"), Dense(16, 4)], truncate_dim=3
    )
    by_hand.save_pretrained(str(tmp_path))
    model = RelBERT(str(tmp_path))
    assert model.reduction == "sum" and [type(module).__name__ for module in model][2:] == ["Dense"]
    assert model.encode(PAIRS).shape == (3, 3)
    np.testing.assert_allclose(model.encode(PAIRS), by_hand.encode(PAIRS), rtol=1e-4, atol=1e-5)


def test_other_poolings_are_refused(encoders, tmp_path):
    plain = RelBERT(encoders["wordpiece"], template="short").to_sentence_transformer()
    plain[2].pooling_mode = "max"
    plain.save_pretrained(str(tmp_path), create_model_card=False)
    with pytest.raises(ValueError, match="pooling is 'max' after MultiVectorMask.*Load it with SentenceTransformer"):
        RelBERT(str(tmp_path))
