"""The shipped relations: what is in them, and what is held out."""

import json
import string
from collections import Counter, defaultdict

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from st_relbert.data import RelationSet, load_questions
from st_relbert.data.shipped import (
    FOLDER,
    HELD_OUT_PARENTS,
    QUESTION_SETS,
    in_words,
    parse_relations,
    shipped_records,
    shipped_relations,
)
from st_relbert.pairs import folded

RELATIONS = shipped_relations()
RECORD = {
    "name": "sound",
    "sentence": "{tail} is the sound that a {head} makes",
    "parent": "x",
    "pairs": "horse : neigh",
}
PARENTS = {
    *("class inclusion", "part-whole", "similar", "contrast", "attribute", "non-attribute", "case relation"),
    *("cause-purpose", "space-time", "representation", "degree", "word formation", "common sense"),
    *("people and works", "places", "organisations and products", "science"),
}


def test_there_are_as_many_relations_and_pairs_as_the_readme_says():
    assert len(RELATIONS) >= 800 and sum(len(relation.pairs) for relation in RELATIONS) >= 25_000
    educated = sum(len(relation.educated) for relation in RELATIONS)
    assert educated >= sum(len(relation.pairs) for relation in RELATIONS) / 3


def test_names_and_sentences_are_unique():
    for field in ("name", "sentence"):
        counts = Counter(getattr(relation, field) for relation in RELATIONS)
        assert [value for value, count in counts.items() if count > 1] == []
    assert {relation.parent for relation in RELATIONS} == PARENTS


def test_relations_have_20_to_60_distinct_pairs():
    for relation in RELATIONS:
        assert 20 <= len(relation.pairs) <= 60, relation.name
        folds = Counter(folded(pair) for pair in relation.pairs)
        assert [pair for pair, count in folds.items() if count > 1] == [], relation.name
        assert [pair for pair in relation.pairs if pair[0].casefold() == pair[1].casefold()] == [], relation.name


def test_words_vary():
    """No word is in more than a fifth of a relation's pairs, unless the file says that it repeats words."""
    records = [record for path in FOLDER.glob("*.yaml") for record in yaml.safe_load(path.read_text(encoding="utf-8"))]
    repeating = {record["name"] for record in records if record.get("repeats")}
    for relation in RELATIONS:
        for slot in (0, 1):
            word, count = Counter(pair[slot].casefold() for pair in relation.pairs).most_common(1)[0]
            assert relation.name in repeating or count <= max(2, len(relation.pairs) / 5), (relation.name, word)


def test_directions_name_relations_of_the_set_without_cycles():
    """Of two inverse relations, only one has the direction."""
    directions = {relation.name: relation.direction for relation in RELATIONS}
    inverses = {name: direction for name, direction in directions.items() if direction not in ("", "symmetric")}
    for name, direction in inverses.items():
        other = direction.removeprefix("inverse of ")
        assert other != direction and other in directions and other not in inverses, name
    assert len(inverses) > 5


def test_pairs_of_several_relations_are_listed():
    relations_of = defaultdict(set)
    for relation in RELATIONS:
        for pair in relation.pairs:
            relations_of[pair].add(relation.name)
    shared = sorted(f"{head} : {tail}" for (head, tail), names in relations_of.items() if len(names) > 1)
    assert shared == (FOLDER / "shared_pairs.txt").read_text(encoding="utf-8").splitlines()


