"""Weights of relations, and unprintable names, from a file to a training run."""

import json
from functools import partial

import pytest
from sentence_transformers import SentenceTransformerTrainingArguments

from st_relbert import RelBERT
from st_relbert.cli import main
from st_relbert.data import load_relations
from st_relbert.losses import InfoNCELoss
from st_relbert.training import RelationBatchSampler, RelationTrainer, TrainingInterrupted
from st_relbert.training.trainer import CheckpointCallback

NAMES = ["group/Japan", "group/hand", "other/France", "other/finger"]


def write(path, weights=(), names=NAMES):
    records = [
        {"relation_type": name, "positives": [[head, name[-4:].strip("/")] for head in "abcdefgh"]} for name in names
    ]
    for record, weight in zip(records, weights, strict=False):
        record["weight"] = weight
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(path)


@pytest.fixture
def run(tiny_run, tmp_path):
    return partial(
        tiny_run,
        train_data=write(tmp_path / "weighted.jsonl", [3, 1, 0.5]),
        relations_per_batch=2,
        pairs_per_relation=4,
    )


@pytest.fixture
def samplers(monkeypatch):
    """The weights of each sampler that is made, by its number of rows."""
    made = []
    init = RelationBatchSampler.__init__

    def recorded(sampler, dataset, *args, weights=(), **kwargs):
        made.append((len(dataset), list(weights)))
        init(sampler, dataset, *args, weights=weights, **kwargs)

    monkeypatch.setattr(RelationBatchSampler, "__init__", recorded)
    return made


def test_weights_apply_to_training_but_not_to_validation(run, tmp_path, samplers):
    validation = write(tmp_path / "validation.jsonl", names=NAMES[2:])
    run(epochs=1, choose_by="loss", validation_data=validation).train(show_progress_bar=False)
    assert samplers[0] == (32, [3, 1, 0.5, 1]) and set(map(str, samplers[1:])) == {"(16, [])"}


def test_weights_apply_to_steps_of_parents(run, samplers):
    settings = {"relations_per_batch": 1, "negatives_per_relation": 4, "parent_weight": 1.0}
    run(max_steps=1, **settings).train(show_progress_bar=False)
    assert samplers == [(64, [3, 1, 0.5, 1, 3, 1])]


def test_weights_need_a_sampler_that_uses_them(encoders, tmp_path):
    model = RelBERT(encoders["wordpiece"], template="short")
    arguments = SentenceTransformerTrainingArguments(str(tmp_path), report_to="none", use_cpu=True)
    trainer = RelationTrainer(
        model=model,
        args=arguments,
        train_dataset=load_relations("starter"),
        loss=InfoNCELoss(model),
        relation_names=[],
        relation_weights=[2.0] * 61,
    )
    with pytest.raises(ValueError, match="relation_weights have no effect with batch_sampler=.*Pass batch_sampler="):
        trainer.train()


def test_resuming_compares_weights(run, tmp_path, monkeypatch):
    monkeypatch.setattr(
        CheckpointCallback, "__enter__", lambda callback: setattr(callback, "interrupted", True) or callback
    )
    with pytest.raises(TrainingInterrupted):
        run(max_steps=3).train(show_progress_bar=False)
    monkeypatch.undo()
    write(tmp_path / "weighted.jsonl", [3, 1])
    with pytest.raises(ValueError, match="belong to a run with other train_data"):
        run(max_steps=3).train(resume=True, show_progress_bar=False)
    write(tmp_path / "weighted.jsonl", [3.0, 1, 0.5, 1.0])
    run(max_steps=3).train(resume=True, show_progress_bar=False)


def test_the_summary_mentions_weights(run, caplog):
    with caplog.at_level("INFO", logger="st_relbert"):
        run(max_steps=1).train(show_progress_bar=False)
    assert "; 2 relations with a weight other than 1, from " in caplog.text


@pytest.mark.parametrize("command", ["map", "train"])
@pytest.mark.parametrize("name", ["a\ud800", "a\nb", "\x1b[2J"])
def test_an_unprintable_name_is_a_one_line_error(encoders, tmp_path, capsys, command, name):
    path, output = write(tmp_path / "names.jsonl", names=["x", name]), tmp_path / "output.html"
    where = (
        [encoders["wordpiece"], path]
        if command == "map"
        else ["--base-model", encoders["wordpiece"], "--train-data", path]
    )
    assert main([command, *where, "--template", "short", "--output", str(output), "--quiet"]) == 2
    (line,) = capsys.readouterr().err.strip().split("\n")
    assert f"st-relbert {command}: {path}, line 2: the name of the relation {name!r} contains a " in line
    assert not output.exists()
