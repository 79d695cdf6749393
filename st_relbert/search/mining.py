"""Mining: find the pairs of two vocabularies that have the same relation as a few examples."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from tqdm.auto import tqdm

from st_relbert.files.outputs import read_arrays, scores_column, table_output, write_arrays
from st_relbert.identity import ModelIdentity
from st_relbert.pairs import Pair, as_pairs, check_positive, counted, folded_word
from st_relbert.search.decision import Decision
from st_relbert.search.scorer import OffsetScorer, PairScorer
from st_relbert.search.vocabulary import Vocabulary

_BATCHES = 16  # that the model decides on before they are saved
# How much the similarity of the head to the examples' heads counts, and of the tail to their tails, relative to the
# cosine of one direction. Without it, near synonyms come first, whatever the examples are. Chosen on held-out relations
# of the shipped set.
_LIKENESS = 0.5


class FoundPair(NamedTuple):
    """A pair that was found, and its score: the mean of the scorer's and the model's, each a mean of two cosines."""

    head: str
    tail: str
    score: float


@dataclass
class _Shortlist:
    """The best pairs so far, best first, and the RelBERT's scores of the first of them."""

    rows: NDArray[np.int64]  # each pair as head * tails + tail
    estimates: NDArray[np.float32]
    scores: NDArray[np.float32]
    heads_done: int


def mine_pairs(
    model: SentenceTransformer,
    examples: Iterable[Pair],
    heads: Vocabulary,
    tails: Vocabulary | None = None,
    *,
    scorer: PairScorer | None = None,
    k: int = 100,
    shortlist: int = 5000,
    tails_per_head: int = 10,
    state: str | os.PathLike[str] | None = None,
    batch_size: int = 64,
    scores_at_once: int = 8_000_000,
    show_progress_bar: bool = False,
) -> list[FoundPair]:
    """Find the pairs of two vocabularies that have the same relation as a few examples.

    All pairs of a head and a tail are ranked by their word vectors, some million at a time: by the scorer's score in
    both directions, and by how similar the words are to those of the examples. The model embeds the best of them and
    re-ranks them by the mean of its own and the scorer's scores. Memory grows with the shortlist and the vocabularies,
    not with the number of pairs.

    Args:
        model: A `RelBERT`.
        examples: Pairs that have the relation. They are left out of the result.
        heads: The words that may be heads.
        tails: The words that may be tails. None: the same as `heads`.
        scorer: The scorer that proposes pairs. None: 3CosAdd.
        k: The number of pairs.
        shortlist: How many pairs the model re-ranks.
        tails_per_head: How many of them may have the same head.
        state: A file that stores the progress, so that the same call continues after an interruption. It is removed at
            the end.
        batch_size: Pairs embedded at a time.
        scores_at_once: Scores held in memory at a time: the default needs 32 MB, plus some copies.
        show_progress_bar: Show the progress.

    Returns:
        The best pairs, best first. There are fewer than `k` only if `shortlist` or `tails_per_head` leaves fewer.

    Raises:
        ValueError: If there is no example, an example is not a pair, a number is not positive, `k` is more than there
            are pairs or than the shortlist, the scorer or a vocabulary belongs to another model, or the state was left
            by another call.

    Examples:
        >>> words = Vocabulary.encode(model, ["Tokyo", "Japan", "Paris", "France", "Rome", "Italy"])
        >>> found = mine_pairs(model, [("Tokyo", "Japan"), ("Paris", "France")], words, k=3)
        >>> len(found), found[0].score >= found[1].score >= found[2].score
        (3, True)
    """
    pairs = as_pairs(examples, "example")
    tails = heads if tails is None else tails
    identity = ModelIdentity.of(model)
    if not pairs:
        raise ValueError("There are no examples, expected at least one pair that has the relation.")
    check_positive(k=k, shortlist=shortlist, tails_per_head=tails_per_head, scores_at_once=scores_at_once)
    heads.require(identity)
    tails.require(identity)
    if scorer is not None:
        scorer.require(identity)
    miner = _Miner(scorer or OffsetScorer(), pairs, heads, tails, shortlist, tails_per_head, scores_at_once)
    if k > miner.total:
        raise ValueError(
            f"k is {k:,}, but {counted(len(heads), 'head')} and {counted(len(tails), 'tail')} make only "
            f"{counted(miner.total, 'pair')}, not counting the examples and words paired with themselves. Lower k, or "
            "pass more words."
        )
    if k > shortlist:
        raise ValueError(f"k is {k:,}, but the shortlist is only {shortlist:,}. Raise the shortlist, or lower k.")
    made_from = miner.digest(identity)
    found = _load(state, made_from)
    miner.place((heads.look_up([head for head, _ in pairs], model), heads.look_up([tail for _, tail in pairs], model)))
    decide = Decision(model, pairs, batch_size)
    with tqdm(desc="Proposing", unit=" heads", total=len(heads), initial=found.heads_done,
              disable=not show_progress_bar) as progress:  # fmt: skip
        while found.heads_done < len(heads):
            before = found.heads_done
            found = miner.propose(found)
            _save(state, made_from, found)
            progress.update(found.heads_done - before)
    with tqdm(desc="Deciding", unit=" pairs", total=len(found.rows), initial=len(found.scores),
              disable=not show_progress_bar) as progress:  # fmt: skip
        while len(found.scores) < len(found.rows):
            rows = found.rows[len(found.scores) :][: _BATCHES * batch_size]
            found.scores = np.concatenate([found.scores, decide(miner.pairs(rows))])
            _save(state, made_from, found)
            progress.update(len(rows))
    scores = (found.scores + miner.cosines(found.rows)) / 2
    best = np.argsort(-scores, kind="stable")[:k]
    if state is not None:
        Path(state).unlink(missing_ok=True)
    return [FoundPair(*pair, float(scores[i])) for pair, i in zip(miner.pairs(found.rows[best]), best, strict=True)]


