"""Several training sets at once, each with its own loss, and streams, in sentence-transformers' own trainer."""

from functools import partial

import pytest
import torch
from datasets import Dataset
from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.base.sampler import NoDuplicatesBatchSampler
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

from st_relbert import RelBERT
from st_relbert.data import RelationSet, load_relations
from st_relbert.losses import InfoNCELoss
from st_relbert.training import RelationBatchSampler, group_relations, sampler


@pytest.fixture
def model(encoders):
    return RelBERT(encoders["wordpiece"], template="short")


@pytest.fixture(scope="module")
def own():
    """Another set, whose labels mean other relations, with another name for the column of pairs."""
    records = [
        {"relation_type": tail, "positives": [[head, tail] for head in "abcdefgh"]}
        for tail in ("Japan", "hand", "mask")
    ]
    return RelationSet.from_records(records).dataset().rename_column("pair", "words")


@pytest.fixture(scope="module")
def ranked():
    """Pairs and a similar pair for each, for a loss of sentence-transformers."""
    pairs = [["Tokyo", "Japan"], ["finger", "hand"], ["Paris", "France"], ["New York", "City"]]
    return Dataset.from_dict({"anchor": pairs * 4, "positive": [pairs[2], pairs[3], pairs[0], pairs[1]] * 4})


def train(model, folder, datasets, loss, **arguments):
    """Train, and return the loss that computed each step."""
    taken = []
    losses = loss if isinstance(loss, dict) else {"all": loss}
    for name, module in losses.items():
        module.register_forward_hook(lambda module, inputs, output, name=name: taken.append((name, output.item())))
    args = SentenceTransformerTrainingArguments(
        str(folder), learning_rate=1e-3, report_to="none", disable_tqdm=True, use_cpu=True, **arguments
    )
    SentenceTransformerTrainer(model=model, args=args, train_dataset=datasets, loss=loss).train()
    return taken


def sampler_of(dataset, **kwargs):
    """Batches of several relations; other data in their original order."""
    if "label" in dataset.column_names:
        return RelationBatchSampler(dataset, relations_per_batch=8, pairs_per_relation=2, **kwargs)
    return NoDuplicatesBatchSampler(dataset, **kwargs)


@pytest.mark.parametrize("order", ["proportional", "round_robin"])
def test_each_set_has_its_own_loss_and_sampler(model, own, ranked, tmp_path, order):
    starter = load_relations("starter")
    sets = {"starter": starter, "own": own, "ranked": ranked}
    losses = {"starter": InfoNCELoss(model), "own": InfoNCELoss(model), "ranked": MultipleNegativesRankingLoss(model)}
    lengths = {name: len(sampler_of(data, batch_size=4, drop_last=False)) for name, data in sets.items()}
    before = model.encode([("Tokyo", "Japan")])
    taken = train(
        model,
        tmp_path,
        sets,
        losses,
        batch_sampler=sampler_of,
        multi_dataset_batch_sampler=order,
        per_device_train_batch_size=4,
        num_train_epochs=1,
    )
    steps = {name: sum(name == other for other, _ in taken) for name in sets}
    expected = lengths if order == "proportional" else dict.fromkeys(sets, min(lengths.values()))
    assert steps == expected
    assert all(value > 0 for _, value in taken)
    assert abs(model.encode([("Tokyo", "Japan")]) - before).max() > 1e-3


@pytest.mark.parametrize("order", ["proportional", "round_robin"])
def test_one_loss_for_all_sets(model, own, tmp_path, order):
    taken = train(
        model,
        tmp_path,
        {"starter": load_relations("starter"), "own": own},
        InfoNCELoss(model),
        batch_sampler=partial(RelationBatchSampler, relations_per_batch=8),
        multi_dataset_batch_sampler=order,
        max_steps=6,
    )
    assert len(taken) == 6 and all(value > 0 for _, value in taken)


def test_training_on_a_grouped_stream(model, tmp_path, caplog):
    """It is ordered by relation, as from a file, so nothing could be learned from its own batches."""
    stream = load_relations("starter").to_iterable_dataset()
    arguments = {"max_steps": 3, "per_device_train_batch_size": 8}
    train(model, tmp_path / "plain", stream, InfoNCELoss(model), **arguments)
    assert "Nothing can be learned from a batch of 8 pairs" in caplog.text
    caplog.clear()
    torch.manual_seed(0)
    taken = train(model, tmp_path / "grouped", group_relations(stream), InfoNCELoss(model), **arguments)
    assert "Nothing can be learned" not in caplog.text and all(value > 0.1 for _, value in taken)


@pytest.mark.parametrize("names", [("starter", "ranked"), ("ranked", "starter"), ("starter", "own")])
def test_several_sets_in_several_processes_are_refused(model, own, ranked, tmp_path, monkeypatch, names):
    """Each process would compute the loss of a different set, and wait for the others."""
    sets = {"starter": load_relations("starter"), "own": own, "ranked": ranked}
    losses = {"starter": InfoNCELoss(model), "ranked": MultipleNegativesRankingLoss(model)}
    monkeypatch.setattr(sampler, "get_world_size", lambda: 2)
    args = SentenceTransformerTrainingArguments(str(tmp_path), report_to="none", batch_sampler=sampler_of, use_cpu=True)
    trainer = SentenceTransformerTrainer(
        model=model,
        args=args,
        train_dataset={name: sets[name] for name in names},
        loss=InfoNCELoss(model) if "own" in names else losses,
    )
    with pytest.raises((ValueError, AttributeError), match="Several training sets cannot be used in several processes"):
        trainer.get_train_dataloader()
