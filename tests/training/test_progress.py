import io
from contextlib import redirect_stderr, redirect_stdout

import pytest

from st_relbert.training import TrainingRun


@pytest.fixture
def run(encoders, tmp_path):
    def start(**kwargs):
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            TrainingRun(
                base_model=encoders["wordpiece"],
                train_data="starter",
                output=str(tmp_path / "model"),
                template="short",
                relations_per_batch=61,
                epochs=1,
                choose_by="loss",
            ).train(**kwargs)
        return out.getvalue(), err.getvalue()

    return start


def test_one_bar_shows_steps_loss_learning_rate_and_validation(run):
    out, err = run()
    last = next(line for line in reversed(err.replace("\r", "\n").split("\n")) if line.startswith("Training:"))
    assert "4/4" in last and "loss=" in last and "lr=" in last and "validation_loss=" in last
    assert out == ""


def test_it_can_be_silenced(run):
    out, err = run(show_progress_bar=False)
    assert out == "" and "Training:" not in err
