"""Relations by name: the one that two words stand in, by the labels of similar pairs; and the one a phrase names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from sentence_transformers import SentenceTransformer

from st_relbert.data.shipped import ShippedRelation, in_words, shipped_relations
from st_relbert.pairs import Pair
from st_relbert.search.content import IndexContent
from st_relbert.search.hits import TURNED_COSTS, SearchHit
from st_relbert.search.index import RelationIndex
from st_relbert.search.rows import Where

RELATED = 0.5
"""A pair whose relatedness is lower counts as not related: it is not like anything in the index."""

# Chosen on evaluation/everyday_phrases.jsonl: lower are phrases that name no relation.
_LEAST = 0.32  # in common by their letters
_LEAST_COSINE = 0.35
_PAIRS = 1_000  # of a relation, whose mean is the query


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


class PhraseAnswer(NamedTuple):
    """What was found for a phrase.

    Args:
        relation: The relation that the phrase was understood as.
        sentence: What it means, with `{head}` and `{tail}`; None for one that is not shipped.
        score: How much phrase and relation have in common, from 0 to 1.
        hits: The pairs that are like those of the relation, its own among them.
    """

    relation: str
    sentence: str | None
    score: float
    hits: list[SearchHit]

    @property
    def understood(self) -> str:
        """The relation in words."""
        return f"{self.relation} ({self.sentence})" if self.sentence else self.relation


def search_phrase(
    index: RelationIndex,
    phrase: str,
    k: int = 10,
    *,
    where: Where | None = None,
    encoder: SentenceTransformer | None = None,
) -> PhraseAnswer:
    """Find the pairs that stand in the relation that a phrase names, such as "is the capital of".

    The phrase is compared with the names of the index's relations, and with the names and sentences of the shipped
    ones: by parts of words (TF-IDF of 3 to 5 characters), or by a sentence encoder, if there is one. Of 60 phrases the
    first understood 75 % rightly, all-MiniLM-L6-v2 90 %. (The index's own model, whose encoder was trained on pairs,
    did worse, 52 %.) Pairs of the relation are the query: those of the index, or else the shipped ones.

    Args:
        index: The index.
        phrase: The phrase.
        k: See `RelationIndex.search`.
        where: See `RelationIndex.search`.
        encoder: A SentenceTransformer for sentences, such as all-MiniLM-L6-v2.

    Raises:
        ValueError: If no relation is like the phrase.
    """
    labels = index.relations()
    shipped = _shipped()
    known = list(dict.fromkeys([*labels, *shipped]))
    texts = [_text(label, shipped.get(label)) for label in known]
    scores = _similarities(phrase, texts, encoder)
    best = int(scores.argmax())
    if not phrase.strip() or scores[best] < (_LEAST if encoder is None else _LEAST_COSINE):
        raise ValueError(
            f"The phrase {phrase!r} is like no relation here. Name one in other words, such as 'is the capital of', or "
            "see what there is: st-relbert index relations."
        )
    label, relation = known[best], shipped.get(known[best])
    query: Any = _prototype(index, label) if label in labels else list(relation.pairs if relation else ())
    hits = index.search(query, k, where=where, exclude="nothing")
    return PhraseAnswer(label, relation.sentence if relation else None, float(scores[best]), hits)


def _similarities(phrase: str, texts: list[str], encoder: SentenceTransformer | None) -> Any:
    if encoder is not None:
        of_texts, of_phrase = (
            encoder.encode(each, normalize_embeddings=True, show_progress_bar=False) for each in (texts, phrase)
        )
        return of_texts @ of_phrase
    from sklearn.feature_extraction.text import TfidfVectorizer  # loaded by those who ask by a phrase only

    counter = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
    matrix = counter.fit_transform(texts)
    return (matrix @ counter.transform([phrase]).T).toarray()[:, 0]


def _text(label: str, relation: ShippedRelation | None) -> str:
    """What a relation is compared by: its name, and its sentence without the slots."""
    name = label.rpartition("/")[2].replace("_", " ")
    return f"{name}: {re.sub(r'{head}|{tail}', '', relation.sentence)}" if relation else name


def _prototype(index: IndexContent, label: str) -> Any:
    rows = index.rows_of_relation(label, vectors=True)
    return np.mean([row["vector"] for row, _ in zip(rows, range(_PAIRS), strict=False)], axis=0, dtype=np.float32)


@cache
def _shipped() -> dict[str, ShippedRelation]:
    return {relation.label: relation for relation in shipped_relations()}
