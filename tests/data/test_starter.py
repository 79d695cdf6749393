"""The data set that the package ships."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from st_relbert.data import load_questions
from st_relbert.data.sources import read_records

ROOT = Path(__file__).parents[2]
QUESTION_SETS = ("held_out_pairs", "held_out_relations")


def records(split):
    return {record["relation_type"]: record for record in read_records("starter", [split])[0]}


def pairs_of(records):
    return [tuple(pair) for record in records.values() for pair in record["positives"]]


def test_there_are_enough_relations_and_pairs():
    train, validation = records("train"), records("validation")
    assert len(train) >= 60 and len({relation.split("/")[0] for relation in train}) >= 10
    for relation in train:
        assert len(train[relation]["positives"]) + len(validation[relation]["positives"]) >= 14
    assert len(set(validation) - set(train)) >= 10


def test_no_pair_occurs_twice_in_either_direction():
    everything = pairs_of(records("train")) + pairs_of(records("validation"))
    folded = [tuple(sorted(word.casefold() for word in pair)) for pair in everything]
    assert len(set(folded)) == len(folded) >= 1300


def test_words_are_tidy():
    for pair in pairs_of(records("train")) + pairs_of(records("validation")):
        for word in pair:
            assert word == " ".join(word.split()) and not set(word) & set('_;:/"<>[]')


def test_negatives_are_the_reversed_pairs_of_asymmetric_relations():
    for split in ("train", "validation"):
        for record in records(split).values():
            assert record["negatives"] in ([], [pair[::-1] for pair in record["positives"]])


@pytest.mark.parametrize("name", QUESTION_SETS)
def test_questions_contain_no_training_pairs(name):
    train, validation = records("train"), records("validation")
    seen = set(pairs_of(train))
    questions = load_questions(f"starter/{name}")
    assert len(questions) >= 200
    for question in questions:
        used = {tuple(question["stem"]), *map(tuple, question["choice"])}
        assert len(used) == len(question["choice"]) + 1 and not used & seen
        relation = {tuple(pair) for pair in validation[question["prefix"]]["positives"]}
        right = [index for index, choice in enumerate(question["choice"]) if tuple(choice) in relation]
        assert tuple(question["stem"]) in relation and right == [question["answer"]]
        assert (question["prefix"] in train) == (name == "held_out_pairs")


@pytest.mark.parametrize("name", QUESTION_SETS)
def test_answers_occur_in_every_position(name):
    answers = [question["answer"] for question in load_questions(f"starter/{name}")]
    shares = [answers.count(place) / len(answers) for place in range(5)]
    assert min(shares) > 0.1 and max(shares) < 0.3


def benchmark_questions(data):
    for path in (data / "analogy_questions").glob("*/*.jsonl"):
        for line in path.read_text(encoding="utf-8").splitlines():
            question = json.loads(line)
            yield fold(question["stem"]), fold(question["choice"][question["answer"]])


def fold(pair):
    return tuple(word.casefold() for word in pair)


def test_no_question_repeats_a_benchmark(data):
    benchmarks = set(benchmark_questions(data))
    assert len(benchmarks) > 3000
    for name in QUESTION_SETS:
        for question in load_questions(f"starter/{name}"):
            assert (fold(question["stem"]), fold(question["choice"][question["answer"]])) not in benchmarks


def test_no_pair_is_a_stem_or_a_right_answer_of_a_benchmark(data):
    """So that training on the starter relations does not show a model what it is tested on."""
    benchmark = {pair for question in benchmark_questions(data) for pair in question}
    for pair in pairs_of(records("train")) + pairs_of(records("validation")):
        assert fold(pair) not in benchmark and fold(pair[::-1]) not in benchmark


def test_the_files_are_what_the_script_builds(tmp_path):
    subprocess.run([sys.executable, ROOT / "scripts" / "build_starter.py", "--output", tmp_path], check=True)
    shipped = ROOT / "st_relbert" / "data" / "starter"
    built = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.jsonl"))
    assert len(built) == 4
    for path in built:
        assert (tmp_path / path).read_bytes() == (shipped / path).read_bytes()
