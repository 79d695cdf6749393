"""Pairs of a word and an inflected form of it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from st_relbert.wordnet.candidate import Candidate
from st_relbert.wordnet.forms import adjective_forms, noun_forms, verb_forms
from st_relbert.wordnet.regular_forms import syllables
from st_relbert.wordnet.vocabulary import Vocabulary
from st_relbert.wordnet.wordnet import ADJECTIVE, NOUN, VERB, Synset, WordNet, part_of_speech

_FORMS: dict[str, Callable[[str, Sequence[str]], dict[str, str]]] = {
    NOUN: noun_forms,
    VERB: verb_forms,
    ADJECTIVE: adjective_forms,
}
_PLAIN_WORD = re.compile(r"[a-z]{2,}")
# Nouns of these have a plural as a rule; those of substances, states and the like often have none.
_COUNTED = ("noun.animal", "noun.artifact", "noun.body", "noun.event", "noun.person", "noun.plant", "noun.shape")


def inflection_candidates(wordnet: WordNet, vocabulary: Vocabulary) -> Iterator[Candidate]:
    """Go through the forms of words; the head is the base, the tail the form.

    Yields:
        Pairs of these relations:

        - ``inflection/plural``, ``third person``, ``past``, ``present participle``, ``comparative`` and
          ``superlative``: (walk, walked) by rule, or (admit, admitted) from the exception lists. By rule there are
          plurals only of nouns for things that are counted, and comparatives only of adjectives of one syllable that
          have a noun for what they are a degree of.
        - ``inflection/irregular plural``, ``irregular past`` and ``irregular past participle`` (where it differs from
          the past): (go, went), from the exception lists.
    """
    for part, forms_of in _FORMS.items():
        exceptions: dict[str, list[str]] = defaultdict(list)
        for form, base in wordnet.exceptions[part]:
            exceptions[base].append(form)
        bases = dict.fromkeys([*exceptions, *_regular_bases(wordnet, part)])
        for base in filter(_PLAIN_WORD.fullmatch, bases):
            if vocabulary.is_common(base, part):
                for name, form in forms_of(base, exceptions.get(base, [])).items():
                    yield Candidate(f"inflection/{name}", (base, form))


def _regular_bases(wordnet: WordNet, part: str) -> Iterator[str]:
    """The words that are inflected by rule, if no list has their forms."""
    for synset in wordnet.synsets:
        if part_of_speech(synset) == part:
            for lemma in synset.lemmas():
                if _follows_rules(synset, lemma.name()) and wordnet.is_first_sense(lemma):
                    yield lemma.name()


def _follows_rules(synset: Synset, word: str) -> bool:
    part = part_of_speech(synset)
    if part == NOUN:
        return synset.lexname() in _COUNTED
    return part == VERB or (syllables(word) == 1 and bool(synset.attributes()))
