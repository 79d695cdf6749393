import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cosine_similarity

from st_relbert import RelBERT
from st_relbert.losses import InfoNCELoss
from tests.losses.heads import head_of


def loss_slowly(embeddings, labels, temperature, pair_ids=None, info_loob=False):
    """The sum of the formula, term by term, in loops."""
    pair_ids = pair_ids or list(range(len(labels)))
    relations = {label for label in labels if label >= 0}
    total = torch.zeros((), dtype=embeddings.dtype)
    for relation in relations:
        rows = [row for row, label in enumerate(labels) if label == relation]
        if len(rows) < 2 and len(relations) > 1:
            continue
        known = {pair_ids[row] for row in rows}
        others = [row for row in range(len(labels)) if row not in rows and pair_ids[row] not in known]
        for i in rows:
            pushed = sum(score(embeddings, i, n, temperature) for n in others) + 1e-5
            for j in rows:
                pulled = score(embeddings, i, j, temperature)
                total = total - torch.log(pulled / (pushed + (0 if info_loob else pulled)))
    return total


def score(embeddings, i, j, temperature):
    return torch.exp(cosine_similarity(embeddings[i], embeddings[j], dim=0) / temperature)


@pytest.mark.parametrize("index", range(7))
def test_value_and_gradient_equal_those_of_the_relbert_library(golden, index):
    """As in the relbert library: one relation per step, a sum over ordered pairs of positives; a head in two cases."""
    cases = json.loads((golden / "info_nce.json").read_text(encoding="utf-8"))
    assert len(cases) == 7
    case = cases[index]
    dtype = getattr(torch, case["dtype"])
    positive, negative, grad_positive, grad_negative = (
        torch.tensor(case[name], dtype=dtype) for name in ("positive", "negative", "grad_positive", "grad_negative")
    )
    embeddings = torch.cat([positive, negative]).requires_grad_()
    labels = torch.tensor([0] * len(positive) + [-1] * len(negative))
    loss_fn = InfoNCELoss(
        None,
        case["temperature"],
        reduction="sum",
        info_loob=case["info_loob"],
        classification_head=head_of(case),
    )
    loss = loss_fn.compute_loss_from_embeddings(embeddings, labels)
    loss.backward()
    single = dtype == torch.float32
    assert math.isclose(loss.item(), case["loss"], rel_tol=1e-6)
    expected = torch.cat([grad_positive, grad_negative])
    torch.testing.assert_close(embeddings.grad, expected, rtol=1e-5, atol=1e-6 if single else 1e-9)


@settings(deadline=None)
@given(st.data())
def test_the_loss_equals_the_formula_over_any_batch(data):
    labels = data.draw(st.lists(st.integers(-2, 3), min_size=1, max_size=12))
    pair_ids = data.draw(st.lists(st.integers(0, 20), min_size=len(labels), max_size=len(labels)))
    info_loob = data.draw(st.booleans())
    torch.manual_seed(data.draw(st.integers(0, 100)))
    embeddings = torch.randn(len(labels), 5, dtype=torch.float64)
    loss_fn = InfoNCELoss(None, temperature=0.3, reduction="sum", info_loob=info_loob)
    fast = loss_fn.compute_loss_from_embeddings(embeddings, torch.tensor(labels), torch.tensor(pair_ids))
    slow = loss_slowly(embeddings, labels, 0.3, pair_ids, info_loob)
    torch.testing.assert_close(fast, slow, rtol=1e-8, atol=1e-8)


def test_a_batch_of_several_relations_equals_as_many_steps_of_one():
    torch.manual_seed(0)
    embeddings, labels = torch.randn(9, 4, dtype=torch.float64), torch.tensor([0, 0, 1, 1, 1, 2, 2, -1, -3])
    loss_fn = InfoNCELoss(None, reduction="sum")
    together = loss_fn.compute_loss_from_embeddings(embeddings, labels)
    one_by_one = sum(
        loss_fn.compute_loss_from_embeddings(embeddings, torch.where(labels == relation, labels, -1))
        for relation in (0, 1, 2)
    )
    torch.testing.assert_close(together, one_by_one)


