"""Which relation do two words stand in? The labels of similar pairs tell, and the index itself, if it has the pair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from st_relbert.data.shipped import in_words
from st_relbert.pairs import Pair
from st_relbert.search.hits import TURNED_COSTS, SearchHit
from st_relbert.search.index import RelationIndex

RELATED = 0.5
"""A pair whose relatedness is lower counts as not related: it is not like anything in the index."""


class RelationLabel(NamedTuple):
    """A label for a pair.

    Args:
        relation: The label.
        score: Its share of the neighbours' votes, from 0 to 1.
        support: How many of the neighbours have it.
        example: The nearest of them, in the direction of the pair.
        in_words: A sentence that says what the label means of the pair; None for labels that are not of the shipped
            relations.
        reversed: Whether it is the reversed pair that stands in the relation.
        known: Whether the index has the pair with this label.
    """

    relation: str
    score: float
    support: int
    example: Pair
    in_words: str | None = None
    reversed: bool = False
    known: bool = False


def relation_labels(index: RelationIndex, pair: Pair, neighbours: int = 20) -> list[RelationLabel]:
    """Label a pair by its labelled neighbours, in both directions.

    The strongest pairs (see `SearchHit.strength`) vote for their labels, each with a weight from 1 for the first to 0
    for the last, in proportion to its strength. Whether the pair stands in any relation at all says
    `RelationIndex.relatedness`.

    Args:
        index: The index.
        pair: The pair; rows of the index with the very same pair do not vote.
        neighbours: How many pairs vote.

    Returns:
        The labels that the index has for the pair itself, then those of the neighbours, best first; none if no row has
        a label.

    Source: the distance-weighted k-nearest-neighbour rule, Dudani (1976).
    """
    hits = index.search(pair, k=neighbours, where="relation IS NOT NULL", both_directions=True)
    known = _known(index, pair)
    found: dict[str, list[tuple[SearchHit, float]]] = {hit.relation: [] for hit in known if hit.relation}
    weights = _weights(hits)
    for hit, weight in zip(hits, weights, strict=True):
        found.setdefault(str(hit.relation), []).append((hit, weight))
    labels = []
    for relation, votes in found.items():
        voters = [hit for hit, _ in votes]
        own = [hit for hit in known if hit.relation == relation]
        turned = own[0].reversed if own else 2 * sum(hit.reversed for hit in voters) > len(voters)
        example = next((hit for hit in voters if hit.reversed == turned), (own or voters)[0]).pair
        said = in_words(relation, pair[::-1] if turned else pair)
        share = sum(weight for _, weight in votes) / (sum(weights) or 1.0)
        labels.append(RelationLabel(relation, share, len(votes), example, said, turned, bool(own)))
    return sorted(labels, key=lambda label: (not label.known, -label.score))


def _weights(hits: Sequence[SearchHit]) -> list[float]:
    """How much each of the hits counts, the strongest first; the turned ones are as strong as they stand."""
    strengths = [hit.strength - TURNED_COSTS * hit.reversed for hit in hits]
    if not strengths or strengths[0] == strengths[-1]:
        return [1.0] * len(strengths)
    return [(strength - strengths[-1]) / (strengths[0] - strengths[-1]) for strength in strengths]


def _known(index: RelationIndex, pair: Pair) -> list[SearchHit]:
    """The rows of the pair itself, in both directions."""
    return [
        SearchHit(*pair, row["relation"], 1.0, reversed=turned)
        for turned, (head, tail) in ((False, pair), (True, pair[::-1]))
        for row in index.rows({"head": head, "tail": tail})
    ]
