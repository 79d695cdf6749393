"""Ask an index of the shipped relations 60 everyday questions, and count the answers that a user would call good.

    st-relbert index build relations --model relbert-nce --output idx
    python evaluation/everyday.py idx

The questions and what is wanted were written from a user's view (everyday.jsonl). A search is good if four of its first
five pairs stand in one of the wanted relations, a completion if a wanted word is among the first three, a label if the
first one is wanted and the pair is not called none, a piece of nonsense if it is called none.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime, timezone
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from st_relbert.search import RELATED, AnalogyCompleter, RelationIndex, relation_labels

QUESTIONS = Path(__file__).with_suffix(".jsonl")


def main(arguments: list[str] | None = None) -> None:
    """Ask all questions and write a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("index", help="the index")
    parser.add_argument("--model", help="its model, if it has moved")
    parser.add_argument("--name", help="what the table calls the model")
    parser.add_argument("--output", default=str(QUESTIONS.with_suffix(".md")), help="the table, Markdown")
    args = parser.parse_args(arguments)
    index = RelationIndex.open(args.index, args.model)
    ask = {"search": _search, "complete": _complete, "label": _label, "nonsense": _nonsense}
    questions = [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
    rows = [(question, *ask[question["kind"]](index, question)) for question in questions]
    counts = {kind: [good for question, good, _ in rows if question["kind"] == kind] for kind in ask}
    today = datetime.now(tz=timezone.utc).date()
    lines = [
        f"Index of {len(index):,} pairs, model {args.name or index.identity.name}, {today}; `evaluation/everyday.py`.",
        "",
        "| kind | good | of |",
        "|---|---:|---:|",
        *(f"| {kind} | {sum(good)} | {len(good)} |" for kind, good in counts.items()),
        "",
        "| | asked | wanted | answered |",
        "|---|---|---|---|",
        *(
            f"| {'good' if good else 'bad'} | {' : '.join(asked['query'])} | {_text(asked['wanted'])} | {answer} |"
            for asked, good, answer in rows
        ),
    ]
    Path(args.output).write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write("\n".join([*lines[2:8], ""]))


def _search(index: RelationIndex, question: dict[str, Any]) -> tuple[bool, str]:
    hits = index.search(tuple(question["query"]), 5, both_directions=True)
    right = [_wanted(hit.relation, question) for hit in hits]
    shown = (f"{' : '.join(hit.pair)}{'' if good else ' (no)'}" for hit, good in zip(hits, right, strict=True))
    return sum(right) >= 4, ", ".join(shown)


def _complete(index: RelationIndex, question: dict[str, Any]) -> tuple[bool, str]:
    head, tail, word = question["query"]
    words = [each.word for each in AnalogyCompleter.of_index(index)((head, tail), word, 3)]
    wanted = {each.casefold() for each in question["wanted"]}
    return any(each.casefold() in wanted for each in words), ", ".join(words)


def _label(index: RelationIndex, question: dict[str, Any]) -> tuple[bool, str]:
    none, answer, first = _first(index, question)
    return not none and _wanted(first, question), answer


def _nonsense(index: RelationIndex, question: dict[str, Any]) -> tuple[bool, str]:
    none, answer, _ = _first(index, question)
    return none, answer


def _first(index: RelationIndex, question: dict[str, Any]) -> tuple[bool, str, str]:
    """Whether a pair is called none, what is answered, and the first label."""
    pair = tuple(question["query"])
    related, label = index.relatedness(pair) or 0.0, relation_labels(index, pair)[0]
    none = related < RELATED and not label.known
    return none, f"none ({related:.0%})" if none else f"{label.relation} ({related:.0%})", label.relation


def _wanted(relation: str | None, question: dict[str, Any]) -> bool:
    name = (relation or "").rpartition("/")[2]
    return any(fnmatchcase(name, pattern) for pattern in question["relations"])


def _text(wanted: str | list[str]) -> str:
    return wanted if isinstance(wanted, str) else ", ".join(wanted)


if __name__ == "__main__":
    main()