def test_mean_is_the_sum_over_the_number_of_terms():
    torch.manual_seed(0)
    embeddings, labels = torch.randn(6, 4), torch.tensor([0, 0, 1, 1, 1, -1])
    values = {
        reduction: InfoNCELoss(None, reduction=reduction).compute_loss_from_embeddings(embeddings, labels)
        for reduction in ("mean", "sum")
    }
    torch.testing.assert_close(values["mean"], values["sum"] / (2 * 2 + 3 * 3))


def test_a_pair_with_both_relations_is_a_negative_of_neither():
    labels = torch.tensor([0, 0, 1, 1, 1])
    pair_ids = torch.tensor([7, 8, 7, 9, 10])  # the first pair of relation 0 is also in relation 1
    torch.manual_seed(0)
    embeddings = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)

    def gradient(anchor):
        """Of one anchor's terms, with respect to every pair."""
        parts = list(InfoNCELoss(None).parts(embeddings, labels, pair_ids, anchors_at_a_time=1))
        assert len(parts) == 5
        return torch.autograd.grad(parts[anchor], embeddings, retain_graph=True)[0].abs().sum(dim=1)

    assert gradient(1)[2] == 0 and gradient(3)[0] == 0  # the shared pair is not pushed away
    assert gradient(1)[3] > 0 and gradient(3)[1] > 0  # the others are pushed


def test_the_anchors_can_be_limited_to_the_first_relation():
    torch.manual_seed(0)
    embeddings = torch.randn(6, 4, dtype=torch.float64)
    first = InfoNCELoss(None, reduction="sum", anchors="first").compute_loss_from_embeddings(
        embeddings, torch.tensor([2, 2, 0, 0, 1, -1])
    )
    alone = InfoNCELoss(None, reduction="sum").compute_loss_from_embeddings(
        embeddings, torch.tensor([2, 2, -1, -1, -1, -1])
    )
    torch.testing.assert_close(first, alone)


def test_a_batch_without_anchors_gives_zero_with_a_gradient():
    embeddings = torch.randn(3, 4, requires_grad=True)
    loss = InfoNCELoss(None).compute_loss_from_embeddings(embeddings, torch.tensor([0, 1, -1]))
    loss.backward()
    assert loss.item() == 0 and (embeddings.grad == 0).all()


def test_small_temperatures_do_not_overflow():
    embeddings = torch.randn(8, 4, requires_grad=True)
    loss = InfoNCELoss(None, temperature=1e-4).compute_loss_from_embeddings(embeddings, torch.arange(8) // 2)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(embeddings.grad).all()


def test_half_precision_is_computed_in_full():
    embeddings, labels = torch.randn(8, 4), torch.arange(8) // 2
    half = InfoNCELoss(None).compute_loss_from_embeddings(embeddings.bfloat16(), labels)
    assert half.dtype == torch.float32


def test_equal_prompts_are_treated_as_equal_pairs(encoders):
    model = RelBERT(encoders["wordpiece"]).eval()
    pairs = [("Tokyo", "Japan"), ("Paris", "France"), ("Tokyo", "Japan"), ("finger", "hand")]
    labels = torch.tensor([0, 0, 1, 1])
    loss_fn = InfoNCELoss(model)
    loss = loss_fn([model.preprocess(pairs)], labels)
    expected = loss_fn.compute_loss_from_embeddings(
        torch.tensor(model.encode(pairs)), labels, torch.tensor([0, 1, 0, 2])
    )
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temperature": 0}, "temperature is 0, expected a finite number above 0"),
        ({"temperature": math.nan}, "expected a finite number above 0"),
        ({"temperature": math.inf}, "expected a finite number above 0"),
        ({"temperature": "0.1"}, "temperature is '0.1', expected a finite number above 0"),
        ({"reduction": "max"}, "Unknown reduction 'max', expected one of 'mean', 'sum'"),
        ({"anchors": "last"}, "Unknown anchors 'last'"),
    ],
)
def test_settings_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        InfoNCELoss(None, **arguments)


def test_more_than_one_column_is_refused(encoders):
    with pytest.raises(ValueError, match="Got 2 input columns, expected one"):
        InfoNCELoss(None)([{}, {}], torch.tensor([0]))
