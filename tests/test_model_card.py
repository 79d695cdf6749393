"""What visitors of a model's page read."""

import re
import shutil

import pytest
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
        "MultiVectorMask",  # the modules as they are saved
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


def test_a_plain_model_gets_a_card_of_pairs_and_keeps_what_its_own_said(folder):
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
def test_licence_and_base_model_outlive_more_training(folder, tmp_path, broken):
    saved = shutil.copytree(folder, tmp_path / "model")
    metadata = "license: [" if broken else "license: mit\nbase_model: bert-base-cased\nlanguage: en"
    (saved / "README.md").write_text(f"---\n{metadata}\n---\n# Mine\n")
    model = RelBERT(str(saved))
    model.model_card_data.add_tags("generated_from_trainer")  # as the trainer does
    model.save_pretrained(str(tmp_path / "again"))
    card = (tmp_path / "again" / "README.md").read_text(encoding="utf-8")
    assert ("**License:** mit" in card and "[bert-base-cased]" in card) == (not broken)
    assert "pair of words" in card
