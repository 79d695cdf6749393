"""What the benchmarks share: the relbert library's environment, alternating measurements, where figures come from."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import time
import venv
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from st_relbert import RelBERT
from st_relbert.data import load_questions

# As in tests/test_reference_library.py: its metadata pins versions of 2022, but the code works with these.
REFERENCE_REQUIREMENTS = ["transformers==4.57.1", "pandas", "scikit-learn", "datasets", "tqdm"]
QUESTIONS = ("u2", "google", "bats")


def make_reference(folder: Path) -> str:
    """Make an environment with the relbert library from the package index; its interpreter."""
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, f"torch=={torch.__version__.split('+')[0]}", *REFERENCE_REQUIREMENTS], check=True)
    subprocess.run([*pip, "--no-deps", "setuptools", "relbert==2.0.2"], check=True)
    return python


def provenance(packages: Iterable[str]) -> dict[str, Any]:
    """Date, machine and versions."""
    return {
        "date": str(datetime.now(tz=timezone.utc).date()),
        "machine": f"{_processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads",
        "versions": {name: importlib.metadata.version(name) for name in packages},
    }


def question_pairs() -> list[tuple[str, str]]:
    """The pairs of the U2, Google and BATS questions, each once, sorted."""
    pairs = set()
    for name in QUESTIONS:
        for question in load_questions(f"relbert/analogy_questions/{name}", "test"):
            pairs.update(tuple(pair) for pair in (question["stem"], *question["choice"]))
    return sorted(pairs)


def alternate(ways: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Run each way in turn, several times over, after one run of each that does not count.

    Args:
        ways: What to measure. A way may measure itself, in a process of its own, and return seconds as a float.
        rounds: How often.

    Returns:
        The seconds of each run of each way.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            started = time.perf_counter()
            result = way()
            seconds = result if isinstance(result, float) else time.perf_counter() - started
            if turn:
                times[name].append(seconds)
    return times


def rates(times: Mapping[str, list[float]], count: int, base: str) -> list[dict[str, Any]]:
    """A row for each way: how many of ``count`` things a second, in the median, and how often those of ``base``."""
    per_second = {name: count / median(seconds) for name, seconds in times.items()}
    return [
        {
            "way": name,
            "per_second": round(per_second[name], 1),
            "ratio": round(per_second[name] / per_second[base], 2),
            "seconds": [round(value, 4) for value in times[name]],
        }
        for name in times
    ]


def operations(model: RelBERT, pairs: list[tuple[str, str]]) -> float:
    """Multiplications and additions of the encoder's products, for the tokens that there are."""
    config = model[0].model.config
    hidden, inner, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    lengths = np.array([model[0].prompt_length(pair) for pair in pairs])
    linear = 2 * (4 * hidden**2 + 2 * hidden * inner) * lengths
    attention = 4 * hidden * lengths**2
    return float(layers * (linear + attention).sum())


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
