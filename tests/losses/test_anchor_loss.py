"""The hierarchy of relations, in the losses that are sums over anchors."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from st_relbert.losses import (
    CachedInfoNCELoss,
    ClassificationHead,
    InfoNCELoss,
    RelationTripletLoss,
    RelBERTTripletLoss,
)
from tests.losses.test_info_nce import loss_slowly as info_nce_slowly
from tests.losses.test_relation_triplet import loss_slowly as triplet_slowly

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


# Of relations of two parents; often of one relation, or of negatives alone, also those of unknown relations.
BATCHES = st.one_of(*(st.lists(st.integers(*bounds), max_size=8) for bounds in ((-9, 3), (0, 0), (-4, -1), (0, 3))))


@given(labels=BATCHES, data=st.data(), loss_class=st.sampled_from(LOSSES))
def test_the_hierarchy_equals_the_formula_over_any_batch(labels, data, loss_class):
    pair_ids = data.draw(st.lists(st.integers(0, 9), min_size=len(labels), max_size=len(labels)))
    torch.manual_seed(data.draw(st.integers(0, 9)))
    vectors = torch.randn(len(labels), 3, dtype=torch.float64)
    slowly = {
        InfoNCELoss: lambda *batch: info_nce_slowly(*batch[:2], 0.3, *batch[2:]),
        RelationTripletLoss: lambda *batch: triplet_slowly(*batch[:2], 0.7, *batch[2:])[0],
    }[loss_class]
    of_parents = [PARENTS[label] for label in labels if label >= 0]
    related = [row for row, label in enumerate(labels) if label >= 0]
    expected = slowly(vectors, labels, pair_ids)
    expected = expected + 0.5 * slowly(vectors[related], of_parents, [pair_ids[row] for row in related])
    settings = {"temperature": 0.3} if loss_class is InfoNCELoss else {"margin": 0.7}
    loss = loss_class(None, parents=PARENTS, parent_weight=0.5, reduction="sum", **settings)
    batch = torch.tensor(labels, dtype=torch.long), torch.tensor(pair_ids, dtype=torch.long)
    torch.testing.assert_close(loss.compute_loss_from_embeddings(vectors, *batch), expected)


@given(labels=BATCHES, data=st.data())
@pytest.mark.parametrize("loss_class", [*LOSSES, CachedInfoNCELoss, RelBERTTripletLoss])
def test_any_batch_has_a_finite_loss_and_gradient(loss_class, labels, data):
    """Of whatever relations: also one alone, a pair of each, only negatives, or none."""
    settings = {"parents": data.draw(st.sampled_from([None, PARENTS, [0] * 4]))}
    settings["classification_head"] = ClassificationHead(3) if data.draw(st.booleans()) else None
    if loss_class is not RelBERTTripletLoss:
        settings["anchors"] = data.draw(st.sampled_from(["all", "first"]))
        settings["reduction"] = data.draw(st.sampled_from(["mean", "sum"]))
        settings["siblings_as_negatives"] = settings["parents"] is None or data.draw(st.booleans())
    vectors = torch.randn(len(labels), 3, requires_grad=True)
    loss = loss_class(None, **settings).compute_loss_from_embeddings(vectors, torch.tensor(labels, dtype=torch.long))
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(vectors.grad).all()


@pytest.mark.parametrize("loss_class", [*LOSSES, RelBERTTripletLoss])
def test_a_relation_without_a_parent_is_refused(embeddings, loss_class):
    with pytest.raises(ValueError, match="Got the label 3, but the parents of only 3 relations. Pass the parent of"):
        loss_class(None, parents=PARENTS[:3]).compute_loss_from_embeddings(embeddings, LABELS)


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
        ({"parents": [0, 1], "parent_weight": -1}, "parent_weight is -1, expected a finite number of at least 0"),
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
