"""The choice of the checkpoint."""

import json
import signal
from functools import partial

import numpy as np
import pytest
from huggingface_hub import ModelCard

from st_relbert import RelBERT
from st_relbert.data import RelationSet
from st_relbert.data.sources import read_records
from st_relbert.evaluation import AnalogyEvaluator
from st_relbert.training import RelationTrainer, TrainingInterrupted, validation_questions
from st_relbert.training.data import load_data

PAIRS = [("Tokyo", "Japan"), ("finger", "hand")]


@pytest.fixture(scope="module")
def relations(tmp_path_factory):
    """Twenty of the starter relations, in both splits."""
    folder = tmp_path_factory.mktemp("relations")
    for split in ("train", "validation"):
        records, _ = read_records("starter", [split])
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records[:20]))
    return str(folder)


@pytest.fixture
def run(tiny_run, encoders, relations):
    return partial(
        tiny_run,
        # The tokenizer whose training gives the same result in every process, because these tests compare single steps.
        base_model=encoders["bytelevel"],
        train_data=relations,
        relations_per_batch=20,
        epochs=3,
    )


def record(tmp_path):
    return json.loads((tmp_path / "model" / "finetuning_config.json").read_text())["st_relbert"]


# With the second rate, the first epoch learns slowly, and the later ones destroy the model.
@pytest.mark.parametrize("rate", [{"learning_rate": 1e-3}, {"learning_rate": 3.0, "warmup_steps": 8}])
def test_the_epoch_of_the_best_accuracy_is_kept(run, relations, tmp_path, rate):
    settings = run(choose_by="accuracy", **rate)
    model = settings.train(show_progress_bar=False)
    found = record(tmp_path)
    results = {entry["step"]: entry["eval_validation_accuracy"] for entry in found["validation"]}
    assert len(results) == 3 and results[found["chosen_step"]] == max(results.values())
    questions = validation_questions(RelationSet.load(relations, "validation"), seed=0)
    saved = RelBERT(str(tmp_path / "model"))
    assert AnalogyEvaluator(questions)(saved)["accuracy"] == max(results.values())
    # The card shows this evaluation too, and not the last one.
    (shown,) = ModelCard.load(tmp_path / "model" / "README.md").data.eval_results
    assert (shown.metric_type, shown.metric_value) == ("accuracy", max(results.values()))
    if "warmup_steps" in rate:
        assert results[max(results)] < max(results.values()), "The last epoch is as good: the test shows nothing."
    np.testing.assert_allclose(model.encode(PAIRS), saved.encode(PAIRS), atol=1e-6)


def test_the_epoch_of_the_lowest_loss_is_kept(run, tmp_path):
    run(choose_by="loss", learning_rate=10.0, warmup_steps=8).train(show_progress_bar=False)  # it gets worse each time
    found = record(tmp_path)
    losses = {entry["step"]: entry["eval_loss"] for entry in found["validation"]}
    assert len(losses) == 3 and losses[found["chosen_step"]] == min(losses.values())


def test_training_stops_without_improvement(run, tmp_path):
    run(choose_by="loss", patience=1, learning_rate=10.0, epochs=10).train(show_progress_bar=False)
    found = record(tmp_path)
    losses = [entry["eval_loss"] for entry in found["validation"]]
    assert len(losses) < 10 and losses[-1] >= losses[-2]
    assert found["chosen_step"] < found["steps"]


@pytest.mark.slow
@pytest.mark.parametrize(("step", "kept"), [(6, [4, 6]), (8, [4, 8])])
def test_a_run_with_validation_resumes_to_the_same_choice(run, tmp_path, monkeypatch, step, kept):
    """It is interrupted between two evaluations and right before one, after 4 and after 8 steps."""
    settings = partial(run, choose_by="accuracy", learning_rate=1e-3)
    straight = settings(output=str(tmp_path / "straight")).train(show_progress_bar=False)
    plain_step = RelationTrainer.training_step

    def interrupted(trainer, *args):
        if trainer.state.global_step == step - 1:
            signal.raise_signal(signal.SIGINT)
        return plain_step(trainer, *args)

    monkeypatch.setattr(RelationTrainer, "training_step", interrupted)
    with pytest.raises(TrainingInterrupted, match=f"Stopped after step {step}"):
        settings().train(show_progress_bar=False)
    monkeypatch.undo()
    best_and_last = [path.name for path in settings().checkpoints.complete()]
    assert best_and_last == [f"checkpoint-{number}" for number in kept]
    resumed = settings().train(resume=True, show_progress_bar=False)
    np.testing.assert_allclose(resumed.encode(PAIRS), straight.encode(PAIRS), atol=1e-5)
    found = record(tmp_path)
    assert len(found["validation"]) == 3
    assert found == json.loads((tmp_path / "straight" / "finetuning_config.json").read_text())["st_relbert"]


def test_held_out_relations_are_not_trained_on(run, tmp_path):
    settings = run(choose_by="accuracy", held_out_relations=0.2, seed=3)
    train, validation = load_data(settings)
    assert (len(train.names), len(validation.names)) == (16, 4)
    assert not set(train.names) & set(validation.names)
    settings.train(show_progress_bar=False)
    assert record(tmp_path)["relations"].startswith("16 relations")


def test_validation_data_from_another_file(run, tmp_path):
    records = [{"relation_type": name, "positives": [[name, "b"], [name, "c"]]} for name in "xyz"]
    path = tmp_path / "valid.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert load_data(run(choose_by="loss", validation_data=str(path)))[1].names == ["x", "y", "z"]
    with pytest.raises(ValueError, match="has no splits. Pass them as validation_data"):
        load_data(run(choose_by="loss", train_data=str(path)))


def test_mismatches_are_negatives_made_from_a_relations_own_words(run):
    """None of them is a pair of the validation split."""
    plain, _ = load_data(run(train_data="starter"))
    relations, validation = load_data(run(train_data="starter", mismatches=True, choose_by="loss"))
    assert relations.positives == plain.positives
    name, pairs = max(relations.positives.items(), key=lambda entry: len(entry[1]))
    made = set(relations.negatives[name]) - set(plain.negatives[name])
    assert len(made) > len(pairs) and {word for pair in made for word in pair} <= {
        word for pair in pairs for word in pair
    }
    held_out = {pair for pairs in validation.positives.values() for pair in pairs}
    assert not held_out & {pair for pairs in relations.negatives.values() for pair in pairs}
    assert load_data(run(train_data="starter", mismatches=True))[0].negatives == relations.negatives
