"""``st-relbert index``: build an index of pairs, and search it."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from st_relbert.search import Hit, RelationIndex


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "index",
        help="build an index of pairs, and search it",
        description="An index of word pairs on disk, searched by their relation; needs pip install st-relbert[search].",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add_build(actions)
    _add_search(actions)
    label = _add_action(
        actions, "label", "which relation do two words stand in, by the labels of similar pairs", _label
    )
    label.add_argument("head")
    label.add_argument("tail")
    label.add_argument("--neighbours", type=int, default=20, help="how many pairs vote (20)")
    _add_json(label)
    export = _add_action(actions, "export", "write the vectors in the format of word2vec, for gensim", _export)
    export.add_argument("--output", required=True, help="text file to write; pairs are named head__tail")
    export.add_argument("--overwrite", action="store_true", help="replace what is at the output")
    export.add_argument("--quiet", action="store_true", default=False, help="no progress bar")
    delete = _add_action(actions, "delete", "delete rows", _delete)
    delete.add_argument("--where", required=True, help="which, in SQL: \"relation = 'capital'\"")
    _add_json(_add_action(actions, "info", "what an index holds, and which model made it", _info))


def _add_build(actions: Any) -> None:
    for name, text, run in (
        ("build", "make an index of a file of pairs or a relation set", _build),
        ("add", "add pairs to an index, or go on with a build that was interrupted", _add),
    ):
        action: argparse.ArgumentParser = actions.add_parser(name, help=text, description=f"{text.capitalize()}.")
        if name == "add":
            action.add_argument("index", help="the index")
        action.add_argument(
            "pairs",
            help="CSV, TSV, JSON Lines or Parquet file with a head and a tail, and optionally a relation and further "
            "columns; or what st-relbert encode wrote, whose vectors are taken as they are; or a relation set: JSON "
            'Lines file, folder, hub id, or "starter" (shipped)',
        )
        action.add_argument(
            "--model", required=name == "build", help="a saved model or a published checkpoint: hub id or folder"
        )
        action.add_argument(
            "--columns", nargs=2, default=["head", "tail"], metavar=("HEAD", "TAIL"), help="names of the two columns"
        )
        action.add_argument("--batch-size", type=int, default=64, help="pairs embedded at a time (64)")
        action.add_argument("--quiet", action="store_true", help="no progress bar")
        if name == "build":
            action.add_argument("--template", help="prompt template, for an encoder that RelBERT has not trained")
            action.add_argument("--pooling", help="pooling, for an encoder that RelBERT has not trained")
            action.add_argument("--output", required=True, help="folder for the index")
            action.add_argument(
                "--fast",
                action="store_true",
                help="bfloat16 where the processor computes in it: faster, almost as exact",
            )
            action.add_argument("--overwrite", action="store_true", help="replace an index that is there")
        action.set_defaults(run=run)


def _add_search(actions: Any) -> None:
    search = _add_action(actions, "search", "find the pairs whose relation is most like that of a pair", _search)
    search.add_argument(
        "words", nargs="*", metavar="WORD", help="head and tail; of several examples one after the other"
    )
    search.add_argument("--relation", help="instead of words: what is like the pairs with this label")
    search.add_argument("-k", type=int, default=10, help="how many (10)")
    search.add_argument("--where", help="only rows that meet this, in SQL: \"relation = 'capital'\"")
    search.add_argument("--exclude-words", action="store_true", help="no pair that shares a word with the query")
    search.add_argument("--exact", action="store_true", help="compare with all rows, also of a large index")
    _add_json(search)


def _add_action(actions: Any, name: str, text: str, run: Any) -> argparse.ArgumentParser:
    action: argparse.ArgumentParser = actions.add_parser(name, help=text, description=f"{text.capitalize()}.")
    action.add_argument("index", help="the index")
    action.add_argument("--model", help="the model that made the index, if it is somewhere else now")
    action.set_defaults(run=run, quiet=True)  # a bar for loading the model would only be in the way of an answer
    return action


def _add_json(action: argparse.ArgumentParser) -> None:
    action.add_argument("--json", action="store_true", help="JSON instead of a table")


def open_index(args: argparse.Namespace) -> RelationIndex:
    """The index that the arguments name.

    Raises:
        ValueError: If there is none, or the model is not its own.
        MissingExtraError: If LanceDB is not installed.
    """
    from st_relbert import RelBERT
    from st_relbert.search import RelationIndex

    index = RelationIndex.open(args.index)
    if args.model is None:
        return index
    made_by: Any = index.identity
    return RelationIndex.open(args.index, RelBERT(args.model, template=made_by.template, pooling=made_by.pooling))


def _build(args: argparse.Namespace) -> None:
    from st_relbert import RelBERT
    from st_relbert.identity import ModelIdentity
    from st_relbert.search import RelationIndex, open_pair_source

    source = open_pair_source(args.pairs, args.columns)
    model: Any = RelBERT(args.model, template=args.template, pooling=args.pooling, fast=args.fast)
    if source.identity is not None:
        source.identity.require_same(ModelIdentity.of(model))
    index = RelationIndex.create(args.output, model, source.columns, args.overwrite)
    index.add(source.rows, args.batch_size, show_progress_bar=not args.quiet, total=source.total)
    _print_state(index)


def _add(args: argparse.Namespace) -> None:
    from st_relbert.search import open_pair_source

    source = open_pair_source(args.pairs, args.columns)
    index = open_index(args)
    if source.identity is not None:
        index.identity.require_same(source.identity)
    added = index.add(source.rows, args.batch_size, show_progress_bar=not args.quiet, total=source.total)
    sys.stdout.write(f"Added {added:,} rows; the others were there already.\n")
    _print_state(index)


def _search(args: argparse.Namespace) -> None:
    index = open_index(args)
    if bool(args.relation) == bool(args.words) or len(args.words) % 2:
        raise ValueError(f"{len(args.words)} words were given, expected head and tail of each pair, or --relation.")
    if args.relation:
        hits = index.search_relation(args.relation, args.k, args.where)
    else:
        pairs = list(zip(args.words[::2], args.words[1::2], strict=True))
        hits = index.search(pairs, args.k, args.where, "words" if args.exclude_words else "pair", args.exact)
    if args.json:
        sys.stdout.writelines(json.dumps(_flat(hit), ensure_ascii=False, default=str) + "\n" for hit in hits)
    else:
        sys.stdout.write(table([{"score": f"{hit.score:.3f}", **_flat(hit, score=False)} for hit in hits]))


def _label(args: argparse.Namespace) -> None:
    from st_relbert.search import relation_labels

    labels = relation_labels(open_index(args), (args.head, args.tail), args.neighbours)
    if not labels:
        raise ValueError(
            f"No other pair in the index {args.index!r} has a relation, so none can vote. Build it from a relation "
            "set, or from a file with a column relation."
        )
    if args.json:
        sys.stdout.writelines(json.dumps(label._asdict(), ensure_ascii=False) + "\n" for label in labels)
        return
    rows = [
        {
            "share": f"{label.score:.1%}",
            "relation": label.relation,
            "pairs": label.support,
            "such as": ", ".join(label.example),
        }
        for label in labels
    ]
    sys.stdout.write(table(rows))


def _export(args: argparse.Namespace) -> None:
    from st_relbert.files.outputs import check_output
    from st_relbert.search import export_word2vec

    index = open_index(args)
    check_output(args.output, args.overwrite)
    count = export_word2vec(index, args.output, show_progress_bar=not args.quiet)
    sys.stdout.write(f"Saved {count:,} vectors to {args.output}\n")


def _delete(args: argparse.Namespace) -> None:
    sys.stdout.write(f"Deleted {open_index(args).delete(args.where):,} rows.\n")


def _info(args: argparse.Namespace) -> None:
    index = open_index(args)
    if args.json:
        content = {**index.state._asdict(), "columns": index.columns, "model": asdict(index.identity)}
        sys.stdout.write(json.dumps(content, ensure_ascii=False) + "\n")
        return
    _print_state(index)
    made_by = index.identity
    sys.stdout.write(f"Columns: {', '.join(index.columns)}\nModel: {made_by.name}\nTemplate: {made_by.template}\n")


def _print_state(index: RelationIndex) -> None:
    state = index.state
    how = "exact" if state.exact else f"approximate ({state.unindexed:,} rows compared one by one)"
    sys.stdout.write(f"{index.path}: {state.rows:,} rows, {state.size / 2**20:,.1f} MiB, search is {how}.\n")


def _flat(hit: Hit, score: bool = True) -> dict[str, Any]:
    row = {"head": hit.head, "tail": hit.tail, "relation": hit.relation, **hit.columns}
    return {**row, "score": round(hit.score, 6)} if score else row


def table(rows: list[dict[str, Any]]) -> str:
    """Lay rows out in columns; a line that says so if there are none."""
    if not rows:
        return "Nothing found.\n"
    cells = [list(rows[0]), *([("" if value is None else str(value)) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells)
    return "\n".join(lines) + "\n"
