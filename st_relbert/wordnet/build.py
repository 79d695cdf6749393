"""Make a relation set of WordNet."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Mapping
from itertools import chain

from st_relbert.data.combine import PairExclusion
from st_relbert.data.relation_set import RelationSet
from st_relbert.pairs import Pair, folded
from st_relbert.wordnet.candidate import Candidate
from st_relbert.wordnet.inflections import inflection_candidates
from st_relbert.wordnet.lexical import lexical_candidates
from st_relbert.wordnet.relation_build import RelationBuild
from st_relbert.wordnet.semantic import semantic_candidates
from st_relbert.wordnet.vocabulary import Vocabulary
from st_relbert.wordnet.wordnet import WordNet


def build_relations(
    wordnet: WordNet,
    *,
    min_count: int = 1,
    pairs_per_relation: int = 200,
    min_pairs: int = 5,
    exclude: Mapping[str, Collection[Pair]] | None = None,
    seed: int = 0,
) -> RelationBuild:
    """Make a relation set of WordNet; which relations there are is said at the functions that yield the candidates.

    Args:
        wordnet: WordNet.
        min_count: How often a word has to occur in SemCor; names need not.
        pairs_per_relation: Of a relation with more pairs this many are sampled.
        min_pairs: A relation with fewer pairs is left out.
        exclude: The pairs of test sets by name. A pair that stands there is left out: as it is, with head and tail
            swapped, and whatever upper and lower case and white space.
        seed: Decides which pairs are sampled. The sample of a relation does not depend on the other relations.

    Returns:
        The relation set, sorted by relation, and what was left out. Its negatives are the reversed pairs of the
        relations that are not symmetric.

    Raises:
        ValueError: If a number is out of range, or fewer than two relations are left.
    """
    for name, value in (("min_count", min_count), ("pairs_per_relation", pairs_per_relation), ("min_pairs", min_pairs)):
        if value < 1:
            raise ValueError(f"{name} is {value}, expected at least 1.")
    vocabulary = Vocabulary(wordnet, min_count)
    sources = (semantic_candidates, lexical_candidates, inflection_candidates)
    candidates = _distinct(chain.from_iterable(source(wordnet, vocabulary) for source in sources))
    tests = PairExclusion(exclude or {})
    in_tests = [candidate.pair in tests for candidate in candidates]
    relations: dict[str, list[Candidate]] = {}
    for candidate, in_test in zip(candidates, in_tests, strict=True):
        if not in_test:
            relations.setdefault(candidate.relation, []).append(candidate)
    kept = {name: relations[name] for name in sorted(relations) if len(relations[name]) >= min_pairs}
    if len(kept) < 2:
        raise ValueError(
            f"WordNet has {len(kept)} relations of at least {min_pairs} pairs whose words occur at least {min_count} "
            "times, expected at least two. Lower min_pairs or min_count."
        )
    samples = {name: _sample(of_name, pairs_per_relation, f"{seed} {name}") for name, of_name in kept.items()}
    return RelationBuild(
        relations=RelationSet.from_records(map(_record, samples, samples.values()), "WordNet"),
        candidates=len(candidates),
        dropped=tests.counts(candidate.pair for candidate in candidates),
        dropped_in_all=sum(in_tests),
        small_relations=len(relations) - len(kept),
    )


def _distinct(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Without pairs of a word with itself, and with each pair once in a relation, in the direction met first."""
    distinct: dict[tuple[str, Pair], Candidate] = {}
    for candidate in candidates:
        head, tail = fold = folded(candidate.pair)
        if head != tail:
            distinct.setdefault((candidate.relation, fold), candidate)
    return list(distinct.values())


def _sample(candidates: list[Candidate], count: int, seed: str) -> list[Candidate]:
    return random.Random(seed).sample(candidates, min(count, len(candidates)))


def _record(relation: str, candidates: list[Candidate]) -> dict[str, object]:
    return {
        "relation_type": relation,
        "positives": [list(candidate.pair) for candidate in candidates],
        "negatives": [list(candidate.pair[::-1]) for candidate in candidates if not candidate.symmetric],
    }
