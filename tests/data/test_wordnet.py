import gzip
import socket

import pytest

from st_relbert.data import PairExclusion
from st_relbert.data.definitions import PATTERNS, clause_of
from st_relbert.data.triples import relations_of_triples
from st_relbert.data.wordnet import WordNet, wordnet_triples
from tests.data import tiny_wordnet


@pytest.fixture(scope="module")
def wordnet(wordnet_file):
    return WordNet.read(wordnet_file)


@pytest.fixture(scope="module")
def triples(wordnet):
    return list(wordnet_triples(wordnet))


def test_the_relations_and_their_direction(triples):
    relations = {}
    for head, relation, tail in triples:
        relations.setdefault(relation, set()).add((head, tail))
    assert relations == {
        "hypernym/noun.animal": {("dog", "animal"), ("cat", "animal"), ("mouse", "animal")},
        "instance/city": {("Lyon", "city")},
        "part/noun.location": {("Lyon", "France")},
        "attribute/noun.attribute": {("tall", "height"), ("short", "height")},
        "entailment": {("snore", "sleep")},
        "synonym/noun": {("city", "metropolis"), ("metropolis", "city")},
        "antonym/adjective": {("tall", "short"), ("short", "tall")},
        "negation/adjective": {("happy", "unhappy")},
        "derivation/agent": {("teach", "teacher")},
        "derivation/adjective-noun.state": {("happy", "happiness")},
        "derivation/adjective-adverb": {("happy", "happily")},
        "inflection/irregular plural": {("mouse", "mice")},
        "inflection/irregular past": {("teach", "taught")},
        "inflection/comparative": {("happy", "happier")},
        "inflection/superlative": {("happy", "happiest")},
        "definition/young": {("puppy", "dog")},
        "definition/person who": {("teacher", "teach")},
        "definition/full of": {("happy", "happiness")},
        "definition/in manner": {("happily", "happy")},
        "definition/not": {("tall", "short"), ("unhappy", "happy")},
        "definition/quality of being": {("happiness", "happy")},
    }


def test_rare_words_and_other_senses_are_left_out(wordnet, triples):
    words = {word for head, relation, tail in triples for word in (head, tail) if "definition" not in relation}
    # "Beast" occurs in no definition, and a dog is a chap in its second sense only.
    assert not words & {"beast", "chap", "domestic dog"}
    assert ("animal", "synonym/noun", "beast") in set(wordnet_triples(wordnet, min_count=0))
    assert wordnet.name_of("chap-n", 0) == "chap"


def test_pairs_are_distinct_and_reversed_pairs_are_negatives(triples):
    build = relations_of_triples(triples, PairExclusion({"test": [("DOG", "animal")]}), least=1)
    relations = build.relations
    assert relations.positives["antonym/adjective"] == [("tall", "short")]
    assert relations.negatives["antonym/adjective"] == [] and "antonym/adjective" in build.symmetric
    assert relations.positives["hypernym/noun.animal"] == [("cat", "animal"), ("mouse", "animal")]
    assert relations.negatives["hypernym/noun.animal"] == [("animal", "cat"), ("animal", "mouse")]
    assert build.dropped == {"test": 1} and build.report()["parents"]["inflection"]["relations"] == 4


def test_definitions_and_forms_are_read_in_english_only(tmp_path):
    wordnet = WordNet.read(tiny_wordnet.write(tmp_path / "german.xml", language="de"))
    names = {relation.split("/")[0] for _, relation, _ in wordnet_triples(wordnet)}
    assert "hypernym" in names and not names & {"definition", "inflection"}


def test_compressed_files_are_read_and_nothing_is_downloaded_or_kept(wordnet_file, tmp_path, monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a connection was opened"))
    path = tmp_path / "tiny.xml.gz"
    path.write_bytes(gzip.compress(wordnet_file.read_bytes(), mtime=0))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert "dog-n" in WordNet.read(path).synsets
    assert [entry.name for entry in tmp_path.iterdir()] == ["tiny.xml.gz"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no such file"),
        ("no XML", "Cannot read the wordnet.*expected a file in the format WN-LMF"),
        ("<a/>", "Cannot read the wordnet"),
    ],
)
def test_anything_but_a_wordnet_is_one_error(tmp_path, content, message):
    path = tmp_path / "x.xml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match=message):
        WordNet.read(path)


@pytest.mark.parametrize(
    ("relation", "part", "definition", "tail"),
    [
        ("young", "noun", "a young swan", "swan"),
        ("group of", "noun", "a group of mounted soldiers who fight", "soldiers"),
        ("study of", "noun", "the scientific study of birds", "birds"),
        ("sound of", "noun", "the sound made by a cow or bull", "cow"),
        ("fear of", "noun", "a morbid fear of heights", "heights"),
        ("place for", "noun", "a building where birds are kept", "birds"),
        ("person who", "noun", "someone who teaches", "teaches"),
        ("used to", "noun", "a hand tool used to dig holes", "dig"),
        ("quality of being", "noun", "the quality of being timid", "timid"),
        ("lacking", "adjective", "lacking teeth", "teeth"),
        ("very", "adjective", "extremely agitated", "agitated"),
        ("full of", "adjective", "full of dust", "dust"),
        ("make", "verb", "make or become softer", "softer"),
        ("manner", "verb", "walk slowly", "walk"),
        ("remove", "verb", "remove the skin from", "skin"),
        ("in manner", "adverb", "in a timid manner", "timid"),
    ],
)
def test_relations_are_read_from_definitions(relation, part, definition, tail):
    (pattern,) = [pattern for pattern in PATTERNS if (pattern.name, pattern.part) == (relation, part)]
    assert pattern.expression.search(clause_of(f"({part}s) {definition.capitalize()}; more"))["tail"] == tail


@pytest.mark.parametrize("definition", ["a young unmarried noble lady", "a group that sings", "not very tall or short"])
def test_modifiers_are_not_mistaken_for_nouns(definition):
    found = {pattern.name: match["tail"] for pattern in PATTERNS if (match := pattern.expression.search(definition))}
    assert "unmarried" not in found.values() and "very" not in found.values() and not found.get("group of")


@pytest.mark.slow
def test_open_english_wordnet(sources):
    build = relations_of_triples(wordnet_triples(WordNet.read(sources / "oewn" / "english-wordnet.xml.gz")), most=None)
    positives = build.relations.positives
    assert len(positives) > 200 and sum(map(len, positives.values())) > 60_000
    defined = {name: pairs for name, pairs in positives.items() if name.startswith("definition/")}
    assert len(defined) >= 30 and sum(map(len, defined.values())) > 6_000
    for relation, pair in {
        "definition/place for": ("aviary", "bird"),
        "definition/young": ("cygnet", "swan"),
        "definition/very": ("frantic", "agitated"),
        "derivation/agent": ("teach", "teacher"),
        "inflection/irregular plural": ("mouse", "mice"),
        "negation/adjective": ("happy", "unhappy"),
    }.items():
        assert pair in positives[relation]
    assert set(build.symmetric) == {
        f"{kind}/{part}" for kind in ("antonym", "synonym") for part in ("noun", "verb", "adjective", "adverb")
    }
