"""``st-relbert index``: build an index of pairs, and search it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from st_relbert.cli import options
from st_relbert.cli.output import say, show

if TYPE_CHECKING:
    from st_relbert.search import Hit, RelationIndex

app = typer.Typer(
    help="An index of word pairs on disk, searched by their relation; needs pip install st-relbert\\[search]."
)

Pairs = Annotated[
    str,
    typer.Argument(
        help="CSV, TSV, JSON Lines or Parquet file with a head and a tail, and optionally a relation and further "
        "columns; or what st-relbert encode wrote, whose vectors are taken as they are; or a relation set: JSON "
        'Lines file, folder, hub id, or "starter" (shipped)'
    ),
]
Where = Annotated[str | None, typer.Option(help="only rows that meet this, in SQL: \"relation = 'capital'\"")]


def open_index(path: str, model: str | None) -> RelationIndex:
    """Open an index, with its own model or with that model from another place.

    Raises:
        ValueError: If there is none, or the model is not its own.
        MissingExtraError: If LanceDB is not installed.
    """
    from st_relbert import RelBERT
    from st_relbert.search import RelationIndex

    index = RelationIndex.open(path)
    if model is None:
        return index
    made_by: Any = index.identity
    return RelationIndex.open(path, RelBERT(model, template=made_by.template, pooling=made_by.pooling))


@app.command()
def build(
    pairs: Pairs,
    model: Annotated[str, typer.Option(help=options.MODEL_HELP)],
    output: Annotated[str, typer.Option(help="folder for the index")],
    columns: options.Columns = ("head", "tail"),
    relation_column: options.RelationColumn = None,
    no_header: options.NoHeader = False,
    separator: options.Separator = None,
    encoding: options.Encoding = None,
    drop: options.Drop = [],  # noqa: B006  # typer copies it
    types: options.Types = [],  # noqa: B006  # typer copies it
    template: options.Template = None,
    pooling: options.Pooling = None,
    fast: options.Fast = False,
    batch_size: options.BatchSize = 64,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Make an index of a file of pairs or a relation set."""
    from st_relbert import RelBERT
    from st_relbert.identity import ModelIdentity
    from st_relbert.search import RelationIndex, open_pair_source

    source = open_pair_source(
        pairs, options.table_options(columns, relation_column, no_header, separator, encoding, drop, types)
    )
    loaded = RelBERT(model, template=template, pooling=pooling, fast=fast)  # type: ignore[arg-type]  # it checks them
    if source.identity is not None:
        source.identity.require_same(ModelIdentity.of(loaded))
    index = RelationIndex.create(output, loaded, source.columns, overwrite)
    index.add(source.rows, batch_size, show_progress_bar=not quiet, total=source.total)
    _say_state(index)


@app.command()
def add(
    index: options.Index,
    pairs: Pairs,
    model: options.IndexModel = None,
    columns: options.Columns = ("head", "tail"),
    relation_column: options.RelationColumn = None,
    no_header: options.NoHeader = False,
    separator: options.Separator = None,
    encoding: options.Encoding = None,
    drop: options.Drop = [],  # noqa: B006  # typer copies it
    types: options.Types = [],  # noqa: B006  # typer copies it
    batch_size: options.BatchSize = 64,
    quiet: options.Quiet = False,
) -> None:
    """Add pairs to an index, or go on with a build that was interrupted."""
    from st_relbert.search import open_pair_source

    source = open_pair_source(
        pairs, options.table_options(columns, relation_column, no_header, separator, encoding, drop, types)
    )
    opened = open_index(index, model)
    if source.identity is not None:
        opened.identity.require_same(source.identity)
    added = opened.add(source.rows, batch_size, show_progress_bar=not quiet, total=source.total)
    say(f"Added {added:,} rows; the others were there already.")
    _say_state(opened)


