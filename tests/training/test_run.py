import dataclasses
import json
import os
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from st_relbert import RelBERT
from st_relbert.cli import main
from st_relbert.data import load_relations
from st_relbert.files import outputs
from st_relbert.files.outputs import output_lock
from st_relbert.losses import InfoNCELoss
from st_relbert.training import RelationTrainer, TrainingInterrupted
from st_relbert.training import run as run_module
from st_relbert.training.checkpoints import CheckpointFolder

PAIRS = [("Tokyo", "Japan"), ("finger", "hand")]


@pytest.fixture
def run(tiny_run):
    return partial(tiny_run, learning_rate=1e-3, relations_per_batch=8)


@pytest.fixture
def easy_relations(tmp_path_factory):
    """Relations that even a tiny model can learn: each has one tail."""
    path = tmp_path_factory.mktemp("data") / "relations.jsonl"
    records = [
        {"relation_type": tail, "positives": [[head, tail] for head in "abcdefgh"]}
        for tail in ("Japan", "hand", "France", "finger")
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(path)


def loss_of(model, relations):
    dataset = load_relations(relations)
    embeddings = torch.tensor(model.encode(dataset["pair"]))
    return InfoNCELoss(model).compute_loss_from_embeddings(embeddings, torch.tensor(dataset["label"])).item()


def test_a_run_lowers_the_loss_and_leaves_only_the_model(run, easy_relations, tmp_path):
    before = loss_of(RelBERT(run().base_model, template="short"), easy_relations)
    run(train_data=easy_relations, max_steps=40, learning_rate=1e-2).train(show_progress_bar=False)
    assert loss_of(RelBERT(str(tmp_path / "model")), easy_relations) < 0.5 * before
    assert os.listdir(tmp_path) == ["model"]
    assert SentenceTransformer(str(tmp_path / "model")).encode(PAIRS).shape == (2, 16)


def test_the_card_says_how_the_model_was_trained(run, tmp_path):
    run(max_steps=2).train(show_progress_bar=False)
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    for fact in (
        "['Tokyo', 'Japan']",
        "#### starter",
        "InfoNCELoss",
        '"temperature": 0.05',
        "`max_steps`: 2",
        "@article{ushio",
    ):
        assert fact in card, fact


@pytest.mark.parametrize("head", [False, True])
def test_the_same_seed_gives_the_same_weights(run, tmp_path, head):
    settings = partial(run, max_steps=3, classification_head=head)
    vectors = [
        settings(seed=seed, output=str(tmp_path / name)).train(show_progress_bar=False).encode(PAIRS)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert np.array_equal(vectors[0], vectors[1])
    assert not np.array_equal(vectors[0], vectors[2])


def test_training_in_steps_of_the_relbert_library(run):
    model = run(max_steps=2, relations_per_batch=1, pairs_per_relation=10, negatives_per_relation=40).train(
        show_progress_bar=False
    )
    assert np.isfinite(model.encode(PAIRS)).all()


OBJECTIVES = [
    ({"loss": "info_loob"}, '"info_loob": true'),
    ({"loss": "triplet", "margin": 0.5}, "RelationTripletLoss"),
    ({"loss": "relbert_triplet", "pairs_per_relation": 2, "margin": 0.01, "parent_weight": 1}, "RelBERTTripletLoss"),
    ({"classification_head": True}, '"classification_head": true'),
    ({"parent_weight": 0.5, "siblings_as_negatives": False}, '"parent_weight": 0.5'),
    ({"relations_per_batch": 1, "negatives_per_relation": 40, "parent_weight": 1}, '"anchors": "first"'),
    ({"max_grad_norm": 0, "schedule": "constant", "reduction": "sum"}, '"reduction": "sum"'),
    ({"activation_checkpointing": True}, "_checkpointing"),  # older versions say "gradient_"
]


@pytest.mark.parametrize(("settings", "in_card"), OBJECTIVES)
def test_every_objective_trains(run, tmp_path, settings, in_card):
    before = RelBERT(run().base_model, template="short").encode(PAIRS)
    model = run(max_steps=3, **settings).train(show_progress_bar=False)
    assert np.isfinite(model.encode(PAIRS)).all() and not np.allclose(model.encode(PAIRS), before, atol=1e-3)
    assert in_card in (tmp_path / "model" / "README.md").read_text(encoding="utf-8")


def test_dropout_replaces_the_encoders_own_in_training_only(run, tmp_path):
    def is_random(model):
        """Whether a model in training mode embeds the same pairs differently each time."""
        features = model.train().preprocess(PAIRS)
        first, second = (model(dict(features))["sentence_embedding"] for _ in range(2))
        return not torch.equal(first, second)

    assert is_random(run(max_steps=1).train(show_progress_bar=False))
    assert not is_random(run(max_steps=1, dropout=0).train(overwrite=True, show_progress_bar=False))
    assert is_random(RelBERT(str(tmp_path / "model")))  # the saved encoder keeps its own


def test_the_resolved_settings_are_saved_with_the_model(run, tmp_path):
    settings = run(max_steps=2, max_length=50, negatives_per_relation=3)
    settings.train(show_progress_bar=False)
    config = json.loads((tmp_path / "model" / "finetuning_config.json").read_text(encoding="utf-8"))
    own = config.pop("st_relbert")
    assert {name: own[name] for name in dataclasses.asdict(settings) if name != "output"} == {
        name: value for name, value in dataclasses.asdict(settings).items() if name != "output"
    }
    assert own["steps"] == 2 and own["relations"].startswith("61 relations with 854 pairs")
    assert config["template"].startswith("I discovered:") and config["max_length"] == 50
    assert config["loss_function_config"]["num_negative"] == 3


def test_the_record_has_the_keys_of_the_relbert_library(run, golden, tmp_path):
    """As in the relbert library: finetuning_config.json as published."""
    published = json.loads((golden / "checkpoints" / "bert-a-average_no_mask" / "finetuning_config.json").read_text())
    run(max_steps=1).train(show_progress_bar=False)
    config = json.loads((tmp_path / "model" / "finetuning_config.json").read_text(encoding="utf-8"))
    assert set(published) | {"st_relbert"} == set(config)
    assert set(published["loss_function_config"]) <= set(config["loss_function_config"])
    assert (config["loss_function"], config["aggregation_mode"]) == ("nce", "average_no_mask")


@pytest.mark.parametrize("has_instructions", [True, False])
def test_bfloat16_is_used_only_where_it_is_faster(run, tmp_path, monkeypatch, caplog, has_instructions):
    """Without such instructions, a step on a CPU takes sixty times as long in bfloat16 as in float32."""
    monkeypatch.setattr(run_module, "computes_in_bfloat16", lambda device: has_instructions)
    training = run(output=str(tmp_path / "model"), bf16=True, max_steps=1)
    training.train(show_progress_bar=False)
    record = json.loads((tmp_path / "model" / "finetuning_config.json").read_text())
    assert record["st_relbert"]["bf16"] is has_instructions
    assert ("This CPU has no instructions for bfloat16: computing in float32." in caplog.text) is not has_instructions


def test_a_summary_of_the_data_is_logged(run, tmp_path, caplog):
    records = [
        {"relation_type": "x", "positives": [["a", "b"], ["c", "d"]], "negatives": [["b", "a"]]},
        {"relation_type": "y", "positives": [["a", "b"], ["e", "f"]]},
        {"relation_type": "z", "positives": [["g", "h"]]},
    ]
    path = tmp_path / "relations.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    with caplog.at_level("INFO", logger="st_relbert"):
        run(max_steps=1, train_data=str(path)).train(show_progress_bar=False)
    assert (
        "Training on 3 relations with 5 pairs and 1 negative; "
        "1 relation with a single pair, which can only be pushed away from others; "
        "1 pair in several relations, or on both sides of one, not pushed away." in caplog.text
    )


def test_logs_go_where_the_trainer_reports_to(run, tmp_path):
    pytest.importorskip("tensorboard", reason="needs pip install tensorboard")
    run(max_steps=2, report_to="tensorboard").train(show_progress_bar=False)
    assert list((tmp_path / "model-checkpoints" / "runs").rglob("events.out.tfevents*"))


def test_mini_batches_give_nearly_the_same_model(run, tmp_path):
    """Dropout draws its random numbers in a different order; test_cached_info_nce compares without dropout."""
    models = [
        run(max_steps=2, output=str(tmp_path / str(size)), mini_batch_size=size).train(show_progress_bar=False)
        for size in (None, 7)
    ]
    cards = [(tmp_path / str(size) / "README.md").read_text(encoding="utf-8") for size in (None, 7)]
    assert '"mini_batch_size": 7' in cards[1] and "mini_batch_size" not in cards[0]
    assert not np.array_equal(models[0].encode(PAIRS), models[1].encode(PAIRS))
    np.testing.assert_allclose(models[0].encode(PAIRS), models[1].encode(PAIRS), atol=0.05)


def test_an_output_that_exists_is_not_touched_without_overwrite(run, tmp_path):
    run(max_steps=1).train(show_progress_bar=False)
    before = (tmp_path / "model" / "model.safetensors").read_bytes()
    with pytest.raises(ValueError, match="already exists.*--overwrite"):
        run(max_steps=2).train(show_progress_bar=False)
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == before
    run(max_steps=2).train(overwrite=True, show_progress_bar=False)
    assert (tmp_path / "model" / "model.safetensors").read_bytes() != before


def test_a_folder_of_other_files_is_never_removed_for_checkpoints(run, tmp_path):
    (tmp_path / "model-checkpoints").mkdir()
    (tmp_path / "model-checkpoints" / "thesis.tex").write_text("years of work")
    with pytest.raises(ValueError, match="contains 'thesis.tex', which is not a checkpoint"):
        run().train(overwrite=True)
    assert (tmp_path / "model-checkpoints" / "thesis.tex").is_file()


def test_parents_must_be_in_the_names(run, easy_relations, caplog):
    with pytest.raises(ValueError, match="siblings_as_negatives is False, but the relations of .* have no parents"):
        run(train_data=easy_relations, siblings_as_negatives=False).train(show_progress_bar=False)
    run(train_data=easy_relations, parent_weight=1, max_steps=1).train(show_progress_bar=False)
    assert "parent_weight has no effect: the relations of" in caplog.text


def test_resuming_without_a_checkpoint_is_refused(run):
    with pytest.raises(ValueError, match="Nothing to resume"):
        run().train(resume=True)


def signalled(trainer_step, step, sign):
    """A training step that sends a signal before the step with this number."""

    def stopping(trainer, *args):
        if trainer.state.global_step == step - 1:
            signal.raise_signal(sign)
        return trainer_step(trainer, *args)

    return stopping


def test_ctrl_c_leaves_a_checkpoint_to_resume_and_no_half_written_model(run, tmp_path, monkeypatch, capsys):
    """For a process that is killed outright, see tests/faults."""
    settings = run(learning_rate=5e-5, relations_per_batch=4, max_steps=12)
    arguments = [
        "train", "--base-model", settings.base_model, "--train-data", "starter", "--output", settings.output,
        "--template", "short", "--relations-per-batch", "4", "--max-steps", "12", "--quiet", "--save-steps", "5",
    ]  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setattr(RelationTrainer, "training_step", signalled(RelationTrainer.training_step, 7, signal.SIGINT))
        assert main(arguments) == 130
    errors = capsys.readouterr().err
    assert "Stopped after step 7" in errors and "--resume" in errors and "Traceback" not in errors
    assert os.listdir(tmp_path) == ["model-checkpoints"]

    assert main(arguments) == 2
    assert "Continue with --resume, or start over with --overwrite" in capsys.readouterr().err
    assert main([*arguments, "--resume"]) == 0
    assert os.listdir(tmp_path) == ["model"]
    # The same batches, random numbers and weights as in an uninterrupted run.
    straight = dataclasses.replace(settings, output=str(tmp_path / "straight")).train(show_progress_bar=False)
    np.testing.assert_allclose(RelBERT(str(tmp_path / "model")).encode(PAIRS), straight.encode(PAIRS), atol=1e-5)


@pytest.fixture
def interrupted(run, monkeypatch):
    """A run that was stopped after three of six steps."""
    with monkeypatch.context() as patch:
        patch.setattr(RelationTrainer, "training_step", signalled(RelationTrainer.training_step, 3, signal.SIGTERM))
        with pytest.raises(TrainingInterrupted, match="Stopped after step 3"):
            run(max_steps=6).train(show_progress_bar=False)
    return run


@pytest.mark.parametrize("moment", ["saving", "in its place", "cleared", "reporting"])
def test_ctrl_c_at_the_end_leaves_a_complete_model_and_nothing_else(run, tmp_path, monkeypatch, moment):
    owner, name = {
        "saving": (RelBERT, "save_pretrained"),
        "in its place": (outputs, "_move"),
        "cleared": (CheckpointFolder, "clear"),
        "reporting": (run_module, "_report"),
    }[moment]
    plain, handler = getattr(owner, name), signal.getsignal(signal.SIGINT)  # a shell's background jobs ignore it

    def interrupted(*args, **kwargs):
        result = plain(*args, **kwargs)
        is_end = {"saving": "checkpoint-" not in str(args[-1]), "in its place": args[1:2] == (tmp_path / "model",)}
        if is_end.get(moment, True):
            signal.raise_signal(signal.SIGINT)
        return result

    monkeypatch.setattr(owner, name, interrupted)
    trained = run(max_steps=2, save_steps=1).train()
    assert trained.source == str(tmp_path / "model")
    assert os.listdir(tmp_path) == ["model"]
    np.testing.assert_array_equal(RelBERT(str(tmp_path / "model")).encode(PAIRS), trained.encode(PAIRS))
    assert signal.getsignal(signal.SIGINT) == handler


def test_sigterm_leaves_a_checkpoint_to_resume(interrupted, tmp_path):
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    resumed = interrupted(max_steps=6).train(resume=True, show_progress_bar=False)
    straight = interrupted(max_steps=6, output=str(tmp_path / "straight")).train(show_progress_bar=False)
    np.testing.assert_allclose(resumed.encode(PAIRS), straight.encode(PAIRS), atol=1e-5)


def test_resuming_another_run_is_refused(interrupted, encoders, easy_relations, tmp_path):
    changes = {
        r"to a run with learning_rate=0.001 \(now 0.5\)": {"learning_rate": 0.5},
        r"to a run with template='I discovered.* \(now 'Today": {"template": "a"},
        "to a run with loss='info_nce'": {"loss": "triplet"},
        "to a run with seed=0": {"seed": 9},
        "to a run with other base_model. Resume with": {"base_model": encoders["bytelevel"]},
        "to a run with other train_data. Resume with": {"train_data": easy_relations},
    }
    before = sorted(path.name for path in (tmp_path / "model-checkpoints").iterdir())
    for message, change in changes.items():
        with pytest.raises(ValueError, match=message):
            interrupted(**{"max_steps": 6, **change}).train(resume=True, show_progress_bar=False)
    assert sorted(path.name for path in (tmp_path / "model-checkpoints").iterdir()) == before


def test_settings_that_do_not_change_the_result_may_differ_when_resuming(interrupted, tmp_path):
    encoder = tmp_path / "moved"
    shutil.copytree(interrupted().base_model, encoder)
    interrupted(max_steps=6, base_model=str(encoder), save_steps=2).train(resume=True, show_progress_bar=False)


def test_a_second_run_with_the_same_output_names_the_first(run, tmp_path):
    lock = output_lock(tmp_path / "model")
    with ThreadPoolExecutor(1) as other:
        other.submit(lock.__enter__).result()
        with pytest.raises(ValueError, match=f"written by process {os.getpid()} on "):
            run(max_steps=1).train(show_progress_bar=False)
        other.submit(lock.__exit__, None, None, None).result()
    assert os.listdir(tmp_path) == []
    run(max_steps=1).train(show_progress_bar=False)
    assert os.listdir(tmp_path) == ["model"]


@pytest.mark.parametrize("name", ["new", "old", "run.json", "a checkpoint-1"])
def test_no_output_name_collides_with_internal_names(run, tmp_path, name):
    for seed in (0, 1):
        run(max_steps=1, seed=seed, output=str(tmp_path / name)).train(overwrite=True, show_progress_bar=False)
    assert os.listdir(tmp_path) == [name]
    assert json.loads((tmp_path / name / "finetuning_config.json").read_text())["random_seed"] == 1


def test_a_name_that_is_not_utf8_is_refused_before_training(run, tmp_path):
    with pytest.raises(ValueError, match="is not valid UTF-8"):
        run(output=str(tmp_path / "\udcff")).train(show_progress_bar=False)
    assert os.listdir(tmp_path) == []
