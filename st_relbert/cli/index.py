"""`st-relbert index`: build an index of pairs, and search it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from st_relbert.cli import options
from st_relbert.cli.output import percent, resumable, say, show, words_given
from st_relbert.pairs import counted

if TYPE_CHECKING:
    from st_relbert.search import RelationIndex, RelationLabel, SearchHit

app = typer.Typer(
    help="Build and search an index of word pairs on disk, by relation. Needs pip install st-relbert\\[search]."
)

Pairs = Annotated[
    str,
    typer.Argument(
        help="CSV, TSV, JSON Lines or Parquet file with a head and a tail, and optionally a relation and further "
        "columns; or the output of st-relbert encode, whose vectors are used as they are; or a relation set: JSON "
        'Lines file, folder, hub id, or "starter" (shipped)'
    ),
]
Queries = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="instead of words: a file with one query per line, words separated by tabs, or a file of pairs; - reads "
        "the standard input",
    ),
]
Where = Annotated[str | None, typer.Option(help="only rows that match this SQL condition: \"relation = 'capital'\"")]


@app.command()
@options.with_table_options
def build(
    table: Any,
    pairs: Pairs,
    model: Annotated[str, typer.Option(help=options.MODEL_HELP)],
    output: Annotated[str, typer.Option(help="folder for the index")],
    template: options.Template = None,
    pooling: options.Pooling = None,
    fast: options.Fast = False,
    batch_size: options.BatchSize = 64,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Build an index from a file of pairs or a relation set.

    The index appears at the output once it is complete. After an interruption, the same command resumes.
    """
    from st_relbert import RelBERT
    from st_relbert.search import RelationIndex, open_pair_source
    from st_relbert.search.folder import check_place

    source = open_pair_source(pairs, table)
    check_place(Path(output), overwrite)
    _ = source.digest  # checks the rows before the model is loaded
    loaded = RelBERT(model, template=template, pooling=pooling, fast=fast)  # type: ignore[arg-type]  # it checks them
    with resumable():
        index = RelationIndex.build(
            output,
            source,
            loaded,
            overwrite=overwrite,
            saved_as=model,
            batch_size=batch_size,
            show_progress_bar=not quiet,
        )
    _say_state(index)


@app.command()
@options.with_table_options
def add(
    table: Any,
    index: options.Index,
    pairs: Pairs,
    model: options.IndexModel = None,
    batch_size: options.BatchSize = 64,
    quiet: options.Quiet = False,
) -> None:
    """Add pairs to an index; existing pairs are left unchanged."""
    from st_relbert.search import RelationIndex, open_pair_source

    source = open_pair_source(pairs, table)
    opened = RelationIndex.open(index, model)
    source.require_vectors_of(opened.identity)
    with resumable():
        added = opened.add(source, batch_size=batch_size, show_progress_bar=not quiet, total=source.total)
    if opened.calibration is None:
        opened.calibrate()
    there = "" if source.total in (None, added) else f"; {source.total - added:,} were already there"
    say(f"Added {counted(added, 'row')}{there}.")
    _say_state(opened)