@app.command()
def search(
    index: options.Index,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="WORD...", help="head and tail; of several examples one after the other"),
    ] = None,
    relation: Annotated[str | None, typer.Option(help="instead of words: like the pairs with this label")] = None,
    k: Annotated[int, typer.Option("-k", help="how many")] = 10,
    where: Where = None,
    exclude_words: Annotated[
        bool, typer.Option("--exclude-words", help="no pair that shares a word with the query")
    ] = False,
    exact: Annotated[bool, typer.Option("--exact", help="compare with all rows, also of a large index")] = False,
    model: options.IndexModel = None,
    as_json: options.Json = False,
) -> None:
    """Find the pairs whose relation is most like that of a pair."""
    words = words or []
    if bool(relation) == bool(words) or len(words) % 2:
        raise ValueError(f"{len(words)} words were given, expected head and tail of each pair, or --relation.")
    opened = open_index(index, model)
    if relation:
        hits = opened.search_relation(relation, k, where)
    else:
        pairs = list(zip(words[::2], words[1::2], strict=True))
        hits = opened.search(pairs, k, where, "words" if exclude_words else "pair", exact)
    show([_flat(hit) if as_json else {"score": f"{hit.score:.3f}", **_flat(hit, score=False)} for hit in hits], as_json)


@app.command()
def label(
    index: options.Index,
    head: str,
    tail: str,
    neighbours: Annotated[int, typer.Option(help="how many pairs vote")] = 20,
    model: options.IndexModel = None,
    as_json: options.Json = False,
) -> None:
    """Say which relation two words stand in, by the labels of similar pairs."""
    from st_relbert.search import relation_labels

    labels = relation_labels(open_index(index, model), (head, tail), neighbours)
    if not labels:
        raise ValueError(
            f"No other pair in the index {index!r} has a relation, so none can vote. Build it from a relation set, or "
            "from a file with a column relation."
        )
    rows = [
        {
            "share": f"{label.score:.1%}",
            "relation": label.relation,
            "pairs": label.support,
            "such as": ", ".join(label.example),
        }
        for label in labels
    ]
    show([label._asdict() for label in labels] if as_json else rows, as_json)


@app.command()
def export(
    index: options.Index,
    output: Annotated[str, typer.Option(help="text file to write; pairs are named head__tail")],
    model: options.IndexModel = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Write the vectors in the format of word2vec, for gensim."""
    from st_relbert.files.outputs import check_output
    from st_relbert.search import export_word2vec

    opened = open_index(index, model)
    check_output(output, overwrite)
    count = export_word2vec(opened, output, show_progress_bar=not quiet)
    say(f"Saved {count:,} vectors to {output}")


@app.command()
def delete(
    index: options.Index,
    where: Annotated[str, typer.Option(help="which, in SQL: \"relation = 'capital'\"")],
    model: options.IndexModel = None,
) -> None:
    """Delete rows."""
    say(f"Deleted {open_index(index, model).delete(where):,} rows.")


@app.command()
def info(index: options.Index, model: options.IndexModel = None, as_json: options.Json = False) -> None:
    """Say what an index holds, and which model made it."""
    opened = open_index(index, model)
    made_by = opened.identity
    if as_json:
        show([{**opened.state._asdict(), "columns": opened.columns, "model": asdict(made_by)}], as_json)
        return
    _say_state(opened)
    say(f"Columns: {', '.join(opened.columns)}\nModel: {made_by.name}\nTemplate: {made_by.template}")


def _say_state(index: RelationIndex) -> None:
    state = index.state
    how = "exact" if state.exact else f"approximate ({state.unindexed:,} rows compared one by one)"
    say(f"{index.path}: {state.rows:,} rows, {state.size / 2**20:,.1f} MiB, search is {how}.")


def _flat(hit: Hit, score: bool = True) -> dict[str, Any]:
    row = {"head": hit.head, "tail": hit.tail, "relation": hit.relation, **hit.columns}
    return {**row, "score": round(hit.score, 6)} if score else row
