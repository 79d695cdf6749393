"""Complete a knowledge graph: which relation joins two words that are not joined yet? With a baseline.

python examples/complete_graph.py --model relbert-nce        # the model of make quickstart, or any other

The graph consists of the shipped relations, with a few known pairs of each. The questions are pairs held out of
training. The baseline represents a relation by the difference of the two words' vectors from a text encoder.
"""

from __future__ import annotations

import argparse

import numpy as np
from sentence_transformers import SentenceTransformer

from st_relbert import RelBERT
from st_relbert.data import RelationSet


def unit(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors to length 1; 0 stays 0."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def by_words(name: str, pairs: list[tuple[str, str]]) -> np.ndarray:
    """The baseline: the tail's vector minus the head's."""
    heads, tails = (SentenceTransformer(name).encode(list(words)) for words in zip(*pairs, strict=True))
    return unit(unit(tails) - unit(heads))


def by_pairs(name: str, pairs: list[tuple[str, str]]) -> np.ndarray:
    """The vector of the relation itself."""
    return RelBERT(name, fast=True).encode(pairs, normalize_embeddings=True)


def main(arguments: list[str] | None = None) -> None:
    """Run both, and print how often the right relation comes first or among the first ten."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", default="relbert-nce", help="hub id or folder")
    parser.add_argument("--baseline", default="sentence-transformers/all-MiniLM-L6-v2", help="text encoder")
    parser.add_argument("--known", type=int, default=5, help="pairs of each relation that the graph has")
    args = parser.parse_args(arguments)
    graph = {name: pairs[: args.known] for name, pairs in RelationSet.load("relations").positives.items()}
    held_out = RelationSet.load("relations", "validation").positives
    asked = [(place, held_out[name][0]) for place, name in enumerate(graph) if name in held_out]
    pairs = [pair for known in graph.values() for pair in known] + [pair for _, pair in asked]

    print(f"{len(graph):,} relations, {len(asked):,} questions       MRR  first  first ten")
    for title, encode, name in (("words", by_words, args.baseline), ("pairs", by_pairs, args.model)):
        vectors = encode(name, pairs)
        ends = np.cumsum([len(known) for known in graph.values()])
        relations = unit(np.array([part.mean(axis=0) for part in np.split(vectors[: ends[-1]], ends[:-1])]))
        scores = vectors[ends[-1] :] @ relations.T
        ranks = np.array([(row >= row[place]).sum() for row, (place, _) in zip(scores, asked, strict=True)])
        first, ten = (ranks == 1).mean(), (ranks < 11).mean()
        print(f"{title}, {name[-28:]:28} {(1 / ranks).mean():.3f}  {first:5.0%}  {ten:9.0%}")


if __name__ == "__main__":
    main()
