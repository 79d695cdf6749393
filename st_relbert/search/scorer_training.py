"""Train a `PairScorer` on relation sets. This takes minutes on one CPU core, because no word is encoded again."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm.auto import tqdm

from st_relbert.data import RelationSet
from st_relbert.pairs import Pair, check_positive, check_seed, counted
from st_relbert.search.scorer import PairScorer
from st_relbert.search.vocabulary import Vocabulary

_TEMPERATURE = 0.05
_DROPOUT = 0.2
_MOST_EXAMPLES = 3
_IMPOSSIBLE = -1e4

Rows = NDArray[np.int64]


def train_scorer(
    vocabulary: Vocabulary,
    relations: RelationSet,
    *,
    hidden: int = 512,
    steps: int = 1000,
    batch_size: int = 512,
    wrong_tails: int = 2048,
    learning_rate: float = 1e-3,
    seed: int = 0,
    show_progress_bar: bool = False,
) -> PairScorer:
    """Train a scorer with InfoNCE: from one to three examples, it predicts the place of a head's tail.

    The predicted place should be nearer to the tail than to other words. Each relation is trained in both directions.

    Args:
        vocabulary: The words of the relations and their vectors by the model that the scorer will belong to.
        relations: The relations. Those with only one pair are left out.
        hidden: The size of the hidden layer.
        steps: The number of batches.
        batch_size: The number of pairs in a batch.
        wrong_tails: The number of wrong tails in a batch, besides the tails of its other pairs.
        learning_rate: The highest learning rate.
        seed: Random seed of the initial weights and the batches.
        show_progress_bar: Show the number of steps done.

    Raises:
        ValueError: If no relation has two or more pairs, one of their words is not in the vocabulary, or a number is
            not positive, or the seed is not one.
    """
    check_positive(hidden=hidden, steps=steps, batch_size=batch_size, wrong_tails=wrong_tails)
    check_seed(seed)
    batches = _Batches(vocabulary, relations, batch_size, wrong_tails, seed)
    vectors = torch.from_numpy(vocabulary.vectors)
    center = vectors[torch.from_numpy(batches.words)].mean(dim=0)
    unit = F.normalize(vectors - center, dim=1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _Network(vectors.shape[1], hidden)
        optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps, pct_start=0.1)
        for _ in tqdm(range(steps), desc="Training the scorer", disable=not show_progress_bar):
            loss = network.loss(unit, batches.draw())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return PairScorer({"center": center.numpy(), **network.weights()}, vocabulary.digest)


class _Batch(NamedTuple):
    """Rows of words: `n` pairs, each with examples of its relation, and the candidate tails."""

    heads: Rows  # (n,)
    example_heads: Rows  # (n, _MOST_EXAMPLES)
    example_tails: Rows
    candidates: Rows  # the tails of the n pairs, and other words
    impossible: NDArray[np.bool_]  # (n, candidates): words of the question, and other right answers


class _Batches:
    """Draws pairs of relations and of their inverses. A relation's share grows with the square root of its size."""

    def __init__(
        self, vocabulary: Vocabulary, relations: RelationSet, batch_size: int, wrong_tails: int, seed: int
    ) -> None:
        self._batch_size, self._wrong_tails = batch_size, wrong_tails
        self._rng = np.random.default_rng(seed)
        known = [list(dict.fromkeys(pairs)) for pairs in relations.positives.values()]
        self._pairs = [
            turned
            for rows in (_rows(vocabulary, pairs) for pairs in known if len(pairs) > 1)
            for turned in (rows, rows[:, ::-1])
        ]
        if not self._pairs:
            raise ValueError(
                f"Of {counted(len(known), 'relation')}, none has two pairs, expected at least one that does: a scorer "
                "learns to find the tail of one pair from another."
            )
        sizes = np.sqrt([len(pairs) for pairs in self._pairs])
        self._shares = sizes / sizes.sum()
        self._size = len(vocabulary)
        labels = np.repeat(np.arange(len(self._pairs)), [len(pairs) for pairs in self._pairs])
        heads, tails = np.concatenate(self._pairs).T
        self.words = np.unique(heads)  # including the tails, because each relation is there in both directions
        self._known = np.sort(self._keys(labels, heads, tails))

    def draw(self) -> _Batch:
        """Draw the next batch."""
        labels = self._rng.choice(len(self._pairs), self._batch_size, p=self._shares)
        drawn = np.stack([self._draw_pairs(self._pairs[label]) for label in labels])  # (n, 1 + examples, 2)
        heads, tails = drawn[:, 0].T
        candidates = np.concatenate([tails, self._rng.choice(self.words, self._wrong_tails)])
        keys = self._keys(labels[:, None], heads[:, None], candidates)
        places = np.searchsorted(self._known, keys).clip(max=len(self._known) - 1)
        impossible = self._known[places] == keys
        for asked in (drawn[:, 0, :1], drawn[:, 1:, 0], drawn[:, 1:, 1]):
            for column in asked.T:
                impossible |= candidates == column[:, None]
        np.fill_diagonal(impossible, False)
        return _Batch(heads, drawn[:, 1:, 0], drawn[:, 1:, 1], candidates, impossible)

    def _draw_pairs(self, pairs: Rows) -> Rows:
        """Draw a pair and its examples. If there are fewer examples than columns, the last one is repeated."""
        wanted = 1 + min(int(self._rng.integers(1, _MOST_EXAMPLES + 1)), len(pairs) - 1)
        drawn = self._rng.choice(len(pairs), wanted, replace=False)
        return pairs[np.pad(drawn, (0, 1 + _MOST_EXAMPLES - wanted), mode="edge")]

    def _keys(self, labels: Rows, heads: Rows, tails: Rows) -> Rows:
        return (labels * self._size + heads) * self._size + tails


