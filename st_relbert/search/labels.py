"""Relation labels: name the relation of two words from similar pairs, and find the relation that a phrase describes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from sentence_transformers import SentenceTransformer

from st_relbert.data.shipped import ShippedRelation, in_words, shipped_relations
from st_relbert.pairs import Pair, as_pair, check_positive
from st_relbert.search.hits import REVERSED_PENALTY, SearchHit
from st_relbert.search.index import RelationIndex
from st_relbert.search.rows import Where

RELATED = 0.5
"""Below this relatedness, a pair counts as not related: it is not similar to anything in the index."""

# Chosen on evaluation/everyday_phrases.jsonl: phrases below these scores describe no relation.
_LEAST = 0.32  # the cosine of their TF-IDF vectors
_LEAST_COSINE = 0.35


class RelationLabel(NamedTuple):
    """A label for a pair.

    Args:
        relation: The label.
        score: Its share of the neighbours' votes, from 0 to 1.
        support: The number of neighbours with this label.
        example: The nearest of them, in the direction of the pair.
        in_words: A sentence that says what the label means for the pair. None: the label is not of a shipped relation.
        reversed: Whether the label holds for the reversed pair.
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

    The strongest pairs (see `SearchHit.strength`) vote for their labels. Their weights go linearly from 1 for the
    strongest to 0 for the weakest. To see whether the pair has any relation at all, use `RelationIndex.relatedness`.

    Args:
        index: The index.
        pair: The pair. Rows of the index with exactly this pair do not vote.
        neighbours: The number of pairs that vote.

    Returns:
        The labels that the index has for the pair itself, then those of the neighbours, best first. Empty if no row has
        a label.

    Raises:
        ValueError: If it is not a pair, `neighbours` is not positive, or the model that made the index is no longer
            there.

    Source: the distance-weighted k-nearest-neighbour rule, Dudani (1976).
    """
    pair = as_pair(pair, "the pair")
    check_positive(neighbours=neighbours)
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
        if not share and not own:  # the weakest voter has no weight
            continue
        labels.append(RelationLabel(relation, share, len(votes), example, said, turned, bool(own)))
    return sorted(labels, key=lambda label: (not label.known, -label.score))


def _weights(hits: Sequence[SearchHit]) -> list[float]:
    """Return the weight of each hit, the strongest first. Reversed hits count slightly less, as in the ranking."""
    strengths = [hit.strength - REVERSED_PENALTY * hit.reversed for hit in hits]
    if not strengths or strengths[0] == strengths[-1]:
        return [1.0] * len(strengths)
    return [(strength - strengths[-1]) / (strengths[0] - strengths[-1]) for strength in strengths]


def _known(index: RelationIndex, pair: Pair) -> list[SearchHit]:
    """Return the rows of the pair itself, in both directions."""
    return [
        SearchHit(*pair, row["relation"], 1.0, reversed=turned)
        for turned, (head, tail) in ((False, pair), (True, pair[::-1]))
        for row in index.rows({"head": head, "tail": tail})
    ]


class PhraseAnswer(NamedTuple):
    """The result of a search by phrase.

    Args:
        relation: The relation that best matches the phrase.
        sentence: What it means, with `{head}` and `{tail}`. None: the relation is not shipped.
        score: The similarity of phrase and relation, from 0 to 1.
        hits: The pairs similar to those of the relation, including its own.
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
    """Find the pairs that have the relation described by a phrase, such as "is the capital of".

    The phrase is compared with the names of the index's relations, and with the names and sentences of the shipped
    ones: by character n-grams (TF-IDF of 3 to 5 characters), or with a sentence encoder if one is given. Of 60 phrases,
    the first understood 75 % correctly, all-MiniLM-L6-v2 90 %. (The index's own model, whose encoder was trained on
    pairs, did worse: 52 %.) The query is the relation's pairs: those of the index, or else the shipped ones.

    Args:
        index: The index.
        phrase: The phrase.
        k: See `RelationIndex.search`.
        where: See `RelationIndex.search`.
        encoder: A SentenceTransformer for sentences, such as all-MiniLM-L6-v2.

    Raises:
        ValueError: If no relation is similar to the phrase.
    """
    labels = index.relations()
    shipped = _shipped()
    known = list(dict.fromkeys([*labels, *shipped]))
    texts = [_text(label, shipped.get(label)) for label in known]
    scores = _similarities(phrase, texts, encoder)
    best = int(scores.argmax())
    if not phrase.strip() or scores[best] < (_LEAST if encoder is None else _LEAST_COSINE):
        raise ValueError(
            f"The phrase {phrase!r} does not match any relation. Rephrase it, as in 'is the capital of', or list the "
            "relations with st-relbert index relations."
        )
    label, relation = known[best], shipped.get(known[best])
    query: Any = relation.pairs if relation and label not in labels else index.prototype(label)[0]
    hits = index.search(query, k, where=where, exclude="nothing")
    return PhraseAnswer(label, relation.sentence if relation else None, float(scores[best]), hits)


def _similarities(phrase: str, texts: list[str], encoder: SentenceTransformer | None) -> Any:
    if encoder is not None:
        of_texts, of_phrase = (
            encoder.encode(each, normalize_embeddings=True, show_progress_bar=False) for each in (texts, phrase)
        )
        return of_texts @ of_phrase
    from sklearn.feature_extraction.text import TfidfVectorizer  # loaded only for a search by phrase

    counter = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
    matrix = counter.fit_transform(texts)
    return (matrix @ counter.transform([phrase]).T).toarray()[:, 0]


def _text(label: str, relation: ShippedRelation | None) -> str:
    """Return the text that a phrase is compared with: the relation's name, and its sentence without the slots."""
    name = label.rpartition("/")[2].replace("_", " ")
    return f"{name}: {re.sub(r'{head}|{tail}', '', relation.sentence)}" if relation else name


@cache
def _shipped() -> dict[str, ShippedRelation]:
    return {relation.label: relation for relation in shipped_relations()}
