"""The harness of evaluation/."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import reproduce
from harness.choosing import mismatched_questions
from harness.summary import as_markdown, read_published, summarise
from harness.table import Row, read_table, table_names
from harness.training_data import HELD_OUT, SEMEVAL, TrainingData
from st_relbert import RelBERT
from st_relbert.data import RelationSet
from st_relbert.data.sources import read_records
from st_relbert.evaluation import EVALUATORS, AnalogyEvaluator, RelationMappingEvaluator, load_questions
from st_relbert.training import TrainingRun, TrainingSettings

PUBLISHED = [name for name in table_names() if name != "minilm"]
EXPERIMENTS = sorted((Path(reproduce.__file__).parent / "experiments").glob("*.json"))
SETS = {"analogy": ["starter/held_out_pairs", "starter/held_out_relations"]}


@pytest.fixture
def table(encoders, tmp_path):
    """A table of a saved model that could also be trained, a recipe, and a model that is nowhere."""
    saved = str(tmp_path / "model")
    RelBERT(encoders["wordpiece"], template="short").save_pretrained(saved, create_model_card=False)
    recipe = {
        "preset": "fast",
        "base_model": encoders["wordpiece"],
        "train_data": "starter",
        "max_steps": 2,
        "learning_rate": 0.01,
    }
    rows = [
        {"name": "saved", "model": saved, "recipe": recipe},
        {"name": "trained", "recipe": recipe},
        {"name": "nowhere", "model": str(tmp_path / "none")},
    ]
    path = tmp_path / "toy.json"
    path.write_text(json.dumps({"title": "A toy.", "sets": SETS, "rows": rows}))
    return path


@pytest.fixture
def data_folder(tmp_path, monkeypatch):
    """An empty data folder."""
    monkeypatch.setenv("ST_RELBERT_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def semeval(data_folder):
    """A data folder with the ten relations of SemEval-2012 that experiments hold out, and two more."""
    folder = data_folder / "semeval2012_relational_similarity"
    folder.mkdir()
    (stem, answer) = load_questions("starter/held_out_pairs")[0]["stem"], ["x", "y"]
    lines = [
        json.dumps({"relation_type": name, "positives": [[name, "b"], [name, "c"]], "negatives": [[name, "d"]]})
        for name in (*HELD_OUT, "11/a")
    ]
    lines.append(json.dumps({"relation_type": "11/b", "positives": [stem, answer], "negatives": []}))
    (folder / "train.jsonl").write_text("\n".join(lines) + "\n")


def run(table, *arguments):
    return reproduce.main([str(table), "--output", str(table.parent / "results"), "--quiet", *arguments])


def cells(table, name="toy"):
    with (table.parent / "results" / f"{name}.csv").open(newline="") as file:
        return {(line["row"], line["set"]): line for line in csv.DictReader(file)}


@pytest.mark.parametrize("name", [*table_names(), *map(str, EXPERIMENTS)])
def test_each_table_can_be_run(name):
    """Its recipes are settings, and its sets are ones that are known."""
    table = read_table(name)
    assert table.rows and table.title
    assert set(table.sets) <= set(EVALUATORS)
    for row in table.rows:
        if row.recipe:
            TrainingSettings(**{"train_data": "made of the row's data", "output": "model", **row.settings()})
    if name in PUBLISHED:
        published = read_published({row.name: row.model for row in table.rows})
        assert {row for row, _, _ in published} == {row.name for row in table.rows}
        assert all(0 < value < 1 for value, _ in published.values())
        assert {of_set for _, of_set, _ in published} <= {
            name for evaluator in EVALUATORS.values() for name in evaluator.suite.sets
        }


def test_the_seed_models_row_has_the_cards_figures():
    """15 rows and mapping, as the card of relbert/relbert-bert-base-nce-semeval2012 rounds them."""
    (row,) = read_table("main").rows
    figures = {key[1]: round(100 * value, 1) for key, (value, _) in read_published({row.name: row.model}).items()}
    assert len(figures) == 16
    assert (figures["sat"], figures["u2"], figures["google"], figures["bats"]) == (44.8, 36.8, 72.2, 54.9)
    assert (figures["BLESS"], figures["EVALution"], figures["relation_mapping"]) == (90.9, 61.8, 85.2)


def test_weights_are_evaluated_and_recipes_trained(table, capsys):
    assert run(table, "--seeds", "3", "4") == 1  # one row could not be computed
    out, err = capsys.readouterr()
    assert out.startswith("A toy.") and err.startswith("Left out nowhere, seed 0: ")
    found = cells(table)
    assert [row for row, _ in found] == ["saved", "saved", "trained", "trained"]
    questions = load_questions("starter/held_out_pairs")
    accuracy = AnalogyEvaluator(questions)(RelBERT(str(table.parent / "model")))["accuracy"]
    saved, trained = (found[row, "starter/held_out_pairs"] for row in ("saved", "trained"))
    assert (saved["values"], saved["seeds"], saved["sd"]) == (f"{accuracy:.4f}", "0", "")
    values = [float(value) for value in trained["values"].split()]
    assert trained["seeds"] == "3 4" and float(trained["sd"]) == pytest.approx(np.std(values, ddof=1), abs=1e-4)
    assert float(trained["mean"]) == pytest.approx(np.mean(values), abs=1e-4)
    (first, *_) = json.loads((table.parent / "results" / "toy.json").read_text())["runs"]
    assert first["versions"]["torch"] and first["plan"]["sets"] == SETS and first["skipped"] == []


def test_finished_runs_are_not_repeated(table, monkeypatch):
    run(table, "--rows", "trained", "--seeds", "0")
    before = cells(table)
    rows = []
    plain = reproduce.run_row
    monkeypatch.setattr(reproduce, "run_row", lambda row, *rest: rows.append(row.name) or plain(row, *rest))
    assert run(table, "--rows", "trained", "--seeds", "0") == 0
    assert rows == [] and cells(table) == before
    assert run(table, "--rows", "saved", "trained", "--seeds", "0", "1") == 0
    assert rows == ["saved", "trained"]
    after = cells(table)
    assert next(iter(after)) == ("saved", "starter/held_out_pairs")
    assert after["trained", "starter/held_out_pairs"]["values"].startswith(
        before["trained", "starter/held_out_pairs"]["values"]
    )
    # other settings make another run
    content = json.loads(table.read_text())
    content["rows"][1]["recipe"]["max_steps"] = 1
    table.write_text(json.dumps(content))
    assert run(table, "--rows", "trained", "--seeds", "0") == 0
    assert rows == ["saved", "trained", "trained"]


def test_a_kept_model_is_reused_if_its_training_was_the_same(table, monkeypatch):
    models = table.parent / "kept"
    arguments = ("--rows", "trained", "--seeds", "0", "--models", str(models))
    assert run(table, *arguments) == 0
    first = json.loads((table.parent / "results" / "toy.json").read_text())["runs"][0]
    shutil.rmtree(table.parent / "results")
    steps = []
    train = TrainingRun.train
    monkeypatch.setattr(TrainingRun, "train", lambda self, **rest: steps.append(self.max_steps) or train(self, **rest))
    assert run(table, *arguments) == 0
    again = json.loads((table.parent / "results" / "toy.json").read_text())["runs"][0]
    assert steps == [] and again["results"] == first["results"]
    assert again["training_seconds"] == first["training_seconds"] > 0
    content = json.loads(table.read_text())
    content["rows"][1]["recipe"]["max_steps"] = 1
    table.write_text(json.dumps(content))
    assert run(table, *arguments) == 0
    assert steps == [1]


def test_the_weights_of_a_row_are_averaged_over_seeds(table):
    content = json.loads(table.read_text())
    content["rows"] = [content["rows"][1], {"name": "average", "average_of": "trained"}]
    table.write_text(json.dumps(content))
    models = table.parent / "kept"
    assert run(table, "--rows", "average", "--models", str(models)) == 0
    (made,) = json.loads((table.parent / "results" / "toy.json").read_text())["runs"]
    assert made["seed"] == 0 and made["plan"]["averaged_seeds"] == [0, 1, 2]
    seconds = [json.loads((models / f"trained-{seed}.json").read_text())["seconds"] for seed in range(3)]
    assert made["training_seconds"] == pytest.approx(sum(seconds), abs=0.06)
    name = "0.model.embeddings.word_embeddings.weight"
    weights = [RelBERT(str(models / f"trained-{seed}")).state_dict()[name].numpy() for seed in range(3)]
    average = RelBERT(str(models / "average")).state_dict()[name].numpy()
    assert not np.allclose(weights[0], weights[1])
    np.testing.assert_allclose(average, np.mean(weights, axis=0), atol=1e-6)
    content["rows"][1]["average_of"] = "average"
    table.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="averages 'average', expected a row that is trained: trained"):
        read_table(str(table))


def test_train_trains_rows_that_name_weights_and_models_are_kept(table):
    assert run(table, "--train", "--rows", "saved", "--seeds", "7", "--models", str(table.parent / "kept")) == 0
    assert cells(table, "toy-trained")["saved", "starter/held_out_pairs"]["seeds"] == "7"
    kept = RelBERT(str(table.parent / "kept" / "saved-7"))
    assert not np.allclose(kept.encode(("a", "b")), RelBERT(str(table.parent / "model")).encode(("a", "b")))


def test_published_figures_are_shown_next_to_ours(tmp_path):
    path = tmp_path / "published.csv"
    path.write_text("model,set,metric,value,source\nm/1,u2,accuracy,36.84,card\nm/2,u2,accuracy,50,card\n")
    result = {"task": "analogy", "dataset": "u2", "metric": "accuracy", "count": 228}
    runs = [
        {"row": "first", "seed": seed, "results": [{**result, "value": value, "interval": [value - 0.1, value + 0.1]}]}
        for seed, value in ((1, 0.4), (0, 0.2))
    ]
    (cell,) = summarise(runs, read_published({"first": "m/1"}, path))
    assert (cell.mean, cell.sd, cell.low, cell.high) == (0.3, 0.1414, 0.2, 0.4)
    assert (cell.seeds, cell.values, cell.published, cell.source) == ("0 1", "0.2000 0.4000", 0.3684, "card")
    assert as_markdown("T", [cell]).splitlines() == [
        "T",
        "",
        "| | u2 (accuracy) |",
        "|---|---:|",
        "| first | 30.0 ± 14.1 [20.0, 40.0] |",
        "| *published* | *36.8* |",
    ]


def test_a_published_checkpoint_in_the_hubs_layout(golden, data, tmp_path):
    """As in the relbert library: the layout of the published checkpoints, and the sets in the hub's columns."""
    rows = [{"name": "tiny", "model": str(golden / "checkpoints" / "bert-a-average_no_mask")}]
    table = tmp_path / "layout.json"
    sets = {"analogy": ["u2", "sat"], "mapping": ["relation_mapping"]}
    table.write_text(json.dumps({"title": "Layout.", "sets": sets, "rows": rows}))
    assert run(table) == 0
    model = RelBERT(rows[0]["model"])
    found = cells(table, "layout")
    u2 = AnalogyEvaluator(load_questions("relbert/analogy_questions/u2"))(model)["accuracy"]
    assert float(found["tiny", "u2"]["mean"]) == pytest.approx(u2, abs=1e-4)
    mapping = RelationMappingEvaluator(read_records("relbert/relation_mapping", ["test"])[0])(model)["accuracy"]
    assert float(found["tiny", "relation_mapping"]["mean"]) == pytest.approx(mapping, abs=1e-4)
    (made,) = json.loads((tmp_path / "results" / "layout.json").read_text())["runs"]
    assert made["skipped"] == ["sat"]


