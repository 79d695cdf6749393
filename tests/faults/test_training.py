"""Training that is ended at any moment and resumed gives the weights of a run that nothing disturbed."""

import os
import random
import signal

import pytest
from safetensors.torch import load_file

from st_relbert.training import RelationTrainer, TrainingInterrupted, TrainingRun, trainer
from tests.faults.test_outputs import in_child

pytestmark = pytest.mark.faults

STEPS = 12


@pytest.fixture(scope="module")
def settings(encoders):
    return {
        "base_model": encoders["wordpiece"],
        "train_data": "starter",
        "template": "short",
        "learning_rate": 1e-3,
        "relations_per_batch": 8,
        "max_steps": STEPS,
        "save_steps": 3,
        "classification_head": True,
    }


@pytest.fixture(scope="module")
def undisturbed(settings, tmp_path_factory):
    output = tmp_path_factory.mktemp("undisturbed") / "model"
    assert in_child(lambda: TrainingRun(output=str(output), **settings).train(show_progress_bar=False)) == 0
    return load_file(output / "model.safetensors")


def train(run, sent, moment, number):
    """Go on with a run, or begin it, in a process that sends itself a signal; whether it came to its end.

    Args:
        run: The run.
        sent: The signal.
        moment: "step": before a step; "saving": while a checkpoint is being written; "saved": after that.
        number: Which step, of this process, or which checkpoint.
    """

    def end(owner, name, before):
        plain, calls = getattr(owner, name), []

        def counted(*args, **kwargs):
            calls.append(name)
            if before and len(calls) == number:
                os.kill(os.getpid(), sent)
            result = plain(*args, **kwargs)
            if not before and len(calls) == number:
                os.kill(os.getpid(), sent)
            return result

        setattr(owner, name, counted)

    def work():
        if moment == "step":
            end(RelationTrainer, "training_step", before=True)
        else:
            end(trainer, "write_checksums", before=moment == "saving")
        try:
            run.train(resume=bool(run.checkpoints.complete()), show_progress_bar=False)
        except TrainingInterrupted:
            os._exit(3)

    return in_child(work) == 0


@pytest.mark.parametrize(
    ("sent", "seed"), [(signal.SIGKILL, 0), (signal.SIGKILL, 1), (signal.SIGTERM, 2), (signal.SIGTERM, 3)]
)
def test_a_run_that_is_killed_again_and_again_gives_the_same_weights(settings, undisturbed, tmp_path, sent, seed):
    run = TrainingRun(output=str(tmp_path / "model"), **settings)
    draw = random.Random(f"{sent} {seed}")
    ends = [(moment, draw.randint(1, most)) for moment, most in (("step", 9), ("saving", 2), ("saved", 2))]
    draw.shuffle(ends)
    done = [train(run, sent, *end) for end in ends]
    assert not done[0], "the premise: it was ended in the middle"
    if not any(done):
        run.train(resume=bool(run.checkpoints.complete()), show_progress_bar=False)
    weights = load_file(tmp_path / "model" / "model.safetensors")
    assert weights.keys() == undisturbed.keys()
    assert all(weights[name].equal(undisturbed[name]) for name in weights)
    assert not os.path.exists(f"{tmp_path / 'model'}-checkpoints")
