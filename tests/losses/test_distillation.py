"""The loss that trains a model to find pairs as similar as its teacher does."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from st_relbert import RelBERT
from st_relbert.losses import SimilarityDistillationLoss
from st_relbert.training import TrainingSettings

PAIRS = [["Tokyo", "Japan"], ["Paris", "France"], ["puppy", "dog"], ["kitten", "cat"]]


def random_vectors(seed, *shape):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def plain_loss(own, teacher, temperature):
    """The formula, pair by pair."""
    total = 0.0
    for i in range(len(own)):
        others = [j for j in range(len(own)) if j != i]
        p, q = (
            log_softmax([v[i] @ v[j] / np.linalg.norm(v[i]) / np.linalg.norm(v[j]) / temperature for j in others])
            for v in (teacher, own)
        )
        total += float((np.exp(p) * (p - q)).sum())
    return total / len(own)


@pytest.fixture(scope="module")
def relbert(encoders):
    return RelBERT(encoders["wordpiece"], template="short")


@pytest.fixture(scope="module")
def loss(relbert):
    return SimilarityDistillationLoss(relbert, temperature=0.2)


@pytest.mark.parametrize("count", [2, 3, 7])
def test_equals_a_plain_loop(loss, count):
    own, teacher = random_vectors(1, count, 4), random_vectors(2, count, 6)
    expected = plain_loss(own.numpy(), teacher.numpy(), 0.2)
    assert loss.compute_loss_from_embeddings(own, teacher).item() == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_is_zero_if_the_teacher_agrees_whatever_the_lengths_and_dimensions(loss):
    own = random_vectors(3, 5, 4)
    turned = torch.cat([own * torch.arange(1, 6)[:, None], torch.zeros(5, 2)], dim=1)
    assert loss.compute_loss_from_embeddings(own, turned).item() == pytest.approx(0, abs=1e-6)
    assert loss.compute_loss_from_embeddings(own, random_vectors(4, 5, 4)).item() > 0.1


@pytest.mark.parametrize("count", [0, 1])
def test_a_single_pair_has_zero_loss(loss, count):
    assert loss.compute_loss_from_embeddings(random_vectors(5, count, 4), random_vectors(6, count, 4)).item() == 0


def test_following_the_gradient_approaches_the_teacher(loss):
    own, teacher = random_vectors(7, 6, 4).requires_grad_(), random_vectors(8, 6, 3)
    before = loss.compute_loss_from_embeddings(own, teacher)
    (slope,) = torch.autograd.grad(before, own)
    assert loss.compute_loss_from_embeddings(own - 0.05 * slope, teacher) < before


def test_labels_that_are_not_vectors_are_refused(loss, relbert):
    features = relbert.preprocess(PAIRS)
    for labels in (None, torch.tensor([0, 1, 2, 3])):
        with pytest.raises(ValueError, match="expected one column of pairs, and the teacher's vectors"):
            loss([features], labels)
    with pytest.raises(ValueError, match="Got 2 input columns"):
        loss([features, features], random_vectors(9, 4, 3))


@pytest.mark.parametrize("temperature", [0, -1, float("nan"), float("inf"), True])
def test_a_temperature_that_is_not_positive_is_refused(relbert, temperature):
    with pytest.raises(ValueError, match="expected a finite number above 0"):
        SimilarityDistillationLoss(relbert, temperature=temperature)


@pytest.mark.parametrize(
    "settings",
    [
        {"parent_weight": 0.5},
        {"siblings_as_negatives": False},
        {"classification_head": True},
        {"choose_by": "loss", "validation_data": "v"},
        {"mini_batch_size": 8},
        {"teacher": None},
        {"loss": "info_nce"},
    ],
)
def test_incompatible_settings_are_refused(settings):
    given = {"base_model": "b", "train_data": "t", "output": "o", "loss": "distillation", "teacher": "m", **settings}
    with pytest.raises(ValueError, match=next(iter(settings))):
        TrainingSettings(**given)
