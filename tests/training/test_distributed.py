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
from st_relbert.cli import main
from st_relbert.data import RelationSet
from tests.training import evaluating_processes, several_processes

PAIRS = [("Tokyo", "Japan"), ("finger", "hand")]


def torchrun(processes):
    return [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]


def in_processes(module, count, *arguments):
    """Run one of the modules beside this one."""
    # As a module: so that the tests' package is found wherever the suite is started from.
    command = [*torchrun(count), "-m", f"tests.training.{module}", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_loss_and_gradients_are_those_of_one_process_with_the_whole_batch(encoders, tmp_path):
    """For each loss; the processes have different pairs, and shares of different sizes."""
    in_processes("several_processes", 3, encoders["wordpiece"], tmp_path / "results.json")
    several = json.loads((tmp_path / "results.json").read_text())
    rows = [row for process in several for row in process[0]]
    assert len(several) == 3 and len(set(rows)) == len(rows)
    assert len({len(process[1]) for process in several}) > 1
    pairs = [tuple(pair) for process in several for pair in process[1]]
    labels = torch.tensor([label for process in several for label in process[2]])
    for name, make in several_processes.CASES.items():
        model = RelBERT(encoders["wordpiece"], template="short").double().eval()
        loss_fn = make(model, parents=RelationSet.load("starter").parents)
        loss = loss_fn([model.preprocess(pairs)], labels)
        loss.backward()
        weights = [*model.parameters(), *(loss_fn.classification_head or torch.nn.Module()).parameters()]
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        for process in several:
            assert process[3][name]["loss"] == pytest.approx(loss.item(), rel=1e-9), name
            for actual, expected in zip(process[3][name]["gradients"], gradients, strict=True):
                actual = torch.tensor(actual, dtype=torch.float64)
                assert torch.allclose(actual, expected, rtol=1e-6, atol=1e-9), name


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
        (2, ["--mini-batch-size", "7", "--classification-head"]),
        (4, ["--choose-by", "accuracy", "--parent-weight", "1"]),
    ],
)
def test_the_command_trains_the_same_model(encoder_without_dropout, tmp_path, capsys, processes, more):
    arguments = [
        "train", "--base-model", encoder_without_dropout, "--train-data", "starter",
        "--template", "short", "--relations-per-batch", "31", "--epochs", "2", "--quiet", *more,
    ]  # fmt: skip
    assert main([*arguments, "--output", str(tmp_path / "one")]) == 0
    command = [*torchrun(processes), "-m", "st_relbert", *arguments, "--output", str(tmp_path / "several")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # By the first process alone.
    assert done.stdout.count("Saved") == capsys.readouterr().out.count("Saved") == 1
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
    in_processes("evaluating_processes", 2, tmp_path / "model", tmp_path / "figures.json")
    found = json.loads((tmp_path / "figures.json").read_text())
    one, other = found["embedded"]
    assert one > 100 and abs(one - other) <= len(found["figures"]) * 4
    for several, alone in zip(found["figures"], evaluating_processes.figures(model), strict=True):
        # Ties are leads below 1e-6: batches of other sizes, which round otherwise, have others.
        assert several.pop("ties", 0) == pytest.approx(alone.pop("ties", 0), abs=3)
        assert several == pytest.approx(alone)
