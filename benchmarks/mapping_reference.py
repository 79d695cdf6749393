"""The relbert library's solving of relation mappings, in an environment of its own: reads JSON, writes seconds."""

import json
import os
import sys
import tempfile
import time

import relbert.evaluation.relation_mapping as reference
import relbert.lm

relbert.lm.internet_connection = lambda: False  # it would ask a search engine


def main() -> None:
    """Encode all pairs, then measure the rest: vectors are read back, similarities computed, orders walked."""
    encoder, template, problems, output = json.load(sys.stdin)
    reference.RelBERT = lambda name: relbert.lm.RelBERT(name, max_length=64, template=template)
    reference.load_dataset = lambda name: {"test": problems}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        solve = reference.permutations
        # Without the search first: it fills the cache of vectors.
        reference.permutations = lambda values, size: solve(values, size) if size == 2 else iter([tuple(values)])
        reference.evaluate_relation_mapping(encoder, cache_embedding_dir=folder)
        for name, _, files in os.walk(folder):
            for file in files:
                if file.startswith("sim."):
                    os.remove(os.path.join(name, file))
        reference.permutations = solve
        started = time.perf_counter()
        accuracy, _, _ = reference.evaluate_relation_mapping(encoder, cache_embedding_dir=folder)
        seconds = time.perf_counter() - started
    with open(output, "w", encoding="utf-8") as file:
        json.dump({"seconds": seconds, "accuracy": accuracy}, file)


if __name__ == "__main__":
    main()
