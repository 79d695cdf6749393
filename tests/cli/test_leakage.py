import json
from pathlib import Path

import pytest

from st_relbert.cli import main
from st_relbert.evaluation import EvaluationReport, EvaluationResult, write_report
from st_relbert.evaluation.analogy import as_questions
from st_relbert.evaluation.results import digest

CAPITALS = {"relation_type": "capital", "positives": [["Tokyo", "Japan"], ["Rome", "Italy"]], "negatives": []}
PETS = {"relation_type": "pets", "positives": [["cat", "dog"]], "negatives": [["Paris", "France"]]}
QUESTIONS = [
    {"stem": ["tokyo", "japan"], "choice": [["Italy", "Rome"], ["a", "b"]], "answer": 0},
    {"stem": ["e", "f"], "choice": [["c", "d"], ["dog", "cat"]], "answer": 0},
    {"stem": ["e", "f"], "choice": [["c", "d"], ["France", "Paris"]], "answer": 1},
    {"stem": ["e", "f"], "choice": [["c", "d"], ["cat", "dog"]], "answer": 1},
]


def write_lines(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return str(path)


def write_answers(path, questions, correct):
    """The output of the evaluate command."""
    result = EvaluationResult(
        task="analogy",
        dataset="toy",
        metrics={"accuracy": sum(correct) / len(correct)},
        count=len(correct),
        correct=correct,
        digest=digest(as_questions(questions)),
    )
    write_report(path, EvaluationReport([result]), {"model": "m"})
    return str(path)


@pytest.fixture
def places(tmp_path):
    results = write_answers(tmp_path / "results.json", QUESTIONS, [True, True, False, False])
    return {
        "train": write_lines(tmp_path / "train.jsonl", [CAPITALS, PETS]),
        "test": write_lines(tmp_path / "toy.jsonl", QUESTIONS),
        "short": write_lines(tmp_path / "short.jsonl", QUESTIONS[:2]),
        "results": results,
        "output": str(tmp_path / "leakage.json"),
    }


def read_output(places):
    return json.loads(Path(places["output"]).read_text(encoding="utf-8"))


def leakage(places, arguments):
    return main(["leakage", *(argument.format(**places) for argument in arguments)])


BASE = ["--train", "{train}", "--test", "{test}"]


def test_the_table_has_a_line_for_each_part(places, capsys):
    assert leakage(places, BASE) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["set", "questions", "trained", "as", "part", "exact", "reversed", "folded"]
    assert [" ".join(line.split()) for line in lines] == [
        "toy 4 positive stem 0 (0.0%) 0 (0.0%) 1 (25.0%)",
        "toy 4 positive answer 1 (25.0%) 1 (25.0%) 2 (50.0%)",
        "toy 4 positive stem or answer 1 (25.0%) 1 (25.0%) 2 (50.0%)",
        "toy 4 positive choice 1 (25.0%) 2 (50.0%) 3 (75.0%)",
        "toy 4 negative stem 0 (0.0%) 0 (0.0%) 0 (0.0%)",
        "toy 4 negative answer 0 (0.0%) 1 (25.0%) 1 (25.0%)",
        "toy 4 negative stem or answer 0 (0.0%) 1 (25.0%) 1 (25.0%)",
        "toy 4 negative choice 0 (0.0%) 1 (25.0%) 1 (25.0%)",
        "toy 4 positive shared analogy 1 (25.0%)",
    ]


def test_the_output_has_the_rows(places, capsys):
    assert leakage(places, [*BASE, "{short}", "--output", "{output}"]) == 0
    written = read_output(places)
    assert written["train"] == [places["train"]]
    toy, short = written["results"]
    assert [toy["set"], toy["questions"], short["set"], short["questions"]] == ["toy", 4, "short", 2]
    assert len(toy["kinds"]) == 25 and "scores" not in toy
    assert toy["kinds"]["shared_analogy"] == {"count": 1, "share": 0.25, "rows": [0]}
    assert toy["kinds"]["positive_answer_folded"] == {"count": 2, "share": 0.5, "rows": [0, 3]}
    assert toy["kinds"]["negative_answer_reversed"]["rows"] == [2]
    assert short["kinds"]["positive_choice_reversed"]["rows"] == [0, 1]

    assert leakage(places, [*BASE, "--output", "{output}"]) == 2
    assert "already exists" in capsys.readouterr().err
    assert leakage(places, [*BASE, "--output", "{output}", "--overwrite"]) == 0
    assert len(read_output(places)["results"]) == 1


def test_scores_without_the_leaked_questions(places, capsys):
    assert leakage(places, [*BASE, "--results", "{results}", "--output", "{output}"]) == 0
    lines = capsys.readouterr().out.split("\n\n")[1].splitlines()
    assert [" ".join(line.split()) for line in lines] == [
        "set questions accuracy",
        "toy 4 50.0% all questions",
        "toy 1 100.0% without those whose stem or answer is a training pair",
        "toy 3 33.3% without shared analogies",
    ]
    scores = read_output(places)["results"][0]["scores"]
    assert scores["all"] == {"questions": 4, "accuracy": 0.5}
    assert scores["without_overlap"] == {"questions": 1, "accuracy": 1.0}


def test_scores_of_another_task_on_the_set_are_not_used(places, capsys):
    content = json.loads(Path(places["results"]).read_text())
    (own,) = content["results"]
    other = own | {"task": "other", "digest": "other", "correct": [True] * 4}
    for results in ([own, other], [other, own]):
        Path(places["results"]).write_text(json.dumps(content | {"results": results}))
        assert leakage(places, [*BASE, "--results", "{results}", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["scores"]["all"]["accuracy"] == 0.5


def test_without_questions_there_is_no_accuracy(places, tmp_path, capsys):
    places["test"] = write_lines(tmp_path / "toy.jsonl", QUESTIONS[:1])
    write_answers(tmp_path / "results.json", QUESTIONS[:1], [True])
    assert leakage(places, [*BASE, "--results", "{results}", "--output", "{output}"]) == 0
    leaks, scores = capsys.readouterr().out.split("\n\n")
    assert scores.splitlines()[-1].split()[:3] == ["toy", "0", "none"]
    assert "1 (100.0%)" in leaks
    assert read_output(places)["results"][0]["scores"]["without_overlap"] == {"questions": 0, "accuracy": None}


def test_relations_with_the_same_name_in_two_sets_are_merged(places, tmp_path, capsys):
    split = [{**CAPITALS, "positives": [pair]} for pair in CAPITALS["positives"]]
    trains = [write_lines(tmp_path / f"{name}.jsonl", [record, PETS]) for name, record in zip("ab", split, strict=True)]
    assert leakage(places, ["--train", *trains, "--test", "{test}"]) == 0
    assert "shared analogy" in (line := capsys.readouterr().out.splitlines()[-1]) and line.endswith("1 (25.0%)")


@pytest.mark.parametrize("name", ["held_out_pairs", "held_out_relations"])
def test_the_shipped_questions_contain_no_shipped_training_pair(tmp_path, name):
    output = tmp_path / "leakage.json"
    assert main(["leakage", "--train", "starter", "--test", f"starter/{name}", "--output", str(output)]) == 0
    (result,) = json.loads(output.read_text())["results"]
    assert result["questions"] > 200 and not any(kind["count"] for kind in result["kinds"].values())


def test_results_of_the_evaluate_command_are_read(encoders, tmp_path, capsys):
    results = str(tmp_path / "results.json")
    evaluate = ["evaluate", encoders["wordpiece"], "--template", "short", "--analogies", "starter/held_out_pairs"]
    assert main([*evaluate, "--output", results, "--quiet"]) == 0
    accuracy = json.loads((tmp_path / "results.json").read_text())["results"][0]["metrics"]["accuracy"]
    capsys.readouterr()
    arguments = ["--train", "starter", "--test", "starter/held_out_pairs", "--results", results]
    assert main(["leakage", *arguments]) == 0
    scores = [line.split()[:3] for line in capsys.readouterr().out.splitlines()[-3:]]
    assert scores == [["held_out_pairs", "244", f"{accuracy:.1%}"]] * 3


def test_training_on_semeval_shows_some_benchmark_questions(data, tmp_path):
    output = tmp_path / "leakage.json"
    tests = [str(data / "analogy_questions" / name) for name in ("u2", "google", "bats")]
    train = str(data / "semeval2012_relational_similarity")
    assert main(["leakage", "--train", train, "--test", *tests, "--output", str(output)]) == 0
    results = json.loads(output.read_text())["results"]
    kinds = ("stem_folded", "answer_folded", "stem_or_answer_folded", "choice_folded")
    counts = {
        result["set"]: [
            [result["kinds"][f"{label}_{kind}"]["count"] for kind in kinds] for label in ("positive", "negative")
        ]
        for result in results
    }
    assert counts == {
        "u2": [[7, 12, 16, 20], [4, 6, 8, 16]],
        "google": [[4, 3, 6, 21], [0, 0, 0, 2]],
        "bats": [[46, 33, 77, 88], [22, 14, 35, 32]],
    }
    # For instance puppy : dog and kitten : cat of u2.
    shared = {result["set"]: result["kinds"]["shared_analogy"]["rows"] for result in results}
    assert shared == {"u2": [64, 69, 74], "google": [224], "bats": [141]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--train", "no/such", "--test", "{test}"], "Cannot load 'no/such'"),
        (["--train", "{train}", "--test", "no/such"], "Cannot load 'no/such'"),
        (["--train", "{test}", "--test", "{test}"], "line 1 has no 'relation_type' and no 'positives'"),
        (["--train", "{train}", "--test", "{train}"], "line 1 has no 'stem'"),
        ([*BASE, "{test}"], "toy.jsonl' was given twice. Leave one out"),
        ([*BASE, "--output", "{train}"], "already exists"),
        ([*BASE, "--results", "no-such.json"], "'no-such.json' contains no results (FileNotFoundError"),
        (["--train", "{train}", "--test", "{short}", "--results", "{results}"], "has no results for the set 'short'"),
    ],
)
def test_errors_are_one_line_and_exit_status_2(places, capsys, arguments, message):
    assert leakage(places, arguments) == 2
    (line,) = capsys.readouterr().err.strip().split("\n")
    assert line.startswith("st-relbert leakage: ") and message in line


def test_results_on_other_questions_are_an_error(places, tmp_path, capsys):
    """They have the same name and number."""
    write_lines(tmp_path / "toy.jsonl", [*QUESTIONS[:3], {**QUESTIONS[3], "answer": 0}])
    assert leakage(places, [*BASE, "--results", "{results}", "--output", "{output}"]) == 2
    assert "are for other questions" in capsys.readouterr().err
    assert not (tmp_path / "leakage.json").exists()
