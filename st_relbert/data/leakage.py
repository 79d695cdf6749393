"""Leakage: find the test questions that contain pairs a model was trained on."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

from st_relbert.data.question_files import is_question_text
from st_relbert.data.questions import AnalogyQuestion, MappingProblem, as_questions
from st_relbert.data.sources import TRAINING_SPLIT, place_of, read_records
from st_relbert.files.text import stem_of, suffix_of
from st_relbert.pairs import Pair, as_pair, folded, pairs_of_list

_JSON_LINES = (".jsonl", ".ndjson")


def benchmark_pairs(names: Iterable[str | os.PathLike[str]]) -> dict[str, set[Pair]]:
    """Return the pairs of test sets, by name.

    These are the stems and all choices of analogy questions, the pairs of lexical relation classification, all ordered
    pairs of terms on one side of a mapping problem, the rated pairs and questions of SemEval-2012 Task 2, and the
    positives and negatives of relation sets.

    A name is one that `read_records` accepts; its test split is read, or its validation split if there is no test
    split. It can also be a folder, such as `$ST_RELBERT_DATA`: all its JSON Lines files at any depth are read, plain or
    compressed, except `train.jsonl` and hidden files. Links are followed, and each file is named by its path in the
    folder without the suffix. Raises `ValueError` if nothing is found, or a record is malformed or of another kind.

    >>> sorted(benchmark_pairs(["starter/held_out_pairs"]))
    ['starter/held_out_pairs']
    """
    sets: dict[str, set[Pair]] = {}
    for name in (os.fspath(name) for name in names):
        listed = os.path.isdir(name) and not is_question_text(name)
        for key, path in _files(name) if listed else [(name, name)]:
            records, source = read_records(path, ["test", "validation"], with_relations=False)
            pairs = sets.setdefault(key, set())
            for row, record in enumerate(records):
                pairs.update(pairs_of_record(record, f"{source}, {place_of(record, row)}"))
    return sets


def pairs_of_record(record: Mapping[str, Any], where: str) -> list[Pair]:
    """Return all pairs of a test set's record; its columns show its kind. See `benchmark_pairs`.

    Raises `ValueError` if the record is malformed or of an unknown kind; the message refers to it as `where`.

    >>> pairs_of_record({"head": "cat", "tail": "animal", "relation": "hyper"}, "row 0")
    [('cat', 'animal')]
    """
    if "stem" in record:
        question = AnalogyQuestion.from_record(record, where)
        return [question.stem, *question.choices]
    if "source" in record:
        problem = MappingProblem.from_record(record, where)
        return [*problem.source_pairs(), *problem.given_pairs()]
    if "head" in record and "tail" in record:
        return [as_pair((record["head"], record["tail"]), f"the pair of {where}")]
    if "positives" in record:
        lists = [record["positives"], _optional(record.get("negatives"))]
    elif "pairs" in record:
        # The third element is a rating.
        rated = [pair[:2] if isinstance(pair, list | tuple) else pair for pair in _list(record["pairs"], where)]
        lists = [rated, _optional(record.get("paradigms"))]
    elif "questions" in record:
        questions = _list(record["questions"], where)
        lists = [question.get("pairs") if isinstance(question, Mapping) else None for question in questions]
    else:
        raise ValueError(
            f"{where} has the columns {', '.join(sorted(record)) or '(none)'}, expected those of a test set: stem and "
            "choice, head and tail, source and target, positives, pairs, or questions."
        )
    return [pair for values in lists for pair in pairs_of_list(values, f"{where}, pair")]


def _optional(values: Any) -> Any:
    # Only an absent list is empty. Any other value without length, such as 0, is refused as malformed.
    return [] if values is None else values


def _files(folder: str) -> list[tuple[str, str]]:
    """Return the name and the path of each test set in a folder, sorted."""
    paths = sorted(path for path in _walk(folder) if _is_test_set(os.path.basename(path)))
    if not paths:
        raise ValueError(
            f"The folder {folder!r} contains no JSON Lines files (.jsonl) other than {TRAINING_SPLIT}.jsonl, expected "
            "test sets. Pass their folder, or the files."
        )
    return [(stem_of(os.path.relpath(path, folder)).replace(os.sep, "/"), path) for path in paths]


def _is_test_set(name: str) -> bool:
    return suffix_of(name) in _JSON_LINES and not name.startswith(".") and stem_of(name).lower() != TRAINING_SPLIT


def _walk(folder: str) -> Iterator[str]:
    """Yield the files in a folder at any depth. Links are followed, but each folder is entered only once."""
    entered: set[str] = set()
    for place, inner, names in os.walk(folder, onerror=_refuse, followlinks=True):
        if os.path.realpath(place) in entered:  # reached by a second way, such as a link to a folder above it
            inner.clear()
            continue
        entered.add(os.path.realpath(place))
        inner.sort()
        yield from (os.path.join(place, name) for name in names)


def _refuse(error: OSError) -> NoReturn:
    # A folder that is passed over could contain test pairs.
    raise ValueError(f"Cannot read the folder {error.filename!r}: {error.strerror}.") from error


def _list(values: Any, where: str) -> Any:
    if not isinstance(values, list | tuple):
        raise ValueError(f"{where} has {values!r}, expected a list of [head, tail].")
    return values


Questions: TypeAlias = Iterable[Mapping[str, Any]]
Relations: TypeAlias = Mapping[str, Collection[Pair]]

PARTS = ("stem", "answer", "stem_or_answer", "choice")
FORMS = ("exact", "reversed", "folded")
SHARED_ANALOGY = "shared_analogy"


@dataclass(frozen=True)
class LeakageReport:
    """Which questions contain training pairs.

    Args:
        questions: The number of questions.
        rows: For each kind of leakage, the rows (from 0, ascending) of the affected questions. The kinds are
            `{positive,negative}_{part}_{form}` and `shared_analogy`; every kind is present, with an empty list if
            nothing was found. The parts of a question are its `stem`, its right `answer`, `stem_or_answer`, and
            `choice` (any of the choices, including the right one). The forms are `exact` (the pair is a training pair),
            `reversed` (it is one with head and tail swapped) and `folded` (either of these, ignoring case, underscores,
            white space and how accents are encoded). In a `shared_analogy`, stem and answer are both positives of the
            same training relation, in any form.
    """

    questions: int
    rows: dict[str, list[int]]

    @property
    def shared_analogies(self) -> list[int]:
        """Rows of the questions whose stem and answer are positives of the same training relation."""
        return self.rows[SHARED_ANALOGY]

    @property
    def overlapping(self) -> list[int]:
        """Rows of the questions whose stem or answer is a training pair, positive or negative, in any form."""
        kinds = [kind_name(label, "stem_or_answer", "folded") for label in ("positive", "negative")]
        return sorted({row for kind in kinds for row in self.rows[kind]})

    def share(self, kind: str) -> float:
        """Return the share of questions affected by a kind of leakage, between 0 and 1."""
        return len(self.rows[kind]) / self.questions

    def scores(self, correct: Sequence[bool]) -> dict[str, tuple[int, float | None]]:
        """Compute the accuracy with and without the questions that contain training pairs.

        Args:
            correct: Whether each question was answered correctly, in the order of the questions. Raises `ValueError` if
                its length is not the number of questions.

        Returns:
            The number of questions and the accuracy on them (None if there are none), for `all` questions, for those
            `without_overlap` (see `overlapping`) and for those `without_shared_analogies`.
        """
        if len(correct) != self.questions:
            raise ValueError(f"There are {len(correct)} outcomes for {self.questions} questions, expected one each.")
        left_out = {
            "all": set[int](),
            "without_overlap": set(self.overlapping),
            "without_shared_analogies": set(self.shared_analogies),
        }
        scores: dict[str, tuple[int, float | None]] = {}
        for name, rows in left_out.items():
            kept = [bool(value) for row, value in enumerate(correct) if row not in rows]
            scores[name] = len(kept), sum(kept) / len(kept) if kept else None
        return scores


def find_leakage(questions: Questions, positives: Relations, negatives: Relations | None = None) -> LeakageReport:
    """Find the questions that contain training pairs.

    Args:
        questions: Analogy questions with the columns used on the hub; see `AnalogyEvaluator`.
        positives: The training pairs of each relation.
        negatives: The pairs that training pushed away from each relation, if any.

    Raises:
        ValueError: If there are no questions or one is malformed.

    Examples:
        >>> question = {"stem": ["Tokyo", "Japan"], "choice": [["Rome", "Italy"], ["a", "b"]], "answer": 0}
        >>> report = find_leakage([question], {"capital": [("tokyo", "japan"), ("Italy", "Rome")]})
        >>> report.rows["positive_stem_exact"], report.rows["positive_stem_folded"]
        ([], [0])
        >>> report.rows["positive_answer_reversed"], report.shared_analogies
        ([0], [0])
    """
    return find_leakages({"": questions}, positives, negatives)[""]


def find_leakages(
    sets: Mapping[str, Questions], positives: Relations, negatives: Relations | None = None
) -> dict[str, LeakageReport]:
    """Run `find_leakage` for several named sets of questions in a single pass over the training pairs."""
    checked = {name: as_questions(records, name or "analogy questions") for name, records in sets.items()}
    questions = [question for of_set in checked.values() for question in of_set]
    folds = {pair: folded(pair) for question in questions for pair in (question.stem, *question.choices)}
    seen = {"positive": _SeenPairs(positives, folds), "negative": _SeenPairs(negatives or {}, folds)}
    return {name: _report(of_set, seen) for name, of_set in checked.items()}


def kind_name(label: str, part: str, form: str) -> str:
    """Return the name of a kind of leakage, made of `"positive"` or `"negative"`, one of `PARTS` and one of `FORMS`."""
    return f"{label}_{part}_{form}"


class _SeenPairs:
    """The training pairs that occur in questions. Memory depends on the questions, not on the training set."""

    def __init__(self, relations: Relations, folds: Mapping[Pair, Pair]) -> None:
        self._folds = folds  # of all pairs of the questions
        self._exact: set[Pair] = set()
        self._relations: dict[Pair, set[str]] = defaultdict(set)  # by folded pair
        wanted = set(folds.values())
        for relation, pairs in relations.items():
            for head, tail in pairs:
                fold = folded((head, tail))
                if fold in wanted:
                    self._exact.add((head, tail))
                    self._relations[fold].add(relation)

    def forms(self, pair: Pair) -> set[str]:
        found = {
            "exact": pair in self._exact,
            "reversed": pair[::-1] in self._exact,
            "folded": self._folds[pair] in self._relations,
        }
        return {form for form, is_found in found.items() if is_found}

    def relations(self, pair: Pair) -> set[str]:
        return self._relations.get(self._folds[pair], set())


def _report(questions: list[AnalogyQuestion], seen: Mapping[str, _SeenPairs]) -> LeakageReport:
    kinds = [kind_name(label, part, form) for label in seen for part in PARTS for form in FORMS]
    rows: dict[str, list[int]] = {kind: [] for kind in [*kinds, SHARED_ANALOGY]}
    for row, question in enumerate(questions):
        stem, right = question.stem, question.choices[question.answer]
        for label, of_label in seen.items():
            forms = {pair: of_label.forms(pair) for pair in (stem, *question.choices)}
            for part, pairs in zip(PARTS, ([stem], [right], [stem, right], question.choices), strict=True):
                for form in set[str]().union(*(forms[pair] for pair in pairs)):
                    rows[kind_name(label, part, form)].append(row)
        if seen["positive"].relations(stem) & seen["positive"].relations(right):
            rows[SHARED_ANALOGY].append(row)
    return LeakageReport(len(questions), rows)
