"""An MkDocs hook: writes what ``--help`` says into the page of the command line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import typer

from st_relbert.cli.main import app

PAGE = "reference/cli.md"


def on_page_markdown(markdown: str, page: Any, **kwargs: Any) -> str:
    """Add the help of each command to its page."""
    if page.file.src_uri != PAGE:
        return markdown
    sections = [f"## st-relbert {' '.join(words)}\n\n```text\n{_help(words)}\n```\n" for words in commands()]
    return "\n".join([markdown, *sections])


def commands() -> Iterator[list[str]]:
    """The words of every command, those of a group (``index build``) after each other."""
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        if inner := getattr(command, "commands", None):
            yield from ([name, action] for action in inner)
        else:
            yield [name]


def _help(words: list[str]) -> str:
    # In a process of its own: its width is read from the environment when rich is imported.
    environment = {"COLUMNS": "82", "TERM": "dumb", "PATH": ""}
    command = [sys.executable, "-m", "st_relbert", *words, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())
