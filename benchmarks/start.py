"""Seconds to start: the command's help, and importing the package beside importing sentence-transformers.

python benchmarks/start.py --output benchmarks/results/start.json
"""

from __future__ import annotations

import argparse
import json
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
    "st-relbert --help": ["-m", "st_relbert", "--help"],
    "import st_relbert": ["-c", "import st_relbert"],
    "import sentence_transformers": ["-c", "import sentence_transformers"],
    "from sentence_transformers import SentenceTransformer": [
        "-c",
        "from sentence_transformers import SentenceTransformer",
    ],
    "from st_relbert import RelBERT": ["-c", "from st_relbert import RelBERT"],
}


def run(arguments: list[str]) -> Callable[[], None]:
    """A fresh interpreter."""

    def way() -> None:
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)

    return way


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    times = alternate({name: run(arguments) for name, arguments in COMMANDS.items()}, ROUNDS)
    seconds = {name: round(median(values), 3) for name, values in times.items()}
    result = {**provenance(PACKAGES), "rounds": ROUNDS, "median_seconds": seconds}
    args.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
