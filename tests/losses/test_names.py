"""The names of losses in `st-relbert train`."""

import json

import pytest

from st_relbert import losses
from st_relbert.cli import main
from st_relbert.losses import LOSSES, RelationLoss, loss_class
from st_relbert.training import TrainingSettings


class CentroidLoss(RelationLoss):
    """The mean distance of pairs to the centre of their relation: a minimal custom loss."""

    def parts(self, embeddings, labels, pair_ids, anchors_at_a_time):
        for label in labels[labels >= 0].unique():
            pairs = embeddings[labels == label]
            yield (pairs - pairs.mean(dim=0)).square().mean()


@pytest.fixture
def centroid(monkeypatch):
    monkeypatch.setitem(LOSSES, "centroid", f"{__name__}:CentroidLoss")


def test_a_custom_loss_is_trained_by_name(centroid, encoders, tmp_path):
    """One class and one line in `LOSSES` are all it takes."""
    preset = tmp_path / "preset.json"
    preset.write_text('{"loss": "centroid"}')
    output = tmp_path / "model"
    arguments = ["--base-model", encoders["wordpiece"], "--train-data", "starter", "--output", str(output)]
    assert main(["train", "--preset", str(preset), "--max-steps", "2", "--quiet", *arguments]) == 0
    assert "CentroidLoss" in (output / "README.md").read_text(encoding="utf-8")
    record = json.loads((output / "finetuning_config.json").read_text(encoding="utf-8"))
    assert record["loss_function"] == record["st_relbert"]["loss"] == "centroid"


def test_a_custom_loss_refuses_unsupported_settings(centroid):
    with pytest.raises(ValueError, match="the loss 'centroid' embeds a whole batch at once"):
        TrainingSettings(base_model="b", train_data="t", output="o", loss="centroid", mini_batch_size=8)


@pytest.mark.parametrize("name", LOSSES)
def test_every_name_has_a_loss(name):
    assert issubclass(loss_class(name), RelationLoss)


def test_the_error_for_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match="Unknown loss 'mse', expected one of 'info_nce', .*'relbert_triplet'"):
        loss_class("mse")


def test_all_exported_names_exist():
    for name in losses.__all__:
        assert getattr(losses, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'MagicLoss'"):
        _ = losses.MagicLoss
