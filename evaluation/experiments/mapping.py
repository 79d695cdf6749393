"""Other scores of relation mapping beside the published one, on SCAR (to choose) and on the 20 problems (to report).

ST_RELBERT_DATA=... python evaluation/experiments/mapping.py SEED-0 SEED-1 SEED-2 --output OUTPUT.csv
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from st_relbert import RelBERT
from st_relbert.data.questions import MappingProblem
from st_relbert.evaluation import RelationMappingEvaluator
from st_relbert.evaluation.best_mapping import best_mapping
from st_relbert.vectors import PairVectors

SETS = ("scar", "relation_mapping")


class Variant(NamedTuple):
    """A score: of both directions or one, what is taken off the cosines, and the soft maximum's temperature."""

    both: bool = False
    scale: str = "cosine"
    temperature: float = 0.0


VARIANTS = {
    "published: forward, cosine, maximum over the partners": Variant(),
    "both directions": Variant(both=True),
    "soft maximum, 0.05": Variant(temperature=0.05),
    "both directions, soft maximum, 0.02": Variant(both=True, temperature=0.02),
    "both directions, soft maximum, 0.05": Variant(both=True, temperature=0.05),
    "both directions, soft maximum, 0.1": Variant(both=True, temperature=0.1),
    "centred: less the mean of the problem's pairs": Variant(scale="centred"),
    "centred on each side": Variant(scale="sides"),
    "both directions, centred": Variant(both=True, scale="centred"),
    "both directions, centred, soft maximum, 0.05": Variant(both=True, scale="centred", temperature=0.05),
    "less the means over rows and columns": Variant(scale="doubly"),
    "both directions, less the means over rows and columns": Variant(both=True, scale="doubly"),
    "ranks": Variant(scale="ranks"),
}


def scores(problem: MappingProblem, vectors: PairVectors, variant: Variant) -> NDArray[np.float64]:
    """See `best_mapping`."""
    sides = [vectors.unit(pairs).astype(np.float64) for pairs in (problem.source_pairs(), problem.given_pairs())]
    if variant.scale in ("centred", "sides"):
        means = [side.mean(axis=0) for side in sides]
        means = [sum(means) / 2] * 2 if variant.scale == "centred" else means
        sides = [side - each for side, each in zip(sides, means, strict=True)]
        sides = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides]
    table = sides[0] @ sides[1].T
    if variant.scale == "doubly":
        table = table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()
    if variant.scale == "ranks":
        table = sum(table.argsort(axis).argsort(axis) for axis in (0, 1)) / (2 * len(table))
    size = len(problem.source)
    full = np.zeros((size,) * 4)
    different = ~np.eye(size, dtype=bool)
    full[different[:, :, None, None] & different] = table.ravel()
    return (full + full.transpose(1, 0, 3, 2)) / 2 if variant.both else full


def accuracy(problem: MappingProblem, vectors: PairVectors, variant: Variant) -> float:
    """The share of terms placed right, in %."""
    order = best_mapping(scores(problem, vectors, variant).clip(-1, 1), variant.temperature)
    return 100 * mean(problem.given[index] == right for index, right in zip(order, problem.target, strict=True))


def main() -> None:
    """Read the arguments, score all variants with all models, and write a line for each variant and set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", help="models that differ in the seed")
    parser.add_argument("--output", required=True, type=Path)
    arguments = parser.parse_args()
    problems = {name: RelationMappingEvaluator.load(name).problems for name in SETS}
    pairs = {p for some in problems.values() for each in some for p in (*each.source_pairs(), *each.given_pairs())}
    vectors = [PairVectors.encode(RelBERT(model), pairs) for model in arguments.models]
    rows: list[list[Any]] = [
        ["score", "set", "mean", "standard deviation", *map("seed {}".format, range(len(vectors)))]
    ]
    for variant, settings in VARIANTS.items():
        for name in SETS:
            figures = [mean(accuracy(problem, each, settings) for problem in problems[name]) for each in vectors]
            spread = stdev(figures) if len(figures) > 1 else 0.0
            rows.append([variant, name, *(f"{figure:.1f}" for figure in (mean(figures), spread, *figures))])
    with arguments.output.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


if __name__ == "__main__":
    main()
