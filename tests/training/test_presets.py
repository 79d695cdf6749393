import json

import pytest

from st_relbert.settings import preset_names, read_preset
from st_relbert.templates import NAMED_TEMPLATES
from st_relbert.training import TrainingRun


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_makes_a_valid_run(name):
    preset = read_preset(name)
    given = {"teacher": "m"} if preset["loss"] == "distillation" else {}
    run = TrainingRun(**{"base_model": "b", "train_data": "t", "output": "o", **preset, **given})
    assert run.template in NAMED_TEMPLATES


def test_the_seed_models_preset_is_the_published_recipe(golden):
    """As in the relbert library: finetuning_config.json of published models (here, of checkpoints made like them)."""
    published = json.loads((golden / "checkpoints" / "bert-a-average_no_mask" / "finetuning_config.json").read_text())
    run = TrainingRun(output="o", **read_preset("relbert-bert-base-nce-semeval2012"))
    assert run.base_model == "bert-base-cased" and run.train_data == published["data"]
    assert NAMED_TEMPLATES[run.template] == published["template"]
    assert (run.max_length, run.epochs, run.learning_rate) == (64, published["epoch"], published["lr"])
    assert (run.warmup_steps, run.seed, run.pooling) == (published["lr_warmup"], 0, published["aggregation_mode"])
    loss = published["loss_function_config"]
    assert (run.loss, run.temperature) == ("info_nce", loss["temperature"])
    assert (run.pairs_per_relation, run.negatives_per_relation) == (loss["num_positive"], loss["num_negative"])
    assert (run.relations_per_batch, run.reduction, run.schedule, run.max_grad_norm) == (1, "sum", "constant", 0)
    assert run.choose_by == "accuracy"


def test_the_roberta_models_differ_in_encoder_and_negatives():
    bert, base, large = (
        read_preset(f"relbert-{name}-nce-semeval2012") for name in ("bert-base", "roberta-base", "roberta-large")
    )
    assert base == {**bert, "base_model": "roberta-base"}
    assert large == {**bert, "base_model": "roberta-large", "negatives_per_relation": 100}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_file_can_be_a_preset(tmp_path, encoding):
    path = tmp_path / "mine.json"
    path.write_text('{"description": "mine", "epochs": 3}', encoding=encoding)
    assert read_preset(str(path)) == {"epochs": 3}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "mine.json': it is not JSON"),
        ("[" * 100_000, "mine.json': it is nested too deeply"),
        ('{"epochs": 1, "epochs": 2}', "mine.json': it cannot be read: an object has the name 'epochs' twice"),
        ('{"epochs": ' + "9" * 5000 + "}", "mine.json': it cannot be read: Exceeds the limit"),
        ("[1]", "is a list, expected an object of settings"),
        ('{"epoch": 3}', "has the unknown setting 'epoch', expected one of base_model, train_data"),
    ],
)
def test_files_without_settings_are_refused(tmp_path, content, message):
    path = tmp_path / "mine.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        read_preset(str(path))


def test_the_error_for_an_unknown_name_lists_the_known_ones():
    known = "fast, minilm, minilm-distilled, minilm-fast, mpnet, relbert-bert"
    with pytest.raises(ValueError, match=f"no preset 'slow', expected {known}"):
        read_preset("slow")