@app.command()
def search(
    index: options.Index,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="WORD...", help="head and tail, of one or more examples"),
    ] = None,
    relation: Annotated[str | None, typer.Option(help="instead of words: like the pairs with this label")] = None,
    own: Annotated[bool, typer.Option("--own", help="with --relation: the pairs with this label themselves")] = False,
    phrase: Annotated[
        str | None, typer.Option(metavar="TEXT", help='instead of words: a relation in words, "is the capital of"')
    ] = None,
    phrase_encoder: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="for --phrase: a sentence encoder, for better matches: hub id or folder"),
    ] = None,
    queries: Queries = None,
    k: options.HowMany = 10,
    where: Where = None,
    exclude_words: Annotated[
        bool, typer.Option("--exclude-words", help="leave out pairs that share a word with the query")
    ] = False,
    exact: Annotated[bool, typer.Option("--exact", help="compare with all rows, even of a large index")] = False,
    one_way: Annotated[
        bool, typer.Option("--one-way", help="leave out reversed pairs, such as France Paris for Tokyo Japan")
    ] = False,
    model: options.IndexModel = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,  # handled in `main`
) -> None:
    """Find the pairs with the most similar relation to a given pair."""
    from st_relbert.search import RelationIndex, read_queries

    words = words or []
    if sum(given is not None and given != [] for given in (words, relation, phrase, queries)) != 1 or len(words) % 2:
        raise ValueError(
            f"{words_given(words)}, expected head and tail of each pair, such as Tokyo Japan (put a word with blanks "
            "in quotes: 'New York'), or one of --relation, --phrase and --queries."
        )
    if own and relation is None:
        raise ValueError("--own shows the pairs of a relation. Name it with --relation.")
    opened = RelationIndex.open(index, model)
    if own:
        show(list(islice(opened.rows_of_relation(str(relation), where), k)), as_json)
        return
    if relation is not None:
        _show_hits(opened.search_relation(relation, k, where=where), as_json)
        return
    if phrase is not None:
        _search_phrase(opened, phrase, phrase_encoder, k, where, as_json)
        return
    exclude: Literal["words", "pair"] = "words" if exclude_words else "pair"
    asked = read_queries(queries, "head and tail of each pair", lambda count: count % 2 == 0) if queries else [words]
    for query in asked:
        pairs = list(zip(query[::2], query[1::2], strict=True))
        hits = opened.search(pairs, k, where=where, exclude=exclude, exact=exact, both_directions=not one_way)
        related = opened.relatedness(pairs[0]) if len(pairs) == 1 and not as_json else None
        _show_hits(hits, as_json, query if queries else None, related)


def _search_phrase(
    index: RelationIndex, phrase: str, encoder: str | None, k: int, where: str | None, as_json: bool
) -> None:
    from st_relbert.identity import load_text_encoder
    from st_relbert.search import search_phrase

    loaded = None if encoder is None else load_text_encoder(encoder)
    answer = search_phrase(index, phrase, k, where=where, encoder=loaded)
    if not as_json:
        say(f"Understood as: {answer.understood}")
    _show_hits(answer.hits, as_json)


@app.command()
def relations(index: options.Index, as_json: options.Json = False) -> None:
    """List the relations of an index and their numbers of pairs."""
    from st_relbert.search import RelationIndex

    counts = RelationIndex.open(index).relation_counts()
    if not counts and not as_json:
        say("No pair of the index has a relation.")
        return
    show([{"relation": name, "pairs": counts[name]} for name in sorted(counts)], as_json)


@app.command()
def label(
    index: options.Index,
    words: Annotated[list[str] | None, typer.Argument(metavar="HEAD TAIL", help="the pair")] = None,
    queries: Queries = None,
    neighbours: Annotated[int, typer.Option(min=1, help="how many pairs vote")] = 20,
    threshold: Annotated[
        float, typer.Option(help="label a pair none if its probability of being related is below this, from 0 to 1")
    ] = 0.5,
    model: options.IndexModel = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,  # handled in `main`
) -> None:
    """Label the relation of two words, by the labels of similar pairs."""
    from st_relbert.search import RelationIndex, read_queries, relation_labels

    words = words or []
    if bool(words) == bool(queries) or len(words) not in (0, 2):
        raise ValueError(
            f"{words_given(words)}, expected head and tail of a pair, such as Berlin Germany (put a word with blanks "
            "in quotes: 'New York'), or --queries."
        )
    if not 0 <= threshold <= 1:
        raise ValueError(f"The threshold is {threshold}, expected a probability from 0 to 1.")
    opened = RelationIndex.open(index, model)
    for query in read_queries(queries, "head and tail", lambda count: count == 2) if queries else [words]:
        labels = relation_labels(opened, (query[0], query[1]), neighbours)
        if not labels:
            raise ValueError(
                f"No other pair in the index {index!r} has a relation, so none can vote. Build the index from a "
                "relation set, or from a file with a column relation."
            )
        related = opened.relatedness((query[0], query[1]))
        none = related is not None and related < threshold and not labels[0].known
        asked = {"query": query} if queries else {}
        if as_json:
            found = [{"relation": None}] if none else [label._asdict() for label in labels]
            show([{**asked, "relatedness": related, **each} for each in found], as_json)
            continue
        if queries:
            say(" : ".join(query))
        if none:
            say(f"none: no similar pair in the index ({percent(related or 0)} sure that it is related)")
            continue
        _show_labels(labels)


