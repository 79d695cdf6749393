"""Several processes compute the same as a single one."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from st_relbert import RelBERT
from st_relbert.cli import main
from tests.processes import in_group
from tests.training import several_processes

PAIRS = [("Tokyo", "Japan"), ("finger", "hand")]


@pytest.mark.slow
def test_loss_and_gradients_equal_those_of_one_process_with_the_whole_batch(encoders, tmp_path):
    """This holds for each loss. The processes have different pairs, and shares of different sizes."""
    shares = in_group(3, tmp_path / "meeting", several_processes.losses_of_a_share, encoders["wordpiece"])
    rows = [row for share in shares for row in share[0]]
    assert len(set(rows)) == len(rows) and len({len(share[1]) for share in shares}) > 1
    pairs = [tuple(pair) for share in shares for pair in share[1]]
    labels = [label for share in shares for label in share[2]]
    for name, make in several_processes.LOSSES.items():
        loss, gradients = several_processes.loss_and_gradients(encoders["wordpiece"], make, pairs, labels)
        for *_, found in shares:
            assert found[name][0] == pytest.approx(loss, rel=1e-9), name
            for actual, expected in zip(found[name][1], gradients, strict=True):
                np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-9, err_msg=name)


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
def test_the_command_trains_the_same_model(encoder_without_dropout, tmp_path, capsys):
    """The processes cannot share the relations of a batch evenly."""
    arguments = [
        "train", "--base-model", encoder_without_dropout, "--train-data", "starter", "--template", "short",
        "--relations-per-batch", "31", "--epochs", "2", "--mini-batch-size", "7", "--classification-head",
        "--choose-by", "accuracy", "--parent-weight", "1", "--quiet",
    ]  # fmt: skip
    assert main([*arguments, "--output", str(tmp_path / "one")]) == 0
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*torchrun, "-m", "st_relbert", *arguments, "--output", str(tmp_path / "several")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # Only the first process does this.
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
    # A hundred times the tolerance above, even after the first epoch, which may be the chosen one.
    assert not np.allclose(before, vectors[0], rtol=0, atol=1e-3)


@pytest.mark.slow
def test_evaluators_share_the_embedding_and_give_the_same_figures(encoders, saved_model, tmp_path):
    """All processes embed, and the first one evaluates; see sentence-transformers' `distributed_evaluation`."""
    saved_model("wordpiece", tmp_path / "model")
    (figures, one), (nothing, other) = in_group(
        2, tmp_path / "meeting", several_processes.figures_and_work, str(tmp_path / "model")
    )
    assert nothing is None and one > 100 and abs(one - other) <= len(figures) * 4
    alone, _ = several_processes.figures_and_work(str(tmp_path / "model"))
    for several, expected in zip(figures, alone, strict=True):
        # A lead below 1e-6 is a tie, because batches of other sizes round differently.
        assert several.pop("ties", 0) == pytest.approx(expected.pop("ties", 0), abs=3)
        assert several == pytest.approx(expected)
