"""Embed the pairs of files in bounded memory."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, Literal

import pyarrow as pa
from sentence_transformers import SentenceTransformer
from tqdm.autonotebook import tqdm

from st_relbert.encoding.blocks import VectorBlocks, plan_blocks
from st_relbert.encoding.engines import BlockEncoder, Workers, in_processes, in_this_process, on_ray
from st_relbert.encoding.formats import check_format
from st_relbert.files.location import Location
from st_relbert.files.options import TableOptions
from st_relbert.files.tables import PairTable, read_tables
from st_relbert.identity import MODEL_METADATA, ModelIdentity
from st_relbert.modules import PromptTemplate
from st_relbert.pairs import check_known, check_positive

Engine = Literal["one", "processes", "ray"]

_ENGINES: dict[str, Any] = {"one": in_this_process, "processes": in_processes, "ray": on_ray}


def encode_files(
    model: SentenceTransformer,
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    options: TableOptions = TableOptions(),  # noqa: B008  # frozen
    batch_size: int = 64,
    engine: Engine = "one",
    workers: Workers = Workers(),  # noqa: B008  # frozen
    block_rows: int = 8192,
    overwrite: bool = False,
    show_progress_bar: bool = True,
) -> int:
    """Embed the pairs of files, a few thousand at a time.

    All rows are checked before the first is embedded. Finished blocks of rows are kept, and after an interruption the
    same call continues from there, with any engine. The engine changes neither the rows, nor their order, nor their
    vectors.

    Args:
        model: A SentenceTransformer that takes pairs.
        paths: Tables of pairs with the same columns (see `read_tables`): paths or URIs, with `*` for several, or
            folders of Parquet files.
        output: It gets the columns of the input, and `vector`, a list of `d` float32. `name.parquet`: one file;
            `name.lance`: a Lance table; a name without a suffix: a folder of Parquet files, which is complete when it
            contains `_SUCCESS`. `name.csv` has the vectors in columns `vector_1` to `vector_d`. `name.npy` is an array
            that contains only the vectors, in the order of the rows.
        options: How to read the tables: their columns, header, separator and encoding.
        batch_size: The number of pairs to embed at a time.
        engine: `"one"`: this process; `"processes"`: sentence-transformers' pool of processes; `"ray"`: a Ray
            cluster, whose machines all need access to the files.
        workers: The number of workers, for `"processes"` and `"ray"`; and the resources of each, for `"ray"`.
        block_rows: The number of rows in a block, the most work that an interruption costs each worker.
        overwrite: Replace a file or a table at the output.
        show_progress_bar: Show how many pairs are done.

    Returns:
        The number of pairs.

    Raises:
        ValueError: If the output exists already, or another process is writing it; if a file cannot be read, or a row
            is not a pair or does not fit into a prompt, or the output cannot have a column (nothing is written then);
            if an interrupted output was made from other files or by another model.
        MissingExtraError: If the engine or the output needs a package that is not installed.
    """
    check_known("engine", engine, _ENGINES)
    _check_used(workers, engine)
    check_positive(batch_size=batch_size, block_rows=block_rows)
    blocks = VectorBlocks(os.fspath(output))
    with blocks.hold():
        blocks.check(overwrite)
        prompt = model[0]
        tables = read_tables(paths, options, check=prompt.check_prompts if isinstance(prompt, PromptTemplate) else None)
        if any(Location.of(table.path) == blocks.place for table in tables):
            raise ValueError(f"{blocks.output!r} is also one of the input tables. Choose another output.")
        vector = pa.field("vector", pa.list_(pa.float32(), model.get_embedding_dimension()))
        # Identifies the model, so that an index can take the vectors as they are.
        identity = ModelIdentity.of(model)
        metadata = {**(tables[0].schema.metadata or {}), MODEL_METADATA: identity.as_json().encode()}
        schema = tables[0].schema.append(vector).with_metadata(metadata)
        check_format(blocks.output, blocks.kind, schema)
        planned = plan_blocks(tables, block_rows)
        left = blocks.begin(_made_from(model, identity, tables, block_rows), planned)
        total, to_do = (sum(block.rows for block in some) for some in (planned, left))
        make = partial(BlockEncoder, tables=tables, output=blocks, schema=schema)
        with tqdm(
            desc="Encoding", unit=" pairs", total=total, initial=total - to_do, disable=not show_progress_bar
        ) as progress:
            for count in _ENGINES[engine](model, make, left, batch_size, workers) if left else ():
                progress.update(count)
        return blocks.finish(planned, schema)


def _check_used(workers: Workers, engine: Engine) -> None:
    """Raise `ValueError` for a number that the engine would ignore."""
    usual = Workers()
    for option, given, default, engines in (
        ("workers", workers.count, usual.count, ("processes", "ray")),
        ("cpus", workers.cpus, usual.cpus, ("ray",)),
        ("gpus", workers.gpus, usual.gpus, ("ray",)),
    ):
        if given != default and engine not in engines:
            raise ValueError(
                f"The engine is {engine!r}, so {option} {given} would have no effect. Choose the engine "
                f"{' or '.join(engines)}, or leave out {option}."
            )


def _made_from(
    model: SentenceTransformer, identity: ModelIdentity, tables: Sequence[PairTable], block_rows: int
) -> dict[str, Any]:
    """Describe what the vectors depend on, and their division into blocks."""
    state = {name: value for name, value in asdict(identity).items() if name != "name"}
    # Not part of the identity: an index scales all vectors to length 1, and tolerates small differences.
    state |= {name: getattr(model, name, None) for name in ("reduction", "fast")}
    infos = [(table.path, Location.of(table.path).info) for table in tables]
    made_from = {
        "files": [{"path": path, "bytes": info.size, "modified": info.mtime_ns} for path, info in infos],
        "options": asdict(tables[0].options),
        "model": state,
        "block_rows": block_rows,
    }
    return dict(json.loads(json.dumps(made_from)))  # as it will be read
