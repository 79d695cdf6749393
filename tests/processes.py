"""Processes that tests end, or set beside each other.

They are forks of one server, which has imported what takes seconds. LanceDB is not among it, as it starts a thread,
which a fork would not have.
"""

import datetime
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor

if "forkserver" in multiprocessing.get_all_start_methods():
    CONTEXT = multiprocessing.get_context("forkserver")
    CONTEXT.set_forkserver_preload(["st_relbert.training", "st_relbert.evaluation", "st_relbert.search"])
else:
    CONTEXT = multiprocessing.get_context("spawn")


def in_group(count, meeting, work, *arguments):
    """Run something in processes that are a group, as torchrun starts them; what it returned in each.

    Args:
        count: How many processes.
        meeting: A file that does not exist yet; there they find each other.
        work: What to run: a function of a module.
        arguments: What it gets.
    """
    with ProcessPoolExecutor(count, mp_context=CONTEXT) as pool:
        members = [pool.submit(_member, rank, count, str(meeting), work, arguments) for rank in range(count)]
        return [member.result() for member in members]


def _member(rank, count, meeting, work, arguments):
    import torch

    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(count))
    torch.distributed.init_process_group(
        "gloo", f"file://{meeting}", rank=rank, world_size=count, timeout=datetime.timedelta(minutes=2)
    )
    try:
        return work(*arguments)
    finally:
        torch.distributed.destroy_process_group()
