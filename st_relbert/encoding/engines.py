"""The engines that encode blocks: this process, several processes, or a Ray cluster."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
import torch
from sentence_transformers import SentenceTransformer

from st_relbert.encoding.blocks import Block, RowReader, VectorBlocks
from st_relbert.environment import import_extra
from st_relbert.files.columns import vector_column
from st_relbert.files.tables import PairTable


class BlockEncoder:
    """Reads, embeds and writes blocks; each worker has one of these.

    `encode` gives the vectors `(pairs, d)` of pairs, float32; `schema` is that of the rows with their vectors, the last
    column.
    """

    def __init__(
        self, encode: Callable[[list[Any]], Any], *, tables: Sequence[PairTable], output: VectorBlocks, schema: Any
    ) -> None:
        self._encode = encode
        self._tables = tables
        self._output = output
        self._schema = schema
        self._reader = RowReader(tables)

    def __call__(self, block: Block) -> int:
        """Embed a block, unless it is there, and return the number of its rows.

        An engine may hand a block out again when a worker was lost.
        """
        if not self._output.has(block.number):
            rows = self._reader.read(block)
            vectors = self._encode(self._tables[block.table].pairs(rows))
            table = pa.table([*rows.columns, vector_column(vectors)], schema=self._schema)
            self._output.write(block.number, table)
        return block.rows


@dataclass(frozen=True)
class Workers:
    """Says how many workers an engine has, and what each of them has.

    Args:
        count: How many; None: as many as there is room for.
        cpus: CPUs of each worker, on Ray.
        gpus: GPUs of each worker, on Ray; 0.5: two workers share one.

    Raises:
        ValueError: If a number is out of range.

    Examples:
        >>> Workers(cpus=2).on({"CPU": 8})  # as many as there is room for
        4
    """

    count: int | None = None
    cpus: float = 1
    gpus: float = 0

    def __post_init__(self) -> None:
        if self.count is not None and self.count < 1:
            raise ValueError(f"The number of workers is {self.count}, expected 1 or more.")
        if self.cpus <= 0 or self.gpus < 0:
            raise ValueError(
                f"A worker has {self.cpus} CPUs and {self.gpus} GPUs, expected more than 0, and 0 or more."
            )

    def on(self, resources: Mapping[str, float]) -> int:
        """How many workers a cluster runs.

        Args:
            resources: What the cluster has, as Ray names it: `CPU` and `GPU`.

        Raises:
            ValueError: If there is no room for the workers that are asked for.
        """
        room = resources.get("CPU", 0) / self.cpus
        if self.gpus:
            room = min(room, resources.get("GPU", 0) / self.gpus)
        if int(room) < (self.count or 1):
            raise ValueError(
                f"The cluster has {resources.get('CPU', 0):g} CPUs and {resources.get('GPU', 0):g} GPUs, expected "
                f"{self.cpus:g} and {self.gpus:g} for each of {self.count or 1} workers. Ask for fewer workers, or for "
                "less for each."
            )
        return self.count or int(room)


MakeEncoder = Callable[[Callable[[list[Any]], Any]], BlockEncoder]
"""Makes a worker's encoder of blocks from the model's `encode`."""


def in_this_process(
    model: SentenceTransformer, make: MakeEncoder, blocks: Sequence[Block], batch_size: int, workers: Workers
) -> Iterator[int]:
    """Embed blocks one after the other; the number of rows of each, when it is done."""
    yield from map(make(_encode(model, batch_size)), blocks)


def in_processes(
    model: SentenceTransformer, make: MakeEncoder, blocks: Sequence[Block], batch_size: int, workers: Workers
) -> Iterator[int]:
    """Embed each block in sentence-transformers' pool of processes, one for each GPU, or several on the CPU.

    Raises `ValueError` if there are fewer GPUs than workers.
    """
    gpus = torch.cuda.device_count()
    if gpus and (workers.count or 1) > gpus:
        raise ValueError(f"There are {gpus} GPUs, expected one for each of {workers.count} workers.")
    if gpus:
        devices = [f"cuda:{index}" for index in range(workers.count or gpus)]
    else:
        devices = ["cpu"] * (workers.count or os.cpu_count() or 1)
    pool = model.start_multi_process_pool(devices)
    try:
        yield from map(make(_encode(model, batch_size, pool=pool)), blocks)
    finally:
        model.stop_multi_process_pool(pool)


def on_ray(
    model: SentenceTransformer, make: MakeEncoder, blocks: Sequence[Block], batch_size: int, workers: Workers
) -> Iterator[int]:
    """Embed blocks on the workers of a Ray cluster; one that is lost is replaced, and its block done again."""
    ray = import_extra("ray", "scale")
    ray_data = import_extra("ray.data", "scale")
    with _cluster(ray), _silent(ray_data):
        rows = [block._asdict() for block in blocks]
        here = model.device
        sent = ray.put(model.to("cpu"))  # workers may lack the device that it is on here
        model.to(here)
        arguments = (sent, "cuda" if workers.gpus else "cpu", batch_size, make)
        # One task for each block, so that a lost worker costs one block.
        done = ray_data.from_items(rows, override_num_blocks=len(rows)).map(
            _RayWorker,
            fn_constructor_args=arguments,
            compute=ray_data.ActorPoolStrategy(size=workers.on(ray.cluster_resources())),
            num_cpus=workers.cpus,
            num_gpus=workers.gpus,
        )
        yield from (row["rows"] for row in done.iter_rows())


class _RayWorker:
    """Holds the model on one worker of a cluster."""

    def __init__(self, model: Any, device: str, batch_size: int, make: MakeEncoder) -> None:
        model = import_extra("ray", "scale").get(model)
        self._encoder = make(_encode(model.to(device), batch_size))

    def __call__(self, row: dict[str, Any]) -> dict[str, int]:
        return {"rows": self._encoder(Block(**row))}


def _encode(model: SentenceTransformer, batch_size: int, **kwargs: Any) -> Callable[[list[Any]], Any]:
    return partial(model.encode, batch_size=batch_size, show_progress_bar=False, **kwargs)


@contextmanager
def _cluster(ray: Any) -> Iterator[None]:
    """The cluster that $RAY_ADDRESS names or that runs here, or else one on this machine for the time being."""
    if ray.is_initialized():
        yield
        return
    ray.init(log_to_driver=False, logging_level="WARNING")
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _silent(ray_data: Any) -> Iterator[None]:
    """Without Ray's own progress bars and notes: there is a bar already."""
    context, logger = ray_data.DataContext.get_current(), logging.getLogger("ray.data")
    before = context.enable_progress_bars, logger.level
    context.enable_progress_bars = False
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        context.enable_progress_bars = before[0]
        logger.setLevel(before[1])
