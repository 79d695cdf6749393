"""Seconds of loading, preparing and encoding with the package that this process imports; see versions.py."""

import json
import random
import sys
import time
from pathlib import Path

from st_relbert import RelBERT

PREPARED, ENCODED = 20_000, 2_000


def measure(encoder: str) -> dict[str, float]:
    """Seconds of each task."""
    rng = random.Random(0)
    vocabulary = json.loads((Path(encoder) / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    words = [word for word in vocabulary if word.isalpha() and len(word) > 2]
    pairs = [(rng.choice(words), rng.choice(words)) for _ in range(PREPARED)]
    times = {}
    started = time.perf_counter()
    model = RelBERT(encoder, template="short")
    times["load a model"] = time.perf_counter() - started
    model.encode(pairs[:256], show_progress_bar=False)
    started = time.perf_counter()
    for start in range(0, len(pairs), 64):
        model.preprocess(pairs[start : start + 64])
    times[f"prepare {PREPARED:,} pairs, 64 at a time"] = time.perf_counter() - started
    started = time.perf_counter()
    model.encode(pairs[:ENCODED], batch_size=64, show_progress_bar=False)
    times[f"encode {ENCODED:,} pairs"] = time.perf_counter() - started
    return times


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(sys.argv[1])))
