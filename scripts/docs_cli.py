"""An MkDocs hook: writes what ``--help`` says into the page of the command line."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

from st_relbert.cli.main import build_parser

PAGE = "reference/cli.md"


def on_page_markdown(markdown: str, page: Any, **kwargs: Any) -> str:
    """Add the help of each command to its page."""
    if page.file.src_uri != PAGE:
        return markdown
    with patch.dict(os.environ, {"COLUMNS": "82"}):
        helps = [f"## {parser.prog}\n\n```text\n{parser.format_help()}```\n" for parser in _commands(build_parser())]
    return "\n".join([markdown, *helps])


def _commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parsers of all commands, those of an action (``index build``) after their command's."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield command
                yield from _commands(command)
