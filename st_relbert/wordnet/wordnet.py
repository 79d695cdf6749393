"""WordNet: what the relations are made of."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from st_relbert.environment import import_extra

DEBIAN_FOLDER = "/usr/share/wordnet"
"""Where Debian's package ``wordnet-base`` puts WordNet 3.0."""

NOUN, VERB, ADJECTIVE, ADVERB = "noun", "verb", "adjective", "adverb"
PARTS_OF_SPEECH = {"n": NOUN, "v": VERB, "a": ADJECTIVE, "r": ADVERB}
_SATELLITE = "s"  # an adjective that leans on another one
_FILES = {NOUN: "noun", VERB: "verb", ADJECTIVE: "adj", ADVERB: "adv"}
_COUNTS = "cntlist.rev"

Synset = Any
"""A ``Synset`` of NLTK, which has no types."""
Lemma = Any
"""A ``Lemma`` of NLTK: one word of a synset."""


@dataclass(frozen=True)
class WordNet:
    """WordNet, read from a folder in the format of Princeton's WNDB (versions 3.0 and 3.1).

    Args:
        synsets: All synsets: nouns, verbs, adjectives, adverbs, each in the order of its file.
        sense_counts: How often a sense, by its key in lower case, was met in SemCor (``cntlist.rev``).
        exceptions: The irregular forms of each part of speech: ``(form, base)``, in the order of the file.
        reader: NLTK's reader.
    """

    synsets: list[Synset]
    sense_counts: dict[str, int]
    exceptions: dict[str, list[tuple[str, str]]]
    reader: Any

    @classmethod
    def read(cls, folder: str | os.PathLike[str] = DEBIAN_FOLDER, show_progress_bar: bool = False) -> WordNet:
        """Read WordNet.

        Args:
            folder: The folder with ``data.noun`` and the others. ``index.sense`` and ``lexnames`` are not needed.
            show_progress_bar: Whether to show one.

        Raises:
            ValueError: If the folder lacks a file, or a file is not in WordNet's format.
            MissingExtraError: If NLTK is not installed.
        """
        path = Path(folder)
        wanted = [f"{kind}.{name}" for kind in ("data", "index") for name in _FILES.values()]
        wanted += [*(f"{name}.exc" for name in _FILES.values()), _COUNTS]
        if missing := [name for name in wanted if not (path / name).is_file()]:
            raise ValueError(
                f"The folder {str(path)!r} is not WordNet: it has no {', no '.join(missing)}. Install WordNet 3.0 "
                f"(Debian and Ubuntu: apt-get install wordnet-base, which fills {DEBIAN_FOLDER}), or name the folder "
                "that has it with --wordnet."
            )
        import_extra("nltk", "wordnet")
        from st_relbert.wordnet.folder_reader import FolderReader

        try:
            reader = FolderReader(path)
            synsets = [
                synset
                for pos, part in PARTS_OF_SPEECH.items()
                for synset in tqdm(
                    reader.all_eng_synsets(pos), f"Reading {part}s", unit=" synsets", disable=not show_progress_bar
                )
            ]
            counts = {key.lower(): int(count) for key, _, count in _rows(reader, _COUNTS)}
            exceptions = {
                part: [(form, base) for form, *bases in _rows(reader, f"{_FILES[part]}.exc") for base in bases]
                for part in _FILES
            }
        except Exception as error:  # NLTK raises errors of many kinds for what can be wrong in a file
            raise ValueError(
                f"Cannot read WordNet in {str(path)!r} ({type(error).__name__}: {error}), expected the files of "
                "WordNet 3.0 as Princeton or Debian publish them."
            ) from error
        return cls(synsets, counts, exceptions, reader)

    def count(self, lemma: Lemma) -> int:
        """How often the word was met in this sense."""
        return self.sense_counts.get(lemma.key(), 0)

    def is_first_sense(self, lemma: Lemma) -> bool:
        """Whether this is the first (most frequent) sense of the word among those of its part of speech."""
        synset = lemma.synset()
        return bool(self.reader.synsets(lemma.name(), synset.pos())[:1] == [synset])


def part_of_speech(synset: Synset) -> str:
    """The part of speech of a synset: ``"noun"``, ``"verb"``, ``"adjective"`` or ``"adverb"``."""
    pos: str = synset.pos()
    return PARTS_OF_SPEECH["a" if pos == _SATELLITE else pos]


def in_order(related: Iterable[Any]) -> list[Any]:
    """Related synsets or lemmas by name: NLTK keeps them in sets, whose order changes from run to run.

    Raises:
        ValueError: If one is not there.
    """
    items = list(related)
    if None in items:
        raise ValueError("WordNet refers to a synset that is not there: a file is cut short. Install WordNet again.")
    return sorted(items, key=str)


def _rows(reader: Any, name: str) -> Iterator[list[str]]:
    return (line.split() for line in reader.open(name))
