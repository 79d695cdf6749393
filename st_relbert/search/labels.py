"""Which relation do two words stand in? The labels of similar pairs tell."""

from __future__ import annotations

from typing import NamedTuple

from st_relbert.data.shipped import in_words
from st_relbert.pairs import Pair
from st_relbert.search.index import RelationIndex


class RelationLabel(NamedTuple):
    """A label for a pair.

    Args:
        relation: The label.
        score: Its share of the neighbours' votes, from 0 to 1.
        support: How many of the neighbours have it.
        example: The nearest of them.
        in_words: A sentence that says what the label means of the pair; None for labels that are not of the shipped
            relations.
    """

    relation: str
    score: float
    support: int
    example: Pair
    in_words: str | None = None


def relation_labels(index: RelationIndex, pair: Pair, neighbours: int = 20) -> list[RelationLabel]:
    """Label a pair by its labelled neighbours.

    Each of the nearest pairs votes for its label, weighted by its cosine to the pair (a negative one has no vote).

    Args:
        index: The index.
        pair: The pair; rows of the index with the very same pair do not vote.
        neighbours: How many pairs vote.

    Returns:
        The labels of the neighbours, best first; none if no row has a label.

    Source: the k-nearest-neighbour rule, with Dudani's (1976) idea of votes by distance.
    """
    hits = index.search(pair, k=neighbours, where="relation IS NOT NULL")
    votes: dict[str, list[float]] = {}
    examples: dict[str, Pair] = {}
    for hit in hits:
        relation = str(hit.relation)
        votes.setdefault(relation, []).append(max(hit.score, 0.0))
        examples.setdefault(relation, hit.pair)
    total = sum(map(sum, votes.values())) or 1.0
    labels = [
        RelationLabel(name, sum(of_name) / total, len(of_name), examples[name], in_words(name, pair))
        for name, of_name in votes.items()
    ]
    return sorted(labels, key=lambda label: -label.score)
