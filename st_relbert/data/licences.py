"""Whose the training data are: each source with its licence, for the model card."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from st_relbert.files.tables import is_table

NOT_KNOWN = "not known"
CONCEPTNET = "ConceptNet"
_PUBLIC_DOMAIN = "CC0 1.0 (public domain)"
LICENCES = {
    "relations": _PUBLIC_DOMAIN,
    "starter": _PUBLIC_DOMAIN,
    "relbert/semeval2012_relational_similarity": "CC BY-SA 3.0",
    "relbert/analogy_questions": "CC BY-NC 4.0",
    "relbert/lexical_relation_classification": "CC BY-NC 4.0",
    CONCEPTNET: "CC BY-SA 4.0",
}
"""The licences of the sources that the package knows, shipped or not; `docs/data.md` says where they are stated."""


def sources_of(name_or_path: str | os.PathLike[str]) -> dict[str, str]:
    """The sources of a relation set, by name, each with its licence or `"not known"`.

    A file that `st-relbert data` made has them in the report beside it. Of others, only the last part of the path is
    told.

    Examples:
        >>> sources_of("starter"), sources_of("my/own.csv")
        ({'starter': 'CC0 1.0 (public domain)'}, {'own.csv': 'not known'})
    """
    name = os.fspath(name_or_path)
    if os.path.exists(name) or is_table(name):
        return _reported_sources(report_of(Path(name))) or {Path(name).name: NOT_KNOWN}
    known = (licence for source, licence in LICENCES.items() if f"{name}/".startswith(f"{source}/"))
    return {name: next(known, NOT_KNOWN)}


def as_lines(sources: Mapping[str, str]) -> list[str]:
    """A line for each source, for people."""
    return [f"{' '.join(name.split())}: {licence}" for name, licence in sources.items()]


def report_of(path: Path) -> Path:
    """The report beside a relation set that `st-relbert data` makes."""
    return path.with_suffix(".report.json")


def _reported_sources(report: Path) -> dict[str, str]:
    try:
        sources = json.loads(report.read_text(encoding="utf-8"))["sources"]
        return {str(name): str(licence) for name, licence in sources.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # none, or that of another program
        return {}
