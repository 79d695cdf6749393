"""Seconds of a training step on a CPU: a batch embedded by length, as the losses do, and embedded at once.

python benchmarks/padding.py ENCODER... --output benchmarks/results/padding.json

The batch has 576 pairs of the shipped relations, as that of the preset `mpnet` (192 for an encoder of 384 dimensions,
as that of `minilm`), and is computed in bfloat16.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path
from statistics import median
from typing import Any

import torch
from common import alternate, provenance

from st_relbert import RelBERT
from st_relbert.data import load_relations
from st_relbert.losses import InfoNCELoss
from st_relbert.losses.batch import embed_by_length

ROUNDS = 5
PACKAGES = ("st-relbert", "sentence-transformers", "transformers", "torch")


def measure(encoder: str) -> dict[str, Any]:
    """A row: an encoder, the tokens of a batch, and the seconds of a step in both ways."""
    model = RelBERT(encoder, template="short", device="cpu").train()
    loss = InfoNCELoss(model)
    dataset = load_relations("relations")
    number = 192 if model.get_embedding_dimension() == 384 else 576
    rows = random.Random(0).sample(range(len(dataset)), number)
    features = model.preprocess([dataset[row]["pair"] for row in rows])
    labels = torch.tensor([dataset[row]["label"] for row in rows])

    def step(by_length: bool) -> None:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            given = dict(features)
            embeddings = embed_by_length(model, given) if by_length else model(given)["sentence_embedding"]
        loss.compute_loss_from_embeddings(embeddings, labels).backward()
        model.zero_grad()

    times = alternate({"at once": lambda: step(False), "by length": lambda: step(True)}, ROUNDS)
    lengths = features["attention_mask"].sum(dim=1)
    return {
        "encoder": f"{model[0].model.config.num_hidden_layers} layers of {model.get_embedding_dimension()}",
        "pairs": number,
        "mean_tokens": round(float(lengths.float().mean()), 1),
        "longest": int(lengths.max()),
        "ratio": round(median(times["at once"]) / median(times["by length"]), 2),
        "seconds": {way: [round(value, 2) for value in values] for way, values in times.items()},
    }


def main() -> None:
    """Measure each encoder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoders", nargs="+", metavar="ENCODER", help="folders of encoders")
    parser.add_argument("--output", required=True, type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    rows = [measure(encoder) for encoder in arguments.encoders]
    for row in rows:
        sys.stdout.write(f"{json.dumps(row)}\n")
    arguments.output.write_text(json.dumps({**provenance(PACKAGES), "rows": rows}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
