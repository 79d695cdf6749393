import csv
import io
import re

import pytest

from st_relbert.data import load_questions
from st_relbert.files.question_sheets import as_csv, as_html, write_questions

QUESTIONS = [
    {"stem": ["Tokyo", "Japan"], "choice": [["hand", "finger"], ["Rome", "Italy"]], "answer": 1, "prefix": "capital"},
    {"stem": ["<b>R&D</b>", '"x", y'], "choice": [["<script>", "a;b"], ["ä", "東京"]], "answer": 0, "prefix": "<i>"},
]


def test_evaluators_read_the_json_lines(tmp_path):
    write_questions(QUESTIONS, tmp_path / "quiz.jsonl")
    assert load_questions(tmp_path / "quiz.jsonl") == QUESTIONS


def test_the_csv_file_holds_the_choices_and_the_key(tmp_path):
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


def test_the_page_is_text_and_loads_nothing_and_its_key_is_on_a_page_of_its_own():
    page = as_html(QUESTIONS)
    questions, key = page.split('<section class="key">')
    assert "<title>Analogies</title>" in page and "break-before: page" in page
    assert "default-src 'none'" in page and not re.search(r"https?:|src=|url\(|<script", page)
    assert questions.index("hand is to finger") < questions.index("Rome is to Italy") and "capital" not in questions
    assert "<b>B</b> Rome is to Italy <small>(capital)</small>" in key and "&lt;b&gt;R&amp;D&lt;/b&gt;" in questions
    assert "<b>A</b> &lt;script&gt; is to a;b <small>(&lt;i&gt;)</small>" in key


def test_other_names_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"quiz.pdf', expected a name that ends in .jsonl, .csv, .html"):
        write_questions(QUESTIONS, tmp_path / "quiz.pdf")
    assert not list(tmp_path.iterdir())
