"""A card with results: its text, its errors, and what is kept."""

import math

import pytest
from huggingface_hub import (
    ModelCard,
    repocard,
)

from st_relbert.evaluation.card import write_results
from tests.evaluation.cards import RESULTS, SHOWN, read, result_of


def test_the_table_comes_before_the_training_details_and_nothing_else_changes(folder):
    before = ModelCard.load(folder / "README.md").text
    write_results(folder, RESULTS)
    after = ModelCard.load(folder / "README.md").text
    start, end = after.index("<!-- st-relbert: evaluation"), after.index("## Training Details")
    assert after[:start] + after[end:] == before
    table = after[start:end]
    assert "## Evaluation results" in table
    assert "| Analogy Questions | SAT full | Accuracy | 0.447 (0.396 to 0.497) | 374 questions |" in table
    assert "| Lexical Relation Classification | K&H+N | F1 (macro) | 0.850 | 14,377 pairs |" in table
    assert "| SemEval-2012 Task 2 | Spearman | -0.020 (-0.100 to 0.060) | 69 relations |" in table


def test_a_second_call_replaces_the_first(folder):
    write_results(folder, RESULTS)
    first = read(folder)
    write_results(folder, RESULTS)
    assert read(folder) == first
    write_results(folder, [result_of("analogy", "u2", 228, accuracy=0.5)])
    assert read(folder).count("## Evaluation results") == 1 and "SAT full" not in read(folder)
    [result] = ModelCard.load(folder / "README.md").data.eval_results
    assert (result.dataset_name, result.metric_value) == ("U2", 0.5)
    write_results(folder, RESULTS)
    assert read(folder) == first


def test_the_text_around_the_table_is_kept_and_a_lone_start_swallows_nothing(folder):
    write_results(folder, RESULTS)
    card = read(folder).replace("<!-- st-relbert: end of the evaluation results -->", "My own remark.")
    (folder / "README.md").write_text(card, encoding="utf-8")
    for _ in range(2):
        write_results(folder, RESULTS)
    assert read(folder).count("My own remark.") == 1 and read(folder).count("## Evaluation results") == 2


@pytest.mark.parametrize("content", [None, ""])
def test_a_model_without_a_card_gets_one(folder, content):
    (folder / "README.md").unlink()
    if content is not None:
        (folder / "README.md").write_text(content)
    write_results(folder, RESULTS)
    data = ModelCard.load(folder / "README.md").data
    assert data.library_name == "sentence-transformers" and data.pipeline_tag == "sentence-similarity"
    assert data.tags[0] == "sentence-transformers" and "relbert" in data.tags
    assert data.eval_results == SHOWN
    assert read(folder).rstrip().endswith("<!-- st-relbert: end of the evaluation results -->")
    first = read(folder)
    write_results(folder, RESULTS)
    assert read(folder) == first


def test_windows_line_endings_are_kept(folder):
    card = "---\r\nlicense: mit\r\n---\r\n# Title\r\n\r\n## Training Details\r\n\r\nLong.\r\n"
    (folder / "README.md").write_bytes(card.encode())
    write_results(folder, RESULTS)
    first = read(folder)
    assert first.count("\n") == first.count("\r\n") and "# Title\r\n\r\n<!--" in first
    write_results(folder, RESULTS)
    assert read(folder) == first


def test_a_failed_write_leaves_the_card_as_it_was(folder, monkeypatch):
    before = read(folder)

    def fail(self, path):
        path.write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(repocard.RepoCard, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        write_results(folder, RESULTS)
    assert read(folder) == before and not list(folder.glob(".st-relbert-*"))


def test_a_folder_without_a_model_is_named_with_the_fix(tmp_path):
    with pytest.raises(ValueError, match=r"'owner/model' is not a folder, .* Save the model first"):
        write_results("owner/model", RESULTS)
    with pytest.raises(ValueError, match=r"has neither modules\.json nor config\.json, .*save_pretrained"):
        write_results(tmp_path, RESULTS)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([], "The results are empty"),
        ([result_of("analogies", "u2", 3, accuracy=0.5)], "task 'analogies', expected one of: analogy, classification"),
        ([result_of("analogy", "u2", 3, accuracy=math.nan)], r"\(u2\) has the accuracy nan"),
        ([*RESULTS[:2], RESULTS[0]], r"results\[2\] is a second result for 'relation_mapping'"),
    ],
)
def test_results_that_cannot_be_shown_are_errors(folder, results, message):
    before = read(folder)
    with pytest.raises(ValueError, match=message):
        write_results(folder, results)
    assert read(folder) == before


@pytest.mark.parametrize("card", ["---\na: [\n---\n", "---\n- a\n---\n", "---\nmodel-index:\n- name: x\n---\n"])
def test_an_unreadable_card_is_an_error_and_is_kept(folder, card):
    (folder / "README.md").write_text(card)
    with pytest.raises(ValueError, match=r"README\.md' cannot be read: .* Correct its metadata"):
        write_results(folder, RESULTS)
    assert read(folder) == card
