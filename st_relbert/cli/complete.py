"""`st-relbert complete`: complete an analogy with the words of an index."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from st_relbert.cli import options
from st_relbert.cli.output import say, show


def run(
    index: Annotated[str, typer.Argument(help="an index, whose words are the candidates")],
    words: Annotated[
        list[str] | None, typer.Argument(metavar="HEAD TAIL WORD", help="for instance Tokyo Japan Paris")
    ] = None,
    queries: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="instead of words: a file with HEAD, TAIL and WORD in each line, separated by tabs; - reads the "
            "standard input",
        ),
    ] = None,
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
    from st_relbert.search import AnalogyCompleter, RelationIndex, read_queries

    words = words or []
    if bool(words) == bool(queries) or len(words) not in (0, 3):
        raise ValueError(
            f"{len(words)} words were given, expected three, such as Tokyo Japan Paris, or a file of --queries."
        )
    if k < 1:
        raise ValueError(f"-k is {k}, expected a number of words from 1 up.")
    opened = RelationIndex.open(index, model)
    candidates = _read_words(vocabulary) if vocabulary else opened.words()
    complete: AnalogyCompleter | None = None
    for query in read_queries(queries, "three words", lambda count: count == 3) if queries else [words]:
        if complete is None:  # the arguments are right, so the model may be loaded
            complete = AnalogyCompleter(opened.model, candidates, shortlist, batch_size, show_progress_bar=not quiet)
        head, tail, word = query
        known = opened.tails(word)
        found = complete((head, tail), word, k, known=known)
        if as_json:
            asked = {"query": query} if queries else {}
            show([{**asked, **each._asdict()} for each in found], as_json)
            continue
        if queries:
            say(f"{head} is to {tail} as {word} is to")
        show(
            [
                {"score": f"{score:.3f}", "word": found_word, "pair": "in the index" if found_word in known else ""}
                for found_word, score in found
            ]
        )


def _read_words(path: str) -> list[str]:
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"Cannot read the vocabulary {path!r} as UTF-8 text: {error}.") from error
    return [line.strip() for line in lines if line.strip()]
