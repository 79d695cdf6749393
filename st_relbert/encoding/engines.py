"""What runs the encoding of blocks: this process, several, or a Ray cluster."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from sentence_transformers import SentenceTransformer

from st_relbert.encoding.block import Block
from st_relbert.encoding.block_encoder import BlockEncoder
from st_relbert.encoding.workers import Workers
from st_relbert.extras import import_extra

MakeEncoder = Callable[[Callable[[list[Any]], Any]], BlockEncoder]
"""Makes a worker's encoder of blocks from the model's ``encode``."""


def in_this_process(
    model: SentenceTransformer, make: MakeEncoder, blocks: Sequence[Block], batch_size: int, workers: Workers
) -> Iterator[int]:
    """Embed blocks one after the other; the number of rows of each, when it is done."""
    yield from map(make(_encode(model, batch_size)), blocks)


def in_processes(
    model: SentenceTransformer, make: MakeEncoder, blocks: Sequence[Block], batch_size: int, workers: Workers
) -> Iterator[int]:
    """Embed each block in sentence-transformers' pool of processes, one for each GPU, or several on the CPU."""
    gpus = torch.cuda.device_count()
    devices = [f"cuda:{index}" for index in range(gpus)] or ["cpu"] * (os.cpu_count() or 1)
    pool = model.start_multi_process_pool(devices[: workers.count] if workers.count else devices)
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
        arguments = (ray.put(model.to("cpu")), "cuda" if workers.gpus else "cpu", batch_size, make)
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
