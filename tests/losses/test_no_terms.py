"""A batch from which nothing can be learned causes a warning."""

import pytest
import torch
from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments

from st_relbert import RelBERT
from st_relbert.data import load_relations
from st_relbert.losses import CachedInfoNCELoss, InfoNCELoss, RelationTripletLoss, RelBERTTripletLoss

LOSSES = [InfoNCELoss, RelationTripletLoss, RelBERTTripletLoss]
WITHOUT_TERMS = {
    "a pair a relation": [0, 1, 2, 3],
    "one relation": [0, 0, 0],
    "negatives alone": [-1, -2, -2],
}


def loss_of(loss_class, labels, **settings):
    torch.manual_seed(0)
    embeddings = torch.randn(len(labels), 4, requires_grad=True)
    loss = loss_class(None, **settings).compute_loss_from_embeddings(embeddings, torch.tensor(labels))
    loss.backward()
    return embeddings.grad


@pytest.mark.parametrize("loss_class", LOSSES)
@pytest.mark.parametrize("labels", WITHOUT_TERMS.values(), ids=WITHOUT_TERMS)
def test_the_warning_says_what_to_do(loss_class, labels, caplog):
    assert loss_of(loss_class, labels).abs().max() < 0.01  # InfoNCE has its 1e-5 in the denominator
    assert f"Nothing can be learned from a batch of {len(labels)} pairs" in caplog.text
    assert "batch_sampler=RelationBatchSampler" in caplog.text and "group_relations" in caplog.text


@pytest.mark.parametrize("loss_class", LOSSES)
def test_a_usable_batch_gives_no_warning(loss_class, caplog):
    margin = {} if loss_class is InfoNCELoss else {"margin": 0.0}
    assert loss_of(loss_class, [0, 0, 1, 1, -1, -2], **margin).abs().max() > 0
    # A parent that has all pairs of the batch has no negatives. That is not an error.
    if loss_class is not RelBERTTripletLoss:
        loss_of(loss_class, [0, 0, 1, 1], parents=[0, 0])
    assert caplog.text == ""


@pytest.mark.parametrize("loss_class", [InfoNCELoss, CachedInfoNCELoss])
def test_ordered_data_with_the_default_sampler_give_one_warning(encoders, tmp_path, caplog, loss_class):
    """The data are like a file with a pair of each relation in turn."""
    dataset = load_relations("starter")
    first = {label: row for row, label in reversed(list(enumerate(dataset["label"]))) if label >= 0}
    model = RelBERT(encoders["wordpiece"], template="short")
    args = SentenceTransformerTrainingArguments(
        str(tmp_path), max_steps=3, per_device_train_batch_size=4, report_to="none", disable_tqdm=True, use_cpu=True
    )
    with caplog.at_level("WARNING", logger="st_relbert"):
        SentenceTransformerTrainer(
            model=model, args=args, train_dataset=dataset.select(first.values()), loss=loss_class(model)
        ).train()
    assert caplog.text.count("Nothing can be learned from a batch of 4 pairs") == 1


@pytest.mark.parametrize(
    ("labels", "found"), [(None, "Got no labels"), (torch.tensor([0.5, 1.0]), "labels such as 0.5")]
)
@pytest.mark.parametrize("loss_class", [InfoNCELoss, CachedInfoNCELoss])
def test_pairs_without_a_relation_are_refused(loss_class, labels, found):
    with pytest.raises(ValueError, match=f"{found}.* Add an integer column 'label'"):
        loss_class(None)([{}], labels)
