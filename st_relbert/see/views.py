"""What the explorer answers to typed words: tables of text, without anything of the page."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from st_relbert.search import RELATED, AnalogyCompleter, RelationIndex, relation_labels
from st_relbert.search.hits import Exclude

NEIGHBOURS, COMPLETIONS, LABELS = 10, 8, 5
# Words that are encoded with the head to complete: a second or so with a small encoder on a CPU.
SHORTLIST = 200
EXAMPLES = 4

_LOG = logging.getLogger(__name__)


class ExplorerQuery(NamedTuple):
    """What was typed; blanks around it do not count.

    Args:
        head: The head of the pair.
        tail: Its tail.
        word: The word to complete, of which the pair shows how.
        relation: Neighbours of this label only; empty: of any.
        other_words: Only neighbours that share no word with the pair.
    """

    head: str
    tail: str
    word: str = ""
    relation: str = ""
    other_words: bool = False


@dataclass(frozen=True)
class AnswerTable:
    """A table, or one line that says why there is none.

    Args:
        caption: What the rows answer.
        columns: The names of the columns, each a word.
        rows: The cells, all of them text.
        message: The line.
    """

    caption: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    message: str = ""


class Explorer:
    """Answers about an index.

    Labels, words and examples are those that the index has now; pairs that are added later are found as neighbours.
    The words of a vocabulary of more than 200 are encoded now, one pair each, so that completing is fast.

    Args:
        index: The index.
        show_progress_bar: Show the progress of encoding the words.

    Raises:
        ValueError: If the index has pairs, and the model that made it is no longer there or has changed.
    """

    def __init__(self, index: RelationIndex, show_progress_bar: bool = False) -> None:
        self.index = index
        self.relations = [name for name in index.relations() if name.strip()]
        words = index.words()
        self.word_count = len(words)
        self.examples = _examples(index, self.relations)
        self._completer: AnalogyCompleter | None = None
        if words:
            self._completer = AnalogyCompleter(index.model, words, SHORTLIST, show_progress_bar=show_progress_bar)
            self._completer(self.examples[0][:2], self.examples[0].head, k=1)
            self._completer.show_progress_bar = False

    def neighbours(self, question: ExplorerQuery) -> AnswerTable:
        """The pairs whose relation is most like that of the typed pair."""

        def answer(asked: ExplorerQuery) -> AnswerTable:
            where = {"relation": asked.relation} if asked.relation else None
            exclude: Exclude = "words" if asked.other_words else "pair"
            hits = self.index.search(asked[:2], NEIGHBOURS, where=where, exclude=exclude)
            rows = tuple((" : ".join(hit.pair), hit.relation or "", f"{hit.score:.2f}") for hit in hits)
            caption = f"related as {asked.head} is to {asked.tail}"
            return AnswerTable(caption, ("pair", "relation", "cosine"), rows)

        return self._view(question, answer)

    def completions(self, question: ExplorerQuery) -> AnswerTable:
        """The words that stand to the third word as the tail does to the head."""

        def answer(asked: ExplorerQuery) -> AnswerTable:
            if self._completer is None or not asked.word:
                return AnswerTable(message="Type a third word to see what completes it.")
            known = self.index.tails(asked.word)
            found = self._completer(asked[:2], asked.word, COMPLETIONS, known=known)
            rows = tuple((each.word, f"{each.score:.2f}") for each in found)
            return AnswerTable(f"{asked.head} is to {asked.tail} as {asked.word} is to …", ("word", "cosine"), rows)

        return self._view(question, answer)

    def labels(self, question: ExplorerQuery) -> AnswerTable:
        """The relation of the typed pair, by the labels of its neighbours; in words, if any is a shipped relation."""

        def answer(asked: ExplorerQuery) -> AnswerTable:
            if not self.relations:
                return AnswerTable(message="No pair of the index has a label, so there is no relation to guess.")
            labels = relation_labels(self.index, asked[:2])[:LABELS]
            caption = f"how {asked.head} is related to {asked.tail}"
            related = self.index.relatedness(asked[:2])
            if related is not None and related < RELATED and not (labels and labels[0].known):
                return AnswerTable(caption, message="Not like anything here.")
            said = any(label.in_words for label in labels)
            rows = tuple(
                (
                    label.relation,
                    *([label.in_words or ""] if said else []),
                    " : ".join(label.example),
                    "known" if label.known else f"{label.score:.0%}",
                )
                for label in labels
            )
            columns = ("relation", *(["sentence"] if said else []), "example", "votes")
            return AnswerTable(caption, columns, rows)

        return self._view(question, answer)

    def _view(self, question: ExplorerQuery, answer: Callable[[ExplorerQuery], AnswerTable]) -> AnswerTable:
        """An answer, or what is missing or wrong in one line."""
        asked = question._replace(head=question.head.strip(), tail=question.tail.strip(), word=question.word.strip())
        if self._completer is None:
            return AnswerTable(message="The index holds no pair. Add some with st-relbert index add, and start again.")
        if not asked.head or not asked.tail:
            return AnswerTable(message="Type two words, for instance Tokyo and Japan.")
        try:
            view = answer(asked)
        except ValueError as error:
            return AnswerTable(message=_line(error))
        except (OSError, RuntimeError) as error:
            _LOG.exception("No answer to %s", asked)
            return AnswerTable(message=_line(error))
        return view if view.rows or view.message else AnswerTable(view.caption, message="Nothing found.")


def _examples(index: RelationIndex, relations: list[str]) -> list[ExplorerQuery]:
    """Questions that the index can answer: a pair, and the head of another one with the same label."""
    step = max(len(relations) // EXAMPLES, 1)
    found = [list(islice(index.rows({"relation": name}), 2)) for name in relations[::step][:EXAMPLES]]
    rows = found or [[row] for row in islice(index.rows(), EXAMPLES)]
    return [ExplorerQuery(row["head"], row["tail"], *(other["head"] for other in others)) for row, *others in rows]


def _line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else text[:299] + "…"
