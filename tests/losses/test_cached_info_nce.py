import copy

import pytest
import torch

from st_relbert import RelBERT
from st_relbert.data import load_relations
from st_relbert.losses import CachedInfoNCELoss, InfoNCELoss
from st_relbert.losses.batch import prompt_ends, take_rows
from st_relbert.training import RelationBatchSampler


@pytest.fixture(scope="module")
def batch(encoders):
    """A model, a preprocessed batch of 22 pairs of several relations, of which one pair has two, and the labels."""
    model = RelBERT(encoders["wordpiece"], template="short")
    dataset = load_relations("starter")
    rows = next(
        iter(RelationBatchSampler(dataset, relations_per_batch=5, pairs_per_relation=4, negatives_per_relation=1))
    )
    pairs, labels = [dataset[row]["pair"] for row in rows], [dataset[row]["label"] for row in rows]
    pairs += [pairs[0], ("Tokyo", "Japan"), ("a", "b")]
    labels += [labels[-2], 0, -1]
    assert len(pairs) >= 22
    return model, model.preprocess(pairs[:22]), torch.tensor(labels[:22])


def step(loss_class, batch, train=True, **settings):
    """Loss and gradients of one step from the same weights and random state.

    In double precision: the gradient of the attention's key biases is zero but for rounding.
    """
    model, features, labels = batch
    model = copy.deepcopy(model).double().train(train)
    torch.manual_seed(0)
    loss = loss_class(model, **settings)([dict(features)], labels)
    loss.backward()
    return loss.item(), {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("mini_batch_size", [1, 5, 8, 21, 22, 100])
def test_value_and_gradients_equal_those_of_the_plain_loss(batch, mini_batch_size, reduction):
    plain, gradients = step(InfoNCELoss, batch, train=False, reduction=reduction)
    cached, cached_gradients = step(
        CachedInfoNCELoss, batch, train=False, reduction=reduction, mini_batch_size=mini_batch_size
    )
    assert plain > 0 and cached == pytest.approx(plain, rel=1e-9)
    assert set(gradients) == set(cached_gradients)
    for name, gradient in gradients.items():
        torch.testing.assert_close(cached_gradients[name], gradient, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("settings", [{"info_loob": True}, {"anchors": "first"}])
def test_its_variants_equal_those_of_the_plain_loss(batch, settings):
    plain, _ = step(InfoNCELoss, batch, train=False, **settings)
    cached, _ = step(CachedInfoNCELoss, batch, train=False, mini_batch_size=6, **settings)
    assert cached == pytest.approx(plain, rel=1e-9)


def test_dropout_is_replayed(batch):
    """In a single mini-batch in order of length, both passes have the random numbers of the plain loss."""
    model, features, labels = batch
    order = prompt_ends(features).argsort(stable=True)
    batch = (model, take_rows(features, order), labels[order])
    plain, gradients = step(InfoNCELoss, batch)
    cached, cached_gradients = step(CachedInfoNCELoss, batch, mini_batch_size=100)
    assert plain != pytest.approx(step(InfoNCELoss, batch, train=False)[0])  # so that dropout is on
    assert cached == pytest.approx(plain, rel=1e-9)
    for name, gradient in gradients.items():
        torch.testing.assert_close(cached_gradients[name], gradient, rtol=1e-6, atol=1e-9)


def test_without_gradients_it_returns_the_value(batch):
    model, features, labels = batch
    with torch.no_grad():
        plain = InfoNCELoss(model.eval())([dict(features)], labels)
        cached = CachedInfoNCELoss(model.eval(), mini_batch_size=7)([dict(features)], labels)
    torch.testing.assert_close(cached, plain)


def test_a_batch_without_anchors_gives_zero(batch):
    model, features, _ = batch
    loss = CachedInfoNCELoss(copy.deepcopy(model), mini_batch_size=7)([dict(features)], torch.full((22,), -1))
    loss.backward()
    assert loss.item() == 0


def test_an_empty_mini_batch_is_refused():
    with pytest.raises(ValueError, match="mini_batch_size is 0, expected a positive whole number"):
        CachedInfoNCELoss(None, mini_batch_size=0)
