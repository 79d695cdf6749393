"""What commands print: tables for people, JSON Lines for programs."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from st_relbert.pairs import counted

_WIDE = 10_000  # files and pipes have no width to wrap at


class Interrupted(Exception):
    """Ctrl-C ended the command; the message says how to resume."""


@contextmanager
def resumable() -> Iterator[None]:
    """Say after Ctrl-C that the same command resumes the work."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise Interrupted("Interrupted. Run the same command again to resume.") from interrupt


def print_any_character() -> None:
    """Print characters that the output's encoding lacks, as on some Windows consoles, as escapes."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def say(line: str) -> None:
    """Print a line and flush it, because another program may be waiting for it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def show(rows: Sequence[Mapping[str, Any]], as_json: bool = False, columns: Sequence[str] | None = None) -> None:
    """Print rows with the same keys as a table, or as JSON Lines with all keys and unformatted values.

    The table shows `columns` in this order, by default the keys of the first row. Columns that are empty in all rows
    are left out.
    """
    if as_json:
        # In other encodings, characters may be missing, and JSON has its own way to write them.
        ascii_only = not (sys.stdout.encoding or "utf-8").lower().startswith("utf")
        sys.stdout.writelines(json.dumps(row, ensure_ascii=ascii_only, default=str) + "\n" for row in rows)
        sys.stdout.flush()
        return
    if not rows:
        say("Nothing found.")
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD if sys.stdout.isatty() else None, pad_edge=False, padding=(0, 2, 0, 0))
    names = [name for name in columns or rows[0] if any(row[name] not in (None, "") for row in rows)]
    for name in names:
        numbers = all(isinstance(row[name], int | float) or _is_figure(row[name]) for row in rows)
        table.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row[name]) for name in names))
    # Words are printed as they are: neither [b] nor :smile: has a meaning.
    width = None if sys.stdout.isatty() else _WIDE
    console = Console(file=sys.stdout, markup=False, emoji=False, highlight=False, width=width)
    with console.capture() as capture:
        console.print(table)
    sys.stdout.writelines(line.rstrip() + "\n" for line in capture.get().splitlines())
    sys.stdout.flush()


def words_given(words: Sequence[str]) -> str:
    """Say how many words a command was given, to start an error message.

    >>> words_given(["Tokyo"]), words_given(["Tokyo", "Japan"])
    ('1 word was given', '2 words were given')
    """
    return f"{counted(len(words), 'word')} {'was' if len(words) == 1 else 'were'} given"


def percent(value: float) -> str:
    """Format a share as a percentage.

    >>> percent(0.4235), percent(0.0001)
    ('42.4%', '<0.1%')
    """
    return "<0.1%" if 0 < value < 0.0005 else f"{value:.1%}"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _is_figure(value: Any) -> bool:
    return isinstance(value, str) and value.rstrip(" %")[-1:].isdigit() and value[:1] in "-<0123456789"
