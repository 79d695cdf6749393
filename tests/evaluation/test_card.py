import math
import shutil

import pytest
import yaml
from huggingface_hub import (
    EvalResult,
    ModelCard,
    ModelCardData,
    constants,
    parse_eval_result_entries,
    repocard,
)
from huggingface_hub.repocard_data import eval_results_to_model_index, model_index_to_eval_results

from st_relbert import RelBERT
from st_relbert.evaluation import EVALUATORS, EvaluationResult, RelationEvaluator, SuiteTask
from st_relbert.evaluation.card import as_eval_result, write_results


def result_of(task, dataset, count, intervals=None, **metrics):
    return EvaluationResult(task=task, dataset=dataset, metrics=metrics, count=count, intervals=intervals or {})


RESULTS = [
    result_of("mapping", "relation_mapping", 20, {"accuracy": (0.75, 0.93)}, accuracy=0.852261904),
    result_of("analogy", "sat_full", 374, {"accuracy": (0.396, 0.497)}, accuracy=0.446524064171123),
    result_of("analogy", "u2", 228, {"accuracy": (0.307, 0.434)}, accuracy=0.36842105),
    result_of("classification", "K&H+N", 14377, {"f1_micro": (0.93, 0.95)}, f1_micro=0.94, f1_macro=0.85),
    result_of(
        "similarity",
        "semeval2012",
        69,
        {"maxdiff_accuracy": (0.41, 0.45), "spearman": (-0.1, 0.06)},
        maxdiff_accuracy=0.43,
        spearman=-0.02,
    ),
]
SHOWN = [as_eval_result(row) for result in RESULTS for row in result.rows()]
# In the form of relbert/relbert-bert-base-nce-semeval2012: no config, and EVALution's data set is called BLESS.
PUBLISHED = """---
license: mit
model-index:
- name: owner/published
  results:
  - task:
      name: Analogy Questions (U2)
      type: multiple-choice-qa
    dataset:
      name: U2
      args: relbert/analogy_questions
      type: analogy-questions
    metrics:
    - name: Accuracy
      type: accuracy
      value: 0.1
  - task:
      name: Analogy Questions (U4)
      type: multiple-choice-qa
    dataset:
      name: U4
      args: relbert/analogy_questions
      type: analogy-questions
    metrics:
    - name: Accuracy
      type: accuracy
      value: 0.2
  - task:
      name: Lexical Relation Classification (EVALution)
      type: classification
    dataset:
      name: BLESS
      args: relbert/lexical_relation_classification
      type: relation-classification
    metrics:
    - name: F1
      type: f1
      value: 0.3
    source:
      name: somewhere
      url: https://example.org
---
# A published model

### Training hyperparameters

 - model: bert-base-cased
"""


@pytest.fixture(scope="module")
def saved(encoders, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "tiny-relbert"
    RelBERT(encoders["wordpiece"]).save_pretrained(str(folder))
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "tiny-relbert")


def read(folder):
    with open(folder / "README.md", encoding="utf-8", newline="") as file:
        return file.read()


def head(folder):
    return ModelCard.load(folder / "README.md").data.to_dict()


def test_the_head_has_the_published_form(folder):
    before = head(folder)
    write_results(folder, RESULTS)
    after = head(folder)
    [model] = after.pop("model-index")
    assert after == before
    assert model["name"] == "tiny-relbert" and len(model["results"]) == 5
    assert model["results"][1] == {
        "task": {"type": "multiple-choice-qa", "name": "Analogy Questions (SAT full)"},
        "dataset": {
            "name": "SAT full",
            "type": "analogy-questions",
            "config": "sat_full",
            "args": "relbert/analogy_questions",
        },
        "metrics": [{"type": "accuracy", "value": 0.4465, "name": "Accuracy"}],
    }
    assert model["results"][0]["task"] == {"type": "sorting-task", "name": "Relation Mapping"}
    assert model["results"][3]["task"]["name"] == "Lexical Relation Classification (K&H+N)"
    assert [metric["name"] for metric in model["results"][3]["metrics"]] == ["F1", "F1 (macro)"]
    assert "args" not in model["results"][4]["dataset"]  # on no hub


def test_the_results_survive_the_hubs_own_classes(folder):
    write_results(folder, RESULTS, model_name="owner/tiny")
    data = ModelCard.load(folder / "README.md").data
    assert data.model_name == "owner/tiny"
    assert data.eval_results == SHOWN
    again = ModelCardData(**data.to_dict())
    assert again.eval_results == data.eval_results and again.to_yaml() == data.to_yaml()
    index = data.to_dict()["model-index"]
    assert eval_results_to_model_index(*model_index_to_eval_results(index)) == index


def test_the_hub_is_asked_to_validate_what_is_written(folder, monkeypatch):
    """``validate`` sends the card to the hub; what it would send is looked at instead."""
    sent = []

    class Session:
        def post(self, url, json, headers):
            sent.append((url, json))

    monkeypatch.setattr(repocard, "get_session", Session)
    monkeypatch.setattr(repocard, "hf_raise_for_status", lambda response: None)
    write_results(folder, RESULTS)
    ModelCard.load(folder / "README.md").validate()
    assert sent == [(f"{constants.ENDPOINT}/api/validate-yaml", {"repoType": "model", "content": read(folder)})]


def test_the_table_stands_before_the_training_details_and_nothing_else_changes(folder):
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


