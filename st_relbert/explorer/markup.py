"""Text as HTML: whatever words hold, they are shown as they are."""

from __future__ import annotations

from html import escape

from st_relbert.explorer.views import View

# Gradio prefixes each selector, and takes the commas of :is(a, b) for those between selectors.
CSS = """
.explorer-answer h2 { font-size: 1.05rem; font-weight: 600; margin: 0; }
.explorer-answer p { margin: 0.1rem 0 0.5rem; opacity: 0.75; overflow-wrap: anywhere; }
.explorer-answer table { width: 100%; border: 0; border-collapse: collapse; margin: 0; }
.explorer-answer tr { border: 0; border-bottom: 1px solid var(--border-color-primary); }
.explorer-answer th, .explorer-answer td {
  border: 0; padding: 0.35rem 0.5rem 0.35rem 0; text-align: left; vertical-align: top; font-size: 0.95rem;
  overflow-wrap: anywhere;
}
.explorer-answer th { font-weight: 400; font-size: 0.8rem; }
.explorer-answer th span { opacity: 0.75; }
.explorer-answer .cosine, .explorer-answer .votes {
  text-align: right; padding-right: 0; white-space: nowrap; font-variant-numeric: tabular-nums;
}
"""


def answer(title: str, view: View) -> str:
    """A view as HTML.

    Args:
        title: Its heading.
        view: The table, or the line in its place.
    """
    lines = [f'<section class="explorer-answer"><h2>{_text(title)}</h2>']
    lines += [f"<p>{_text(line)}</p>" for line in (view.caption, view.message) if line]
    if view.rows:
        head = "".join(f'<th class="{name}"><span>{name}</span></th>' for name in view.columns)
        lines.append(f"<table><thead><tr>{head}</tr></thead><tbody>")
        for row in view.rows:
            cells = zip(view.columns, row, strict=True)
            lines.append("<tr>" + "".join(f'<td class="{name}">{_text(cell)}</td>' for name, cell in cells) + "</tr>")
        lines.append("</tbody></table>")
    return "".join(lines) + "</section>"


def header(path: str, pairs: int, relations: int, words: int) -> str:
    """The heading of the page.

    Args:
        path: The index.
        pairs: Its number of pairs.
        relations: Its number of labels.
        words: Its number of words.
    """
    counts = f"pairs: {pairs:,}, words: {words:,}, relations: {relations:,}"
    return f'<section class="explorer-answer"><h1>Relation explorer</h1><p>{_text(path)} ({counts})</p></section>'


def _text(text: str) -> str:
    # Names such as lexical/antonym_adjective may be broken after their signs, rather than anywhere.
    return escape(text).replace("/", "/<wbr>").replace("_", "_<wbr>")