def test_rows_change_the_recipe_and_data_of_their_table(table, semeval):
    base = {"recipe": json.loads(table.read_text())["rows"][1]["recipe"], "data": {"sets": ["starter", SEMEVAL]}}
    rows = [
        {"name": "base"},
        {"name": "changed", "recipe": {"max_steps": 1}, "data": {"exclude": ["starter/held_out_pairs"]}},
        {"name": "held out", "data": {"hold_out": True}},
    ]
    table.write_text(json.dumps({"title": "T.", "choosing": True, "sets": SETS, "base": base, "rows": rows}))
    assert [row.settings()["max_steps"] for row in read_table(str(table)).rows] == [2, 1, 2]
    assert run(table, "--seeds", "0") == 0
    runs = {each["row"]: each for each in json.loads((table.parent / "results" / "toy.json").read_text())["runs"]}
    starter = len(RelationSet.load("starter").names)
    relations = {name: each["training_data"]["relations"] for name, each in runs.items()}
    assert relations == {"base": starter + 12, "changed": starter + 12, "held out": starter + 2}
    assert runs["changed"]["training_data"]["dropped"] == {"starter/held_out_pairs": 1}
    assert runs["changed"]["training_data"]["sets"] == ["starter", SEMEVAL]
    figures = {result["dataset"]: result for result in runs["base"]["results"]}
    assert len(figures) == 4 and "semeval2012/held_out" not in figures
    held_out = {result["dataset"]: result for result in runs["held out"]["results"]}
    assert held_out["semeval2012/held_out"]["count"] == 2 * len(HELD_OUT) and len(held_out) == 5
    values = [result["value"] for name, result in figures.items() if name != "mean"]
    assert figures["mean"]["value"] == pytest.approx(np.mean(values))


