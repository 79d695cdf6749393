import json
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from st_relbert.data import RelationSet
from st_relbert.data.leakage import benchmark_pairs, folded
from st_relbert.wordnet import DEBIAN_FOLDER, WordNet, build_relations


@pytest.fixture(scope="session")
def wordnet(wordnet_folder):
    return WordNet.read(wordnet_folder)


def test_the_relations_and_their_direction(wordnet):
    build = build_relations(wordnet, min_pairs=1)
    assert {name: sorted(pairs) for name, pairs in build.relations.positives.items()} == {
        "adjective-adverb/-ily": [("happy", "happily")],
        "antonym/adjective": [("tall", "short")],
        "antonym/adjective un-": [("happy", "unhappy")],
        "attribute/noun.attribute": [("short", "height"), ("tall", "height")],
        "cause": [("kill", "die")],
        "entailment": [("snore", "sleep")],
        "hypernym/noun.animal": [("cat", "animal"), ("dog", "animal")],
        "hypernym/noun.person": [("teacher", "person")],
        "inflection/comparative": [
            ("happy", "happier"), ("short", "shorter"), ("tall", "taller"), ("unhappy", "unhappier"),
        ],
        "inflection/irregular past": [("sleep", "slept"), ("teach", "taught")],
        "inflection/irregular plural": [("person", "people")],
        "inflection/past": [("kill", "killed"), ("snore", "snored")],
        "inflection/plural": [
            ("animal", "animals"), ("beast", "beasts"), ("car", "cars"), ("cat", "cats"), ("dog", "dogs"),
            ("people", "peoples"), ("teacher", "teachers"), ("voter", "voters"), ("wheel", "wheels"),
        ],
        "inflection/present participle": [
            ("die", "dying"), ("kill", "killing"), ("sleep", "sleeping"), ("snore", "snoring"), ("teach", "teaching"),
        ],
        "inflection/superlative": [("happy", "happiest"), ("short", "shortest"), ("tall", "tallest")],
        "inflection/third person": [
            ("die", "dies"), ("kill", "kills"), ("sleep", "sleeps"), ("snore", "snores"), ("teach", "teaches"),
        ],
        "instance/city": [("Lyon", "city"), ("Paris", "city")],
        "instance/country": [("France", "country")],
        "member/noun.person": [("voter", "people")],
        "named part/city": [("Lyon", "France"), ("Paris", "France")],
        "part/noun.artifact": [("wheel", "car")],
        "pertainym/noun.location": [("French", "France")],
        "synonym/noun": [("animal", "beast"), ("city", "metropolis"), ("domestic dog", "dog")],
        "substance": [("oxygen", "air"), ("oxygen", "rust"), ("oxygen", "water")],
        "verb-noun/-er": [("teach", "teacher")],
    }  # fmt: skip


def test_negatives_are_the_reversed_pairs_of_relations_that_are_not_symmetric(wordnet):
    relations = build_relations(wordnet, min_pairs=1).relations
    for name, pairs in relations.positives.items():
        expected = [] if name in ("antonym/adjective", "synonym/noun") else [pair[::-1] for pair in pairs]
        assert relations.negatives[name] == expected


def test_synonyms_are_of_the_first_sense_of_both_words(wordnet):
    """ "Dog" is a chap in its second sense only, and names have no synonyms."""
    (pairs,) = (
        pairs for name, pairs in build_relations(wordnet, min_pairs=1).relations.positives.items() if "synonym" in name
    )
    words = {word for pair in pairs for word in pair}
    assert "dog" in words and not {"person", "chap", "Paris", "City of Light"} & words


def test_rare_words_and_small_relations_are_left_out(wordnet):
    build = build_relations(wordnet, min_count=4, min_pairs=2)
    positives = build.relations.positives
    assert ("cat", "animal") not in [pair for pairs in positives.values() for pair in pairs]
    assert positives.keys() & {"hypernym/noun.animal", "member/noun.person", "pertainym/noun.location"} == set()
    assert "named part/city" in positives  # France occurs three times, but is a name
    assert min(map(len, positives.values())) == 2 and build.small_relations > 5


def test_large_relations_are_sampled_by_seed(wordnet):
    first, again, other, without = (
        build_relations(wordnet, pairs_per_relation=4, min_pairs=1, seed=seed, exclude=exclude).relations
        for seed, exclude in ((0, {}), (0, {}), (1, {}), (0, {"test": [("cat", "animal"), ("kill", "die")]}))
    )
    plurals = [relations.positives["inflection/plural"] for relations in (first, again, other, without)]
    assert [len(pairs) for pairs in plurals] == [4] * 4
    assert first == again and plurals[0] != plurals[2]
    # The sample of a relation does not depend on the others.
    assert first.positives != without.positives and plurals[0] == plurals[3]


