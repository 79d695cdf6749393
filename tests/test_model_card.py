"""What visitors of a model's page read."""

import re
import shutil

import numpy as np
import pytest
import torch
from datasets import Dataset
from sentence_transformers import SentenceTransformer, SentenceTransformerModelCardData

from st_relbert import RelBERT
from st_relbert.model_card import RelBERTModelCardData, use_pair_card


@pytest.fixture(scope="module")
def folder(encoders, tmp_path_factory):
    folder = tmp_path_factory.mktemp("card") / "model"
    model = RelBERT(encoders["wordpiece"], template="short", model_card_data=RelBERTModelCardData(license="cc0-1.0"))
    model.save_pretrained(str(folder))
    return folder


def test_the_card_says_what_the_model_reads_and_what_its_limits_are(folder):
    card = (folder / "README.md").read_text(encoding="utf-8")
    for fact in (
        "pair of words",
        "`` I discovered: <subj> is the <mask> of <obj> ``",
        "average_no_mask (mean)",
        "MultiVectorMask",  # the modules as saved
        "## Limits and Biases",
        "**License:** cc0-1.0",
    ):
        assert fact in card, fact
    for noise in ("Supported Modalit", "sentence_transformers_model_id", "batch_size", "PromptTemplate("):
        assert noise not in card, noise


def test_the_example_of_the_card_runs(folder):
    card = (folder / "README.md").read_text(encoding="utf-8")
    [code] = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    exec(code.replace("path/to/this/model", str(folder)), {})


def test_a_plain_model_gets_a_pair_card_that_keeps_its_own_data(folder):
    data = SentenceTransformerModelCardData(language="en", license="mit", tags=["mine"])
    model = SentenceTransformer(str(folder), model_card_data=data)
    use_pair_card(model)
    card = model.model_card_data
    assert isinstance(card, RelBERTModelCardData) and card.model is model
    assert (card.language, card.license) == (["en"], "mit") and {"mine", "relation-embeddings"} <= set(card.tags)
    card.set_widget_examples(Dataset.from_dict({"pair": [["Tokyo", "Japan"]], "label": [0]}))
    use_pair_card(model)
    assert model.model_card_data is card


def test_a_model_whose_vectors_have_no_portable_form_has_a_card(encoders):
    from sentence_transformers.base.model_card import generate_model_card

    assert "average_no_mask (sum)" in generate_model_card(RelBERT(encoders["wordpiece"], reduction="sum"))


@pytest.mark.parametrize("broken", [False, True])
def test_licence_and_base_model_survive_more_training(folder, tmp_path, broken):
    saved = shutil.copytree(folder, tmp_path / "model")
    metadata = "license: [" if broken else "license: mit\nbase_model: bert-base-cased\nlanguage: en"
    (saved / "README.md").write_text(f"---\n{metadata}\n---\n# Mine\n")
    model = RelBERT(str(saved))
    model.model_card_data.add_tags("generated_from_trainer")  # as the trainer does
    model.save_pretrained(str(tmp_path / "again"))
    card = (tmp_path / "again" / "README.md").read_text(encoding="utf-8")
    assert ("**License:** mit" in card and "[bert-base-cased]" in card) == (not broken)
    assert "pair of words" in card


@pytest.mark.parametrize("by_name", [True, False])
def test_the_card_of_a_merged_model_names_the_data_of_both_and_no_training(encoders, tmp_path, by_name):
    pytest.importorskip("mergekit")
    for number, line in enumerate(("first: mit", "second: cc0-1.0")):
        model = RelBERT(encoders["wordpiece"], template="short")
        with torch.no_grad():
            model[0].model.get_input_embeddings().weight.mul_(1 + number)
        model.model_card_data.training_data = [line]
        model.save_pretrained(str(tmp_path / str(number)))
        (tmp_path / str(number) / "finetuning_config.json").write_text('{"lr": 1}')
    folders = [str(tmp_path / "0"), tmp_path / "1"]
    models = folders if by_name else [RelBERT(folder) for folder in folders]
    merged = RelBERT.merge(models, parameters={"weight": [0.75, 0.25]})
    first, mean = (model[0].model.get_input_embeddings().weight for model in (RelBERT(folders[0]), merged))
    torch.testing.assert_close(mean, 1.25 * first)
    merged.save_pretrained(str(tmp_path / "merged"))
    card = (tmp_path / "merged" / "README.md").read_text(encoding="utf-8")
    assert "first: mit" in card and "second: cc0-1.0" in card and "- merge" in card
    assert not (tmp_path / "merged" / "finetuning_config.json").exists()
    np.testing.assert_array_equal(
        RelBERT(tmp_path / "merged").encode(("Tokyo", "Japan")), merged.encode(("Tokyo", "Japan"))
    )


def test_the_card_of_a_merged_model_says_if_data_is_unknown(encoders, tmp_path):
    pytest.importorskip("mergekit")
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        RelBERT(encoders["wordpiece"], template="short").save_pretrained(str(folder), create_model_card=False)
    assert RelBERT.merge(folders).model_card_data.sources == [f"what {name} was trained on: not known" for name in "ab"]
