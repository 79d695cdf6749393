"""A WordNet of a few synsets, written in the format of WNDB (wndb(5WN), senseidx(5WN))."""

from dataclasses import dataclass, field

FILES = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
_NUMBERS = {"n": 1, "v": 2, "a": 3, "r": 4}
_HEADER = "  1 This software and database is being provided to you.  \n"


@dataclass
class TinySynset:
    """A synset: its part of speech, lexicographer file, words with their counts, and pointers.

    A pointer is (symbol, key of the target) between synsets, or (symbol, key of the target, number of the source word,
    number of the target word), from 1.
    """

    pos: str
    file: int
    words: dict[str, int]
    pointers: list[tuple] = field(default_factory=list)


def write(folder, synsets, exceptions):
    """Write synsets by key, in the order of senses, and the lines of the exception lists by part of speech."""
    folder.mkdir(parents=True, exist_ok=True)
    offsets = {}
    for pos in FILES:
        place = len(_HEADER)
        for key, synset in synsets.items():
            if synset.pos == pos:
                offsets[key] = place
                place += len(_data_line(synset, 0, synsets, dict.fromkeys(synsets, 0)))
    for pos, name in FILES.items():
        of_pos = {key: synset for key, synset in synsets.items() if synset.pos == pos}
        lines = [_data_line(synset, offsets[key], synsets, offsets) for key, synset in of_pos.items()]
        (folder / f"data.{name}").write_text(_HEADER + "".join(lines))
        senses = {}
        for key, synset in of_pos.items():
            for word in synset.words:
                senses.setdefault(word.lower(), []).append(offsets[key])
        index = [
            f"{word} {pos} {len(places)} 0 {len(places)} 0 {' '.join(f'{place:08d}' for place in places)}  \n"
            for word, places in sorted(senses.items())
        ]
        (folder / f"index.{name}").write_text(_HEADER + "".join(index))
        (folder / f"{name}.exc").write_text("".join(f"{line}\n" for line in exceptions.get(pos, [])))
    counts = [
        f"{word.lower()}%{_NUMBERS[synset.pos]}:{synset.file:02d}:00:: 1 {count}\n"
        for synset in synsets.values()
        for word, count in synset.words.items()
        if count
    ]
    (folder / "cntlist.rev").write_text("".join(sorted(counts)))
    return folder


def _data_line(synset, offset, synsets, offsets):
    words = " ".join(f"{word} 0" for word in synset.words)
    pointers = ""
    for symbol, target, *numbers in synset.pointers:
        source, other = numbers or (0, 0)
        pointers += f"{symbol} {offsets[target]:08d} {synsets[target].pos} {source:02x}{other:02x} "
    frames = "01 + 02 00 " if synset.pos == "v" else ""
    start = f"{offset:08d} {synset.file:02d} {synset.pos} {len(synset.words):02x} {words} "
    return f"{start}{len(synset.pointers):03d} {pointers}{frames}| a gloss  \n"


ANIMAL, ARTIFACT, ATTRIBUTE, LOCATION, PERSON, SUBSTANCE = 5, 6, 7, 15, 18, 27

SYNSETS = {
    # Kinds; the second sense of "dog" is no animal, and aardvarks do not occur in the counted texts.
    "animal": TinySynset("n", ANIMAL, {"animal": 9, "beast": 2}),
    "dog": TinySynset("n", ANIMAL, {"domestic_dog": 1, "dog": 8}, [("@", "animal")]),
    "cat": TinySynset("n", ANIMAL, {"cat": 3}, [("@", "animal")]),
    "aardvark": TinySynset("n", ANIMAL, {"aardvark": 0}, [("@", "animal")]),
    "chap": TinySynset("n", PERSON, {"dog": 4}, [("@", "person")]),
    "person": TinySynset("n", PERSON, {"person": 9}),
    "teacher": TinySynset("n", PERSON, {"teacher": 5}, [("@", "person")]),
    # Names and places; "Reading" is first of all what one does.
    "reading": TinySynset("n", ATTRIBUTE, {"reading": 2}),
    "city": TinySynset("n", LOCATION, {"city": 7, "metropolis": 1}),
    "country": TinySynset("n", LOCATION, {"country": 7}),
    "france": TinySynset("n", LOCATION, {"France": 3}, [("@i", "country")]),
    "paris": TinySynset("n", LOCATION, {"Paris": 0, "City_of_Light": 0}, [("@i", "city"), ("#p", "france")]),
    "lyon": TinySynset("n", LOCATION, {"Lyon": 0}, [("@i", "city"), ("#p", "france")]),
    "berks": TinySynset("n", LOCATION, {"Reading": 0}, [("@i", "city")]),
    # Parts.
    "car": TinySynset("n", ARTIFACT, {"car": 6}),
    "wheel": TinySynset("n", ARTIFACT, {"wheel": 4}, [("#p", "car")]),
    "air": TinySynset("n", SUBSTANCE, {"air": 4}),
    "water": TinySynset("n", SUBSTANCE, {"water": 4}),
    "rust": TinySynset("n", SUBSTANCE, {"rust": 4}),
    "oxygen": TinySynset("n", SUBSTANCE, {"oxygen": 4}, [("#s", "air"), ("#s", "water"), ("#s", "rust")]),
    "people": TinySynset("n", PERSON, {"people": 4}),
    "voter": TinySynset("n", PERSON, {"voter": 1}, [("#m", "people")]),
    # Verbs.
    "teach": TinySynset("v", 32, {"teach": 4}, [("+", "teacher", 1, 1)]),
    "kill": TinySynset("v", 35, {"kill": 4}, [(">", "die")]),
    "die": TinySynset("v", 30, {"die": 4}),
    "snore": TinySynset("v", 29, {"snore": 1}, [("*", "sleep")]),
    "sleep": TinySynset("v", 29, {"sleep": 4}),
    # Adjectives and adverbs.
    "height": TinySynset("n", ATTRIBUTE, {"height": 4}, [("=", "tall")]),
    "tall": TinySynset("a", 0, {"tall": 4}, [("=", "height"), ("!", "short", 1, 1)]),
    "short": TinySynset("a", 0, {"short": 4}, [("=", "height"), ("!", "tall", 1, 1)]),
    "happy": TinySynset("a", 0, {"happy": 4}, [("!", "unhappy", 1, 1)]),
    "unhappy": TinySynset("a", 0, {"unhappy": 4}, [("!", "happy", 1, 1)]),
    "happily": TinySynset("r", 2, {"happily": 2}, [("\\", "happy", 1, 1)]),
    "french": TinySynset("a", 1, {"French": 2}, [("\\", "france", 1, 1)]),
}
EXCEPTIONS = {
    "n": ["people person", "wolves wolf"],
    "v": ["slept sleep", "taught teach", "dying die"],
    "a": ["happier happy", "happiest happy", "unhappier unhappy"],
}