def test_no_pair_is_a_stem_or_a_right_answer_of_a_benchmark(data):
    records = [
        json.loads(line)
        for path in (data / "analogy_questions").rglob("*.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    asked = {folded(tuple(pair)) for record in records for pair in (record["stem"], record["choice"][record["answer"]])}
    assert len(asked) > 3_500
    assert sorted(pair for relation in RELATIONS for pair in relation.pairs if folded(pair) in asked) == []


def test_training_sees_no_held_out_pairs():
    train, validation, everything = (RelationSet.load("relations", split) for split in ("train", "validation", "all"))
    assert not {name.split("/")[0] for name in train.names} & set(HELD_OUT_PARENTS)
    for name, pairs in everything.positives.items():
        parts = [*train.positives.get(name, []), *validation.positives.get(name, [])]
        assert sorted(parts) == sorted(pairs)
    sizes = [sum(map(len, each.positives.values())) for each in (train, everything)]
    assert 0.75 < sizes[0] / sizes[1] < 0.9


@pytest.mark.parametrize("part", QUESTION_SETS)
def test_questions_have_one_right_answer_and_no_training_pairs(part):
    questions = load_questions(f"relations/{part}")
    trained = {folded(pair) for pairs in RelationSet.load("relations").positives.values() for pair in pairs}
    pairs_of = {relation.name: relation for relation in RELATIONS}
    assert len(questions) > 300
    assert {len(question["choice"]) for question in questions} == {5}
    assert {question["answer"] for question in questions} == set(range(5))
    reversed_choices = 0
    for question in questions:
        relation = pairs_of[question["prefix"]]
        answer = question["choice"][question["answer"]]
        assert question["stem"] in relation.pairs and question["stem"] != answer
        assert [choice for choice in question["choice"] if choice in relation.pairs] == [answer]
        assert folded(question["stem"]) not in trained and folded(answer) not in trained
        reversed_choices += answer[::-1] in question["choice"]
    assert reversed_choices > len(questions) * 0.8
    assert load_questions(f"relations/{part}") == questions


def test_educated_questions_are_about_educated_pairs():
    educated = {pair for relation in RELATIONS for pair in relation.educated}
    questions = load_questions("relations/educated")
    assert all({question["stem"], question["choice"][question["answer"]]} <= educated for question in questions)


def test_reversed_pairs_of_a_directed_relation_are_its_negatives():
    relations = RelationSet.load("relations", "all")
    for relation in RELATIONS:
        name = f"{relation.parent}/{relation.name}"
        swapped = [pair[::-1] for pair in relation.pairs]
        assert relations.negatives[name] == ([] if relation.symmetric else swapped)


words = st.text(string.ascii_letters + "éß'-", min_size=1, max_size=8)


@given(st.lists(st.tuples(words, words), min_size=1, max_size=5), st.booleans())
def test_written_relations_are_read(pairs, educated):
    lines = "\n".join(f"{head} : {tail}" for head, tail in pairs)
    record = {**RECORD, "pairs": "", "educated" if educated else "pairs": lines}
    (relation,) = parse_relations(yaml.safe_dump([record], allow_unicode=True), "x.yaml")
    assert list(relation.educated if educated else relation.everyday) == pairs


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("- name: [", "x.yaml is not YAML"),
        ("just text", "x.yaml is a str, expected a list of relations"),
        ([{"name": "sound"}], "x.yaml, relation 1 has name, expected name, sentence, parent"),
        ([{**RECORD, "colour": "red"}], "expected name, sentence, parent"),
        (
            [RECORD, {**RECORD, "sentence": "a {head} makes it"}],
            r"relation 2 \(sound\) has the sentence 'a {head} makes it'",
        ),
        ([{**RECORD, "pairs": "horse neigh"}], "has the line 'horse neigh', expected head : tail"),
        ([{**RECORD, "pairs": ""}], "has no pairs, expected lines of head : tail"),
    ],
)
def test_bad_files_are_named(content, message):
    text = content if isinstance(content, str) else yaml.safe_dump(content)
    with pytest.raises(ValueError, match=message):
        parse_relations(text, "x.yaml")


def test_a_relation_is_put_into_words():
    for relation in RELATIONS:
        said = in_words(relation.label, ("{tail}", "{head}"))
        assert said == relation.sentence.replace("{head}", "%").replace("{tail}", "{head}").replace("%", "{tail}")
    assert in_words("attribute/none such", ("a", "b")) is None


def test_unknown_parts_and_splits_are_errors():
    with pytest.raises(ValueError, match=r"no shipped questions 'relations/none', expected relations/held_out_pairs"):
        load_questions("relations/none")
    with pytest.raises(ValueError, match="'relations' has the splits train, validation and all"):
        shipped_records("relations", ["test"])


def test_sentences_have_the_article_of_the_word():
    for words, article in (
        (("elephant", "East Slavic", "underscore", "umpire", "unknown", "hour", "heir", "onion"), "an"),
        (("horse", "unit", "European", "user", "one-way street", "US state", "ukulele", "usual"), "a"),
    ):
        for word in words:
            said = in_words("attribute/sound of an animal", (word, "[a {head}]"))
            assert said == f"[a {{head}}] is the sound that {article} {word} makes"
