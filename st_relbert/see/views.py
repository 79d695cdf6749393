"""The explorer's answers to typed words: tables of text, independent of the page."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from st_relbert.data.shipped import in_words
from st_relbert.pairs import Pair
from st_relbert.search import RELATED, AnalogyCompleter, RelationIndex, relation_labels
from st_relbert.search.hits import Exclude
from st_relbert.see.query import ExplorerQuery

COMPLETIONS, LABELS = 8, 5
EXAMPLES = 4
_ASKED = 12  # relations of the index that are tried as examples
SUGGESTIONS = 50_000
"""The page contains the words of an index for suggestions, unless there are more than this: it would open slowly."""
LONGEST = 80
"""Longer words are cut after this many characters."""

# Pair, word and expected answer. They are shown if the index completes them correctly.
_KNOWN_EXAMPLES = (
    ("Tokyo", "Japan", "Paris", "France"),
    ("puppy", "dog", "kitten", "cat"),
    ("hot", "cold", "big", "small"),
    ("carpenter", "wood", "tailor", "cloth"),
    ("cow", "milk", "hen", "egg"),
    ("finger", "hand", "toe", "foot"),
    ("king", "queen", "prince", "princess"),
    ("teacher", "school", "doctor", "hospital"),
)

_UNLIKE = "Not like anything here."

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class AnswerTable:
    """A table with a message, or only a message.

    Args:
        caption: What the rows answer.
        columns: The names of the columns, each a word.
        rows: The cells, all of them text.
        message: A line that explains the table, or why there is none.
        links: The question that a click on each row asks; empty: rows cannot be clicked.
        records: The rows to save: head, tail and, if there are any, label and cosine, with nothing cut.
    """

    caption: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    message: str = ""
    links: tuple[ExplorerQuery, ...] = ()
    records: tuple[tuple[str, ...], ...] = ()


class Explorer:
    """Answers questions about an index.

    Labels, words and examples are read once, at the start. Pairs that are added later are still found as neighbours.
    The words are encoded at the start and stored with the index, so that completion is fast.

    Raises `ValueError` if the index contains pairs and the model that made it is missing or has changed.
    """

    def __init__(self, index: RelationIndex, show_progress_bar: bool = False) -> None:
        self.index = index
        self.relations = index.relations()
        words = index.words()
        self.word_count = len(words)
        self.suggestions = [word for word in words if len(word) <= LONGEST] if len(words) <= SUGGESTIONS else []
        """Words to suggest while somebody types."""
        self._completer = AnalogyCompleter.of_index(index, show_progress_bar=show_progress_bar) if words else None
        self.examples = self._find_examples(set(words))
        """Questions that the index can answer."""

    def _find_examples(self, words: set[str]) -> list[ExplorerQuery]:
        """Return the first questions that the index completes correctly, then others about its relations or pairs."""
        known = [
            (ExplorerQuery(head, tail, word), answer)
            for head, tail, word, answer in _KNOWN_EXAMPLES
            if words.issuperset((head, tail, word, answer))
        ]
        own = list(_of_relations(self.index, self.relations))
        working = islice(filter(self._completes, [*known, *own]), EXAMPLES)
        pairs = (ExplorerQuery(row["head"], row["tail"]) for row in islice(self.index.rows(), EXAMPLES))
        others = [question for question, _ in own] or pairs
        return list(dict.fromkeys([*(question for question, _ in working), *others]))[:EXAMPLES]

    def _completes(self, example: tuple[ExplorerQuery, str]) -> bool:
        """Return whether the expected word is among the first three."""
        question, expected = example
        return expected in [row[0] for row in self.completions(question).rows[:3]]

    def neighbours(self, question: ExplorerQuery) -> AnswerTable:
        """Return the pairs most similar in relation to the typed pairs or, if none is typed, a relation's pairs."""
        if question.relation and not (question.head.strip() or question.tail.strip()):
            return self._view(question, self._pairs_of_relation, needs_pair=False)
        return self._view(question, self._similar_pairs)

    def _similar_pairs(self, asked: ExplorerQuery) -> AnswerTable:
        where = {"relation": asked.relation} if asked.relation else None
        exclude: Exclude = "words" if asked.other_words else "pair"
        hits = self.index.search(asked.pairs, asked.number, where=where, exclude=exclude)
        if asked.sort != "best":
            hits.sort(key=lambda hit: hit.head if asked.sort == "head" else hit.relation or "\U0010ffff")
        unlike = len(asked.pairs) == 1 and self._is_unlike_any(asked)
        return AnswerTable(
            f"related as {_is_to(asked.pairs)}",
            ("pair", "relation", "cosine"),
            tuple((_pair(hit.pair), _said(hit.relation, hit.pair), f"{hit.score:.2f}") for hit in hits),
            f"{_UNLIKE} The nearest:" if unlike else "",
            tuple(ExplorerQuery(*hit.pair) for hit in hits),
            tuple((*hit.pair, hit.relation or "", f"{hit.score:.2f}") for hit in hits),
        )

    def _pairs_of_relation(self, asked: ExplorerQuery) -> AnswerTable:
        found = islice(self.index.rows_of_relation(asked.relation), asked.number)
        pairs = [(row["head"], row["tail"]) for row in found]
        if asked.sort == "head":
            pairs.sort()
        return AnswerTable(
            f"pairs of the relation {relation_title(asked.relation)}",
            ("pair",),
            tuple((_pair(pair),) for pair in pairs),
            links=tuple(ExplorerQuery(*pair) for pair in pairs),
            records=tuple((*pair, asked.relation) for pair in pairs),
        )

    def completions(self, question: ExplorerQuery) -> AnswerTable:
        """Return words that are to the third word as the tail is to the head."""

        def answer(asked: ExplorerQuery) -> AnswerTable:
            if self._completer is None or not asked.word:
                return AnswerTable(message="Type a third word to see what completes it.")
            found = self._completer(asked[:2], asked.word, COMPLETIONS)
            caption = f"{_is_to([asked[:2]])} as {shown(asked.word)} is to …"
            rows = tuple((shown(each.word), f"{each.score:.2f}") for each in found)
            links = tuple(ExplorerQuery(asked.word, each.word) for each in found)
            message = f"{shown(asked.head)} and {shown(asked.tail)}: {_UNLIKE}" if self._is_unlike_any(asked) else ""
            return AnswerTable(caption, ("word", "score"), rows, message, links)

        return self._view(question, answer)

    def labels(self, question: ExplorerQuery) -> AnswerTable:
        """Return the likely relations of the typed pair, by the labels of its neighbours; shipped ones in words."""

        def answer(asked: ExplorerQuery) -> AnswerTable:
            if not self.relations:
                return AnswerTable(message="No pair in the index has a label, so there is no relation to guess.")
            labels = relation_labels(self.index, asked[:2])[:LABELS]
            caption = f"how {shown(asked.head)} is related to {shown(asked.tail)}"
            if self._is_unlike_any(asked):
                return AnswerTable(caption, message=_UNLIKE)
            rows = tuple(
                (
                    shown(label.in_words or relation_title(label.relation)),
                    _pair(label.example),
                    "known" if label.known else "<1%" if label.score < 0.005 else f"{label.score:.0%}",
                )
                for label in labels
            )
            links = tuple(ExplorerQuery(relation=label.relation) for label in labels)
            return AnswerTable(caption, ("relation", "example", "votes"), rows, links=links)

        return self._view(question, answer)

    def _is_unlike_any(self, asked: ExplorerQuery) -> bool:
        """Return whether the typed pair is neither in the index nor similar to anything in it."""
        related = self.index.relatedness(asked[:2])
        if related is None or related >= RELATED:
            return False
        labels = relation_labels(self.index, asked[:2], 1)
        return not (labels and labels[0].known)

    def _view(
        self, question: ExplorerQuery, answer: Callable[[ExplorerQuery], AnswerTable], needs_pair: bool = True
    ) -> AnswerTable:
        """Return an answer, or a line that says what is missing or wrong."""
        asked = question.trimmed
        if self._completer is None:
            return AnswerTable(message="The index is empty. Add pairs with st-relbert index add, and start again.")
        if needs_pair and not (asked.head and asked.tail):
            return AnswerTable(message="Type two words, for example Tokyo and Japan.")
        try:
            view = answer(asked)
        except ValueError as error:
            return AnswerTable(message=_line(error))
        except (OSError, RuntimeError) as error:
            _LOG.exception("No answer to %s", asked)
            return AnswerTable(message=_line(error))
        return view if view.rows or view.message else AnswerTable(view.caption, message="Nothing found.")


