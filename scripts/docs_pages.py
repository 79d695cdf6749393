"""An MkDocs hook: fills the pages that the package itself knows best, those of the command line and of the settings."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from itertools import groupby
from typing import Any, Literal, get_args, get_origin, get_type_hints

import typer

from st_relbert.cli.main import app
from st_relbert.training import TrainingSettings


def on_page_markdown(markdown: str, page: Any, **kwargs: Any) -> str:
    """Add to a page what is generated for it."""
    sections = {"reference/cli.md": command_sections, "reference/settings.md": setting_sections}
    generated = sections.get(page.file.src_uri)
    return "\n".join([markdown, *generated()]) if generated else markdown


def command_sections() -> Iterator[str]:
    """What `--help` says of each command."""
    for words in commands():
        yield f"## st-relbert {' '.join(words)}\n\n```text\n{_help(words)}\n```\n"


def commands() -> Iterator[list[str]]:
    """The words of every command, those of a group (`index build`) after each other."""
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


def setting_sections() -> Iterator[str]:
    """A table of the training settings for each topic."""
    kinds = get_type_hints(TrainingSettings)
    topics = [field.metadata["topic"] for field in fields(TrainingSettings)]
    ordered = sorted(fields(TrainingSettings), key=lambda field: topics.index(field.metadata["topic"]))
    for topic, settings in groupby(ordered, lambda field: field.metadata["topic"]):
        head = ["| Setting | Type | Default | What it does |", "|---|---|---|---|"]
        rows = [_setting_row(field, kinds[field.name]) for field in settings]
        yield "\n".join([f"## {topic.capitalize()}", "", *head, *rows, ""])


def _setting_row(field: Field[Any], kind: Any) -> str:
    default = "" if field.default is MISSING else f"`{field.default!r}`"
    text = field.metadata["help"].replace("<", "&lt;")  # Markdown would read <subj> as a tag
    return f"| `{field.name}` | {_in_words(kind)} | {default} | {text} |"


def _in_words(kind: Any) -> str:
    """A type without the bar that would end its cell: `` `str` or `None` ``, `` `'mean'` or `'sum'` ``."""
    if isinstance(kind, type):
        return "`None`" if kind is type(None) else f"`{kind.__name__}`"
    parts = map(repr, get_args(kind)) if get_origin(kind) is Literal else map(_in_words, get_args(kind))
    return " or ".join(part if part.startswith("`") else f"`{part}`" for part in parts)
