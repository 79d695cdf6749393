"""The hierarchy of relations, in the losses that are sums over anchors."""

import pytest
import torch

from st_relbert.losses import CachedInfoNCELoss, InfoNCELoss, RelationTripletLoss

PARENTS = [0, 0, 1, 1]
LABELS = torch.tensor([0, 0, 1, 1, 2, 2, 2, 3, 3, -1, -3])
LOSSES = [InfoNCELoss, RelationTripletLoss]


@pytest.fixture
def embeddings():
    torch.manual_seed(0)
    return torch.randn(len(LABELS), 4, dtype=torch.float64, requires_grad=True)


def value(loss_class, embeddings, labels, **settings):
    return loss_class(None, reduction="sum", **settings).compute_loss_from_embeddings(embeddings, labels)


@pytest.mark.parametrize("loss_class", LOSSES)
@pytest.mark.parametrize("weight", [0.5, 1.0])
def test_parents_are_further_relations_of_the_same_embeddings(embeddings, loss_class, weight):
    """As in the relbert library: a parent's positives are its relations', its negatives the other parents'."""
    related = LABELS >= 0
    of_parents = torch.tensor(PARENTS)[LABELS[related]]
    expected = value(loss_class, embeddings, LABELS) + weight * value(loss_class, embeddings[related], of_parents)
    actual = value(loss_class, embeddings, LABELS, parents=PARENTS, parent_weight=weight)
    torch.testing.assert_close(actual, expected)
    assert value(loss_class, embeddings, LABELS, parents=PARENTS, parent_weight=0) == value(
        loss_class, embeddings, LABELS
    )


def test_a_parents_step_equals_the_relbert_library(embeddings):
    """As in the relbert library: sums, with one relation per step, and a step for each parent."""
    related = LABELS >= 0
    steps = value(InfoNCELoss, embeddings, LABELS)
    for parent in (0, 1):
        labels = torch.where(torch.tensor(PARENTS)[LABELS[related]] == parent, 0, -1)
        steps = steps + value(InfoNCELoss, embeddings[related], labels)
    torch.testing.assert_close(value(InfoNCELoss, embeddings, LABELS, parents=PARENTS), steps)


@pytest.mark.parametrize("loss_class", LOSSES)
def test_each_level_has_a_mean_of_its_own(embeddings, loss_class):
    related = LABELS >= 0
    loss_fn = loss_class(None)
    expected = loss_fn.compute_loss_from_embeddings(embeddings, LABELS) + loss_fn.compute_loss_from_embeddings(
        embeddings[related], torch.tensor(PARENTS)[LABELS[related]]
    )
    actual = loss_class(None, parents=PARENTS).compute_loss_from_embeddings(embeddings, LABELS)
    torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize("loss_class", LOSSES)
def test_siblings_need_not_be_negatives(embeddings, loss_class):
    loss_fn = loss_class(None, parents=PARENTS, parent_weight=0, siblings_as_negatives=False, reduction="sum")
    pair_ids = torch.arange(len(LABELS))
    pair_ids[5] = 3  # the pair of row 3, from relation 1, is also in relation 2
    first = next(iter(loss_fn.parts(embeddings, LABELS, pair_ids, anchors_at_a_time=1)))
    pushed = torch.autograd.grad(first, embeddings)[0].abs().sum(dim=1) > 0
    assert pushed[4] or pushed[6] or pushed[7]  # the triplet loss has a margin
    assert not pushed[[2, 3, 5]].any()  # the siblings, whatever their row
    if loss_class is InfoNCELoss:
        assert pushed[[0, 1, 4, 6, 7, 8, 9, 10]].all()


def test_the_cached_loss_supports_the_hierarchy(embeddings):
    settings = {"parents": PARENTS, "parent_weight": 0.5, "siblings_as_negatives": False}
    expected = InfoNCELoss(None, **settings).compute_loss_from_embeddings(embeddings, LABELS)
    expected.backward()
    cached = CachedInfoNCELoss(None, mini_batch_size=3, **settings)
    rows = torch.arange(len(LABELS))
    reps = [part.requires_grad_() for part in embeddings.detach().split(3)]
    actual = cached.calculate_loss([reps], torch.stack([LABELS, rows, rows + 1], dim=1), with_backward=True)
    torch.testing.assert_close(actual, expected.detach())
    torch.testing.assert_close(torch.cat([part.grad for part in reps]), embeddings.grad)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"reduction": "max"}, "Unknown reduction 'max', expected one of 'mean', 'sum'"),
        ({"anchors": "last"}, "Unknown anchors 'last'"),
        ({"parents": [0, 1], "parent_weight": -1}, "parent_weight is -1, expected at least 0"),
        ({"siblings_as_negatives": False}, "needs the parents of the relations. Pass `parents`"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        InfoNCELoss(None, **settings)


def test_the_settings_are_in_the_model_card():
    config = InfoNCELoss(None, parents=PARENTS, parent_weight=0.3).get_config_dict()
    assert config["hierarchy"] is True and config["parent_weight"] == 0.3 and config["temperature"] == 0.05
    assert "parent_weight" not in InfoNCELoss(None).get_config_dict()
