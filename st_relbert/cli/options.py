"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

MODEL_HELP = "a saved model, a published checkpoint or an encoder: hub id or folder"
SETS_HELP = "relation sets: JSON Lines files, folders, hub ids, or those shipped: relations, starter"

Model = Annotated[str, typer.Argument(help=MODEL_HELP)]
Index = Annotated[str, typer.Argument(help="the index")]
IndexModel = Annotated[str | None, typer.Option("--model", help="the model that made the index, if it has moved")]
Template = Annotated[str | None, typer.Option(help="prompt template, for an encoder that RelBERT has not trained")]
Pooling = Annotated[str | None, typer.Option(help="pooling, for an encoder that RelBERT has not trained")]
Columns = Annotated[tuple[str, str], typer.Option(metavar="HEAD TAIL", help="names of the two columns")]
BatchSize = Annotated[int, typer.Option(help="pairs embedded at a time")]
Fast = Annotated[bool, typer.Option("--fast", help="bfloat16 where the processor has it: faster, almost as exact")]
Exclude = Annotated[
    list[str],
    typer.Option(
        metavar="SET...",
        help="test sets whose pairs are left out: JSON Lines files, hub ids, or folders, of which all sets are taken "
        "that are not called train.jsonl",
    ),
]
RelationFile = Annotated[
    Path, typer.Option("--output", help="relation set to write (.jsonl); its figures go to a .report.json beside it")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="replace what is at the output")]
Json = Annotated[bool, typer.Option("--json", help="JSON Lines instead of a table")]
Quiet = Annotated[bool, typer.Option("--quiet", help="no progress bars")]
