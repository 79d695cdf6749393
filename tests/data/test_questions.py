import json

import numpy as np
import pytest

from st_relbert.cli.evaluate import load_sets
from st_relbert.evaluation import AnalogyEvaluator, load_questions

GOOD = {"stem": ["a", "b"], "choice": [["c", "d"], ["e", "f"]], "answer": 1}


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"stem": ["a", "b"], "answer": 0}, "row 1 has no 'choice' .it has: answer, stem."),
        ({**GOOD, "stem": ["a"]}, "row 1, the stem is"),
        ("stem", "toy, row 1 is 'stem', expected an object with the columns stem, choice, answer"),  # of a DataFrame
        ({**GOOD, "choice": False}, "toy, row 1, choices are False, expected a list of"),
        ({**GOOD, "choice": []}, "toy, row 1 has no choices, expected at least one pair"),
        ({**GOOD, "choice": [["c", "d"], ["e", None]]}, "the tail of toy, row 1, choice 1 is None"),
        ({**GOOD, "answer": 2}, "row 1 has the answer 2, expected an index from 0 to 1"),
        ({**GOOD, "answer": -1}, "expected an index from 0 to 1"),
        ({**GOOD, "answer": "1"}, "expected an index from 0 to 1"),
        ({**GOOD, "answer": True}, "expected an index from 0 to 1"),
    ],
)
def test_a_malformed_question_is_named(record, message):
    with pytest.raises(ValueError, match=message):
        AnalogyEvaluator([GOOD, record], "toy")


def test_questions_in_arrays_are_the_same_questions():
    arrays = {"stem": np.array(GOOD["stem"]), "choice": np.array(GOOD["choice"]), "answer": np.int64(1)}
    # The digest is made from the text of the questions.
    assert repr(AnalogyEvaluator([arrays]).questions) == repr(AnalogyEvaluator([GOOD]).questions)


@pytest.mark.parametrize(("prefix", "kept"), [(None, ""), ("", ""), (0, "0"), ("capital", "capital")])
def test_a_relation_may_be_called_zero(prefix, kept):
    (question,) = AnalogyEvaluator([{**GOOD, "prefix": prefix}]).questions
    assert question.prefix == kept


def test_no_questions_are_an_error():
    with pytest.raises(ValueError, match="no questions, expected at least one"):
        AnalogyEvaluator([])


@pytest.mark.parametrize("split", ["test", "validation"])
def test_the_existing_split_is_read(tmp_path, split):
    (tmp_path / f"{split}.jsonl").write_text(json.dumps(GOOD))
    assert load_questions(tmp_path) == [GOOD]
    with pytest.raises(ValueError, match=r"expected train\.jsonl"):
        load_questions(tmp_path, "train")


def test_a_name_may_end_in_a_split(tmp_path, monkeypatch):
    folder = tmp_path / "analogy_questions" / "u2"
    folder.mkdir(parents=True)
    other = {**GOOD, "stem": ["Paris", "France"]}
    (folder / "test.jsonl").write_text(json.dumps(GOOD))
    (folder / "validation.jsonl").write_text(json.dumps(other))
    monkeypatch.setenv("ST_RELBERT_DATA", str(tmp_path))
    for name in ("relbert/analogy_questions/u2", str(folder)):
        assert [load_questions(f"{name}{end}") for end in ("", "/test", "/validation")] == [[GOOD], [GOOD], [other]]
    sets = load_sets([f"relbert/analogy_questions/u2{end}" for end in ("", "/validation")])
    assert sets == {"u2": [GOOD], "u2/validation": [other]}
    (folder / "validation").mkdir()  # a folder of this name is a set of its own
    (folder / "validation" / "test.jsonl").write_text(json.dumps(GOOD))
    assert load_questions(folder / "validation") == [GOOD]


@pytest.mark.parametrize(("name", "size"), [("u2", 228), ("google", 500), ("bats", 1799), ("u4/validation", 33)])
def test_benchmarks_are_found_by_their_hub_names(data, monkeypatch, name, size):
    monkeypatch.setenv("ST_RELBERT_DATA", str(data))
    assert len(load_questions(f"relbert/analogy_questions/{name}")) == size
