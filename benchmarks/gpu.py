"""On a GPU: pairs encoded a second, their share of the device's peak, and seconds a training step.

    python benchmarks/gpu.py TOKENIZER --output benchmarks/results/gpu.json
    python benchmarks/gpu.py TOKENIZER --device cpu --pairs 256 --batches 64 --encoders MiniLM

TOKENIZER: a folder with the tokenizer of all-MiniLM-L6-v2 or another uncased one. The encoders have the shapes of
published ones and random weights, which cost the same. The pairs are those of the shipped relations; each is encoded
once, in bfloat16, template short. The peak is that of a large product of matrices in bfloat16 in the same run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch
from common import operations, provenance
from transformers import AutoTokenizer, BertConfig, BertModel

from st_relbert import RelBERT
from st_relbert.data import RelationSet
from st_relbert.evaluation.results import write_json
from st_relbert.training import TrainingRun, read_preset

SHAPES = {"MiniLM": (6, 384, 12), "base": (12, 768, 12), "large": (24, 1024, 16)}  # layers, width, heads
ROUNDS = 3
Row = dict[str, Any]


def encoder(shape: str, tokenizer: str, folder: Path) -> str:
    """A folder with an encoder of random weights."""
    layers, width, heads = SHAPES[shape]
    words = AutoTokenizer.from_pretrained(tokenizer)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
    )
    path = folder / shape
    BertModel(config).save_pretrained(path)
    words.save_pretrained(path)
    return str(path)


def peak(device: torch.device, size: int) -> float:
    """The best rate of a large product of matrices in bfloat16, in operations a second."""
    a, b = (torch.randn(size, size, dtype=torch.bfloat16, device=device) for _ in range(2))
    best = float("inf")
    for _ in range(20):
        _wait(device)
        started = time.perf_counter()
        a @ b
        _wait(device)
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best


def encoding(
    path: str, pairs: list[tuple[str, str]], batches: list[int], device: torch.device, most: float
) -> list[Row]:
    """Pairs a second and share of the peak, by batch size; tokenising included."""
    model = RelBERT(path, template="short", device=str(device), model_kwargs={"dtype": torch.bfloat16})
    work = operations(model, pairs)
    rows = []
    for batch_size in batches:
        model.encode(pairs[: 2 * batch_size], batch_size=batch_size, convert_to_tensor=True)
        seconds = []
        for _ in range(ROUNDS):
            _wait(device)
            started = time.perf_counter()
            model.encode(pairs, batch_size=batch_size, convert_to_tensor=True)
            _wait(device)
            seconds.append(time.perf_counter() - started)
        rows.append(
            {
                "batch_size": batch_size,
                "pairs_per_second": round(len(pairs) / median(seconds)),
                "share_of_peak": round(work / median(seconds) / most, 4),
                "seconds": [round(value, 3) for value in seconds],
            }
        )
    return rows


def training(path: str, steps: int, folder: Path) -> Row:
    """Seconds a step of the preset `minilm`'s batches, in bfloat16; loading and saving are left out."""
    settings = {**read_preset("minilm"), "base_model": path, "output": str(folder / "trained"), "save_steps": 10_000}
    took = []
    for count in (2, 2 + steps):
        started = time.perf_counter()
        TrainingRun(**{**settings, "max_steps": count}).train(overwrite=True, show_progress_bar=False)
        took.append(time.perf_counter() - started)
    return {"steps": steps, "seconds_a_step": round((took[1] - took[0]) / steps, 4)}


def main(arguments: list[str] | None = None) -> None:
    """Measure all and write it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("tokenizer")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--encoders", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--batches", type=int, nargs="+", default=[64, 256, 1024, 4096])
    parser.add_argument("--pairs", type=int, default=8_192)
    parser.add_argument("--steps", type=int, default=100, help="of training; 0: none")
    parser.add_argument("--output", help="JSON")
    args = parser.parse_args(arguments)
    device = torch.device(args.device)
    relations = RelationSet.load("relations")
    pairs = sorted({pair for group in relations.positives.values() for pair in group})[: args.pairs]
    most = peak(device, 8192 if device.type == "cuda" else 2048)
    content: Row = {
        **provenance(("st-relbert", "sentence-transformers", "transformers", "torch")),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "peak_teraflops": round(most / 1e12, 1),
        "pairs": len(pairs),
        "encoders": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        for shape in args.encoders:
            path = encoder(shape, args.tokenizer, Path(folder))
            rows = encoding(path, pairs, args.batches, device, most)
            content["encoders"][shape] = {"encoding": rows}
            _show(content, args.output)
            if args.steps:
                content["encoders"][shape]["training"] = training(path, args.steps, Path(folder))
                _show(content, args.output)


def _show(content: Row, output: str | None) -> None:
    """Print what is new, and write all of it: time on a borrowed GPU may end."""
    shape, rows = list(content["encoders"].items())[-1]
    sys.stdout.write(f"{shape} {rows}\n")
    sys.stdout.flush()
    if output:
        write_json(output, content)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()
