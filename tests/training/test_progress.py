import io
import re
from contextlib import redirect_stderr, redirect_stdout

import pytest
from sentence_transformers import SentenceTransformerTrainingArguments
from transformers import TrainerCallback

from st_relbert import RelBERT
from st_relbert.data import RelationSet
from st_relbert.losses import InfoNCELoss
from st_relbert.training import RelationTrainer
from st_relbert.training import run as run_module
from st_relbert.training.trainer import CheckpointCallback


@pytest.fixture
def run(tiny_run):
    def start(**kwargs):
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            tiny_run(relations_per_batch=61, epochs=1, choose_by="loss").train(**kwargs)
        return out.getvalue(), err.getvalue()

    return start


def test_one_bar_shows_steps_loss_and_validation(run):
    out, err = run()
    last = next(line for line in reversed(err.replace("\r", "\n").split("\n")) if line.startswith("Training:"))
    assert "4/4" in last and "loss=" in last and "validation_loss=" in last and "lr=" not in last
    assert out == ""


def test_progress_can_be_turned_off(run, caplog):
    with caplog.at_level("INFO", logger="st_relbert.training"):
        out, err = run(show_progress_bar=False)
    assert out == "" and "Training:" not in err and "Accuracy on questions" not in caplog.text


def test_nothing_is_measured_for_a_report_that_nobody_sees(run, monkeypatch, caplog):
    monkeypatch.setattr(run_module, "held_out_questions", None)
    with caplog.at_level("WARNING", logger="st_relbert.training"):
        run()


def test_accuracy_on_held_out_pairs_is_reported(run, caplog):
    with caplog.at_level("INFO", logger="st_relbert.training"):
        run()
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("st_relbert.training")]
    assert lines[0].startswith("Training on 61 relations with 854 pairs and ")
    found = re.search(
        r"questions about held-out pairs: (.*) % before training, (.*) % after \(478 questions\)", lines[-4]
    )
    assert all(0 < float(share) < 100 for share in found.groups())
    neighbours = [re.fullmatch(r"Nearest to (.+ - .+): (.+ - .+)\.", line) for line in lines[-3:]]
    assert all(line[1] != line[2] for line in neighbours)


def test_the_last_logged_loss_is_that_of_the_last_step(encoders, tmp_path):
    """Otherwise it would be that of the last step divisible by ten."""
    logged = []

    class Log(TrainerCallback):
        def on_log(self, args, state, control, logs=None, **kwargs):
            logged.append((state.global_step, sorted(logs)))

    relations = RelationSet.load("starter")
    model = RelBERT(encoders["wordpiece"], template="short")
    trainer = RelationTrainer(
        model=model,
        args=SentenceTransformerTrainingArguments(
            str(tmp_path), max_steps=7, logging_steps=5, save_strategy="no", report_to="none", use_cpu=True
        ),
        train_dataset=relations.dataset(),
        loss=InfoNCELoss(model),
        relation_names=relations.names,
        callbacks=[CheckpointCallback(100), Log()],
    )
    trainer.train()
    assert [step for step, names in logged if "loss" in names] == [5, 7]
