"""Seconds to start: the command's help, importing the package beside sentence-transformers, and one answer.

python benchmarks/start.py --output benchmarks/results/start.json [--index INDEX] [--model MODEL --scorer SCORER]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

from common import alternate, provenance

ROUNDS = 7
PACKAGES = ("st-relbert", "sentence-transformers", "transformers", "torch")
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import torch, transformers": ["-c", "import torch; from transformers import AutoModel, PreTrainedModel"],
    "st-relbert --help": ["-m", "st_relbert", "--help"],
    "import st_relbert": ["-c", "import st_relbert"],
    "import sentence_transformers": ["-c", "import sentence_transformers"],
    "from sentence_transformers import SentenceTransformer": [
        "-c",
        "from sentence_transformers import SentenceTransformer",
    ],
    "from st_relbert import RelBERT": ["-c", "from st_relbert import RelBERT"],
}


def answers(index: str | None, model: str | None, scorer: str | None) -> dict[str, list[str]]:
    """The commands that answer one question and end."""
    start, pair = ["-m", "st_relbert"], ["Tokyo", "Japan"]
    found = {}
    if index:
        found["st-relbert index search"] = [*start, "index", "search", index, *pair]
        found["st-relbert index label"] = [*start, "index", "label", index, *pair]
        found["st-relbert complete, of an index"] = [*start, "complete", index, *pair, "Paris"]
    if model and scorer:
        asked = ["complete", "--model", model, "--scorer", scorer, *pair, "Paris"]
        found["st-relbert complete, of a scorer"] = [*start, *asked]
    return found


def run(arguments: list[str]) -> Callable[[], float]:
    """A fresh interpreter; its CPU seconds, which others on the machine hardly change."""

    def way() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run([sys.executable, *arguments], check=True, **streams)
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before

    return way


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--index", help="for an answer of each command that asks an index")
    parser.add_argument("--model", help="with --scorer: for a completion among the scorer's words")
    parser.add_argument("--scorer")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    args = parser.parse_args()
    commands = {**COMMANDS, **answers(args.index, args.model, args.scorer)}
    times = alternate({name: run(arguments) for name, arguments in commands.items()}, args.rounds)
    seconds = {name: round(median(values), 3) for name, values in times.items()}
    result = {**provenance(PACKAGES), "rounds": args.rounds, "median_user_seconds": seconds}
    args.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
