import csv
import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from st_relbert.cli import main
from st_relbert.data import load_questions
from st_relbert.files.question_sheets import as_csv, as_html, write_questions

QUESTIONS = [
    {"stem": ["Tokyo", "Japan"], "choice": [["hand", "finger"], ["Rome", "Italy"]], "answer": 1, "prefix": "capital"},
    {"stem": ["<b>R&D</b>", '"x", y'], "choice": [["<script>", "a;b"], ["ä", "東京"]], "answer": 0, "prefix": "<i>"},
]


def test_evaluators_read_the_json_lines(tmp_path):
    write_questions(QUESTIONS, tmp_path / "quiz.jsonl")
    assert load_questions(tmp_path / "quiz.jsonl") == QUESTIONS


def test_the_csv_file_contains_the_choices_and_the_key(tmp_path):
    write_questions(QUESTIONS, tmp_path / "quiz.csv")
    first, second = csv.DictReader(io.StringIO((tmp_path / "quiz.csv").read_text(encoding="utf-8-sig")))
    assert first == {
        "number": "1",
        "stem": "Tokyo : Japan",
        "A": "hand : finger",
        "B": "Rome : Italy",
        "answer": "B",
        "right pair": "Rome : Italy",
        "relation": "capital",
    }
    assert second["stem"] == '<b>R&D</b> : "x", y' and second["answer"] == "A" and second["B"] == "ä : 東京"
    ragged = [{**QUESTIONS[0], "choice": [*QUESTIONS[0]["choice"], ["c", "d"]]}, QUESTIONS[1]]
    assert [row["answer"] for row in csv.DictReader(io.StringIO(as_csv(ragged)))] == ["B", "A"]


def test_the_page_loads_nothing_and_its_key_is_on_a_separate_page():
    page = as_html(QUESTIONS)
    questions, key = page.split('<section class="key">')
    assert "<title>Analogies</title>" in page and "break-before: page" in page
    assert "default-src 'none'" in page and not re.search(r"https?:|src=|url\(|<script", page)
    assert questions.index("hand is to finger") < questions.index("Rome is to Italy") and "capital" not in questions
    assert "<b>B</b> Rome is to Italy <small>(capital)</small>" in key and "&lt;b&gt;R&amp;D&lt;/b&gt;" in questions
    assert "<b>A</b> &lt;script&gt; is to a;b <small>(&lt;i&gt;)</small>" in key


@pytest.mark.parametrize("pair", [["a : b", "c"], ["a", "b : c"], [" :", "b"], ["a", ": b"]])
def test_a_pair_that_could_not_be_read_back_from_csv_is_refused(tmp_path, pair):
    for question in ({**QUESTIONS[0], "stem": pair}, {**QUESTIONS[0], "choice": [pair, ["c", "d"]]}):
        with pytest.raises(ValueError, match="a pair of question 2 is '.*'.* If a word contains ' : ', use JSON Lines"):
            write_questions([QUESTIONS[0], question], tmp_path / "quiz.csv")
        assert not list(tmp_path.iterdir())
        write_questions([question], tmp_path / "quiz.jsonl")
        assert load_questions(tmp_path / "quiz.jsonl") == [question]
        (tmp_path / "quiz.jsonl").unlink()


def test_other_names_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"quiz.pdf', expected a name that ends in .jsonl, .csv or .html"):
        write_questions(QUESTIONS, tmp_path / "quiz.pdf")
    assert not list(tmp_path.iterdir())


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=6)
PAIRS = st.lists(WORDS, min_size=2, max_size=2)
RECORDS = st.builds(
    lambda stem, choice, place, prefix: {
        "stem": stem,
        "choice": choice,
        "answer": place % len(choice),
        "prefix": prefix,
    },
    *(PAIRS, st.lists(PAIRS, min_size=2, max_size=5), st.integers(0, 4), st.sampled_from(["", "a/b", 'x, "y"'])),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(RECORDS, min_size=1, max_size=3))
def test_questions_are_read_as_they_were_written(tmp_path_factory, questions):
    for suffix in ("csv", "jsonl"):
        path = tmp_path_factory.mktemp("quiz") / f"quiz.{suffix}"
        write_questions(questions, path)
        assert load_questions(path) == questions


HEADER = "number,stem,A,B,answer,right pair,relation"


@pytest.mark.parametrize(
    "text",
    [
        "stem,A,B,Answer\nTokyo : Japan,hand : finger,Rome : Italy,b\n",
        "number;stem;A;B;C;answer;relation\n1;Tokyo : Japan;hand : finger;Rome : Italy;;B;\n",
    ],
)
def test_an_edited_sheet_is_read(tmp_path, text):
    (tmp_path / "quiz.csv").write_text(text)
    assert load_questions(tmp_path / "quiz.csv") == [{**QUESTIONS[0], "prefix": ""}]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,Tokyo : Japan,a : b,c : d,E,c : d,r", r"quiz.csv': line 2 has the answer 'E', expected one of A, B"),
        ("1,Tokyo : Japan,a : b,c : d,,c : d,r", r"line 2 has the answer '', expected one of A, B"),
        ("1,Tokyo : Japan,a : b,c : d,A,c : d,r", r"line 2 has the answer A, 'a : b', but the right pair 'c : d'"),
        ("1,Tokyo : Japan,a b,c : d,B,c : d,r", r"line 2, column 'A' is 'a b', expected two words such as 'Tokyo : J"),
        ("1,a : : b,a : b,c : d,B,c : d,r", r"line 2, column 'stem' is 'a : : b', expected two words .* JSON Lines"),
        ("1,Tokyo : Japan,a : b,B", r"line 2 "),
    ],
)
def test_a_malformed_sheet_is_an_error_that_names_the_line(tmp_path, row, message):
    (tmp_path / "quiz.csv").write_text(f"{HEADER}\n{row}\n")
    with pytest.raises(ValueError, match=message):
        load_questions(tmp_path / "quiz.csv")


def test_html_pages_are_refused(tmp_path):
    write_questions(QUESTIONS, tmp_path / "quiz.html")
    with pytest.raises(
        ValueError, match=r"quiz.html' is a page to print. To evaluate on a quiz, write it to a .jsonl or"
    ):
        load_questions(tmp_path / "quiz.html")


def test_quizzes_of_data_questions_can_be_evaluated(tmp_path, encoders, capsys):
    figures = []
    for name in ("quiz.csv", "quiz.jsonl"):
        path = str(tmp_path / name)
        assert main(["data", "questions", "starter", "--count", "5", "--output", path]) == 0
        capsys.readouterr()
        assert main(["evaluate", encoders["wordpiece"], "--analogies", path, "--quiet", "--json"]) == 0
        figures.append(capsys.readouterr().out)
    assert figures[0] == figures[1] and '"dataset": "quiz"' in figures[0] and '"count": 5' in figures[0]