def _show_labels(labels: Sequence[RelationLabel]) -> None:
    rows = [
        {
            "share": "known" if label.known else percent(label.score),
            "relation": _direction(label.relation, label.reversed),
            "pairs": label.support,
            "such as": ", ".join(label.example),
            "in words": label.in_words,
        }
        for label in labels
    ]
    said = any(label.in_words for label in labels)
    show(rows, columns=[name for name in rows[0] if said or name != "in words"])


@app.command()
def export(
    index: options.Index,
    output: Annotated[str, typer.Option(help="text file to write; pairs are named head__tail")],
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Write the vectors in word2vec format, for gensim; st-relbert encode writes Parquet, CSV and NumPy."""
    from st_relbert.files.outputs import check_output
    from st_relbert.search import RelationIndex, export_word2vec

    check_output(output, overwrite, suffixes=(".txt", ".vec"))
    opened = RelationIndex.open(index)
    count = export_word2vec(opened, output, show_progress_bar=not quiet)
    if count < len(opened):
        say(f"{counted(len(opened) - count, 'row')} left out: further labels of the same pairs")
    say(f"Saved {counted(count, 'vector')} to {output}")


@app.command()
def delete(
    index: options.Index,
    where: Annotated[str, typer.Option(help="which rows, as an SQL condition: \"relation = 'capital'\"")],
) -> None:
    """Delete rows."""
    from st_relbert.search import RelationIndex

    say(f"Deleted {counted(RelationIndex.open(index).delete(where), 'row')}.")


@app.command()
def info(index: options.Index, as_json: options.Json = False) -> None:
    """Show what an index contains and which model made it."""
    from st_relbert.search import RelationIndex

    opened = RelationIndex.open(index)
    made_by = opened.identity
    if as_json:
        show([{**opened.state._asdict(), "columns": opened.columns, "model": asdict(made_by)}], as_json)
        return
    _say_state(opened)
    say(f"Columns: {', '.join(opened.columns)}\nModel: {made_by.name}\nTemplate: {made_by.template}")


def _say_state(index: RelationIndex) -> None:
    state = index.state
    how = "exact" if state.exact else f"approximate ({counted(state.unindexed, 'row')} compared one by one)"
    say(f"{index.path}: {counted(state.rows, 'row')}, {state.size / 2**20:,.1f} MiB, search is {how}.")


def _show_hits(
    hits: Sequence[SearchHit], as_json: bool, query: Sequence[str] | None = None, related: float | None = None
) -> None:
    """Print hits, after their query if there are several; `related` is the probability that the query is related."""
    from st_relbert.search import RELATED

    rows = []
    for hit in hits:
        row = {**({"query": query} if query else {}), **_record(hit)} if as_json else _shown(hit)
        # An index column named "score" is shown next to the cosine; it does not replace it.
        row |= {f"index_{name}" if name in row else name: value for name, value in hit.columns.items()}
        rows.append(row)
    if query and not as_json:
        say(" : ".join(query))
    if related is not None and related < RELATED:
        say(f"No similar pair in the index ({percent(related)} sure that it is related). The nearest:")
    show(rows, as_json)


def _record(hit: SearchHit) -> dict[str, Any]:
    names = ("score", "relation_score", "probability", "head", "tail", "relation", "reversed")
    return {name: getattr(hit, name) for name in names} | {"score": round(hit.score, 6)}


def _shown(hit: SearchHit) -> dict[str, Any]:
    sure = {} if hit.probability is None else {"sure": percent(hit.probability)}
    relation = _direction(hit.relation, hit.reversed)
    return {"score": f"{hit.score:.3f}", **sure, "head": hit.head, "tail": hit.tail, "relation": relation}


def _direction(relation: str | None, turned: bool) -> str | None:
    return f"{relation or ''} (reversed)".lstrip() if turned else relation