class _Network(nn.Module):
    """The weights of a `PairScorer` during training, and the loss."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.scale = width**0.5  # so that the layers' inputs and outputs have the usual size
        self.hidden = nn.Linear(3 * width, hidden)
        self.out = nn.Linear(hidden, width)
        self.tail = nn.Linear(width, width, bias=False)
        for zero in (self.out.weight, self.out.bias, self.tail.weight):
            nn.init.zeros_(zero)

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Return the weights by the names that `PairScorer` uses, for vectors of length 1."""
        weights = {
            "hidden": self.hidden.weight.T * self.scale,
            "hidden_bias": self.hidden.bias,
            "out": self.out.weight.T / self.scale,
            "out_bias": self.out.bias / self.scale,
            "tail": self.tail.weight.T,
        }
        return {name: weight.detach().contiguous().numpy() for name, weight in weights.items()}

    def loss(self, words: Tensor, batch: _Batch) -> Tensor:
        """Return the mean loss over the pairs of a batch. `words` contains the vectors of all words, `(words, d)`."""
        first, second = (
            words[torch.from_numpy(rows)].mean(dim=1) for rows in (batch.example_heads, batch.example_tails)
        )
        heads, candidates = (words[torch.from_numpy(rows)] for rows in (batch.heads, batch.candidates))
        hidden = F.relu(self.hidden(torch.cat([first, second, heads], dim=1) * self.scale))
        added = self.out(F.dropout(hidden, _DROPOUT)) / self.scale
        places = F.normalize(heads + second - first + added, dim=1)
        cosines = places @ F.normalize(candidates + self.tail(candidates), dim=1).T
        scores = (cosines / _TEMPERATURE).masked_fill(torch.from_numpy(batch.impossible), _IMPOSSIBLE)
        return F.cross_entropy(scores, torch.arange(len(scores)))


def _rows(vocabulary: Vocabulary, pairs: list[Pair]) -> Rows:
    missing = [word for pair in pairs for word in pair if word not in vocabulary]
    if missing:
        raise ValueError(f"The word {missing[0]!r} of the relations is not in the vocabulary. Encode their words too.")
    return np.array([vocabulary.rows_of(pair) for pair in pairs], np.int64)
