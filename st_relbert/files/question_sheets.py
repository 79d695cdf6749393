"""Analogy questions as files: JSON Lines for evaluators, CSV for spreadsheets, HTML for printing."""

from __future__ import annotations

import csv
import html
import io
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from st_relbert.files.location import Location
from st_relbert.files.options import TableOptions, find_column
from st_relbert.files.outputs import atomic_output, check_suffix
from st_relbert.files.text import SEPARATORS, Row, read_separated, suffix_of

_Questions = Sequence[Mapping[str, Any]]
_IS_TO = " : "

_PAGE = Path(__file__).parent / "questions.html"


def _letter(place: int) -> str:
    return chr(ord("A") + place)


def as_json_lines(questions: _Questions) -> str:
    """Return the questions as JSON Lines, one per line, as evaluators read them."""
    return "".join(json.dumps(question, ensure_ascii=False) + "\n" for question in questions)


def as_csv(questions: _Questions) -> str:
    """Return CSV with one row per question: number, stem, choices, right letter, right pair and relation.

    Raises `ValueError` for a pair that `read_sheet` could not read back.
    """
    most = max(len(question["choice"]) for question in questions)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["number", "stem", *map(_letter, range(most)), "answer", "right pair", "relation"])
    for number, question in enumerate(questions, start=1):
        pairs = [_IS_TO.join(pair) for pair in (question["stem"], *question["choice"])]
        for pair in pairs:
            _as_pair(pair, f"a pair of question {number}")
        right = question["answer"]
        blanks = [""] * (most + 1 - len(pairs))
        writer.writerow([number, *pairs, *blanks, _letter(right), pairs[1 + right], question.get("prefix", "")])
    return "\ufeff" + text.getvalue()  # spreadsheets know by this mark that it is UTF-8


def read_sheet(path: str) -> Iterator[Row] | None:
    """Read questions written by `as_csv`, even if a spreadsheet has since saved them with another separator.

    Returns one row per question, whose cells are its record: `stem`, `choice`, `answer` and `prefix`. Returns None
    unless the file has a column `stem` and, to its right, a column `answer`; the columns between them are the choices.
    Raises `ValueError` if the file cannot be read and, during iteration, if a cell is not a pair, or the answer is not
    one of the choices or differs from the right pair.
    """
    if suffix_of(path) not in SEPARATORS:
        return None
    names, rows = read_separated(Location.of(path), TableOptions())
    stem, answer = (find_column(name, names) for name in ("stem", "answer"))
    if not (stem and answer) or names.index(stem) > names.index(answer):
        return None
    return (
        Row(row.place, _question(dict(zip(names, row.cells, strict=True)), stem, answer, row.place)) for row in rows
    )


def _question(cells: dict[str, str], stem: str, answer: str, where: str) -> dict[str, Any]:
    names = list(cells)
    choices = {
        name: _as_pair(cells[name], f"{where}, column {name!r}")
        for name in names[names.index(stem) + 1 : names.index(answer)]
        if cells[name].strip()  # some questions may have fewer choices
    }
    right = find_column(cells[answer].strip(), list(choices))
    if right is None:
        raise ValueError(f"{where} has the answer {cells[answer]!r}, expected one of {', '.join(choices)}.")
    key = find_column("right pair", names)
    if key and cells[key].strip() and cells[key] != cells[right]:
        raise ValueError(f"{where} has the answer {right}, {cells[right]!r}, but the right pair {cells[key]!r}.")
    relation = find_column("relation", names)
    return {
        "stem": _as_pair(cells[stem], f"{where}, column {stem!r}"),
        "choice": list(choices.values()),
        "answer": list(choices).index(right),
        "prefix": cells[relation] if relation else "",
    }


def _as_pair(cell: str, where: str) -> list[str]:
    # The lookahead also finds overlapping marks: in "a : : b", the second colon could belong to either word.
    if len(re.findall(f"(?={_IS_TO})", cell)) != 1:
        raise ValueError(
            f"{where} is {cell!r:.60}, expected two words such as 'Tokyo : Japan'. If a word contains {_IS_TO!r}, use "
            "JSON Lines."
        )
    return cell.split(_IS_TO)


def as_html(questions: _Questions) -> str:
    """Return a printable page with the answer key on a separate page. It loads nothing, and words are escaped."""
    items, key = [], []
    for question in questions:
        choices = "\n".join(f"<li>{_is_to(pair)}</li>" for pair in question["choice"])
        items.append(f'<li><b>{_is_to(question["stem"])}</b> as\n<ol class="choices">\n{choices}\n</ol></li>')
        right = question["answer"]
        relation = f" <small>({html.escape(question['prefix'])})</small>" if question.get("prefix") else ""
        key.append(f"<li><b>{_letter(right)}</b> {_is_to(question['choice'][right])}{relation}</li>")
    return _PAGE.read_text(encoding="utf-8") % {"questions": "\n".join(items), "key": "\n".join(key)}


def _is_to(pair: Sequence[str]) -> str:
    head, tail = map(html.escape, pair)
    return f"{head} is to {tail}"


WRITERS: dict[str, Callable[[_Questions], str]] = {".jsonl": as_json_lines, ".csv": as_csv, ".html": as_html}


def write_questions(questions: _Questions, path: str | os.PathLike[str]) -> None:
    """Write analogy questions atomically, as `.jsonl`, `.csv` or `.html`: the suffix of the file says which.

    The questions are records with `stem`, `choice`, `answer` and optionally `prefix`. There has to be at least one.
    Raises `ValueError` for any other suffix.
    """
    write = WRITERS[check_suffix(path, tuple(WRITERS))]
    with atomic_output(path) as temporary:
        temporary.write_text(write(questions), encoding="utf-8", newline="")
