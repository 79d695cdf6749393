"""The engines that encode blocks: this process, several processes, or a Ray cluster."""

from __future__ import annotations

import logging
import math
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
    """Reads, embeds and writes blocks. Each worker has one of these.

    `encode` returns the float32 vectors `(pairs, d)` of pairs. `schema` describes the output's rows, with the vectors
    as the last column.
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
        """Embed a block, unless it is finished, and return its number of rows.

        An engine may assign a block again after a worker was lost.
        """
        if not self._output.has(block.number):
            rows = self._reader.read(block)
            vectors = self._encode(self._tables[block.table].pairs(rows))
            table = pa.table([*rows.columns, vector_column(vectors)], schema=self._schema)
            self._output.write(block.number, table)
        return block.rows


@dataclass(frozen=True)
class Workers:
    """The number of workers of an engine, and the resources of each.

    Args:
        count: The number of workers. None: as many as there is room for.
        cpus: The number of CPUs per worker, on Ray.
        gpus: The number of GPUs per worker, on Ray. With 0.5, two workers share one.

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
        if not 0 < self.cpus < math.inf or not 0 <= self.gpus < math.inf:
            raise ValueError(
                f"A worker has {self.cpus} CPUs and {self.gpus} GPUs, expected more than 0 CPUs and at least 0 GPUs."
            )

    def on(self, resources: Mapping[str, float]) -> int:
        """Return how many workers a cluster runs.

        Args:
            resources: The cluster's resources, with Ray's names: `CPU` and `GPU`.

        Raises:
            ValueError: If there is no room for the requested workers.
        """
        room = resources.get("CPU", 0) / self.cpus
        if self.gpus:
            room = min(room, resources.get("GPU", 0) / self.gpus)
        if int(room) < (self.count or 1):
            raise ValueError(
                f"The cluster has {resources.get('CPU', 0):g} CPUs and {resources.get('GPU', 0):g} GPUs, expected "
                f"{self.cpus:g} and {self.gpus:g} for each of {self.count or 1} workers. Request fewer workers, or "
                "fewer CPUs or GPUs for each."
            )
        return self.count or int(room)


MakeEncoder = Callable[[Callable[[list[Any]], Any]], BlockEncoder]
"""Makes a worker's `BlockEncoder` from the model's `encode`."""


def in_this_process(
    model: SentenceTransformer, make: MakeEncoder, blocks: Sequence[Block], batch_size: int, workers: Workers
) -> Iterator[int]:
    """Embed blocks one after the other, and yield the number of rows of each finished one."""
    yield from map(make(_encode(model, batch_size)), blocks)


def in_processes(
    model: SentenceTransformer, make: MakeEncoder, blocks: Sequence[Block], batch_size: int, workers: Workers
) -> Iterator[int]:
    """Embed each block in sentence-transformers' pool of processes: one per GPU, or several on the CPU.

    Raises `ValueError` if there are fewer GPUs than workers.
    """
    gpus = torch.cuda.device_count()
    if gpus and (workers.count or 1) > gpus:
        raise ValueError(f"There are {workers.count} workers, expected at most one per GPU ({gpus}).")
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
    """Embed blocks on the workers of a Ray cluster. If a worker is lost, another one embeds its block."""
    ray = import_extra("ray", "scale")
    ray_data = import_extra("ray.data", "scale")
    with _cluster(ray), _silent(ray_data):
        rows = [block._asdict() for block in blocks]
        here = model.device
        sent = ray.put(model.to("cpu"))  # workers may lack this machine's device
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
    """Use the cluster at $RAY_ADDRESS or the one that runs here, or else start a temporary one on this machine."""
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
    """Turn off Ray's own progress bars and notes, because there is a bar already."""
    context, logger = ray_data.DataContext.get_current(), logging.getLogger("ray.data")
    before = context.enable_progress_bars, logger.level
    context.enable_progress_bars = False
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        context.enable_progress_bars = before[0]
        logger.setLevel(before[1])
