"""``st-relbert complete``: complete an analogy with the words of an index."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from st_relbert.cli import options
from st_relbert.cli.index import open_index
from st_relbert.cli.output import show


def run(
    index: Annotated[str, typer.Argument(help="an index, whose words are the candidates")],
    head: Annotated[str, typer.Argument(help="for instance Tokyo")],
    tail: Annotated[str, typer.Argument(help="for instance Japan")],
    word: Annotated[str, typer.Argument(help="for instance Paris")],
    k: Annotated[int, typer.Option("-k", help="how many")] = 10,
    vocabulary: Annotated[
        str | None, typer.Option(metavar="FILE", help="other candidates: a text file with a word a line")
    ] = None,
    shortlist: Annotated[
        int | None, typer.Option(metavar="N", help="encode only the N candidates that an estimate finds likely")
    ] = None,
    model: options.IndexModel = None,
    batch_size: options.BatchSize = 64,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Complete an analogy: Tokyo is to Japan as Paris is to which word?

    Finds the words w for which (WORD, w) stands in the same relation as (HEAD, TAIL). Each candidate is encoded as a
    pair with WORD.
    """
    from st_relbert.search import AnalogyCompleter

    if k < 1:
        raise ValueError(f"-k is {k}, expected a number of words from 1 up.")
    opened = open_index(index, model)
    words = _read_words(vocabulary) if vocabulary else opened.words()
    complete = AnalogyCompleter(opened.model, words, shortlist, batch_size, show_progress_bar=not quiet)
    found = complete((head, tail), word, k)
    show(
        [each._asdict() if as_json else {"score": f"{each.score:.3f}", "word": each.word} for each in found],
        as_json,
    )


def _read_words(path: str) -> list[str]:
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"Cannot read the vocabulary {path!r} as UTF-8 text: {error}.") from error
    return [line.strip() for line in lines if line.strip()]
