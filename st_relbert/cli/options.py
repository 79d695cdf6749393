"""Options that several commands share."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

MODEL_HELP = "a saved model, a published checkpoint or an encoder: hub id or folder"
SETS_HELP = (
    "relation sets: CSV, TSV, Parquet or JSON Lines files, folders, hub ids, or those shipped: relations, starter"
)


def of_tables(*names: str, help: str, metavar: str | None = None) -> Any:
    """Return an option for reading tables."""
    return typer.Option(*names, help=help, metavar=metavar, rich_help_panel="how tables are read")


Model = Annotated[str, typer.Argument(help=MODEL_HELP)]
Index = Annotated[str, typer.Argument(help="the index")]
IndexModel = Annotated[str | None, typer.Option("--model", help="the model that made the index, if it has moved")]
Scorer = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER",
        help="scorer that proposes pairs, made by st-relbert distill, and its encoded words; default: 3CosAdd",
    ),
]
Vocabulary = Annotated[
    str | None, typer.Option(metavar="FILE", help="words: a text file with one word per line; default: the scorer's")
]
Template = Annotated[str | None, typer.Option(help="prompt template, for an encoder that RelBERT has not trained")]
Pooling = Annotated[str | None, typer.Option(help="pooling, for an encoder that RelBERT has not trained")]
Columns = Annotated[
    tuple[str, str],
    of_tables(help="the two columns: names, or numbers from 1; a column of pairs twice", metavar="HEAD TAIL"),
]
RelationColumn = Annotated[str | None, of_tables(help="the relation column; default: relation, if present")]
NoHeader = Annotated[bool, of_tables("--no-header", help="the first line is data; columns are numbered")]
Separator = Annotated[
    str | None, of_tables(help="cell separator, such as ';' or 'tab'; default: detected in the first line")
]
Encoding = Annotated[str | None, of_tables(help="such as latin-1; default: UTF-8, or as a byte-order mark says")]
Drop = Annotated[list[str], of_tables(help="columns to leave out", metavar="COLUMN...")]
Types = Annotated[
    list[str],
    of_tables(
        "--type",
        help="int, float or bool, for columns of CSV and TSV that are not text: year=int",
        metavar="COLUMN=TYPE...",
    ),
]
BatchSize = Annotated[int, typer.Option(min=1, help="pairs embedded at a time")]
Fast = Annotated[bool, typer.Option("--fast", help="bfloat16 if the processor supports it: faster, almost as exact")]
Exclude = Annotated[
    list[str],
    typer.Option(
        metavar="SET...",
        help="test sets whose pairs are left out: files, hub ids, or folders (their JSON Lines files at any depth, "
        "except train.jsonl)",
    ),
]
RelationFile = Annotated[
    Path, typer.Option("--output", help="relation set to write (.jsonl); its figures go to a .report.json next to it")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="replace an existing output")]
HowMany = Annotated[int, typer.Option("-k", min=1, help="how many")]
Json = Annotated[bool, typer.Option("--json", help="JSON Lines instead of a table")]
Quiet = Annotated[bool, typer.Option("--quiet", help="no progress bars")]


def _table_options(
    columns: Columns = ("head", "tail"),
    relation_column: RelationColumn = None,
    no_header: NoHeader = False,
    separator: Separator = None,
    encoding: Encoding = None,
    drop: Drop = [],  # noqa: B006  # typer copies it
    types: Types = [],  # noqa: B006
) -> Any:
    """Return the `TableOptions` given on the command line.

    Raises `ValueError` if a type is not COLUMN=TYPE, or the options are inconsistent.
    """
    from st_relbert.files.options import TableOptions

    return TableOptions(
        columns=columns,
        relation=relation_column,
        header=not no_header,
        separator=separator,
        encoding=encoding,
        drop=tuple(drop),
        types=_types_by_column(types),
    )


def with_table_options(run: Callable[..., None]) -> Callable[..., None]:
    """Add the table options to a command, which receives them as one argument, `table`."""
    options = inspect.signature(_table_options, eval_str=True).parameters
    own = [each for each in inspect.signature(run, eval_str=True).parameters.values() if each.name != "table"]

    @wraps(run)
    def command(**given: Any) -> None:
        table = {name: given.pop(name) for name in options}
        run(**given, table=_table_options(**table))

    command.__signature__ = inspect.Signature([*own, *options.values()])  # type: ignore[attr-defined]
    return command


def _types_by_column(given: list[str]) -> dict[str | int, str]:
    types: dict[str | int, str] = {}
    for text in given:
        column, equals, kind = text.rpartition("=")
        if not equals:
            raise ValueError(f"The type is {text!r}, expected COLUMN=TYPE, such as year=int.")
        if column in types:
            raise ValueError(f"The column {column!r} has two types, {types[column]} and {kind}. Remove one.")
        types[column] = kind
    return types
