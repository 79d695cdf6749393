"""Which words of WordNet are used."""

from __future__ import annotations

from collections import Counter

from st_relbert.wordnet.wordnet import Lemma, Synset, WordNet, part_of_speech


class Vocabulary:
    """The words of WordNet that are frequent enough, by SemCor's counts.

    Args:
        wordnet: WordNet.
        min_count: How often a word has to occur in SemCor.
    """

    def __init__(self, wordnet: WordNet, min_count: int) -> None:
        self._wordnet = wordnet
        self._min_count = min_count
        self._counts: Counter[tuple[str, str]] = Counter()
        for synset in wordnet.synsets:
            for lemma in synset.lemmas():
                self._counts[spelling(lemma).lower(), part_of_speech(synset)] += wordnet.count(lemma)

    def is_common(self, word: str, part: str) -> bool:
        """Whether the word, as this part of speech and in any sense, occurs often enough."""
        return self._counts[word.lower(), part] >= self._min_count

    def word(self, synset: Synset) -> str | None:
        """The word that stands for a synset.

        Of the words that have the synset as their first sense: the most frequent one in this sense, if it is frequent
        enough. Of a name (a synset that is an instance, such as Tokyo) the first word, whatever its count: SemCor has
        few names, and WordNet only known ones.

        Returns:
            The word, or None if there is none.
        """
        lemmas = synset.lemmas()
        if is_name(synset):
            return spelling(lemmas[0]) if self._wordnet.is_first_sense(lemmas[0]) else None
        frequent = [lemma for lemma in lemmas if self._wordnet.count(lemma) >= self._min_count]
        usable = [lemma for lemma in frequent if self._wordnet.is_first_sense(lemma)]
        return spelling(max(usable, key=self._wordnet.count)) if usable else None


def is_name(synset: Synset) -> bool:
    """Whether the synset is an instance of a class, such as Tokyo, rather than a class, such as city."""
    return bool(synset.instance_hypernyms())


def spelling(lemma: Lemma) -> str:
    """The word with blanks, where WordNet has underscores."""
    name: str = lemma.name()
    return name.replace("_", " ")
