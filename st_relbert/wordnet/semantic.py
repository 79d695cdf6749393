"""Pairs of relations between synsets: kinds, instances, parts, attributes, entailment and cause."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from st_relbert.wordnet.candidate import Candidate
from st_relbert.wordnet.vocabulary import Vocabulary, is_name, spelling
from st_relbert.wordnet.wordnet import NOUN, Synset, WordNet, in_order, part_of_speech


def semantic_candidates(wordnet: WordNet, vocabulary: Vocabulary) -> Iterator[Candidate]:
    """Go through the relations between synsets.

    Yields:
        Pairs of these relations, each synset standing with one word (see :meth:`Vocabulary.word`):

        - ``hypernym/noun.animal``: (dog, canine); by the lexicographer file of the head
        - ``instance/city``: (Munich, city); by class
        - ``part/noun.artifact``: (wheel, wheeled vehicle), ``member/noun.person``: (voter, electorate); by the
          lexicographer file of the head
        - ``named part/city``: (Munich, Germany), ``named member/country``; by the class of the head
        - ``substance``: (oxygen, air)
        - ``attribute/noun.attribute``: (hot, temperature), head an adjective; by the lexicographer file of the tail
        - ``entailment``: (snore, sleep); ``cause``: (kill, die)
    """
    words = {synset: vocabulary.word(synset) for synset in wordnet.synsets}
    for head_synset, head in words.items():
        if head is None:
            continue
        for relations in (_kinds, _wholes, _others):
            for relation, tail_synset in relations(head_synset):
                tail = words[tail_synset]
                if tail is not None:
                    yield Candidate(relation, (head, tail))


def _kinds(synset: Synset) -> Iterator[tuple[str, Synset]]:
    for hypernym in in_order(synset.hypernyms()):
        yield f"hypernym/{synset.lexname()}", hypernym
    for cls in in_order(synset.instance_hypernyms()):
        yield f"instance/{_first_word(cls)}", cls


def _wholes(synset: Synset) -> Iterator[tuple[str, Synset]]:
    holonyms: dict[str, Callable[[], list[Synset]]] = {
        "part": synset.part_holonyms,
        "member": synset.member_holonyms,
    }
    for relation, find in holonyms.items():
        for whole in in_order(find()):
            if is_name(synset):
                yield f"named {relation}/{_first_word(in_order(synset.instance_hypernyms())[0])}", whole
            else:
                yield f"{relation}/{synset.lexname()}", whole
    for whole in in_order(synset.substance_holonyms()):
        yield "substance", whole


def _others(synset: Synset) -> Iterator[tuple[str, Synset]]:
    # WordNet has each attribute in both directions.
    if part_of_speech(synset) != NOUN:
        for attribute in in_order(synset.attributes()):
            yield f"attribute/{attribute.lexname()}", attribute
    for entailed in in_order(synset.entailments()):
        yield "entailment", entailed
    for effect in in_order(synset.causes()):
        yield "cause", effect


def _first_word(synset: Synset) -> str:
    return spelling(synset.lemmas()[0])
