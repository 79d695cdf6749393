"""Where the sets of the suite come from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from st_relbert.evaluation.questions import load_questions
from st_relbert.sources import DATA_DIR_VARIABLE, STARTER, read_records

SUITE: dict[str, tuple[str, ...]] = {
    "analogy": (
        "sat_full",
        "sat",
        "u2",
        "u4",
        "google",
        "bats",
        "scan",
        "conceptnet_relational_similarity",
        "t_rex_relational_similarity",
        "nell_relational_similarity",
    ),
    "classification": ("BLESS", "CogALexV", "EVALution", "K&H+N", "ROOT09"),
    "mapping": ("relation_mapping",),
    "similarity": ("semeval2012",),
}
"""The sets of the papers, by task, in the order of their tables; and SemEval-2012 Task 2."""

VALIDATION_SETS = tuple(
    f"{name}/validation"
    for name in ("conceptnet_relational_similarity", "t_rex_relational_similarity", "nell_relational_similarity")
)
"""Analogy questions to choose settings by, not to report."""

_WITHOUT_VALIDATION = ("CogALexV",)
Records = list[dict[str, Any]]


def load_analogies(name: str) -> Records:
    """The questions of a set of ``relbert/analogy_questions``.

    Args:
        name: The set (``"u2"``), of which the split ``test`` is read; a set and a split
            (``"conceptnet_relational_similarity/validation"``); or a shipped set (``"starter/held_out_pairs"``).

    Raises:
        ValueError: If they are nowhere, or malformed.
    """
    data_set, _, split = name.partition("/")
    if data_set == STARTER:
        return load_questions(name, "test")
    return load_questions(f"relbert/analogy_questions/{data_set}", split or "test")


def load_classification(name: str) -> dict[str, Records]:
    """The splits ``train``, ``test`` and, where there is one, ``validation`` of a lexical relation data set.

    Raises:
        ValueError: If they are nowhere.
    """
    splits = {"train": "train", "test": "test"} | ({} if name in _WITHOUT_VALIDATION else {"validation": "val"})
    source = f"relbert/lexical_relation_classification/{name}"
    return {key: read_records(source, [split])[0] for key, split in splits.items()}


def load_mapping(name: str) -> Records:
    """The problems of ``relbert/{name}``.

    Raises:
        ValueError: If they are nowhere.
    """
    return read_records(f"relbert/{name}", ["test"])[0]


def load_similarity(name: str) -> dict[str, Records]:
    """The gold ratings and MaxDiff questions of SemEval-2012 Task 2, from ``$ST_RELBERT_DATA``; no hub has them.

    Args:
        name: The beginning of the two files' names.

    Raises:
        ValueError: If they are not there.
    """
    folder = Path(os.environ.get(DATA_DIR_VARIABLE, "."))
    records = {}
    for key, part in (("ratings", "gold_ratings"), ("maxdiff", "maxdiff")):
        path = folder / f"{name}_{part}.jsonl"
        if not path.is_file():
            raise ValueError(f"There is no file {str(path)!r}. Set {DATA_DIR_VARIABLE} to the folder that has it.")
        records[key] = read_records(path, [])[0]
    return records
