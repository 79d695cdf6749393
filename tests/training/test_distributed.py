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
from st_relbert.data import RelationSet
from tests.training import evaluating_processes, several_processes

PAIRS = [("Tokyo", "Japan"), ("finger", "hand")]


def torchrun(processes):
    return [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]


@pytest.fixture(scope="module", params=[2, 4])
def several(request, encoders, tmp_path_factory):
    """What some processes give for each loss: rows, pairs, labels and results of each."""
    output = tmp_path_factory.mktemp("several") / "results.json"
    # As a module: so that the tests' package is found wherever the suite is started from.
    root = Path(__file__).parents[2]
    command = [*torchrun(request.param), "-m", "tests.training.several_processes", encoders["wordpiece"], str(output)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root)
    assert done.returncode == 0, done.stderr
    return json.loads(output.read_text())


@pytest.mark.slow
def test_processes_get_different_pairs(several):
    rows = [row for process in several for row in process[0]]
    assert len(several) in (2, 4) and len(set(rows)) == len(rows)
    assert len({len(process[1]) for process in several}) > 1  # shares of different sizes are gathered


@pytest.mark.slow
@pytest.mark.parametrize("name", several_processes.CASES)
def test_loss_and_gradients_are_those_of_one_process_with_the_whole_batch(several, encoders, name):
    model = RelBERT(encoders["wordpiece"], template="short").double().eval()
    loss_fn = several_processes.CASES[name](model, parents=RelationSet.load("starter").parents)
    pairs = [tuple(pair) for process in several for pair in process[1]]
    loss = loss_fn([model.preprocess(pairs)], torch.tensor([label for process in several for label in process[2]]))
    loss.backward()
    weights = [*model.parameters(), *(loss_fn.classification_head or torch.nn.Module()).parameters()]
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    for process in several:
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
    ("processes", "more"),
    [
        (2, []),
        (2, ["--mini-batch-size", "7", "--classification-head"]),
        (2, ["--choose-by", "accuracy", "--parent-weight", "1"]),
        (4, []),
    ],
)
def test_the_command_trains_the_same_model(encoder_without_dropout, tmp_path, processes, more):
    arguments = [
        "-m", "st_relbert", "train", "--base-model", encoder_without_dropout, "--train-data", "starter",
        "--template", "short", "--relations-per-batch", "31", "--epochs", "2", "--quiet", *more,
    ]  # fmt: skip
    for name, command in (("one", [sys.executable]), ("several", torchrun(processes))):
        done = subprocess.run([*command, *arguments, "--output", str(tmp_path / name)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("Saved") == 1  # by the first process alone
    one, several = (
        json.loads((tmp_path / name / "finetuning_config.json").read_text())["st_relbert"]
        for name in ("one", "several")
    )
    assert one["steps"] == several["steps"] == 16
    assert one["validation"] == several["validation"]
    vectors = [RelBERT(str(tmp_path / name)).encode(PAIRS) for name in ("one", "several")]
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-5)
    before = RelBERT(encoder_without_dropout, template="short").encode(PAIRS)
    # A hundred times the tolerance above, after the first epoch already, which may be the chosen one.
    assert not np.allclose(before, vectors[0], rtol=0, atol=1e-3)


@pytest.mark.slow
def test_evaluators_share_the_embedding_and_give_the_same_figures(encoders, tmp_path):
    """The first process evaluates, all of them embed; see sentence-transformers' `distributed_evaluation`."""
    model = RelBERT(encoders["wordpiece"], template="short")
    model.save_pretrained(str(tmp_path / "model"))
    output = tmp_path / "figures.json"
    module = "tests.training.evaluating_processes"
    command = [*torchrun(2), "-m", module, str(tmp_path / "model"), str(output)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    found = json.loads(output.read_text())
    one, other = found["embedded"]
    assert one > 100 and abs(one - other) <= len(found["figures"]) * 4
    for several, alone in zip(found["figures"], evaluating_processes.figures(model), strict=True):
        # Ties are leads below 1e-6: batches of other sizes, which round otherwise, have others.
        assert several.pop("ties", 0) == pytest.approx(alone.pop("ties", 0), abs=3)
        assert several == pytest.approx(alone)
