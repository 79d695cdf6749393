"""Completing analogies: Tokyo is to Japan as Paris is to which word?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from st_relbert.pairs import Pair, as_pair, folded_word
from st_relbert.search.decision import Decision
from st_relbert.search.scorer import OffsetScorer, PairScorer
from st_relbert.search.vocabulary import Vocabulary, check_words

SHORTLIST = 200
"""Candidates that a first stage leaves of a large vocabulary: a second or so with a small encoder on a CPU."""

_ANYTHING = "thing"  # a word, to check others beside
# What a pair that is known to exist is worth, as a cosine.
_KNOWN = 0.1


class Completion(NamedTuple):
    """A word that completes an analogy, and how much its pair stands in the relation: a mean of cosines."""

    word: str
    score: float


class AnalogyCompleter:
    """Finds the word w for which (head, w) stands in the same relation as a stem pair.

    Each candidate is paired with the head, and the pairs are encoded, in both directions, and compared with the stem:
    twice as many pairs as there are words. For a large vocabulary a first stage picks candidates by the vectors of the
    words, each of which is encoded once for all questions: a `PairScorer`, or 3CosAdd without one. The score is then
    the mean of what the model and the first stage say. Each errs in other places, and the mean ranks better than the
    model alone (docs/find_every_pair.md).

    Args:
        model: A SentenceTransformer that takes pairs.
        vocabulary: The candidate words; repeated ones count once. Or a `Vocabulary`, whose words need not be encoded.
        shortlist: How many candidates the first stage leaves; None: there is no first stage. It takes a `RelBERT`.
        scorer: The first stage; None: 3CosAdd.
        batch_size: Pairs encoded at a time.
        show_progress_bar: Show the progress of encoding.

    Raises:
        ValueError: If there is no word, one is no word, or the scorer or the vocabulary is of another model.

    Examples:
        >>> complete = AnalogyCompleter(model, ["France", "Japan", "Paris"])  # words of the question do not count
        >>> [each.word for each in complete(("Tokyo", "Japan"), "Paris", k=1)]
        ['France']
    """

    def __init__(
        self,
        model: SentenceTransformer,
        vocabulary: Iterable[str] | Vocabulary,
        shortlist: int | None = None,
        scorer: PairScorer | None = None,
        batch_size: int = 64,
        show_progress_bar: bool = False,
    ) -> None:
        self.model = model
        self.batch_size = batch_size
        self.show_progress_bar = show_progress_bar
        if shortlist is not None and shortlist < 1:
            raise ValueError(
                f"shortlist is {shortlist}, expected a number of words from 1 up, or None for all of them."
            )
        self.shortlist = shortlist
        self._encoded: Vocabulary | None = None
        if isinstance(vocabulary, Vocabulary):
            vocabulary.require_model(model)
            self._encoded = vocabulary
        self.vocabulary = vocabulary.words if isinstance(vocabulary, Vocabulary) else check_words(model, vocabulary)
        if scorer is not None:
            scorer.require_model(model)
        self._scorer = scorer or OffsetScorer()
        self._tails: NDArray[np.float32] | None = None

    def __call__(self, stem: Pair, head: str, k: int = 10, *, known: Iterable[str] = ()) -> list[Completion]:
        """The best words, without those of the question, however they are written (case, underscores, accents).

        Args:
            stem: The pair that shows the relation.
            head: The word to complete.
            k: The number of words.
            known: Words that are known to follow the head in some pair (`RelationIndex.tails`). They are candidates
                in any case, whatever vocabulary and shortlist hold, and stand 0.1 higher than their score: of all
                pairs that a head could make, few are true.

        Raises:
            ValueError: If the stem is no pair, the head no word or `k` not positive.
        """
        if k < 1:
            raise ValueError(f"k is {k}, expected a number of words from 1 up.")
        stem = as_pair(stem, "the stem")
        as_pair((head, _ANYTHING), "the pair to complete")
        given = {folded_word(word) for word in (*stem, head)}
        place = None if self.shortlist is None else self._place(stem, head)
        ranked: Iterable[str] = self.vocabulary
        if place is not None and self._tails is not None:
            ranked = (self.vocabulary[row] for row in np.argsort(-(self._tails @ place), kind="stable"))
        likely = islice((word for word in ranked if folded_word(word) not in given), self.shortlist)
        followers = [word for word in known if folded_word(word) not in given]
        words = list(dict.fromkeys([*likely, *followers]))
        return self._score(stem, head, words, set(followers), place)[:k] if words else []

    def _score(
        self, stem: Pair, head: str, words: Sequence[str], known: Set[str], place: NDArray[np.float32] | None
    ) -> list[Completion]:
        """All of the words, best first; `place` is what the first stage says, if there is one."""
        decide = Decision(self.model, [stem], self.batch_size, self.show_progress_bar)
        scores = decide([(head, word) for word in words])
        if place is not None:
            scores = ((scores + self._scorer.tails(self._vectors_of(words)) @ place) / 2).astype(np.float32)
        ranks = scores + [_KNOWN if word in known else 0.0 for word in words]
        return [Completion(words[i], float(scores[i])) for i in np.argsort(-ranks, kind="stable")]

    def _place(self, stem: Pair, head: str) -> NDArray[np.float32]:
        """Where the first stage says that the word should be, `(d,)`; the vocabulary is encoded for its first use."""
        if self._encoded is None:
            self._encoded = Vocabulary.encode(self.model, self.vocabulary, show_progress_bar=self.show_progress_bar)
        if self._tails is None:
            self._tails = self._scorer.tails(self._encoded.vectors)
        first, second, third = (self._vectors_of([word]) for word in (*stem, head))
        place: NDArray[np.float32] = self._scorer.places((first, second), third)[0]
        return place

    def _vectors_of(self, words: Sequence[str]) -> NDArray[np.float32]:
        if self._encoded is not None and all(word in self._encoded for word in words):
            return self._encoded.vectors_of(words)
        return Vocabulary.encode(self.model, words, known=self._encoded).vectors
