import json

import pytest

from st_relbert import RelBERT
from st_relbert.cli import main
from st_relbert.evaluation import EvaluationReport, EvaluationResult, write_report


def write(path, *results):
    write_report(path, EvaluationReport(list(results)), {"model": "m"})
    return str(path)


def result(name, correct, digest="d", task="analogy", **details):
    accuracy = sum(correct) / len(correct)
    return EvaluationResult(
        task=task,
        dataset=name,
        metrics={"accuracy": accuracy},
        count=len(correct),
        correct=correct,
        digest=digest,
        details=details,
    )


def test_shared_sets_are_compared(tmp_path, capsys):
    mapping = EvaluationResult(task="mapping", dataset="relation_mapping", metrics={"accuracy": 0.5}, count=20)
    first = write(tmp_path / "1.json", result("u2", [True] * 6 + [False]), result("bats", [True]), mapping)
    second = write(tmp_path / "2.json", result("google", [True]), result("u2", [True] + [False] * 6), mapping)
    assert main(["compare", first, second]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1].split() == ["u2", "7", "85.7%", "14.3%", "5", "0", "0.062"]  # 2 / 2 ** 5
    assert main(["compare", first, second, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["first"] == 6 / 7


def test_sets_are_told_apart_by_their_tasks(tmp_path, capsys):
    own = result("u2", [True], task="length", digest="other")
    first = write(tmp_path / "1.json", result("u2", [True]), own)
    second = write(tmp_path / "2.json", own, result("u2", [False]), result("bats", [True]))
    third = write(tmp_path / "3.json", own)
    for other, names in ((second, ["analogy/u2", "length/u2"]), (third, ["u2"])):
        assert main(["compare", first, other, "--json"]) == 0
        assert [json.loads(line)["set"] for line in capsys.readouterr().out.splitlines()] == names


def test_outputs_of_evaluate_can_be_compared(encoders, tmp_path, capsys):
    files = []
    for template in ("a", "short"):
        folder, output = str(tmp_path / template), str(tmp_path / f"{template}.json")
        RelBERT(encoders["wordpiece"], template=template).save_pretrained(folder, create_model_card=False)
        assert main(["evaluate", folder, "--analogies", "starter/held_out_pairs", "--output", output, "--quiet"]) == 0
        files.append(output)
    capsys.readouterr()
    assert main(["compare", *files]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:2] == ["held_out_pairs", "244"]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ([result("u2", [True], digest="other")], "different questions for 'u2'. Evaluate both models on the same data"),
        ([result("u2", [True], method="linear")], "'u2' come from different methods, \"the papers'\" and 'linear'."),
        ([result("bats", [True])], "expected at least one in common"),
    ],
)
def test_files_that_cannot_be_compared_are_refused(tmp_path, capsys, second, message):
    first = write(tmp_path / "1.json", result("u2", [True]))
    assert main(["compare", first, write(tmp_path / "2.json", *second)]) == 2
    assert message in capsys.readouterr().err
    assert main(["compare", first, str(tmp_path / "none.json")]) == 2
    assert "contains no results" in capsys.readouterr().err
