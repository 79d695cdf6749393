import json

import pytest

from st_relbert.cli import main

ROWS = [
    *(f"{head};capital" for head in ("Tokyo;Japan", "Rome;Italy", "Paris;France", "Oslo;Norway")),
    *(f"{head};young" for head in ("puppy;dog", "kitten;cat", "calf;cow")),
    *(f"{head};part" for head in ("finger;hand", "toe;foot", "page;book")),
]


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("Head;Tail;Relation\n" + "\n".join(ROWS) + "\n")
    return str(path)


def test_a_quiz_is_written_in_every_format(pairs, encoders, tmp_path, capsys):
    for name, options in [
        ("a.jsonl", ["--choices", "4"]),
        ("a.csv", []),
        ("a.html", ["--count", "2"]),
        (
            "hard.jsonl",
            ["--difficulty", "hard", "--model", encoders["wordpiece"], "--template", "short", "--choices", "3"],
        ),
    ]:
        command = ["data", "questions", pairs, "--output", str(tmp_path / name), *options]
        assert main(command) == 0, capsys.readouterr().err
        assert f"to {tmp_path / name}" in capsys.readouterr().out
        assert main(command) == 2 and "already exists" in capsys.readouterr().err
    questions = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert len(questions) == 4 and all(len(question["choice"]) == 4 for question in questions)
    assert (tmp_path / "a.html").read_text().count("is to") == 2 * 6 + 2


def test_fewer_questions_than_wanted_are_reported(pairs, tmp_path, capsys):
    assert main(["data", "questions", pairs, "--output", str(tmp_path / "a.csv")]) == 0
    assert "There are enough pairs for 4 of 20 questions" in capsys.readouterr().out


def test_errors_are_one_line_and_exit_status_2(pairs, tmp_path, capsys):
    single, few = tmp_path / "one.csv", tmp_path / "few.csv"
    single.write_text("head,tail,relation\na,b,r\nc,d,r\n")
    few.write_text("head,tail,relation\na,b,r\nc,d,s\n")
    output = str(tmp_path / "quiz.html")
    for arguments, message in [
        ([str(single)], "one.csv has 1 relation (r), expected at least two"),
        ([str(few)], "No question with 5 choices can be made from these 2 relations"),
        ([pairs, "--choices", "1"], "The number of choices is 1, expected 2 to 26"),
        ([pairs, "--count", "0"], "count is 0"),
        ([pairs, "--difficulty", "hard"], "Hard questions need a model"),
        ([pairs, "--model", "no/such"], "Easy questions do not use a model"),
        ([str(tmp_path / "none.csv")], "There is no file"),
    ]:
        assert main(["data", "questions", *arguments, "--output", output]) == 2
        (line,) = capsys.readouterr().err.strip().split("\n")
        assert message in line
    assert main(["data", "questions", pairs, "--output", "quiz.docx"]) == 2
    assert "expected a name that ends in .jsonl, .csv or .html" in capsys.readouterr().err
    assert not (tmp_path / "quiz.html").exists()