@pytest.mark.slow
def test_the_set_is_the_same_in_every_process(wordnet_folder):
    """NLTK keeps related words in sets."""
    code = (
        "from st_relbert.wordnet import WordNet, build_relations\n"
        f"wordnet = WordNet.read({str(wordnet_folder)!r})\n"
        "print(build_relations(wordnet, min_pairs=1, pairs_per_relation=2).relations.records())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(outputs) == 1


def test_pairs_of_test_sets_are_left_out_and_counted(wordnet):
    exclude = {
        "questions": [("paris", " FRANCE"), ("car", "wheel"), ("no", "pair")],
        "pairs": [("wheel", "car")],
        "others": [("a", "b")],
    }
    whole, rest = build_relations(wordnet, min_pairs=1), build_relations(wordnet, min_pairs=1, exclude=exclude)
    assert rest.dropped == {"questions": 2, "pairs": 1, "others": 0} and rest.dropped_in_all == 2
    assert rest.candidates == whole.candidates == sum(map(len, whole.relations.positives.values()))
    lost = {
        pair
        for name, pairs in whole.relations.positives.items()
        for pair in set(pairs) - set(rest.relations.positives.get(name, []))
    }
    assert lost == {("Paris", "France"), ("wheel", "car")}


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=9), st.sampled_from(["animal", "ANIMAL ", "city", "dies"])), max_size=9))
def test_no_pair_of_a_test_set_is_left_in_any_form(wordnet, pairs):
    pairs = [*pairs, ("Dog", "animal"), ("die", " DIES")]
    relations = build_relations(wordnet, min_pairs=1, exclude={"test": pairs}).relations
    tested = {folded(pair) for pair in pairs}
    for of_relation in [*relations.positives.values(), *relations.negatives.values()]:
        assert not tested & {folded(pair) for pair in of_relation}


@pytest.mark.parametrize("name", ["min_count", "pairs_per_relation", "min_pairs"])
def test_numbers_below_one_are_an_error(wordnet, name):
    with pytest.raises(ValueError, match=f"{name} is 0, expected at least 1"):
        build_relations(wordnet, **{name: 0})


def test_fewer_than_two_relations_are_an_error(wordnet):
    with pytest.raises(ValueError, match="has 0 relations of at least 1000 pairs.*Lower min_pairs or min_count"):
        build_relations(wordnet, min_pairs=1000)


def test_the_report_adds_up(wordnet):
    build = build_relations(wordnet, min_pairs=1)
    report = json.loads(json.dumps(build.report()))
    assert report["relations"] == len(build.relations.names) == sum(p["relations"] for p in report["parents"].values())
    assert report["positives"] == sum(parent["positives"] for parent in report["parents"].values())
    assert report["parents"]["instance"] == {"relations": 2, "positives": 3}


def test_the_set_survives_its_records(wordnet):
    relations = build_relations(wordnet).relations
    assert RelationSet.from_records(relations.records()) == relations


@pytest.fixture(scope="module")
def debian():
    if not os.path.isfile(f"{DEBIAN_FOLDER}/data.noun"):
        pytest.skip(f"{DEBIAN_FOLDER} is not there: apt-get install wordnet-base")
    return WordNet.read()


@pytest.mark.slow
def test_wordnet_has_hundreds_of_relations(debian):
    build = build_relations(debian)
    positives = build.relations.positives
    assert len(positives) > 300 and sum(map(len, positives.values())) > 10_000
    assert {name.split("/")[0] for name in positives} >= {
        "hypernym", "instance", "part", "member", "named part", "named member", "substance", "attribute", "entailment",
        "cause", "antonym", "pertainym", "inflection", "verb-noun", "noun-adjective", "adjective-adverb",
    }  # fmt: skip
    whole = build_relations(debian, pairs_per_relation=10_000).relations.positives
    assert ("Vienna", "Austria") in whole["named part/national capital"]
    assert ("go", "went") in whole["inflection/irregular past"] and ("sonnet", "poem") in whole[
        "hypernym/noun.communication"
    ]
    for pairs in whole.values():
        assert all(head.casefold() != tail.casefold() and "_" not in head + tail for head, tail in pairs)


@pytest.mark.slow
def test_no_pair_of_the_benchmarks_is_in_the_set(debian, data):
    exclude = benchmark_pairs([data])
    build = build_relations(debian, exclude=exclude)
    tested = {folded(pair) for pairs in exclude.values() for pair in pairs}
    kept = {folded(pair) for pairs in build.relations.positives.values() for pair in pairs}
    assert len(tested) > 20_000 and not tested & kept
    assert build.dropped["analogy_questions/bats/test"] > 100
