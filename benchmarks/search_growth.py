"""Search among real pair vectors: time to build, size on disk, latency and recall of the index and its peers.

    ST_RELBERT_DATA=... python benchmarks/search_growth.py --model relbert-nce --work FOLDER --output OUTPUT.json

The vectors are those of random pairs of the words in the data folder, by a model such as ``make quickstart`` trains.
They are encoded by ``st-relbert encode --fast``, whose time and peak memory are reported, and are kept in the folder;
an interrupted encoding goes on. Needs pip install faiss-cpu usearch.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from common import provenance

from st_relbert import RelBERT
from st_relbert.data import load_questions
from st_relbert.data.sources import read_records
from st_relbert.search import RelationIndex
from st_relbert.search.rows import Row, as_table

QUERIES = 200
K = 10
CHUNK = 8192
WARM_UP = 20
PACKAGES = ("st-relbert", "lancedb", "faiss-cpu", "usearch", "numpy", "torch")


def words() -> list[str]:
    """The words of the lexical relation data and of the analogy questions, each once."""
    found = set()
    for name in ("BLESS", "ROOT09"):
        for record in read_records(f"relbert/lexical_relation_classification/{name}", ["train"])[0]:
            found |= {record["head"], record["tail"]}
    for name in ("u2", "google", "bats"):
        for question in load_questions(f"relbert/analogy_questions/{name}", "test"):
            found |= {word for pair in (question["stem"], *question["choice"]) for word in pair}
    return sorted(found)


def random_pairs(count: int) -> list[tuple[str, str]]:
    """Distinct pairs of the words, at random."""
    rng, known = random.Random(0), words()
    pairs: dict[tuple[str, str], None] = {}
    while len(pairs) < count:
        pairs.setdefault((rng.choice(known), rng.choice(known)))
    return list(pairs)


def encoded(model: str, pairs: list[tuple[str, str]], work: Path) -> tuple[np.ndarray, dict[str, Any]]:
    """Unit vectors ``(pairs, d)``, and what encoding them took."""
    source, output, cost_file = work / "pairs.parquet", work / "vectors.parquet", work / "cost.json"
    if not cost_file.exists():
        if not source.exists():  # written once: an encoding goes on only with the very file it was begun with
            pyarrow.parquet.write_table(
                pa.table(dict(zip(("head", "tail"), zip(*pairs, strict=True), strict=True))), source
            )
        one = work / "one.jsonl"
        one.write_text('{"head": "Tokyo", "tail": "Japan"}\n')
        few = run_encode(model, one, work / "one.parquet")
        cost = {"rows": len(pairs), **run_encode(model, source, output), "peak_mib_of_one_pair": few["peak_mib"]}
        cost_file.write_text(json.dumps(cost), encoding="utf-8")
    flat = pyarrow.parquet.read_table(output, columns=["vector"])["vector"].combine_chunks().flatten()
    vectors = flat.to_numpy().reshape(len(pairs), -1)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), json.loads(cost_file.read_text(encoding="utf-8"))


def run_encode(model: str, source: Path, output: Path) -> dict[str, Any]:
    """Time and peak memory of the command."""
    command = ["-m", "st_relbert", "encode", model, str(source), "--output", str(output), "--fast", "--overwrite"]
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, *command])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"st-relbert encode ended with the status {status}.")
    seconds = time.perf_counter() - started
    return {"seconds": round(seconds, 1), "peak_mib": round(usage.ru_maxrss / 1024)}


def query_vectors(model: RelBERT) -> np.ndarray:
    """Unit vectors ``(200, d)`` of stems of analogy questions."""
    stems = {
        tuple(question["stem"])
        for name in ("u2", "google", "bats")
        for question in load_questions(f"relbert/analogy_questions/{name}", "test")
    }
    vectors = model.encode(random.Random(1).sample(sorted(stems), QUERIES + WARM_UP))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def build_ours(model: RelBERT, pairs: list[tuple[str, str]], vectors: np.ndarray, folder: Path) -> Callable[..., Any]:
    """RelationIndex with its defaults; the pairs found."""
    index = RelationIndex.create(folder, model)
    for start in range(0, len(pairs), CHUNK):
        rows = [Row(pair, None, {}) for pair in pairs[start : start + CHUNK]]
        index._store.insert(as_table(rows, vectors[start : start + CHUNK], index._store.schema))
    index.optimize()
    number = {pair: row for row, pair in enumerate(pairs)}
    return lambda query: [number[hit.pair] for hit in index.search(query, K)]


def build_numpy(model: RelBERT, pairs: list[tuple[str, str]], vectors: np.ndarray, folder: Path) -> Callable[..., Any]:
    """All cosines."""
    folder.mkdir()
    np.save(folder / "vectors.npy", vectors)
    everything = np.load(folder / "vectors.npy")

    def search(query: np.ndarray) -> list[int]:
        cosines = everything @ query
        best = np.argpartition(-cosines, K)[:K]
        return best[np.argsort(-cosines[best])].tolist()

    return search


def build_faiss(model: RelBERT, pairs: list[tuple[str, str]], vectors: np.ndarray, folder: Path) -> Callable[..., Any]:
    """HNSW with 32 neighbours."""
    import faiss

    folder.mkdir()
    index = faiss.IndexHNSWFlat(vectors.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction, index.hnsw.efSearch = 128, 128
    index.add(vectors)
    faiss.write_index(index, str(folder / "index.faiss"))
    return lambda query: index.search(query[None], K)[1][0].tolist()


def build_usearch(
    model: RelBERT, pairs: list[tuple[str, str]], vectors: np.ndarray, folder: Path
) -> Callable[..., Any]:
    """HNSW with the defaults."""
    from usearch.index import Index

    folder.mkdir()
    index = Index(ndim=vectors.shape[1], metric="cos", dtype="f32")
    index.add(np.arange(len(vectors)), vectors)
    index.save(str(folder / "index.usearch"))
    return lambda query: index.search(query, K).keys.tolist()


ENGINES = {
    "st-relbert": build_ours,
    "numpy, exact": build_numpy,
    "faiss HNSW": build_faiss,
    "usearch HNSW": build_usearch,
}


def measure(
    names: list[str],
    model: RelBERT,
    pairs: list[tuple[str, str]],
    vectors: np.ndarray,
    queries: np.ndarray,
    folder: Path,
) -> list[dict[str, Any]]:
    """A row for each engine; the engines take turns at each query."""
    engines, rows = {}, {}
    for name in names:
        started = time.perf_counter()
        engines[name] = ENGINES[name](model, pairs, vectors, folder / name)
        seconds = time.perf_counter() - started
        size = sum(file.stat().st_size for file in (folder / name).rglob("*") if file.is_file())
        rows[name] = {
            "engine": name,
            "rows": len(pairs),
            "build_seconds": round(seconds, 1),
            "disk_mib": round(size / 2**20, 1),
        }
    times: dict[str, list[float]] = {name: [] for name in engines}
    found: dict[str, list[set[int]]] = {name: [] for name in engines}
    for query in queries:
        for name, search in engines.items():
            started = time.perf_counter()
            hits = search(query)
            times[name].append(1000 * (time.perf_counter() - started))
            found[name].append(set(hits))
    for name, row in rows.items():
        row["p50_ms"], row["p95_ms"] = (round(float(np.percentile(times[name][WARM_UP:], p)), 2) for p in (50, 95))
        shares = [len(hits & exact) / K for hits, exact in zip(found[name], found["numpy, exact"], strict=True)]
        row["recall_at_10"] = round(float(np.mean(shares[WARM_UP:])), 4)
    return list(rows.values())


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", required=True, help="folder of a trained model")
    parser.add_argument("--work", type=Path, required=True, help="folder to keep the vectors in")
    parser.add_argument("--sizes", nargs="+", type=int, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES), help="the exact one is needed")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    model = RelBERT(args.model)
    pairs = random_pairs(max(args.sizes))
    vectors, cost = encoded(args.model, pairs, args.work)
    queries = query_vectors(model)
    rows = []
    for size in args.sizes:
        folder = Path(tempfile.mkdtemp(dir=args.work))
        try:
            rows += measure(args.engines, model, pairs[:size], np.array(vectors[:size]), queries, folder)
        finally:
            shutil.rmtree(folder)
        for row in rows[-len(args.engines) :]:
            sys.stdout.write(json.dumps(row) + "\n")
            sys.stdout.flush()
    result = {
        **provenance(PACKAGES),
        "queries": QUERIES,
        "encoding": cost,
        "rows": rows,
    }
    args.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
