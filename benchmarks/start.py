"""Seconds to start: the command's help, importing the package beside sentence-transformers; one answer, and one more.

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
    "import lancedb": ["-c", "import lancedb"],
    "st-relbert --help": ["-m", "st_relbert", "--help"],
    "import st_relbert": ["-c", "import st_relbert"],
    "import sentence_transformers": ["-c", "import sentence_transformers"],
    "from sentence_transformers import SentenceTransformer": [
        "-c",
        "from sentence_transformers import SentenceTransformer",
    ],
    "from st_relbert import RelBERT": ["-c", "from st_relbert import RelBERT"],
}
# Asked of one process, one after the other.
QUESTIONS = [
    ("Tokyo", "Japan", "Paris"), ("hot", "cold", "tall"), ("puppy", "dog", "kitten"), ("bakery", "bread", "dairy"),
    ("walk", "walked", "sing"), ("teacher", "school", "doctor"), ("wheel", "car", "sail"), ("cow", "milk", "hen"),
    ("lemon", "sour", "sugar"), ("Japan", "yen", "Russia"), ("painter", "painting", "poet"),
]  # fmt: skip


def answers(index: str | None, model: str | None, scorer: str | None) -> dict[str, tuple[list[str], int]]:
    """The commands that answer a question, and of how many words it is."""
    start = ["-m", "st_relbert"]
    found = {}
    if index:
        found["st-relbert index search"] = [*start, "index", "search", index], 2
        found["st-relbert index label"] = [*start, "index", "label", index], 2
        found["st-relbert complete, of an index"] = [*start, "complete", index], 3
    if model and scorer:
        found["st-relbert complete, of a scorer"] = [*start, "complete", "--model", model, "--scorer", scorer], 3
    return found


def run(arguments: list[str], typed: str = "") -> Callable[[], float]:
    """A fresh interpreter, and what is typed into it; its CPU seconds, which others on the machine change little."""

    def way() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run([sys.executable, *arguments], check=True, input=typed.encode(), **streams)
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
    ways = {name: run(arguments) for name, arguments in COMMANDS.items()}
    asked = answers(args.index, args.model, args.scorer)
    for name, (arguments, words) in asked.items():
        lines = ["\t".join(question[:words]) + "\n" for question in QUESTIONS]
        for count in (1, len(lines)):
            ways[f"{name}, {count} of --queries -"] = run([*arguments, "--queries", "-"], "".join(lines[:count]))
    times = alternate(ways, args.rounds)
    seconds = {name: round(median(values), 3) for name, values in times.items()}
    for name in asked:
        one, all_ = (seconds[f"{name}, {count} of --queries -"] for count in (1, len(QUESTIONS)))
        seconds[f"{name}, one more answer"] = round((all_ - one) / (len(QUESTIONS) - 1), 3)
    result = {**provenance(PACKAGES), "rounds": args.rounds, "median_user_seconds": seconds}
    args.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
