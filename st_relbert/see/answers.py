"""Answers of the explorer as HTML, with words escaped, and as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from html import escape
from itertools import zip_longest
from urllib.parse import quote

from st_relbert.see.query import ExplorerQuery
from st_relbert.see.views import AnswerTable

# Gradio prefixes each selector, and mistakes the commas in :is(a, b) for commas between selectors.
CSS = """
.explorer-answer h2 { font-size: 1.05rem; font-weight: 600; margin: 0; }
.explorer-answer p { margin: 0.1rem 0 0.5rem; opacity: 0.75; overflow-wrap: anywhere; }
.explorer-answer table { width: 100%; table-layout: fixed; border: 0; border-collapse: collapse; margin: 0; }
.explorer-answer .pair, .explorer-answer .example { width: 32%; }
.explorer-answer .cosine, .explorer-answer .votes, .explorer-answer .score { width: 6.7rem; }
.explorer-answer tr { border: 0; border-bottom: 1px solid var(--border-color-primary); }
.explorer-answer th, .explorer-answer td {
  border: 0; padding: 0.35rem 0.5rem 0.35rem 0; text-align: left; vertical-align: top; font-size: 0.95rem;
  overflow-wrap: anywhere;
}
.explorer-answer th { font-weight: 400; font-size: 0.8rem; }
.explorer-answer th span { opacity: 0.75; }
.explorer-answer .cosine, .explorer-answer .votes, .explorer-answer .score {
  text-align: right; padding-right: 0; white-space: nowrap; font-variant-numeric: tabular-nums;
}
.explorer-answer meter { width: 4rem; margin-right: 0.4rem; vertical-align: middle; }
.explorer-answer a { color: inherit; padding: 0; text-decoration-color: var(--border-color-accent); }
"""


def answer(title: str, view: AnswerTable) -> str:
    """Return a view as HTML, under its title. If a row has a link, its first cell is the link."""
    lines = [f'<section class="explorer-answer"><h2>{_text(title)}</h2>']
    lines += [f"<p>{_text(line)}</p>" for line in (view.caption, view.message) if line]
    if view.rows:
        head = "".join(f'<th class="{name}"><span>{name}</span></th>' for name in view.columns)
        lines.append(f"<table><thead><tr>{head}</tr></thead><tbody>")
        for row, link in zip_longest(view.rows, view.links):
            cells = [
                f'<td class="{name}">{_cell(name, cell)}</td>' for name, cell in zip(view.columns, row, strict=True)
            ]
            if link:
                target = f'<a href="{escape(link.link)}">{_text(row[0])}</a>'
                cells[0] = f'<td class="{view.columns[0]}">{target}</td>'
            lines.append(f"<tr>{''.join(cells)}</tr>")
        lines.append("</tbody></table>")
    return "".join(lines) + "</section>"


_NUMBER = re.compile(r"<?(-?[0-9]+(?:\.[0-9]+)?)(%?)")


def _cell(column: str, text: str) -> str:
    """Return a cell as HTML. A number, such as 0.25, 25% or <1%, gets a bar of proportional length."""
    number = _NUMBER.fullmatch(text) if column in ("cosine", "score", "votes") else None
    if number is None:
        return _text(text)
    value = float(number[1]) / (100 if number[2] else 1)
    return f'<meter value="{max(value, 0):.2f}"></meter>{_text(text)}'


def further(question: ExplorerQuery, view: AnswerTable) -> str:
    """Return links as HTML: one to the answer's address, and one to save its pairs as a CSV file."""
    parts = [f'<a href="{escape(question.link)}">link to this answer</a>']
    if view.rows:
        address = f"data:text/csv;charset=utf-8,{quote(as_csv(view))}"
        parts.append(f'<a download="pairs.csv" href="{escape(address)}">save the pairs as CSV</a>')
    return f'<section class="explorer-answer"><p>{" · ".join(parts)}</p></section>'


def as_csv(view: AnswerTable, separator: str = ",") -> str:
    """Return an answer's pairs with full labels as CSV (head, tail, relation, cosine), for an index or for training."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerow(("head", "tail", "relation", "cosine")[: max(map(len, view.records))])
    writer.writerows(view.records)
    return text.getvalue()


def header(path: str, pairs: int, relations: int, words: int) -> str:
    """Return the heading of the page: the index, and its numbers of pairs, words and relations."""
    counts = f"pairs: {pairs:,}, words: {words:,}, relations: {relations:,}"
    return (
        f'<section class="explorer-answer"><h1>Relation explorer</h1><p>{_text(path)} ({counts})</p>'
        "<p>Type two words A and B, and see pairs that are related in the same way. With a third word C, you also see "
        "which words are to C as B is to A. Click a result to search for it.</p></section>"
    )


def word_list(words: Iterable[str]) -> str:
    """Return words that a browser may suggest while somebody types, as HTML that shows nothing itself."""
    return f'<datalist id="explorer-words">{"".join(f"<option>{escape(word)}</option>" for word in words)}</datalist>'


def _text(text: str) -> str:
    # Names such as lexical/antonym_adjective may wrap after / and _, rather than anywhere.
    return escape(text).replace("/", "/<wbr>").replace("_", "_<wbr>")
