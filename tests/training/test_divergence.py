"""Training that diverges stops, says where, and loses nothing."""

import json
import os
from functools import partial

import pytest
import torch
from sentence_transformers import SentenceTransformer

from st_relbert.losses import InfoNCELoss
from st_relbert.modules import PromptTemplate, RelationPooling
from st_relbert.training import RelationTrainer, TrainingDiverged


@pytest.fixture
def run(tiny_run):
    return partial(tiny_run, relations_per_batch=4, max_steps=6, save_steps=1)


@pytest.fixture
def no_steps(monkeypatch):
    """Makes the first step of training an error."""
    monkeypatch.setattr(RelationTrainer, "training_step", None)


def test_a_loss_that_is_not_a_number_stops_training_and_names_the_batch(run, tmp_path, monkeypatch):
    calls = []

    def third_is_nan(self, embeddings, *args):
        calls.append(1)
        return embeddings.sum() * (float("nan") if len(calls) == 3 else 1)

    monkeypatch.setattr(InfoNCELoss, "compute_loss_from_embeddings", third_is_nan)
    with pytest.raises(TrainingDiverged) as caught:
        run().train(show_progress_bar=False)
    message = str(caught.value)
    assert "The loss became nan at step 3, on a batch of" in message
    assert "of the relations" in message and "/" in message.split("of the relations")[1]
    assert "discovered" in message  # the prompt
    assert not (tmp_path / "model").exists()
    kept = tmp_path / "model-checkpoints"
    assert sorted(path.name for path in kept.iterdir()) == ["checkpoint-1", "checkpoint-2", "run.json"]

    monkeypatch.undo()
    run().train(resume=True, show_progress_bar=False)
    assert (tmp_path / "model" / "model.safetensors").is_file()


def test_nonfinite_weights_are_not_saved(run, tmp_path, monkeypatch):
    """A gradient can overflow although the loss does not."""
    calls = []

    def second_overflows(self, embeddings, *args):
        calls.append(1)
        return embeddings.sum() * 0 + torch.sqrt(embeddings[0, 0] * 0) if len(calls) == 2 else embeddings.sum()

    monkeypatch.setattr(InfoNCELoss, "compute_loss_from_embeddings", second_overflows)
    with pytest.raises(TrainingDiverged, match="The weights of .* are no longer finite at step 2"):
        run(max_grad_norm=0).train(show_progress_bar=False)
    assert [path.name for path in (tmp_path / "model-checkpoints").glob("checkpoint-*")] == ["checkpoint-1"]


@pytest.mark.parametrize("kind", ["train_data", "validation_data"])
def test_a_pair_that_does_not_fit_is_an_error_before_training(run, tmp_path, no_steps, kind):
    records = [
        {"relation_type": "x", "positives": [["a", "b"], ["c", "d"]]},
        {"relation_type": "y", "positives": [["a", "b"], ["word " * 100, "d"]]},
    ]
    path = tmp_path / "relations.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    with pytest.raises(ValueError, match="word word"):
        run(**{"validation_data": "starter", kind: str(path)}, choose_by="loss", max_length=64).train(
            show_progress_bar=False
        )
    assert not (tmp_path / "model-checkpoints").exists()


def test_a_model_that_cannot_be_saved_is_an_error_before_training(run, encoders, tmp_path, no_steps):
    prompt = PromptTemplate(encoders["wordpiece"])
    SentenceTransformer(modules=[prompt, RelationPooling(16, reduction="sum")]).save_pretrained(str(tmp_path / "sum"))
    with pytest.raises(ValueError, match="reduction 'sum' has no portable form"):
        run(base_model=str(tmp_path / "sum")).train(show_progress_bar=False)


@pytest.mark.parametrize(
    ("relations", "settings", "message"),
    [
        ({"x": "ab"}, {}, "has 1 relation .x., expected at least two"),
        ({"x": "a", "y": "b"}, {}, "No relation has two positive pairs"),
        ({"x": "ab", "y": "cd"}, {"relations_per_batch": 1, "negatives_per_relation": 0}, "every relation needs negat"),
    ],
)
def test_data_without_anything_to_learn_are_refused(run, tmp_path, relations, settings, message):
    path = tmp_path / "relations.jsonl"
    records = [{"relation_type": name, "positives": [[h, "t"] for h in heads]} for name, heads in relations.items()]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    with pytest.raises(ValueError, match=message):
        run(train_data=str(path), **settings).train(show_progress_bar=False)


def test_relations_without_negatives_or_with_one_pair_can_be_trained_on(run, tmp_path):
    path = tmp_path / "relations.jsonl"
    records = [
        {"relation_type": name, "positives": [[head, "t"] for head in heads]}
        for name, heads in {"x": "ab", "y": "c", "z": "de"}.items()
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    run(train_data=str(path), max_steps=2).train(show_progress_bar=False)
    assert (tmp_path / "model" / "model.safetensors").is_file()


def test_a_run_that_fails_before_its_first_checkpoint_leaves_nothing(tiny_run, tmp_path):
    for settings in ({"report_to": "nothing"}, {"learning_rate": 1e30, "max_steps": 5}):
        with pytest.raises(ValueError):
            tiny_run(**settings).train(show_progress_bar=False)
        assert os.listdir(tmp_path) == []
    with pytest.raises(ValueError, match="The loss became"):
        tiny_run(learning_rate=1e30, max_steps=5, save_steps=1).train(show_progress_bar=False)
    assert os.listdir(tmp_path) == ["model-checkpoints"]