def write_pairs(pairs: Sequence[FoundPair], path: str | os.PathLike[str]) -> None:
    """Write the pairs that `mine_pairs` found to a CSV or Parquet file with the columns head, tail and score.

    Raises:
        ValueError: If the name ends neither in `.csv` nor in `.parquet`.
    """
    schema = pa.schema({"head": pa.string(), "tail": pa.string(), "score": pa.float64()})
    with table_output(path, schema) as file:
        heads, tails, scores = ([pair[place] for pair in pairs] for place in range(3))
        file.write_table(pa.table([heads, tails, scores_column(path, np.array(scores))], schema=schema))


class _Miner:
    """The first stage: ranks all pairs of two vocabularies, block by block."""

    def __init__(
        self,
        scorer: OffsetScorer,
        examples: Sequence[Pair],
        heads: Vocabulary,
        tails: Vocabulary,
        shortlist: int,
        tails_per_head: int,
        scores_at_once: int,
    ) -> None:
        self._scorer = scorer
        self._examples = examples
        self._heads, self._tails = heads, tails
        self._shortlist, self._tails_per_head = shortlist, tails_per_head
        self._block = max(1, scores_at_once // len(tails))
        self._excluded = self._find_excluded()
        self.total = len(heads) * len(tails) - len(self._excluded)

    def _find_excluded(self) -> NDArray[np.int64]:
        """Return the sorted rows of the examples and of words paired with themselves, ignoring how they are written."""
        folded: list[dict[str, list[int]]] = [{}, {}]
        for words, rows in zip((self._heads.words, self._tails.words), folded, strict=True):
            for row, word in enumerate(words):
                rows.setdefault(folded_word(word), []).append(row)
        heads, tails = folded
        pairs = {(word, word) for word in heads} | {(folded_word(h), folded_word(t)) for h, t in self._examples}
        return np.array(
            sorted(h * len(self._tails) + t for head, tail in pairs for h in heads.get(head, ())
                   for t in tails.get(tail, ())),
            np.int64,
        )  # fmt: skip

    def place(self, examples: tuple[NDArray[np.float32], NDArray[np.float32]]) -> None:
        """Compute the places of all words; the product of a head's and a tail's is the score of their pair."""
        heads, tails, scorer = self._heads.vectors, self._tails.vectors, self._scorer
        self._places = (
            np.hstack([scorer.places(examples, heads), scorer.tails(heads)]),
            np.hstack([scorer.tails(tails), scorer.places(examples[::-1], tails)]),
        )
        self._likeness = tuple(
            _LIKENESS * scorer.likeness(side, words) for side, words in zip(examples, (heads, tails), strict=True)
        )

    def cosines(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the scorer's scores of some pairs, the mean of both directions, `(n,)`."""
        heads, tails = np.divmod(rows, len(self._tails))
        cosines: NDArray[np.float32] = (self._places[0][heads] * self._places[1][tails]).sum(axis=1) / 2
        return cosines

    def propose(self, found: _Shortlist) -> _Shortlist:
        """Rank the pairs of the next block of heads."""
        start = found.heads_done
        end = min(start + self._block, len(self._heads))
        heads, tails = self._places
        scores = heads[start:end] @ tails.T
        scores += self._likeness[0][start:end, None]
        scores += self._likeness[1]
        scores = scores.reshape(-1)
        first = start * len(self._tails)
        excluded = self._excluded[np.searchsorted(self._excluded, [first]).item() :]
        scores[excluded[excluded < first + len(scores)] - first] = -np.inf
        full = len(found.rows) >= self._shortlist
        above = np.flatnonzero(scores > (found.estimates[-1] if full else -np.inf))
        above = self._best_of_each_head(above, scores[above])
        rows = np.concatenate([found.rows, above + first])
        estimates = np.concatenate([found.estimates, scores[above]])
        best = np.argsort(-estimates, kind="stable")[: self._shortlist]
        return _Shortlist(rows[best], estimates[best], found.scores, end)

    def _best_of_each_head(self, places: NDArray[np.int64], scores: NDArray[np.float32]) -> NDArray[np.int64]:
        heads = places // len(self._tails)
        order = np.lexsort((-scores, heads))
        starts = np.flatnonzero(np.diff(heads[order], prepend=-1))
        rank = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
        kept: NDArray[np.int64] = np.sort(places[order[rank < self._tails_per_head]])
        return kept

    def pairs(self, rows: NDArray[np.int64]) -> list[Pair]:
        """Return the words of some pairs."""
        heads, tails = np.divmod(rows, len(self._tails))
        return [(self._heads.words[h], self._tails.words[t]) for h, t in zip(heads, tails, strict=True)]

    def digest(self, model: ModelIdentity) -> str:
        """Return a digest of everything the shortlist depends on, to recognise the same call again."""
        weights = self._scorer.weights if isinstance(self._scorer, PairScorer) else {}
        parts: list[Any] = [
            [model.digest, model.template, model.pooling],
            [self._shortlist, self._tails_per_head, self._block, _LIKENESS],
            self._examples,
            self._heads.words,
            self._tails.words,
        ]
        digest = hashlib.blake2b(json.dumps(parts, default=int).encode(), digest_size=16)  # NumPy integers too
        for name in sorted(weights):
            digest.update(np.ascontiguousarray(weights[name]).tobytes())
        return digest.hexdigest()


def _save(path: str | os.PathLike[str] | None, made_from: str, found: _Shortlist) -> None:
    if path is not None:
        arrays: dict[str, NDArray[Any]] = {"rows": found.rows, "estimates": found.estimates, "scores": found.scores}
        write_arrays(path, arrays, {"made_from": made_from, "heads_done": str(found.heads_done)})


def _load(path: str | os.PathLike[str] | None, made_from: str) -> _Shortlist:
    with suppress(ValueError):
        if path is None or (saved := read_arrays(path)) is None:
            return _Shortlist(np.empty(0, np.int64), np.empty(0, np.float32), np.empty(0, np.float32), heads_done=0)
        arrays, metadata = saved
        if metadata.get("made_from") == made_from:
            return _Shortlist(**arrays, heads_done=int(metadata["heads_done"]))
    raise ValueError(
        f"{str(path)!r} belongs to an interrupted call with other words, examples or settings, or another model. "
        "Repeat that call, or remove the file to start again."
    )
