"""`st-relbert encode`: embed the pairs in files."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from st_relbert.cli import options
from st_relbert.cli.output import resumable, say
from st_relbert.pairs import counted

_SCALE = "scale"


@options.with_table_options
def run(
    table: Any,
    model: options.Model,
    pairs: Annotated[
        list[str],
        typer.Argument(help="tables with a head and a tail, or folders of Parquet files: paths or URIs (s3://...)"),
    ],
    output: Annotated[
        str,
        typer.Option(
            help="NAME.parquet, NAME.csv, NAME.npy (the vectors alone), NAME.lance (a Lance table), or a folder for "
            "Parquet files: path or URI"
        ),
    ],
    batch_size: options.BatchSize = 64,
    fast: options.Fast = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    engine: Annotated[
        Literal["one", "processes", "ray"],
        typer.Option(
            help="this process; a pool of processes on this machine; or a Ray cluster (RAY_ADDRESS, or this machine)",
            rich_help_panel=_SCALE,
        ),
    ] = "one",
    workers: Annotated[
        int | None,
        typer.Option(help="number of processes or Ray workers; default: as many as fit", rich_help_panel=_SCALE),
    ] = None,
    cpus: Annotated[float, typer.Option(help="CPUs per Ray worker", rich_help_panel=_SCALE)] = 1,
    gpus: Annotated[float, typer.Option(help="GPUs per Ray worker", rich_help_panel=_SCALE)] = 0,
) -> None:
    """Embed the pairs in CSV, TSV, JSON or Parquet files.

    Keeps all columns and adds a column 'vector'. After an interruption, the same command resumes.
    """
    from st_relbert import RelBERT
    from st_relbert.encoding import Workers, encode_files

    loaded = RelBERT(model, fast=fast)
    with resumable():
        count = encode_files(
            loaded,
            pairs,
            output,
            options=table,
            batch_size=batch_size,
            engine=engine,
            workers=Workers(workers, cpus, gpus),
            overwrite=overwrite,
            show_progress_bar=not quiet,
        )
    say(f"Saved {counted(count, 'vector')} to {output}")
