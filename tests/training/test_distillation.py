"""Training a small model to find pairs as similar as a teacher does."""

import json
import shutil
from functools import partial

import numpy as np
import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.base.modules import Normalize

from st_relbert import RelBERT
from st_relbert.cli import main
from st_relbert.data import RelationSet
from st_relbert.losses import SimilarityDistillationLoss
from st_relbert.training import TrainingRun, distillation_dataset
from st_relbert.training.checkpoints import CheckpointFolder

RELATIONS = RelationSet(
    {"capital": [("Tokyo", "Japan"), ("Paris", "France")], "part": [("finger", "hand"), ("Paris", "France")]},
    {"capital": [("Japan", "Tokyo")], "part": []},
)
PAIRS = [("Tokyo", "Japan"), ("Paris", "France"), ("finger", "hand"), ("Japan", "Tokyo")]


@pytest.fixture(scope="module")
def teacher(encoders, tmp_path_factory):
    """It has a different encoder, template and pooling from the student's."""
    folder = str(tmp_path_factory.mktemp("teacher") / "model")
    RelBERT(encoders["bytelevel"], template="a", pooling="average").save_pretrained(folder)
    return folder


@pytest.fixture
def run(tiny_run, teacher):
    return partial(
        tiny_run,
        loss="distillation",
        teacher=teacher,
        pairs_per_batch=32,
        learning_rate=1e-3,
        max_steps=20,
    )


def test_the_data_contain_each_pair_once_with_the_teachers_vector(teacher):
    model = RelBERT(teacher)
    dataset = distillation_dataset(RELATIONS, model)
    assert dataset["pair"] == [["Tokyo", "Japan"], ["Paris", "France"], ["finger", "hand"], ["Japan", "Tokyo"]]
    np.testing.assert_allclose(dataset["label"], model.encode([tuple(pair) for pair in dataset["pair"]]), rtol=1e-5)


def test_the_student_learns_what_the_teacher_knows(run, encoders, tmp_path):
    """Pairs of four relations, which the teacher was trained on and whose labels the student never sees."""
    tails = ("Japan", "hand", "France", "finger")
    path = tmp_path / "relations.jsonl"
    records = [{"relation_type": tail, "positives": [[head, tail] for head in "abcdefgh"]} for tail in tails]
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    own = {
        "base_model": encoders["bytelevel"],
        "loss": "info_nce",
        "teacher": None,
        "output": str(tmp_path / "teacher"),
    }
    settings = {"train_data": str(path), "learning_rate": 1e-2, "max_steps": 60}
    teacher = run(**own, **settings).train(show_progress_bar=False)
    student = run(teacher=str(tmp_path / "teacher"), **settings).train(show_progress_bar=False)

    pairs = [(head, tail) for tail in tails for head in "abcdefgh"]
    untrained = RelBERT(encoders["wordpiece"], template="short")
    before, after, taught = (torch.tensor(model.encode(pairs)) for model in (untrained, student, teacher))
    loss = SimilarityDistillationLoss(student).compute_loss_from_embeddings
    assert loss(after, taught) < 0.2 * loss(before, taught)
    saved = SentenceTransformer(run().output)
    np.testing.assert_array_equal(saved.encode(pairs), student.encode(pairs))


