"""A Griffe extension for the documentation: what the docstrings have of reStructuredText, as Markdown.

Roles (``:class:`~st_relbert.RelBERT```) become links where the site documents the name, and code elsewhere; a ``::``
before an indented block becomes a colon; a table drawn with ``+---+`` is kept as it is drawn; ``Example:`` is the
section that Griffe calls ``Examples:``.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:class|func|meth|mod|attr|data|obj|exc):`(~?)([\w.]+)`", re.ASCII)
_GRID = re.compile(r"(?:^ *[+|].*[+|] *\n?)+", re.MULTILINE)


class DocstringRoles(griffe.Extension):
    """Rewrites all docstrings of a package once it is read."""

    def on_package(self, *, pkg: griffe.Module, **kwargs: Any) -> None:
        """Rewrite the docstrings."""
        rewrite(pkg)


def rewrite(obj: griffe.Object) -> None:
    """Rewrite the docstrings of an object and of what it holds."""
    if obj.docstring:
        obj.docstring.value = as_markdown(obj.docstring.value, obj)
    for member in obj.members.values():
        if isinstance(member, griffe.Object):
            rewrite(member)


def as_markdown(text: str, scope: griffe.Object) -> str:
    """Turn a docstring into Markdown.

    Args:
        text: The docstring.
        scope: The object it is about, in whose names its roles are to be read.
    """
    text = _ROLE.sub(lambda role: _link(role[2], bool(role[1]), scope), text)
    text = _GRID.sub(_fenced, text)
    text = re.sub(r"^Example:$", "Examples:", text, flags=re.MULTILINE)
    return text.replace("::\n", ":\n")


def _link(name: str, short: bool, scope: griffe.Object) -> str:
    shown = name.rpartition(".")[2] if short else name
    # Optional: a name that no page documents, or of another package, stays code.
    return f'<autoref identifier="{_path(name, scope)}" optional><code>{shown}</code></autoref>'


def _path(name: str, scope: griffe.Object) -> str:
    first, _, rest = name.partition(".")
    try:
        return ".".join(filter(None, (scope.resolve(first), rest)))
    except griffe.NameResolutionError:
        return name


def _fenced(table: re.Match[str]) -> str:
    indent = " " * (len(table[0]) - len(table[0].lstrip(" ")))
    return f"{indent}```text\n{table[0].rstrip()}\n{indent}```\n"
