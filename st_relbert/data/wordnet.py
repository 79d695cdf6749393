"""Read the relations of a wordnet as triples: those between its senses, and those stated by its definitions."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from st_relbert.data.definitions import EMPTY, PATTERNS, clause_of
from st_relbert.data.sources import NOT_KNOWN
from st_relbert.data.triples import Triple, both_ways
from st_relbert.environment import import_extra

DEFAULT_WORDNET = "oewn:2024"
"""The id of Open English WordNet in the library `wn`."""

NOUN, VERB, ADJECTIVE, ADVERB = "noun", "verb", "adjective", "adverb"
_PARTS = {"n": NOUN, "v": VERB, "a": ADJECTIVE, "s": ADJECTIVE, "r": ADVERB}
_TOKEN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_LONGEST = 3  # the most words of a lemma to look for in definitions and examples

# Relations between synsets: their names here, and whether the lexicographer file of the head or tail is added.
_OF_SYNSETS = {
    "hypernym": ("hypernym", "head"),
    "holo_part": ("part", "head"),
    "holo_member": ("member", "head"),
    "holo_substance": ("substance", ""),
    "attribute": ("attribute", "tail"),
    "entails": ("entailment", ""),
    "causes": ("cause", ""),
    "domain_topic": ("field", ""),
}


@dataclass(frozen=True)
class Sense:
    """A word in one of its senses.

    The part of speech is `"noun"`, `"verb"`, `"adjective"` or `"adverb"`. The first sense of a word as a part of speech
    is the usual one. The relations are pairs of a kind and the id of another sense.
    """

    word: str
    part: str
    synset: str
    is_first: bool
    relations: list[tuple[str, str]] = field(hash=False)


class WordNet:
    """A wordnet in memory, made from a lexicon as returned by `wn.lmf.load`."""

    def __init__(self, lexicon: Any) -> None:
        self.language: str = lexicon["language"]
        self.source: dict[str, str] = {lexicon["label"]: lexicon.get("license") or NOT_KNOWN}
        self.synsets: dict[str, Any] = {synset["id"]: synset for synset in lexicon["synsets"]}
        self.forms: dict[tuple[str, str], list[str]] = {}
        self.senses: dict[str, Sense] = {}
        by_entry: dict[str, dict[str, Sense]] = defaultdict(dict)
        for entry in lexicon["entries"]:
            part = _PARTS.get(entry["lemma"]["partOfSpeech"])
            if part is None:
                continue
            word = entry["lemma"]["writtenForm"].replace("_", " ")
            self.forms[word, part] = [form["writtenForm"] for form in entry.get("forms", [])]
            for place, sense in enumerate(entry["senses"]):
                made = Sense(word, part, sense["synset"], place == 0, list(map(_relation, sense.get("relations", []))))
                self.senses[sense["id"]] = made
                by_entry[sense["synset"]][entry["id"]] = made
        # In the order of the synset, whose first word names it best.
        self.members = {
            synset: [senses[entry] for entry in self.synsets[synset].get("members") or senses if entry in senses]
            for synset, senses in by_entry.items()
            if synset in self.synsets
        }
        self._lemmas_of_form: dict[tuple[str, str], list[str]] = defaultdict(list)
        for (word, part), forms in self.forms.items():
            for form in forms:
                self._lemmas_of_form[form, part].append(word)
        self.counts = self._count_words()

    @classmethod
    def read(cls, name_or_path: str | os.PathLike[str], *, show_progress_bar: bool = False) -> WordNet:
        """Read a wordnet.

        `name_or_path` is a file in the format WN-LMF, which may be compressed (`.xml`, `.xml.gz`, `.xml.xz`), or a
        folder or archive with one; or an id that the library `wn` knows and downloads, such as `oewn:2024`. Raises
        `ValueError` if it cannot be read or contains no lexicon with words, and `MissingExtraError` if the library `wn`
        is not installed.
        """
        wn = import_extra("wn", "wordnet")
        lmf, project, util = (import_extra(f"wn.{name}", "wordnet") for name in ("lmf", "project", "util"))
        name = os.fspath(name_or_path)
        progress = util.ProgressBar if show_progress_bar else None
        try:
            if not os.path.exists(name):
                if os.sep in name or name.lower().endswith((".xml", ".gz", ".xz")):
                    raise FileNotFoundError("there is no such file")
                # Goes into wn's folder of downloads; its database stays as it is.
                name = os.fspath(wn.download(name, add=False, progress_handler=progress))
            for package in project.iterpackages(name):
                for lexicon in lmf.load(package.resource_file(), progress_handler=progress)["lexicons"]:
                    if lexicon.get("entries") and lexicon.get("synsets"):
                        return cls(lexicon)
        except Exception as error:  # wn, its parser and the network raise many kinds of errors
            raise ValueError(
                f"Cannot read the wordnet {os.fspath(name_or_path)!r} ({type(error).__name__}: {error}), expected a "
                "file in the format WN-LMF, such as english-wordnet-2024.xml.gz from en-word.net, or an id that the "
                "library wn can download, such as oewn:2024."
            ) from error
        raise ValueError(f"{os.fspath(name_or_path)!r} contains no lexicon with words and synsets.")

    def is_common(self, sense: Sense, min_count: int) -> bool:
        """Return whether the word occurs in at least `min_count` definitions and examples of the wordnet."""
        return self.counts[sense.word.lower()] >= min_count

    def name_of(self, synset: str, min_count: int) -> str | None:
        """Return the word that represents a synset: its first common word whose usual sense it is."""
        for sense in self.members.get(synset, []):
            if sense.is_first and self.is_common(sense, min_count):
                return sense.word
        return None

    def lemma(self, form: str, part: str) -> str | None:
        """Return the lemma of a word form from a definition, or None."""
        lemmas = [form, *self._lemmas_of_form.get((form, part), [])]
        lemmas += [form.removesuffix(end) + instead for end, instead in _ENDINGS[part] if form.endswith(end)]
        known = [lemma for lemma in lemmas if len(lemma) > 1 and (lemma, part) in self.forms]
        return max(known, key=lambda lemma: self.counts[lemma.lower()], default=None)

    def _count_words(self) -> Counter[str]:
        """Count the definitions and examples in which each word occurs."""
        known = {word.lower() for word, _ in self.forms}
        counts: Counter[str] = Counter()
        for synset in self.synsets.values():
            for text in (*synset.get("definitions", []), *synset.get("examples", [])):
                tokens = _TOKEN.findall(text["text"].lower())
                spans = {" ".join(tokens[i : i + n]) for n in range(1, _LONGEST + 1) for i in range(len(tokens))}
                counts.update(spans & known)
        return counts


_ENDINGS = {
    NOUN: (("ies", "y"), ("es", ""), ("s", "")),
    VERB: (("ies", "y"), ("es", ""), ("s", ""), ("ing", ""), ("ing", "e"), ("ed", ""), ("ed", "e")),
    ADJECTIVE: (("er", ""), ("er", "e"), ("ier", "y")),
    ADVERB: (),
}


def wordnet_triples(wordnet: WordNet, *, min_count: int = 1) -> Iterator[Triple]:
    """Yield the relations of a wordnet. Symmetric relations are yielded in both directions.

    - Between synsets, each represented by one word: `hypernym/noun.animal` (dog, canine), `instance/city` (Munich,
      city), `part/noun.artifact` (wheel, car), `member/noun.person`, `substance`, `attribute/noun.attribute` (hot,
      temperature), `entailment` (snore, sleep), `cause` (kill, die), `field` (offside, sport); and `synonym/verb`
      (shut, close), for words that have the synset as their usual sense.
    - Between words in any sense, because the other word shows which one is meant: `antonym/adjective` (hot, cold),
      `negation/adjective` (happy, unhappy), `pertainym/noun.location` (French, France).
    - `derivation/agent` (teach, teacher), `instrument`, `result`, `event` ..., by meaning if the wordnet states it, or
      else by the base's part of speech and the derived word's lexicographer file: `derivation/adjective-noun.attribute`
      (happy, happiness).
    - In an English wordnet: `inflection/irregular plural` (mouse, mice), `irregular past`, `comparative`,
      `superlative`, for the forms that are listed; and `definition/young` (cygnet, swan) and so on, as stated by
      definitions (`st_relbert.data.definitions`).

    Args:
        wordnet: The wordnet.
        min_count: The minimum number of definitions and examples of the wordnet that contain a word.

    Yields:
        The triples.
    """
    if min_count < 0:
        raise ValueError(f"min_count is {min_count}, expected at least 0.")
    yield from _between_synsets(wordnet, min_count)
    yield from _between_words(wordnet, min_count)
    if wordnet.language == "en":
        yield from _inflections(wordnet, min_count)
        yield from _definitions(wordnet, min_count)


def _between_synsets(wordnet: WordNet, min_count: int) -> Iterator[Triple]:
    names = {synset: wordnet.name_of(synset, min_count) for synset in wordnet.synsets}
    for identifier, synset in wordnet.synsets.items():
        if head := names[identifier]:
            for relation in synset.get("relations", []):
                kind, target = _relation(relation)
                tail = names.get(target)
                if tail is None:
                    continue
                if kind == "instance_hypernym":
                    yield head, f"instance/{tail}", tail
                elif kind in _OF_SYNSETS and (kind, synset["partOfSpeech"]) != ("attribute", "n"):  # it is there twice
                    name, side = _OF_SYNSETS[kind]
                    of = {"head": synset, "tail": wordnet.synsets[target]}.get(side)
                    yield head, f"{name}/{of['lexfile']}" if of and of.get("lexfile") else name, tail
    for senses in wordnet.members.values():
        usual = [sense for sense in senses if sense.is_first and wordnet.is_common(sense, min_count)]
        for one, other in combinations(usual, 2):
            yield from both_ways(one.word, f"synonym/{one.part}", other.word)


def _between_words(wordnet: WordNet, min_count: int) -> Iterator[Triple]:
    for sense in wordnet.senses.values():
        if not wordnet.is_common(sense, min_count):
            continue
        typed = {target for kind, target in sense.relations if kind in _MEANINGS}
        for kind, target in sense.relations:
            other = wordnet.senses.get(target)
            if other is None or not wordnet.is_common(other, min_count):
                continue
            if kind == "antonym":
                yield from _opposites(sense, other)
            elif kind in _MEANINGS:
                yield sense.word, f"derivation/{kind}", other.word
            elif kind == "derivation" and target not in typed and not _is_typed(other, sense, wordnet):
                yield from _derivation(sense, other, wordnet)
            elif kind == "pertainym" and sense.part == ADVERB:
                yield other.word, f"derivation/{other.part}-{ADVERB}", sense.word
            elif kind == "pertainym":
                yield sense.word, f"pertainym/{_file(wordnet, other)}", other.word


_MEANINGS = ("agent", "body_part", "by_means_of", "destination", "event", "instrument", "location", "material",
             "property", "result", "state", "undergoer", "uses", "vehicle")  # fmt: skip


def _opposites(sense: Sense, other: Sense) -> Iterator[Triple]:
    base, negated = sorted((sense.word, other.word), key=len)
    if negated.endswith(base) and base != negated:
        yield base, f"negation/{sense.part}", negated
    else:
        yield from both_ways(sense.word, f"antonym/{sense.part}", other.word)


def _derivation(base: Sense, derived: Sense, wordnet: WordNet) -> Iterator[Triple]:
    # A wordnet has each derivation in both directions: the longer word is derived from the shorter one.
    if len(base.word) < len(derived.word):
        yield base.word, f"derivation/{base.part}-{_file(wordnet, derived)}", derived.word


def _is_typed(sense: Sense, other: Sense, wordnet: WordNet) -> bool:
    """Return whether the wordnet states the meaning of the relation to another word."""
    return any(kind in _MEANINGS and wordnet.senses.get(target) is other for kind, target in sense.relations)


def _file(wordnet: WordNet, sense: Sense) -> str:
    return wordnet.synsets.get(sense.synset, {}).get("lexfile") or sense.part


def _inflections(wordnet: WordNet, min_count: int) -> Iterator[Triple]:
    for (word, part), forms in wordnet.forms.items():
        if wordnet.counts[word.lower()] < min_count:
            continue
        if part == NOUN and len(forms) == 1:
            yield word, "inflection/irregular plural", forms[0]
        elif part == VERB:
            for participle in (form for form in forms if form.endswith("ing")):
                yield word, "inflection/present participle", participle
            pasts = [form for form in forms if not form.endswith(("ing", "s"))]
            if len(pasts) == 1:
                yield word, "inflection/irregular past", pasts[0]
        elif part == ADJECTIVE:
            for form in forms:
                for ending, name in (("er", "comparative"), ("est", "superlative")):
                    if form.endswith(ending) and len(forms) == 2:
                        yield word, f"inflection/{name}", form


def _definitions(wordnet: WordNet, min_count: int) -> Iterator[Triple]:
    for identifier, synset in wordnet.synsets.items():
        # The head may be rare: its definition shows which sense is meant.
        head = wordnet.name_of(identifier, 0)
        part = _PARTS.get(synset["partOfSpeech"])
        if head is None or not synset.get("definitions"):
            continue
        clause = clause_of(synset["definitions"][0]["text"])
        for pattern in PATTERNS:
            if pattern.part == part and (match := pattern.expression.search(clause)):
                tail = wordnet.lemma(match["tail"], pattern.tail_part)
                if tail and tail not in EMPTY and wordnet.counts[tail.lower()] >= min_count:
                    yield head, f"definition/{pattern.name}", tail


def _relation(relation: Any) -> tuple[str, str]:
    """Return the kind and the target. A kind that the format does not have is in the metadata."""
    kind = relation["relType"]
    if kind == "other":
        kind = (relation.get("meta") or {}).get("type") or kind
    return kind, relation["target"]
