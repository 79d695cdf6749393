"""The card of a trained model names the data of all its training runs, with their licences."""

from functools import partial

import pytest
from datasets import Dataset
from huggingface_hub import ModelCard
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)

from st_relbert import RelBERT
from st_relbert.data import RelationSet, load_relations
from st_relbert.losses import InfoNCELoss
from st_relbert.training import RelationBatchSampler, TrainingRun

STARTER = "starter: CC0 1.0 (public domain)"
SEMEVAL = "relbert/semeval2012_relational_similarity: CC BY-SA 3.0"


def licences(folder):
    """The sources in the card's metadata; its text must say the same."""
    card = ModelCard.load(folder / "README.md")
    named = card.data.to_dict().get("training_data")
    for line in named or []:
        assert f"- {line}\n" in card.text
    assert (named is None) == ("Licences of the Training Data" not in card.text)
    return named


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own, by hand.jsonl"
    rows = [f'{{"head": "{head}", "tail": "{tail}", "relation": "{tail}"}}\n' for tail in "xyz" for head in "abcd"]
    path.write_text("".join(rows))
    return str(path)


def train(model, folder, data):
    """With sentence-transformers' own trainer."""
    trainer = SentenceTransformerTrainer(
        model=model,
        args=SentenceTransformerTrainingArguments(
            output_dir=str(folder / "checkpoints"),
            max_steps=1,
            batch_sampler=partial(RelationBatchSampler, relations_per_batch=3, pairs_per_relation=2),
            use_cpu=True,
            report_to="none",
        ),
        train_dataset=data,
        loss=InfoNCELoss(model),
    )
    trainer.train()
    model.save_pretrained(str(folder))


def test_further_training_adds_its_data_to_the_card(encoders, tmp_path, own):
    assert licences_of_run(tmp_path / "first", encoders["wordpiece"], "starter") == [STARTER]
    RelBERT(str(tmp_path / "first")).save_pretrained(str(tmp_path / "copy"))
    assert licences(tmp_path / "copy") == [STARTER]
    second = licences_of_run(tmp_path / "second", str(tmp_path / "copy"), own)
    assert second == [STARTER, "own, by hand.jsonl: not known"]
    for kind in (RelBERT, SentenceTransformer):
        train(kind(str(tmp_path / "second")), tmp_path / kind.__name__, load_relations("relations"))
        assert licences(tmp_path / kind.__name__) == [*second, "relations: CC0 1.0 (public domain)"]


def licences_of_run(folder, base_model, data, **settings):
    given = {"template": "short", "train_data": data, "output": str(folder), "max_steps": 1, **settings}
    run = TrainingRun(base_model=base_model, **given)
    run.train(show_progress_bar=False)
    return licences(folder)


def test_a_distilled_model_names_its_teacher_and_the_teachers_data(encoders, tmp_path, own):
    teacher, student = tmp_path / "teacher", tmp_path / "student"
    licences_of_run(teacher, encoders["bytelevel"], own)
    card = (teacher / "README.md").read_text(encoding="utf-8")
    (teacher / "README.md").write_text(card.replace("---\n", "---\nlicense: cc-by-4.0\n", 1), encoding="utf-8")
    taught = {"loss": "distillation", "teacher": str(teacher), "pairs_per_batch": 16}
    known = ["own, by hand.jsonl: not known"]
    assert licences_of_run(student, encoders["wordpiece"], "starter", **taught) == [STARTER, *known]
    assert "- **Distilled from:** teacher (licence: cc-by-4.0)\n" in (student / "README.md").read_text("utf-8")
    # The training data still names them.
    assert licences_of_run(tmp_path / "on", str(student), "relations") == [
        STARTER, *known, "relations: CC0 1.0 (public domain)"
    ]  # fmt: skip


def test_a_teacher_without_a_record_of_its_data(encoders, tmp_path):
    RelBERT(encoders["bytelevel"]).save_pretrained(str(tmp_path / "teacher"), create_model_card=False)
    taught = {"loss": "distillation", "teacher": str(tmp_path / "teacher"), "pairs_per_batch": 16}
    found = licences_of_run(tmp_path / "student", encoders["wordpiece"], "starter", **taught)
    assert found == [STARTER, "what teacher was trained on: not known"]
    assert "Distilled from:** teacher (licence: not known)" in (tmp_path / "student" / "README.md").read_text("utf-8")


def test_the_card_names_a_published_checkpoints_data(golden, tmp_path):
    model = RelBERT(str(golden / "checkpoints" / "bert-a-average_no_mask"))
    train(model, tmp_path, RelationSet.load("starter").dataset())
    assert licences(tmp_path) == [SEMEVAL, "a set without a name: not known"]


def test_the_name_a_script_gives_a_dataset_is_not_a_source(encoders, tmp_path):
    rows = RelationSet.load("starter").dataset()
    data = {"relations": Dataset.from_dict(rows.to_dict()), "shipped": load_relations("starter")}
    train(RelBERT(encoders["wordpiece"]), tmp_path, data)
    assert licences(tmp_path) == ["relations: not known", STARTER]


def test_an_untrained_encoder_names_no_data(encoders, tmp_path):
    RelBERT(encoders["wordpiece"]).save_pretrained(str(tmp_path))
    assert licences(tmp_path) is None
