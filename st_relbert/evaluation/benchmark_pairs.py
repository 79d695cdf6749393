"""The word pairs of test sets of any task, to keep them out of training data."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from st_relbert.evaluation.mapping_problem import MappingProblem
from st_relbert.evaluation.questions import AnalogyQuestion
from st_relbert.pairs import Pair, as_pair, as_pairs
from st_relbert.sources import read_records

_TRAINING_SPLIT = "train.jsonl"


def benchmark_pairs(names: Iterable[str | os.PathLike[str]]) -> dict[str, set[Pair]]:
    """The pairs of test sets.

    Args:
        names: JSON Lines files, or what else :func:`st_relbert.sources.read_records` reads, of which the test split is
            taken, or else the validation split. Or folders, such as ``$ST_RELBERT_DATA``: all JSON Lines files in
            them, at any depth, but those called ``train.jsonl``.

    Returns:
        All pairs of each set: stems and all choices of analogy questions, pairs of lexical relation classification, all
        ordered pairs of terms of a side of a mapping problem, rated pairs and questions of SemEval-2012 Task 2,
        positives and negatives of relation sets. The sets are called as in ``names``, files in a folder by their path
        in it, without the suffix.

    Raises:
        ValueError: If nothing is there, or a record is malformed or of none of these kinds.

    Example:
        >>> sorted(benchmark_pairs(["starter/held_out_pairs"]))
        ['starter/held_out_pairs']
    """
    sets: dict[str, set[Pair]] = {}
    for name in (os.fspath(name) for name in names):
        files = _files(Path(name)) if os.path.isdir(name) else {name: Path(name)}
        for key, path in files.items():
            records, source = read_records(path if path.is_file() else name, ["test", "validation"])
            pairs = sets.setdefault(key, set())
            for row, record in enumerate(records):
                pairs.update(pairs_of_record(record, f"{source}, row {row}"))
    return sets


def pairs_of_record(record: Mapping[str, Any], where: str) -> list[Pair]:
    """All pairs of a record of a test set, told by its columns; see :func:`benchmark_pairs`.

    Args:
        record: The record.
        where: How to name it in an error.

    Raises:
        ValueError: If it is malformed, or of an unknown kind.

    Example:
        >>> pairs_of_record({"head": "cat", "tail": "animal", "relation": "hyper"}, "row 0")
        [('cat', 'animal')]
    """
    if "stem" in record:
        question = AnalogyQuestion.of(record, where)
        return [question.stem, *question.choices]
    if "source" in record:
        problem = MappingProblem.of(record, where)
        return [*problem.source_pairs(), *problem.given_pairs()]
    if "head" in record and "tail" in record:
        return [as_pair((record["head"], record["tail"]), f"the pair of {where}")]
    if "positives" in record:
        return _listed([record["positives"], record.get("negatives") or []], where)
    if "pairs" in record:
        # A rating stands behind head and tail.
        rated = [pair[:2] if isinstance(pair, list | tuple) else pair for pair in _list(record["pairs"], where)]
        return _listed([rated, record.get("paradigms") or []], where)
    if "questions" in record:
        questions = _list(record["questions"], where)
        return _listed(
            [question.get("pairs") if isinstance(question, Mapping) else None for question in questions], where
        )
    raise ValueError(
        f"{where} has the columns {', '.join(sorted(record)) or 'of nothing'}, expected those of a test set: stem and "
        "choice, head and tail, source and target, positives, pairs, or questions."
    )


def _files(folder: Path) -> dict[str, Path]:
    paths = sorted(path for path in folder.rglob("*.jsonl") if path.name != _TRAINING_SPLIT)
    if not paths:
        raise ValueError(
            f"The folder {str(folder)!r} holds no JSON Lines file (.jsonl) other than {_TRAINING_SPLIT}, expected test "
            "sets. Name their folder, or the files."
        )
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in paths}


def _listed(lists: Iterable[Any], where: str) -> list[Pair]:
    return [pair for values in lists for pair in as_pairs(_list(values, where), f"{where}, pair")]


def _list(values: Any, where: str) -> Any:
    if not isinstance(values, list | tuple):
        raise ValueError(f"{where} has {values!r}, expected a list of [head, tail].")
    return values
