"""Read analogy questions from the text files their authors published: Google, BATS, MSR and SAT."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from st_relbert.pairs import Pair, as_pair, counted

_BATS_FILE = re.compile(r"[A-Z]\d\d \[.*\]\.txt")
_MSR_TAG = re.compile(r"[A-Z$]+_[A-Z$]+")
_CHOICES = 4


@dataclass(frozen=True)
class OpenQuestion:
    """An analogy question without choices: what is to `head` as the stem's tail is to its head?

    Args:
        stem: The pair that shows the relation.
        head: The head whose tail is asked for.
        answers: The right answers, with the usual one first.
        relation: The name of the relation in the file.
    """

    stem: Pair
    head: str
    answers: tuple[str, ...]
    relation: str


def load_open_questions(path: str | os.PathLike[str]) -> list[OpenQuestion]:
    r"""Read open analogy questions.

    Args:
        path: Google's `questions-words.txt` (sections `: name`, four words per line); BATS 3.0, as the whole folder,
            a subfolder or a file (`word TAB answer/answer`; each pair is asked about once with every other pair of its
            relation as the stem); or the MSR questions (`word_relationship.questions` with `.answers` in the same
            folder, or lines of four words with the relation's tag before the last).

    Raises:
        ValueError: If the file is of another kind, or a line is malformed.

    Examples:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "questions-words.txt"
        >>> _ = path.write_text(": capitals\nTokyo Japan Rome Italy\n")
        >>> load_open_questions(path)
        [OpenQuestion(stem=('Tokyo', 'Japan'), head='Rome', answers=('Italy',), relation='capitals')]
    """
    path = Path(path)
    if files := _bats_files(path):
        pairs = [(name, [(head, tails) for head, tails in _bats_pairs(file)]) for name, file in files]
        return [
            OpenQuestion((stem, tails[0]), head, answers, name)
            for name, of_file in pairs
            for place, (stem, tails) in enumerate(of_file)
            for other, (head, answers) in enumerate(of_file)
            if place != other
        ]
    if path.is_file():
        lines = _lines(path)
        if path.suffix == ".questions":
            lines = _with_answers(path, lines)
        kind = _kind(lines)
        if kind in ("google", "msr"):
            return list(_quadruples(path, lines, kind))
    raise ValueError(
        f"{str(path)!r} contains no open questions, expected those of Google (sections ': name' and lines of four "
        "words), BATS (a folder of files such as 'E01 [country - capital].txt') or MSR (lines such as 'good better "
        "rough JJ_JJR rougher')."
    )


def is_question_text(path: str | os.PathLike[str]) -> bool:
    """Return whether a file or folder holds questions of one of these kinds, including SAT's choice questions."""
    path = Path(path)
    if not path.is_file() or path.suffix == ".questions":
        return path.is_file() or bool(_bats_files(path))
    return path.suffix.lower() == ".txt" and bool(_bats_files(path) or _kind(_lines(path, 500)))


def choice_questions(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Read questions with choices, as records with the columns of `relbert/analogy_questions`.

    The file is the text of the SAT package, with five choices per question, or one that `load_open_questions` reads.
    Open questions get three wrong choices: the right head with another tail of the relation, the right tail with
    another head, and a pair of another relation; for BATS, each pair is then asked about once. They are the same each
    time. Raises `ValueError` for any other file or a malformed line.
    """
    path = Path(path)
    if path.is_file() and _kind(_lines(path, 500)) == "sat":
        return list(_sat_questions(path))
    questions = load_open_questions(path)
    if _bats_files(path):
        asked: dict[tuple[str, str], OpenQuestion] = {}
        for question in questions:
            asked.setdefault((question.relation, question.head), question)
        questions = list(asked.values())
    return _with_wrong_choices(questions)


def relation_pairs(path: str | os.PathLike[str]) -> dict[str, list[Pair]]:
    """Return the pairs of each relation in open questions, with the usual answer; see `load_open_questions`.

    Raises `ValueError` if there are none.
    """
    pairs: dict[str, dict[Pair, None]] = {}
    for question in load_open_questions(path):
        pairs.setdefault(question.relation, {}).update(
            dict.fromkeys([question.stem, (question.head, question.answers[0])])
        )
    return {name: list(of_name) for name, of_name in pairs.items()}


def _lines(path: Path, count: int | None = None) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            lines = [line.rstrip("\r\n") for _, line in zip(range(count), file, strict=False)] if count else list(file)
    except UnicodeDecodeError:
        lines = path.read_text(encoding="latin-1").splitlines()[:count]
    except OSError as error:
        raise ValueError(f"Cannot read {str(path)!r}: {error}.") from error
    return [line.strip() for line in lines]


def _kind(lines: list[str]) -> str:
    """Return the kind of the questions, or an empty string if it is unknown."""
    content = [line for line in lines if line and not line.startswith("#")]
    if content and content[0].startswith(":"):
        return "google"
    words = [line.split() for line in content[:1]]
    if words and len(words[0]) == 5 and _MSR_TAG.fullmatch(words[0][3]):
        return "msr"
    return "sat" if any(re.fullmatch("[a-e]", line) for line in content[:20]) else ""


def _with_answers(path: Path, lines: list[str]) -> list[str]:
    answers_path = path.with_suffix(".answers")
    if not answers_path.is_file():
        raise ValueError(f"There is no file {str(answers_path)!r}, expected the answers to {path.name!r}.")
    answers = [line for line in _lines(answers_path) if line]
    questions = [line for line in lines if line]
    if len(answers) != len(questions):
        raise ValueError(f"{str(answers_path)!r} has {len(answers)} answers for {len(questions)} questions.")
    return [f"{question} {answer}" for question, answer in zip(questions, answers, strict=True)]


def _quadruples(path: Path, lines: Iterable[str], kind: str) -> Iterator[OpenQuestion]:
    section = ""
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words:
            continue
        if kind == "google" and line.startswith(":"):
            section = line[1:].strip()
            continue
        if kind == "msr" and len(words) == 5:
            section = words.pop(3)
        if len(words) != 4:
            raise ValueError(f"{path}, line {number} has {counted(len(words), 'word')}, expected four: {line!r:.60}.")
        first, second, head, answer = words
        yield OpenQuestion((first, second), head, (answer,), section)


def _bats_files(path: Path) -> list[tuple[str, Path]]:
    """Return BATS files with their relations; the parent is the folder, as in `Encyclopedic_semantics/E01 [...]`."""
    if path.is_file():
        return [(path.stem, path)] if _BATS_FILE.fullmatch(path.name) else []
    found = [*path.glob("*.txt"), *path.glob("*/*.txt")] if path.is_dir() else []
    files = sorted(each for each in found if _BATS_FILE.fullmatch(each.name))
    return [(f"{file.parent.name.lstrip('0123456789_')}/{file.stem}", file) for file in files]


def _bats_pairs(path: Path) -> list[tuple[str, tuple[str, ...]]]:
    pairs = []
    for number, line in enumerate(_lines(path), start=1):
        if not line:
            continue
        cells = line.split("\t") if "\t" in line else line.split()
        answers = tuple(answer.strip() for answer in cells[-1].split("/") if answer.strip())
        if len(cells) != 2 or not answers:
            raise ValueError(f"{path}, line {number} is {line!r:.60}, expected a word, a tab, and answers (a/b).")
        as_pair((cells[0], answers[0]), f"the pair of {path}, line {number}")
        pairs.append((cells[0].strip(), answers))
    if not pairs:
        raise ValueError(f"{str(path)!r} contains no pairs.")
    return pairs


def _sat_questions(path: Path) -> Iterator[dict[str, Any]]:
    block: list[tuple[int, list[str]]] = []
    source = ""
    for number, line in enumerate(_lines(path), start=1):
        words = line.split()
        if line.startswith("#") or not words:
            continue
        if re.fullmatch("[a-e]", line):
            if len(block) < 2 or ord(line) - ord("a") >= len(block) - 1:
                raise ValueError(
                    f"{path}, line {number} has the answer {line!r} to a question with "
                    f"{counted(max(len(block) - 1, 0), 'choice')}."
                )
            stem, *choices = [as_pair(words[:2], f"{path}, line {at}") for at, words in block]
            yield {"stem": stem, "choice": choices, "answer": ord(line) - ord("a"), "prefix": source}
            block = []
        elif len(words) == 3 and re.fullmatch(r"[a-z]+:[a-z]+", words[2]):
            block.append((number, words))
        elif block:
            raise ValueError(f"{path}, line {number} is {line!r:.60}, expected 'word word n:n' or the answer's letter.")
        else:
            source = line
    if block:
        raise ValueError(f"{path} ends in the middle of a question, without the letter of its answer.")


def _with_wrong_choices(questions: list[OpenQuestion]) -> list[dict[str, Any]]:
    rng = random.Random(0)
    pairs: dict[str, dict[Pair, None]] = {}
    right: dict[str, set[Pair]] = {}
    for question in questions:
        answered = [(question.head, answer) for answer in question.answers]
        pairs.setdefault(question.relation, {}).update(dict.fromkeys([question.stem, answered[0]]))
        right.setdefault(question.relation, set()).update([question.stem, *answered])
    listed = {name: list(of_name) for name, of_name in pairs.items()}
    everything = [(name, pair) for name, of_name in listed.items() for pair in of_name]
    records = []
    for question in questions:
        answer = (question.head, question.answers[0])
        wrong: dict[Pair, None] = {}
        for _ in range(20):
            head, tail = rng.choice(listed[question.relation])
            name, other = rng.choice(everything)
            candidates = [(answer[0], tail), (head, answer[1])] if len(wrong) < 2 else []
            candidates += [other] if name != question.relation or len(listed) == 1 else []
            for pair in candidates:
                if pair not in right[question.relation] and pair[0] != pair[1] and len(wrong) < _CHOICES - 1:
                    wrong.setdefault(pair)
        choices = [answer, *wrong]
        rng.shuffle(choices)
        records.append(
            {"stem": question.stem, "choice": choices, "answer": choices.index(answer), "prefix": question.relation}
        )
    return records