def test_reversed_pairs_are_positives_of_relations_without_negatives(semeval, data_folder):
    relations = TrainingData((SEMEVAL,), reverses=True).combine().relations
    assert relations.positives["11/b"][2:] == [pair[::-1] for pair in relations.positives["11/b"][:2]]
    assert relations.positives["1/a"] == [("1/a", "b"), ("1/a", "c")]
    assert relations.negatives["1/a"] == [("1/a", "d"), ("b", "1/a"), ("c", "1/a")]


def test_rated_pairs_are_chosen_by_rating(semeval, data_folder):
    pairs = [["a", "b", 50.0], ["c", "d", 1.0], ["e", "f", 0.0], ["g", "h", -30.0], ["i", "j", -31.0]]
    rated = [{"relation_type": name, "pairs": pairs} for name in ("1/a", "1/b", "1/c")]
    (data_folder / "semeval2012_gold_ratings.jsonl").write_text("\n".join(map(json.dumps, rated)) + "\n")
    (data_folder / "semeval2012_maxdiff.jsonl").write_text("{}\n")
    relations = TrainingData((SEMEVAL,), rated_above=0, hold_out=True).combine().relations
    assert relations.positives == {name: [("a", "b"), ("c", "d")] for name in ("1/b", "1/c")}
    assert relations.negatives == {name: [("i", "j")] for name in ("1/b", "1/c")}


