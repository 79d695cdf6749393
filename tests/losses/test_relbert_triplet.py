import json
import math

import pytest
import torch

from st_relbert.losses import RelBERTTripletLoss
from tests.losses.heads import head_of


@pytest.mark.parametrize("index", range(4))
def test_value_and_gradient_equal_those_of_the_relbert_library(golden, index):
    """As in the relbert library: loss_triplet, the margin subtracted; two cases with parents, two with a head."""
    cases = json.loads((golden / "triplet.json").read_text(encoding="utf-8"))
    assert len(cases) == 4
    case = cases[index]
    dtype = getattr(torch, case["dtype"])
    names = [name for name in ("anchor", "positive", "negative", "positive_parent", "negative_parent") if name in case]
    triplets = [torch.tensor(case[name], dtype=dtype) for name in names]
    anchor = triplets[0].requires_grad_()
    loss_fn = RelBERTTripletLoss(None, case["margin"], classification_head=head_of(case))
    loss = loss_fn.compute_loss_from_triplets(*triplets)
    loss.backward()
    single = dtype == torch.float32
    assert math.isclose(loss.item(), case["loss"], rel_tol=1e-6)
    expected = torch.tensor(case["grad_anchor"], dtype=dtype)
    torch.testing.assert_close(anchor.grad, expected, rtol=1e-5, atol=1e-6 if single else 1e-9)


def test_a_batch_gives_one_triplet_per_relation():
    torch.manual_seed(0)
    labels = torch.tensor([4, 4, 4, 1, 1, 2, 2, 3, -5, -2, -2, -4])  # 2 has no negative, 3 a single pair
    embeddings = torch.randn(len(labels), 4, dtype=torch.float64)
    loss_fn = RelBERTTripletLoss(None, margin=0.1)
    actual = loss_fn.compute_loss_from_embeddings(embeddings, labels)
    expected = loss_fn.compute_loss_from_triplets(embeddings[[0, 3]], embeddings[[1, 4]], embeddings[[8, 9]])
    torch.testing.assert_close(actual, expected)
    assert actual > 0


def test_a_batch_gives_the_parents_terms():
    torch.manual_seed(0)
    labels = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3, -1, -2, -3, -4])
    parents = [7, 5, 7, 7]
    embeddings = torch.randn(len(labels), 4, dtype=torch.float64)
    actual = RelBERTTripletLoss(None, margin=0.1, parents=parents).compute_loss_from_embeddings(embeddings, labels)
    anchor, positive, negative = embeddings[0:8:2], embeddings[1:8:2], embeddings[8:]
    # The next relation with the same parent, and one with another. A relation without siblings stands for itself.
    positive_parent, negative_parent = anchor[[2, 1, 3, 0]], anchor[[1, 2, 1, 1]]
    expected = RelBERTTripletLoss(None, margin=0.1).compute_loss_from_triplets(
        anchor, positive, negative, positive_parent, negative_parent
    )
    torch.testing.assert_close(actual, expected)


def test_with_one_parent_in_the_batch_there_are_no_parents_terms():
    torch.manual_seed(0)
    labels = torch.tensor([0, 0, 1, 1, -1, -2])
    embeddings = torch.randn(len(labels), 4)
    values = [
        RelBERTTripletLoss(None, parents=parents).compute_loss_from_embeddings(embeddings, labels)
        for parents in (None, [0, 0, 1])
    ]
    assert values[0] == values[1]


def test_a_batch_without_triplets_gives_zero_with_a_gradient():
    embeddings = torch.randn(3, 4, requires_grad=True)
    loss = RelBERTTripletLoss(None).compute_loss_from_embeddings(embeddings, torch.tensor([0, 0, -2]))
    loss.backward()
    assert loss.item() == 0 and (embeddings.grad == 0).all()