def test_what_others_wrote_into_the_index_is_kept(folder):
    (folder / "README.md").write_text(PUBLISHED, encoding="utf-8")
    for _ in range(2):
        write_results(folder, RESULTS)
        data = ModelCard.load(folder / "README.md").data
        assert data.model_name == "owner/published" and data.license == "mit"
        assert data.eval_results[:2] == [
            EvalResult(
                "multiple-choice-qa",
                "analogy-questions",
                "U4",
                "accuracy",
                0.2,
                task_name="Analogy Questions (U4)",
                dataset_args="relbert/analogy_questions",
                metric_name="Accuracy",
            ),
            EvalResult(
                "classification",
                "relation-classification",
                "BLESS",
                "f1",
                0.3,
                task_name="Lexical Relation Classification (EVALution)",
                dataset_args="relbert/lexical_relation_classification",
                metric_name="F1",
                source_name="somewhere",
                source_url="https://example.org",
            ),
        ]
        assert data.eval_results[2:] == SHOWN


def test_the_index_that_sentence_transformers_wrote_is_kept(encoders, tmp_path):
    from st_relbert.evaluation import AnalogyEvaluator

    model = RelBERT(encoders["wordpiece"])
    questions = [{"stem": ["a", "b"], "choice": [["c", "d"], ["e", "f"]], "answer": 0}]
    AnalogyEvaluator(questions, "validation")(model)
    model.save_pretrained(str(tmp_path / "model"))
    before = ModelCard.load(tmp_path / "model" / "README.md").data
    assert before.eval_results
    write_results(tmp_path / "model", RESULTS)
    after = ModelCard.load(tmp_path / "model" / "README.md").data
    assert after.eval_results[: -len(SHOWN)] == before.eval_results and after.tags == before.tags
    assert after.model_name == before.model_name


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


def test_windows_line_ends_are_kept(folder):
    card = "---\r\nlicense: mit\r\n---\r\n# Title\r\n\r\n## Training Details\r\n\r\nLong.\r\n"
    (folder / "README.md").write_bytes(card.encode())
    write_results(folder, RESULTS)
    first = read(folder)
    assert first.count("\n") == first.count("\r\n") and "# Title\r\n\r\n<!--" in first
    write_results(folder, RESULTS)
    assert read(folder) == first


def test_sets_of_your_own_are_not_said_to_be_on_the_hub(folder):
    write_results(folder, [result_of("analogy", "my|own set", 3, accuracy=1.0)])
    [result] = ModelCard.load(folder / "README.md").data.eval_results
    assert result.task_name == "Analogy Questions (my|own set)" and result.dataset_args is None
    assert "| my\\|own set |" in read(folder)


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
        ([*RESULTS[:2], RESULTS[0]], r"results\[2\] is of 'relation_mapping' a second time"),
    ],
)
def test_results_that_cannot_be_shown_are_errors(folder, results, message):
    before = read(folder)
    with pytest.raises(ValueError, match=message):
        write_results(folder, results)
    assert read(folder) == before


@pytest.mark.parametrize("card", ["---\na: [\n---\n", "---\n- a\n---\n", "---\nmodel-index:\n- name: x\n---\n"])
def test_an_unreadable_card_is_an_error_and_stays(folder, card):
    (folder / "README.md").write_text(card)
    with pytest.raises(ValueError, match=r"README\.md' cannot be read: .* Correct its head"):
        write_results(folder, RESULTS)
    assert read(folder) == card


def test_the_hub_reads_results_on_its_sets(folder):
    results = [*RESULTS, result_of("mapping", "scar", 184, accuracy=0.5), result_of("analogy", "own", 3, accuracy=1.0)]
    write_results(folder, results)
    entries = parse_eval_result_entries(yaml.safe_load((folder / ".eval_results" / "st-relbert.yaml").read_text()))
    assert [(entry.dataset_id, entry.task_id, entry.value) for entry in entries] == [
        ("relbert/relation_mapping", "relation_mapping", 0.8523),
        ("relbert/analogy_questions", "sat_full", 0.4465),
        ("relbert/analogy_questions", "u2", 0.3684),
        ("relbert/lexical_relation_classification", "K&H+N", 0.94),
    ]
    assert entries[3].notes == "F1 over 14,377 pairs, 95 % interval 0.9300 to 0.9500; st-relbert"
    write_results(folder, results[-1:])
    assert not (folder / ".eval_results" / "st-relbert.yaml").exists()


def test_figures_of_another_method_are_named_and_are_none_of_the_hubs(folder):
    """Those of a linear probe do not take the place of the published MLP's."""
    (folder / "README.md").write_text(PUBLISHED)
    linear = EvaluationResult(
        task="classification", dataset="EVALution", metrics={"f1_micro": 0.8}, count=9, details={"method": "linear"}
    )
    write_results(folder, [linear])
    *others, ours = head(folder)["model-index"][0]["results"]
    assert "Lexical Relation Classification (EVALution)" in [entry["task"]["name"] for entry in others]
    assert ours["task"]["name"] == "Lexical Relation Classification (EVALution, linear)"
    assert ours["metrics"] == [{"name": "F1, linear", "type": "f1_linear", "value": 0.8}]
    assert "| Lexical Relation Classification | EVALution | F1, linear | 0.800 | 9 pairs |" in read(folder)
    assert not (folder / ".eval_results" / "st-relbert.yaml").exists()


def test_a_task_and_a_metric_of_your_own_are_shown_by_their_names(folder, monkeypatch):
    class Own(RelationEvaluator):
        suite = SuiteTask(sets={}, title="Own Task", type="own", dataset_type="own-sets", counted="things")

    monkeypatch.setitem(EVALUATORS, "own", Own)
    write_results(folder, [result_of("own", "mine", 3, hit_rate=0.25)])
    [result] = ModelCard.load(folder / "README.md").data.eval_results
    assert (result.task_name, result.metric_name, result.metric_type) == ("Own Task (mine)", "Hit rate", "hit_rate")
    assert "| Own Task | mine | Hit rate | 0.250 | 3 things |" in read(folder)
