"""Complete analogies: Tokyo is to Japan as Paris is to which word?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from st_relbert.identity import ModelIdentity
from st_relbert.pairs import Pair, as_pair, check_positive, check_word, folded_word
from st_relbert.search.decision import Decision
from st_relbert.search.hits import SearchHit
from st_relbert.search.index import RelationIndex
from st_relbert.search.scorer import OffsetScorer, PairScorer
from st_relbert.search.vocabulary import Vocabulary

# All values were chosen on held-out pairs of the shipped relations (benchmarks/completion.py).
SHORTLIST = 50
"""How many candidates, ranked by their word vectors, the model re-ranks."""
EXAMPLES = 20
"""How many pairs of an index, the most similar to the stem, serve as further examples."""
# The least strength of such an example (`SearchHit.strength`): a small index may have no pair like the stem.
_LEAST_STRENGTH = 0.7
# A pair with the head counts as known if it is at most this much weaker than the weakest example; and the bonus of its
# other word, as a cosine.
_KNOWN_MARGIN, _KNOWN_BONUS = 0.05, 0.3
_MOST_KNOWN = 100


class Completion(NamedTuple):
    """A word that completes an analogy, and its score: a mean of cosines."""

    word: str
    score: float


class AnalogyCompleter:
    """Finds the words w for which (head, w) has the same relation as a stem pair.

    A `PairScorer` or 3CosAdd proposes candidates from the word vectors, which are computed once for all questions. The
    model then encodes the head with each candidate, in both directions. The result is the mean of both scores: they
    make different errors, so their mean ranks better than either.

    With an index, the pairs most similar to the stem serve as further examples. Known pairs of the head count too: if
    the index has a word in a pair with the head, in either direction, and that pair is nearly as similar to the stem as
    the examples are, the word is always a candidate and ranks 0.3 above its score.

    Args:
        model: A `RelBERT`.
        vocabulary: The candidate words, encoded by the model.
        index: An index with pairs that may be similar to the stem. None: the stem is the only example.
        scorer: The scorer that proposes candidates. None: 3CosAdd.
        shortlist: How many words the model re-ranks, besides the known ones.
        batch_size: Pairs encoded at a time.
        show_progress_bar: Show the progress of encoding.

    Raises:
        ValueError: If the scorer, the vocabulary or the index belongs to another model, or `shortlist` is not positive.

    Examples:
        >>> words = Vocabulary.encode(model, ["France", "Japan", "Paris"])
        >>> complete = AnalogyCompleter(model, words)  # words of the question do not count
        >>> [each.word for each in complete(("Tokyo", "Japan"), "Paris", k=1)]
        ['France']
    """

    def __init__(
        self,
        model: SentenceTransformer,
        vocabulary: Vocabulary,
        *,
        index: RelationIndex | None = None,
        scorer: PairScorer | None = None,
        shortlist: int = SHORTLIST,
        batch_size: int = 64,
        show_progress_bar: bool = False,
    ) -> None:
        check_positive(shortlist=shortlist)
        if index is not None and index.model is model:
            identity = index.identity  # so that the model's weights need not be read again
        else:
            identity = ModelIdentity.of(model)
            if index is not None:
                index.identity.require_same(identity)
        vocabulary.require(identity)
        if scorer is not None:
            scorer.require(identity)
        self.model = model
        self.vocabulary = vocabulary
        self.shortlist = shortlist
        self._index = index
        self._scorer = scorer or OffsetScorer()
        self._tails = self._scorer.tails(vocabulary.vectors)
        self._batch_size = batch_size
        self._show_progress_bar = show_progress_bar

    @classmethod
    def of_index(cls, index: RelationIndex, *, show_progress_bar: bool = False, **settings: Any) -> AnalogyCompleter:
        """Make a completer whose candidates are the words of an index. Their vectors are stored with the index.

        Args:
            index: The index.
            show_progress_bar: Show the progress of encoding.
            **settings: See the class.

        Raises:
            ValueError: If the index is empty, or the model that made it is no longer there.
        """
        words = Vocabulary.kept_in(
            index.path, index.model, index.identity, index.words(), show_progress_bar=show_progress_bar
        )
        return cls(index.model, words, index=index, show_progress_bar=show_progress_bar, **settings)

    def __call__(self, stem: Pair, head: str, k: int = 10) -> list[Completion]:
        """Return the best words, without the words of the question, ignoring case, underscores and accents.

        Args:
            stem: The pair that shows the relation.
            head: The word to complete.
            k: The number of words.

        Raises:
            ValueError: If the stem is not a pair, the head is not a word or `k` is not positive.
        """
        check_positive(k=k)
        stem = as_pair(stem, "the stem")
        check_word(head, "the word to complete")
        given = {folded_word(word) for word in (*stem, head)}
        like = self._like(stem)
        examples = [stem, *(hit.pair for hit in like)]
        place = self._place(examples, head)
        ranked = (self.vocabulary.words[row] for row in np.argsort(-(self._tails @ place), kind="stable"))
        likely = islice((word for word in ranked if folded_word(word) not in given), self.shortlist)
        known = {word for word in self._known(stem, head, like) if folded_word(word) not in given}
        words = list(dict.fromkeys([*likely, *sorted(known)]))
        if not words:
            return []
        decide = Decision(self.model, examples, self._batch_size, self._show_progress_bar)
        by_words = self._scorer.tails(self.vocabulary.look_up(words, self.model)) @ place
        scores = (decide([(head, word) for word in words]) + by_words) / 2
        ranks = scores + [_KNOWN_BONUS if word in known else 0.0 for word in words]
        return [Completion(words[i], float(scores[i])) for i in np.argsort(-ranks, kind="stable")[:k]]

    def _like(self, stem: Pair) -> list[SearchHit]:
        """Return the pairs of the index that are similar to the stem."""
        if self._index is None:
            return []
        hits = self._index.search(stem, EXAMPLES, both_directions=True)
        return [hit for hit in hits if hit.strength >= _LEAST_STRENGTH]

    def _known(self, stem: Pair, head: str, like: Sequence[SearchHit]) -> set[str]:
        """Return words that the index pairs with the head, in pairs nearly as similar to the stem as `like`."""
        if self._index is None:
            return set()
        least = min((hit.strength for hit in like), default=_LEAST_STRENGTH) - _KNOWN_MARGIN
        straight = self._index.search(stem, _MOST_KNOWN, where={"head": head})
        turned = self._index.search(stem[::-1], _MOST_KNOWN, where={"tail": head})
        return {hit.tail for hit in (*straight, *(hit.turned() for hit in turned)) if hit.strength >= least}

    def _place(self, examples: Sequence[Pair], head: str) -> NDArray[np.float32]:
        """Return where the tail should be, `(d,)`, from the word vectors."""
        heads, tails = (self.vocabulary.look_up(words, self.model) for words in zip(*examples, strict=True))
        place: NDArray[np.float32] = self._scorer.places((heads, tails), self.vocabulary.look_up([head], self.model))[0]
        return place
