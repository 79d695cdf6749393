"""Results in a card's metadata, and in the hub's own file next to it."""

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
from st_relbert.evaluation.card import write_results
from tests.evaluation.cards import PUBLISHED, RESULTS, SHOWN, head, read, result_of


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
    write_results(folder, RESULTS)
    data = ModelCard.load(folder / "README.md").data
    assert data.model_name == "tiny-relbert"
    assert data.eval_results == SHOWN
    again = ModelCardData(**data.to_dict())
    assert again.eval_results == data.eval_results and again.to_yaml() == data.to_yaml()
    index = data.to_dict()["model-index"]
    assert eval_results_to_model_index(*model_index_to_eval_results(index)) == index


def test_the_hub_validates_the_written_card(folder, monkeypatch):
    """``validate`` sends the card to the hub; the test inspects what it would send."""
    sent = []

    class Session:
        def post(self, url, json, headers):
            sent.append((url, json))

    monkeypatch.setattr(repocard, "get_session", Session)
    monkeypatch.setattr(repocard, "hf_raise_for_status", lambda response: None)
    write_results(folder, RESULTS)
    ModelCard.load(folder / "README.md").validate()
    assert sent == [(f"{constants.ENDPOINT}/api/validate-yaml", {"repoType": "model", "content": read(folder)})]


def test_entries_of_others_in_the_index_are_kept(folder):
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


def test_your_own_sets_are_not_listed_as_sets_on_the_hub(folder):
    write_results(folder, [result_of("analogy", "my|own set", 3, accuracy=1.0)])
    [result] = ModelCard.load(folder / "README.md").data.eval_results
    assert result.task_name == "Analogy Questions (my|own set)" and result.dataset_args is None
    assert "| my\\|own set |" in read(folder)


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


def test_figures_of_another_method_are_named_and_not_for_the_hub(folder):
    """Figures of a linear probe do not replace those of the published MLP."""
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


def test_your_own_task_and_metric_are_shown_by_name(folder, monkeypatch):
    class Own(RelationEvaluator):
        suite = SuiteTask(sets={}, title="Own Task", type="own", dataset_type="own-sets", counted="things")

    monkeypatch.setitem(EVALUATORS, "own", Own)
    write_results(folder, [result_of("own", "mine", 3, hit_rate=0.25)])
    [result] = ModelCard.load(folder / "README.md").data.eval_results
    assert (result.task_name, result.metric_name, result.metric_type) == ("Own Task (mine)", "Hit rate", "hit_rate")
    assert "| Own Task | mine | Hit rate | 0.250 | 3 things |" in read(folder)
