"""A CPU embeds batches by length, with the same vectors and gradients, and less padding."""

import copy

import pytest
import torch

from st_relbert import RelBERT
from st_relbert.losses import CachedInfoNCELoss, InfoNCELoss
from st_relbert.losses.batch import embed_by_length


@pytest.fixture(scope="module")
def model(encoders):
    return RelBERT(encoders["wordpiece"], template="short").double().eval()


def pairs_of_lengths(number):
    """Pairs with prompts of many lengths, in no order."""
    return [(f"w{i}", " ".join(["x"] * (1 + 7 * i % 10))) for i in range(number)]


def widths_seen(model):
    seen = []
    model[0].register_forward_pre_hook(lambda _, args: seen.append(tuple(args[0]["input_ids"].shape)))
    return seen


@pytest.mark.parametrize("number", [1, 96, 97, 250])
def test_vectors_and_gradients_equal_those_of_the_whole_batch(model, number):
    features = model.preprocess(pairs_of_lengths(number))
    found = []
    for embed in (lambda model, features: model(features)["sentence_embedding"], embed_by_length):
        own = copy.deepcopy(model)
        embeddings = embed(own, dict(features))
        embeddings.pow(3).sum().backward()
        found.append((embeddings.detach(), {name: weight.grad for name, weight in own.named_parameters()}))
    (whole, gradients), (grouped, grouped_gradients) = found
    assert len(grouped) == number
    torch.testing.assert_close(grouped, whole, rtol=1e-9, atol=1e-12)
    for name, gradient in gradients.items():
        torch.testing.assert_close(grouped_gradients[name], gradient, rtol=1e-6, atol=1e-9)


def test_padding_on_the_left_is_kept(model):
    features = model.preprocess(pairs_of_lengths(120))
    flipped = {name: value.flip(1) if torch.is_tensor(value) else value for name, value in features.items()}
    torch.testing.assert_close(embed_by_length(model, flipped), model(dict(flipped))["sentence_embedding"])


@pytest.mark.parametrize("loss_class", [InfoNCELoss, CachedInfoNCELoss])
def test_short_prompts_are_not_padded_to_the_longest(model, loss_class):
    own = copy.deepcopy(model)
    features = own.preprocess(pairs_of_lengths(400))
    seen = widths_seen(own)
    loss_class(own)([features], torch.arange(400) % 20).backward()
    widest = features["input_ids"].shape[1]
    assert max(width for _, width in seen) == widest
    assert sum(rows * width for rows, width in seen) < 0.85 * sum(rows for rows, _ in seen) * widest
