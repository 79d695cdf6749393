"""A wordnet of a few synsets in the format WN-LMF."""

from xml.sax.saxutils import quoteattr

# Synset: words in order, lexicographer file, definition, relations.
SYNSETS = {
    "animal-n": ("animal beast", "noun.Tops", "a living thing, as dogs and cats are", {}),
    "dog-n": ("dog domestic_dog", "noun.animal", "an animal that barks", {"hypernym": ["animal-n"]}),
    "chap-n": ("chap dog", "noun.person", "a boy or man", {}),
    "cat-n": ("cat", "noun.animal", "an animal that purrs", {"hypernym": ["animal-n"]}),
    "puppy-n": ("puppy", "noun.animal", "a young dog; it barks", {}),
    "Lyon-n": ("Lyon", "noun.location", "in France", {"instance_hypernym": ["city-n"], "holo_part": ["France-n"]}),
    "city-n": ("city metropolis", "noun.location", "a city or metropolis, such as Lyon", {}),
    "France-n": ("France", "noun.location", "a country", {}),
    "teach-v": ("teach", "verb.social", "teach lessons, as a teacher does", {}),
    "teacher-n": ("teacher", "noun.person", "someone who teaches", {}),
    "height-n": ("height", "noun.attribute", "how tall or short something is", {}),
    "tall-a": ("tall", "adj.all", "not short", {"attribute": ["height-n"]}),
    "short-a": ("short", "adj.all", "very low in height", {"attribute": ["height-n"]}),
    "happy-a": ("happy", "adj.all", "full of happiness, unhappy when not", {}),
    "unhappy-a": ("unhappy", "adj.all", "not happy", {}),
    "happily-r": ("happily", "adv.all", "in a happy manner, not happily", {}),
    "happiness-n": ("happiness", "noun.state", "the state of being happy", {}),
    "snore-v": ("snore", "verb.body", "make a noise in sleep", {"entails": ["sleep-v"]}),
    "sleep-v": ("sleep", "verb.body", "rest and snore", {}),
    "mouse-n": ("mouse", "noun.animal", "an animal; a cat eats a mouse", {"hypernym": ["animal-n"]}),
}  # fmt: skip
# Word: relations to other words, and its forms.
RELATIONS = {
    "teach-v": [("agent", "teacher-n"), ("derivation", "teacher-n")],
    "teacher-n": [("derivation", "teach-v")],
    "happy-a": [("antonym", "unhappy-a"), ("derivation", "happiness-n")],
    "unhappy-a": [("antonym", "happy-a")],
    "happiness-n": [("derivation", "happy-a")],
    "happily-r": [("pertainym", "happy-a")],
    "tall-a": [("antonym", "short-a")],
}
FORMS = {"mouse-n": ["mice"], "teach-v": ["taught"], "happy-a": ["happier", "happiest"]}


def write(path, language="en"):
    """Write it as XML."""
    entries, synsets, senses = [], [], {}
    for identifier, (words, _, _, _) in SYNSETS.items():
        for word in words.split():
            senses.setdefault(f"{word}-{identifier[-1]}", []).append(identifier)
    for entry, of_entry in senses.items():
        word, part = entry.rsplit("-", 1)
        # The chap is the last sense of "dog", whatever the order of the synsets.
        relations = "".join(_relation("Sense", kind, f"s-{to}-{to}") for kind, to in RELATIONS.get(entry, ()))
        forms = "".join(f"<Form writtenForm={quoteattr(form)}/>" for form in FORMS.get(entry, ()))
        made = "".join(
            f'<Sense id="s-{entry}-{synset}" synset="{synset}">{relations if place == 0 else ""}</Sense>'
            for place, synset in enumerate(of_entry)
        )
        lemma = f'<Lemma writtenForm={quoteattr(word.replace("_", " "))} partOfSpeech="{part}"/>'
        entries.append(f'<LexicalEntry id="e-{entry}">{lemma}{forms}{made}</LexicalEntry>')
    for identifier, (words, file, definition, relations) in SYNSETS.items():
        members = " ".join(f"e-{word}-{identifier[-1]}" for word in words.split())
        inner = f"<Definition>{definition}</Definition>"
        inner += "".join(_relation("Synset", kind, to) for kind, targets in relations.items() for to in targets)
        synsets.append(
            f'<Synset id="{identifier}" ili="" partOfSpeech="{identifier[-1]}" members="{members}" lexfile="{file}">'
            f"{inner}</Synset>"
        )
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<!DOCTYPE LexicalResource SYSTEM "http://globalwordnet.github.io/schemas/WN-LMF-1.1.dtd">\n'
        '<LexicalResource xmlns:dc="https://globalwordnet.github.io/schemas/dc/">\n'
        f'<Lexicon id="tiny" label="Tiny" language="{language}" email="" license="CC0" version="1">\n'
        + "\n".join(entries + synsets)
        + "\n</Lexicon></LexicalResource>\n",
        encoding="utf-8",
    )
    return path


def _relation(of, kind, target):
    name = "agent" if kind == "agent" else None
    kind = f'relType="other" dc:type="{name}"' if name else f'relType="{kind}"'
    return f'<{of}Relation {kind} target="{target}"/>'