def _of_relations(index: RelationIndex, relations: list[str]) -> Iterator[tuple[ExplorerQuery, str]]:
    """Yield a question from two pairs (or the only pair) of each of some relations, with its answer."""
    for name in relations[:: max(len(relations) // _ASKED, 1)][:_ASKED]:
        row, *others = islice(index.rows({"relation": name}), 2)
        yield (
            ExplorerQuery(row["head"], row["tail"], *(other["head"] for other in others)),
            (others or [row])[0]["tail"],
        )


def _line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else text[:299] + "…"


def shown(text: str) -> str:
    """Return a text, cut if it is too long to show."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def relation_title(relation: str) -> str:
    """Return a readable name of a relation: without its parent, and with an arrow between head and tail.

    >>> relation_title("work/profession -> workplace"), relation_title("spatial/river_country")
    ('profession → workplace', 'river country')
    """
    name = relation.partition("/")[2] or relation
    return re.sub(r"\s+(->|=>|→|–|-)\s+", " → ", name.replace("_", " ")).strip() or relation


def _is_to(pairs: Iterable[Pair]) -> str:
    return ", ".join(f"{shown(head)} is to {shown(tail)}" for head, tail in pairs)


def _said(relation: str | None, pair: Pair) -> str:
    """Return what a relation says about a pair."""
    return shown(in_words(relation, pair) or relation_title(relation)) if relation else ""


def _pair(pair: Pair) -> str:
    return " : ".join(map(shown, pair))