def test_mismatched_questions_have_wrong_choices_of_the_right_words():
    questions = load_questions("starter/held_out_relations")
    pairs = {}
    for question in questions:
        pairs.setdefault(question["prefix"], []).append(tuple(question["stem"]))
    made = mismatched_questions(questions)
    assert [tuple(question["stem"]) for question in made] == [tuple(question["stem"]) for question in questions]
    assert made == mismatched_questions(questions) != mismatched_questions(questions, seed=1)
    for question in made:
        own = pairs[question["prefix"]]
        heads, tails = ({pair[side] for pair in own} for side in (0, 1))
        answer, *wrong = sorted(question["choice"], key=lambda pair: pair not in own)
        assert question["choice"][question["answer"]] == answer != question["stem"]
        assert not set(wrong) & set(own) and 2 <= len(wrong) <= 3
        of_own_words = [pair for pair in wrong if set(pair) <= heads or set(pair) <= tails]
        assert len(of_own_words) == len(wrong) - 1
    assert len({question["answer"] for question in made}) == 4


def test_wordnet_is_made_without_the_excluded_pairs(wordnet_file, semeval, tmp_path):
    tests = tmp_path / "tests.jsonl"
    tests.write_text(
        '{"head": "animals", "tail": "x", "relation": "r"}\n{"head": "animal", "tail": "cat", "relation": "r"}\n'
    )
    combination = TrainingData(("wordnet", SEMEVAL), (str(tests),), wordnet=wordnet_file, least=1).combine()
    kinds = combination.relations.positives["hypernym/noun.animal"]
    assert ("dog", "animal") in kinds and ("cat", "animal") not in kinds
    assert combination.small_relations == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is no table (JSONDecodeError"),
        ("[]", "is no table (TypeError"),
        ('{"title": "t"}', "is no table (KeyError: 'rows')"),
        ('{"title": "t", "rows": [{"name": "a"}]}', "'a' has neither a model nor a recipe"),
        ('{"title": "t", "rows": [{"name": "a", "modle": "m"}]}', "row 0 has the key 'modle', expected name, model"),
        ('{"title": "t", "rows": [{"name": "a", "model": "m"}, {"name": "a", "model": "n"}]}', "two rows called 'a'"),
        ('{"title": "t", "rows": [{"name": "a", "recipe": {"x": 1}, "data": {"set": []}}]}', "argument 'set'"),
        ('{"title": "t", "classifier": "svm", "rows": [{"name": "a", "model": "m"}]}', "the classifier 'svm'"),
    ],
)
def test_malformed_tables_are_an_error(tmp_path, capsys, content, message):
    path = tmp_path / "bad.json"
    path.write_text(content)
    assert run(path) == 2
    (line,) = capsys.readouterr().err.strip().split("\n")
    assert message in line


def test_unknown_names_are_an_error(table, capsys):
    assert reproduce.main(["no-such-table"]) == 2
    assert "There is no table 'no-such-table'. Expected aggregation, " in capsys.readouterr().err
    assert run(table, "--rows", "no-such-row") == 2
    assert "has no row 'no-such-row', expected saved, trained, nowhere" in capsys.readouterr().err


def test_a_row_needs_something_to_evaluate():
    with pytest.raises(ValueError, match="neither a model nor a recipe"):
        Row(name="empty")
