import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from st_relbert.losses import RelationTripletLoss, RelBERTTripletLoss


def loss_slowly(embeddings, labels, margin, pair_ids):
    """The sum of the formula, term by term, in loops."""
    relations = {label for label in labels if label >= 0}
    total = torch.zeros((), dtype=embeddings.dtype)
    count = 0
    for relation in relations:
        rows = [row for row, label in enumerate(labels) if label == relation]
        known = {pair_ids[row] for row in rows}
        others = [row for row in range(len(labels)) if pair_ids[row] not in known]
        for i in rows:
            for j in rows:
                for n in others if i != j else ():
                    together, apart = (torch.linalg.vector_norm(embeddings[i] - embeddings[k]) for k in (j, n))
                    total = total + max(together - apart + margin, torch.zeros_like(total))
                    count += 1
    return total, count


@settings(deadline=None)
@given(st.data())
def test_the_loss_equals_the_formula_over_any_batch(data):
    labels = data.draw(st.lists(st.integers(-2, 3), min_size=1, max_size=10))
    pair_ids = data.draw(st.lists(st.integers(0, 20), min_size=len(labels), max_size=len(labels)))
    torch.manual_seed(data.draw(st.integers(0, 100)))
    embeddings = torch.randn(len(labels), 5, dtype=torch.float64)
    slow, count = loss_slowly(embeddings, labels, 0.7, pair_ids)
    for reduction, divisor in (("sum", 1), ("mean", max(count, 1))):
        loss_fn = RelationTripletLoss(None, margin=0.7, reduction=reduction)
        fast = loss_fn.compute_loss_from_embeddings(embeddings, torch.tensor(labels), torch.tensor(pair_ids))
        torch.testing.assert_close(fast, slow / divisor, rtol=1e-8, atol=1e-8)


def test_the_margin_is_how_much_farther_away_negatives_must_be():
    """This differs from the relbert library, in which triplets within the margin do not count."""
    embeddings = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.5]], requires_grad=True)
    labels = torch.tensor([0, 0, -1])
    losses = [RelationTripletLoss(None, margin).compute_loss_from_embeddings(embeddings, labels) for margin in (0, 1)]
    assert losses[0].item() == 0
    far = 3.25**0.5  # from the second pair to the negative
    assert losses[1].item() == pytest.approx(((1 - 1.5 + 1) + (1 - far + 1)) / 2)
    losses[1].backward()
    assert torch.isfinite(embeddings.grad).all()
    assert embeddings.grad[2, 1] < 0  # a step against the gradient moves the negative away


def test_equal_embeddings_have_a_gradient():
    embeddings = torch.zeros(3, 2, requires_grad=True)
    RelationTripletLoss(None).compute_loss_from_embeddings(embeddings, torch.tensor([0, 0, -1])).backward()
    assert torch.isfinite(embeddings.grad).all()


@pytest.mark.parametrize("loss_class", [RelationTripletLoss, RelBERTTripletLoss])
@pytest.mark.parametrize("margin", [-1, float("nan"), float("inf")])
def test_a_margin_must_be_a_finite_number_of_at_least_0(loss_class, margin):
    with pytest.raises(ValueError, match=f"margin is {margin}, expected a finite number of at least 0"):
        loss_class(None, margin=margin)
    assert RelationTripletLoss(None).get_config_dict()["margin"] == 1.0