def test_an_interrupted_run_is_resumed_to_the_same_model(run, tmp_path, monkeypatch):
    whole = run(output=str(tmp_path / "whole"), save_steps=5).train(show_progress_bar=False)
    steps = []

    def interrupted(self, *args, **kwargs):
        steps.append(None)
        if len(steps) == 8:
            raise KeyboardInterrupt
        return original(self, *args, **kwargs)

    original = SentenceTransformerTrainer.compute_loss
    monkeypatch.setattr(SentenceTransformerTrainer, "compute_loss", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(save_steps=5).train(show_progress_bar=False)
    monkeypatch.undo()
    encode, sizes = RelBERT.encode, []
    monkeypatch.setattr(
        RelBERT, "encode", lambda *args, **options: sizes.append(len(args[1])) or encode(*args, **options)
    )
    resumed = run(save_steps=5).train(resume=True, show_progress_bar=False)
    assert max(sizes) < 10, "the teacher embeds no pair again; the card embeds its examples"
    assert not list(tmp_path.glob("*-checkpoints"))
    np.testing.assert_allclose(resumed.encode([("Tokyo", "Japan")]), whole.encode([("Tokyo", "Japan")]), rtol=1e-5)


@pytest.mark.parametrize("change", [{"template": "short"}, {"pooling": "mask"}, {"truncate_dim": 8}])
def test_resuming_with_another_teacher_is_refused(run, teacher, tmp_path, monkeypatch, change):
    """Also if it has the same weights but is read otherwise."""

    def killed(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(CheckpointFolder, "clear", killed)  # at the end, after the last checkpoint
    with pytest.raises(KeyboardInterrupt):
        run(max_steps=1, save_steps=1).train(show_progress_bar=False)
    monkeypatch.undo()
    other = tmp_path / "other"
    RelBERT(teacher, **change).save_pretrained(str(other))
    shutil.rmtree(tmp_path / "model")
    with pytest.raises(ValueError, match="to a run with other teacher. Resume with"):
        run(max_steps=1, save_steps=1, teacher=str(other)).train(resume=True, show_progress_bar=False)


def test_the_command_says_what_it_does(encoders, teacher, tmp_path, caplog):
    output = tmp_path / "model"
    arguments = ["--base-model", encoders["wordpiece"], "--train-data", "starter", "--template", "short"]
    arguments += ["--loss", "distillation", "--teacher", teacher, "--max-steps", "2", "--output", str(output)]
    assert main(["train", *arguments]) == 0
    assert f"Distilling {teacher} on the pairs of" in caplog.text
    assert json.loads((output / "finetuning_config.json").read_text())["st_relbert"]["teacher"] == teacher
    card = (output / "README.md").read_text(encoding="utf-8")
    assert "SimilarityDistillationLoss" in card and "Probabilistic Knowledge Transfer" in card


def test_weights_of_relations_do_not_matter(run, tmp_path):
    records = [{**record, "weight": 3} for record in RelationSet.load("starter").records()]
    (tmp_path / "weighted.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    models = [run(train_data=data, max_steps=1) for data in ("starter", str(tmp_path / "weighted.jsonl"))]
    first, second = (one.train(overwrite=True, show_progress_bar=False).encode(PAIRS) for one in models)
    np.testing.assert_array_equal(first, second)


def test_a_missing_teacher_is_a_one_line_error(encoders, tmp_path, capsys):
    arguments = ["--base-model", encoders["wordpiece"], "--output", str(tmp_path / "model")]
    assert main(["train", "--loss", "distillation", *arguments]) == 2
    assert "needs a teacher" in capsys.readouterr().err


def test_a_nonfinite_loss_stops_the_run(run, monkeypatch):
    nan = torch.tensor(float("nan"), requires_grad=True)
    monkeypatch.setattr(
        SimilarityDistillationLoss, "compute_loss_from_embeddings", lambda self, own, *_: own.sum() * nan
    )
    with pytest.raises(ValueError, match="loss became nan at step 1, on a batch of 32 pairs .first prompt"):
        run().train(show_progress_bar=False)


def test_the_plain_trainer_takes_the_data_and_the_loss(encoders, teacher, tmp_path):
    model = RelBERT(encoders["wordpiece"], template="short")
    arguments = SentenceTransformerTrainingArguments(
        str(tmp_path), max_steps=2, use_cpu=True, report_to="none", save_strategy="no"
    )
    dataset: Dataset = distillation_dataset(RELATIONS, RelBERT(teacher))
    loss = SimilarityDistillationLoss(model)
    result = SentenceTransformerTrainer(model=model, args=arguments, train_dataset=dataset, loss=loss).train()
    assert np.isfinite(result.training_loss)


def test_an_encoder_in_half_precision_is_trained_in_full(encoders, tmp_path):
    """Half-precision weights would lose small steps, and cannot be mixed with computations in bfloat16."""
    half = tmp_path / "half"
    RelBERT(encoders["wordpiece"], template="short").save_pretrained(str(half))
    weights = {name: value.half() for name, value in load_file(half / "model.safetensors").items()}
    save_file(weights, half / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((half / "config.json").read_text())
    (half / "config.json").write_text(json.dumps({**config, "dtype": "float16"}))
    assert RelBERT(str(half)).dtype == torch.float16
    run = TrainingRun(base_model=str(half), train_data="starter", output=str(tmp_path / "o"), max_steps=2, bf16=True)
    assert run.train(show_progress_bar=False).dtype == torch.float32
    assert np.isfinite(RelBERT(str(half), fast=True).encode([("Tokyo", "Japan")])).all()


def test_saved_vectors_are_used_only_for_the_same_teacher_and_pairs(encoders, teacher, tmp_path, monkeypatch, caplog):
    kept = tmp_path / "teacher.safetensors"
    model, other = RelBERT(teacher), RelBERT(encoders["unigram"])
    fresh = distillation_dataset(RELATIONS, model)
    assert distillation_dataset(RELATIONS, model, kept_in=kept)["label"] == fresh["label"]
    encode, calls = RelBERT.encode, []
    monkeypatch.setattr(RelBERT, "encode", lambda *args, **kwargs: calls.append(1) or encode(*args, **kwargs))
    assert distillation_dataset(RELATIONS, model, kept_in=kept)["label"] == fresh["label"] and not calls
    fewer = RelationSet({"capital": [("Tokyo", "Japan")], "part": [("finger", "hand")]})
    assert distillation_dataset(fewer, model, kept_in=kept)["pair"] == [["Tokyo", "Japan"], ["finger", "hand"]]
    assert distillation_dataset(fewer, other, kept_in=kept)["label"] == distillation_dataset(fewer, other)["label"]
    read_otherwise = RelBERT(teacher, template="short", pooling="mask", reduction="sum")
    in_half = RelBERT(teacher, model_kwargs={"dtype": torch.float16})
    of_one_length = RelBERT(modules=[*model, Normalize()])
    for changed in (read_otherwise, in_half, of_one_length, RelBERT(teacher, truncate_dim=8)):
        assert distillation_dataset(RELATIONS, changed, kept_in=kept)["label"] == changed.encode(PAIRS).tolist()
    kept.write_bytes(b"x")
    assert len(distillation_dataset(fewer, model, kept_in=kept)) == 2 and "pairs are embedded again" in caplog.text
