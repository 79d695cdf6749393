"""Pairs of relations between words: synonyms, opposites, derivations and what an adjective is of."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from st_relbert.wordnet.affixes import negation_of, suffix_of
from st_relbert.wordnet.candidate import Candidate
from st_relbert.wordnet.vocabulary import Vocabulary, is_name, spelling
from st_relbert.wordnet.wordnet import ADVERB, Lemma, Synset, WordNet, in_order, part_of_speech


def lexical_candidates(wordnet: WordNet, vocabulary: Vocabulary) -> Iterator[Candidate]:
    """Go through the relations between words, whatever their sense: the other word tells which is meant.

    Of synonyms it is the first sense of both words: otherwise hardly anybody would take them for some.

    Yields:
        Pairs of these relations:

        - ``synonym/verb``: (shut, close), symmetric; by part of speech
        - ``antonym/adjective``: (hot, cold), symmetric; by part of speech
        - ``antonym/adjective un-``: (happy, unhappy); by the affix that turns the head into the tail
        - ``verb-noun/-er``: (teach, teacher), ``adjective-adverb/-ly``: (quick, quickly) and others, the tail derived
          from the head; by parts of speech and ending
        - ``pertainym/noun.location``: (French, France), head an adjective; by the lexicographer file of the tail
    """
    for synset in wordnet.synsets:
        yield from _synonyms(synset, wordnet, vocabulary)
    lemmas = (lemma for synset in wordnet.synsets for lemma in synset.lemmas())
    for lemma in lemmas:
        if not vocabulary.is_common(spelling(lemma), _part(lemma)):
            continue
        for relations in (_antonyms, _derived, _pertainyms):
            for candidate, other in relations(lemma):
                if vocabulary.is_common(spelling(other), _part(other)):
                    yield candidate


def _synonyms(synset: Synset, wordnet: WordNet, vocabulary: Vocabulary) -> Iterator[Candidate]:
    if is_name(synset):
        return
    part = part_of_speech(synset)
    common = (lemma for lemma in synset.lemmas() if vocabulary.is_common(spelling(lemma), part))
    words = [spelling(lemma) for lemma in common if wordnet.is_first_sense(lemma)]
    for pair in combinations(words, 2):
        yield Candidate(f"synonym/{part}", pair, symmetric=True)


def _antonyms(lemma: Lemma) -> Iterator[tuple[Candidate, Lemma]]:
    # Each pair of opposites is met twice, once in each direction.
    for other in in_order(lemma.antonyms()):
        head, tail = spelling(lemma), spelling(other)
        if affix := negation_of(head, tail):
            yield Candidate(f"antonym/{_part(lemma)} {affix}", (head, tail)), other
        elif not negation_of(tail, head):
            yield Candidate(f"antonym/{_part(lemma)}", (head, tail), symmetric=True), other


def _derived(lemma: Lemma) -> Iterator[tuple[Candidate, Lemma]]:
    for other in in_order(lemma.derivationally_related_forms()):
        yield from _derivation(lemma, other)
    if _part(lemma) == ADVERB:
        # "Quickly" pertains to "quick": WordNet's way to say what it is derived from.
        for base in in_order(lemma.pertainyms()):
            for candidate, _ in _derivation(base, lemma):
                yield candidate, base


def _derivation(base: Lemma, derived: Lemma) -> Iterator[tuple[Candidate, Lemma]]:
    head, tail = spelling(base), spelling(derived)
    if suffix := suffix_of(head, tail, _part(derived)):
        yield Candidate(f"{_part(base)}-{_part(derived)}/-{suffix}", (head, tail)), derived


def _pertainyms(lemma: Lemma) -> Iterator[tuple[Candidate, Lemma]]:
    if _part(lemma) != ADVERB:
        for other in in_order(lemma.pertainyms()):
            candidate = Candidate(f"pertainym/{other.synset().lexname()}", (spelling(lemma), spelling(other)))
            yield candidate, other


def _part(lemma: Lemma) -> str:
    return part_of_speech(lemma.synset())
