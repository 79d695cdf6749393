"""Several processes compute what one would."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from st_relbert import RelBERT
from st_relbert.training import RelationSet
from tests.training import two_processes

PAIRS = [("Tokyo", "Japan"), ("finger", "hand")]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


@pytest.fixture(scope="module")
def two(encoders, tmp_path_factory):
    """What two processes give for each loss: rows, pairs, labels and results of each."""
    output = tmp_path_factory.mktemp("two") / "results.json"
    # As a module: so that the tests' package is found wherever the suite is started from.
    root = Path(__file__).parents[2]
    command = [*TORCHRUN, "-m", "tests.training.two_processes", encoders["wordpiece"], str(output)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root)
    assert done.returncode == 0, done.stderr
    return json.loads(output.read_text())


@pytest.mark.slow
def test_processes_get_different_pairs(two):
    rows = [set(process[0]) for process in two]
    assert len(two) == 2 and not rows[0] & rows[1]
    assert len(two[0][1]) != len(two[1][1])  # shares of different sizes are gathered


@pytest.mark.slow
@pytest.mark.parametrize("name", two_processes.CASES)
def test_loss_and_gradients_are_those_of_one_process_with_the_whole_batch(two, encoders, name):
    model = RelBERT(encoders["wordpiece"], template="short").double().eval()
    loss_fn = two_processes.CASES[name](model, parents=RelationSet.load("starter").parents)
    pairs = [tuple(pair) for process in two for pair in process[1]]
    loss = loss_fn([model.preprocess(pairs)], torch.tensor([label for process in two for label in process[2]]))
    loss.backward()
    weights = [*model.parameters(), *(loss_fn.classification_head or torch.nn.Module()).parameters()]
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    for process in two:
        assert process[3][name]["loss"] == pytest.approx(loss.item(), rel=1e-9)
        assert len(process[3][name]["gradients"]) == len(gradients)
        for actual, expected in zip(process[3][name]["gradients"], gradients, strict=True):
            torch.testing.assert_close(torch.tensor(actual, dtype=torch.float64), expected, rtol=1e-6, atol=1e-9)


@pytest.fixture
def encoder_without_dropout(encoders, tmp_path):
    """Processes draw random numbers of their own."""
    folder = tmp_path / "encoder"
    shutil.copytree(encoders["wordpiece"], folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (folder / "config.json").write_text(json.dumps(config))
    return str(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    "more",
    [[], ["--mini-batch-size", "7", "--classification-head"], ["--choose-by", "accuracy", "--parent-weight", "1"]],
)
def test_the_command_trains_the_same_model(encoder_without_dropout, tmp_path, more):
    arguments = [
        "-m", "st_relbert", "train", "--base-model", encoder_without_dropout, "--train-data", "starter",
        "--template", "short", "--relations-per-batch", "31", "--epochs", "2", "--quiet", *more,
    ]  # fmt: skip
    for name, command in (("one", [sys.executable]), ("two", TORCHRUN)):
        done = subprocess.run([*command, *arguments, "--output", str(tmp_path / name)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("Saved") == 1  # by the first process alone
    one, two = (json.loads((tmp_path / name / "finetuning_config.json").read_text()) for name in ("one", "two"))
    assert one["st_relbert"]["steps"] == two["st_relbert"]["steps"] == 16
    assert one["st_relbert"]["validation"] == two["st_relbert"]["validation"]
    vectors = [RelBERT(str(tmp_path / name)).encode(PAIRS) for name in ("one", "two")]
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-5)
    before = RelBERT(encoder_without_dropout, template="short").encode(PAIRS)
    # A hundred times the tolerance above, after the first epoch already, which may be the chosen one.
    assert not np.allclose(before, vectors[0], rtol=0, atol=1e-3)
