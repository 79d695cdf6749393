"""``st-relbert complete``: complete an analogy with the words of an index."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from st_relbert.cli.index import open_index, table


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "complete",
        help="complete an analogy: Tokyo is to Japan as Paris is to which word?",
        description="The words w for which (WORD, w) stands in the same relation as (HEAD, TAIL). Each candidate is "
        "encoded as a pair with WORD.",
    )
    parser.add_argument("index", help="an index, whose words are the candidates")
    parser.add_argument("head", help="for instance Tokyo")
    parser.add_argument("tail", help="for instance Japan")
    parser.add_argument("word", help="for instance Paris")
    parser.add_argument("-k", type=int, default=10, help="how many (10)")
    parser.add_argument("--vocabulary", metavar="FILE", help="other candidates: a text file with a word a line")
    parser.add_argument(
        "--shortlist", type=int, metavar="N", help="encode only the N candidates that an estimate finds likely"
    )
    parser.add_argument("--model", help="the model that made the index, if it is somewhere else now")
    parser.add_argument("--batch-size", type=int, default=64, help="pairs embedded at a time (64)")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        ValueError: If the index, the vocabulary or a word is unusable.
    """
    from st_relbert.search import AnalogyCompleter

    index = open_index(args)
    words = _read_words(args.vocabulary) if args.vocabulary else index.words()
    if args.k < 1:
        raise ValueError(f"-k is {args.k}, expected a number of words from 1 up.")
    complete = AnalogyCompleter(index.model, words, args.shortlist, args.batch_size, show_progress_bar=not args.quiet)
    found = complete((args.head, args.tail), args.word, args.k)
    if args.json:
        sys.stdout.writelines(json.dumps(each._asdict(), ensure_ascii=False) + "\n" for each in found)
    else:
        sys.stdout.write(table([{"score": f"{each.score:.3f}", "word": each.word} for each in found]))


def _read_words(path: str) -> list[str]:
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"Cannot read the vocabulary {path!r} as UTF-8 text: {error}.") from error
    return [line.strip() for line in lines if line.strip()]
