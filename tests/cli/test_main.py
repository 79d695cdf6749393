import dataclasses
import json
import re
import subprocess
import sys
import time

import numpy as np
import pytest

from st_relbert import RelBERT, __version__
from st_relbert.cli import main, train
from st_relbert.training import TrainingSettings

COMMANDS = ([], ["train"], ["evaluate"], ["compare"], ["leakage"], ["encode"], ["data", "wordnet"])


@pytest.fixture
def model(encoders, tmp_path):
    folder = str(tmp_path / "model")
    RelBERT(encoders["wordpiece"], template="short").save_pretrained(folder, create_model_card=False)
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_help_loads_nothing_heavy(command):
    code = (
        "import sys\nfrom st_relbert.cli import main\n"
        f"try: main({[*command, '--help']!r})\nexcept SystemExit as stop: assert stop.code == 0\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'datasets', 'pyarrow'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "usage: st-relbert" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_answers_in_under_a_second(command):
    """The best of three: the machine may be busy."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "st_relbert", *command, "--help"], check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    assert min(times) < 1


def test_version(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"st-relbert {__version__}\n"


def test_every_setting_is_an_option_that_names_its_default():
    options = {name: text for group in train._SETTINGS.values() for name, _, text in group}
    fields = {field.name: field.default for field in dataclasses.fields(TrainingSettings) if field.name != "output"}
    assert set(options) == set(fields)
    for name, default in fields.items():
        if isinstance(default, str | int | float) and not isinstance(default, bool):
            text = f"{default:g}" if isinstance(default, float) and not default % 1 else str(default)
            assert re.search(rf"\({re.escape(text)}(:.*|\.0)?\)", options[name]), options[name]


def test_options_stand_above_the_preset(encoders, tmp_path):
    output = tmp_path / "trained"
    arguments = ["--base-model", encoders["wordpiece"], "--train-data", "starter", "--output", str(output), "--quiet"]
    settings = ["--max-steps", "1", "--relations-per-batch", "3", "--no-siblings-as-negatives"]
    assert main(["train", "--preset", "fast", *arguments, *settings]) == 0
    config = json.loads((output / "finetuning_config.json").read_text())["st_relbert"]
    assert config["relations_per_batch"] == 3 and config["siblings_as_negatives"] is False
    assert config["template"] == "short" and config["learning_rate"] == 1e-4


def test_train_then_evaluate(encoders, tmp_path, capsys):
    output = str(tmp_path / "trained")
    arguments = ["train", "--base-model", encoders["wordpiece"], "--train-data", "starter", "--output", output]
    assert main([*arguments, "--max-steps", "1", "--relations-per-batch", "4", "--template", "short", "--quiet"]) == 0
    assert capsys.readouterr().out.endswith(f"Saved {output}\n")

    results = tmp_path / "results.json"
    sets = ["starter/held_out_pairs", "starter/held_out_relations"]
    assert main(["evaluate", output, "--analogies", *sets, "--output", str(results), "--quiet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["set", "questions", "accuracy", "95", "%", "interval", "ties"]
    assert [line.split()[:2] for line in lines[1:]] == [["held_out_pairs", "244"], ["held_out_relations", "234"]]
    written = json.loads(results.read_text())["results"]
    assert [len(result["predictions"]) for result in written] == [244, 234]
    assert f"{written[0]['accuracy']:.1%}" in lines[1]
    assert [sum(result["correct"]) / result["questions"] for result in written] == [
        pytest.approx(result["accuracy"]) for result in written
    ]
    assert all(result["interval"][0] <= result["accuracy"] <= result["interval"][1] for result in written)


TRAIN = ["train", "--base-model", "{encoder}", "--train-data", "starter"]
EVALUATE = ["evaluate", "{model}", "--analogies"]
QUESTIONS = "starter/held_out_pairs"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "no/such/model", "--analogies", QUESTIONS], "Cannot load a model from"),
        ([*EVALUATE, "no/such/set"], "Cannot load 'no/such/set'"),
        ([*EVALUATE, QUESTIONS, "--output", "{model}"], "exists already"),
        (
            ["train", "--base-model", "{encoder}", "--train-data", "no/such", "--output", "{new}"],
            "Cannot load 'no/such'",
        ),
        (["train", "--base-model", "no/such/model", "--train-data", "starter", "--output", "{new}"], "Cannot load a"),
        ([*TRAIN, "--output", "{model}"], "exists already"),
        ([*TRAIN, "--output", "{new}", "--template", "z"], "named ones: a, b, c"),
        ([*TRAIN, "--output", "{new}", "--pooling", "x"], "Unknown pooling 'x'"),
        ([*TRAIN, "--output", "{new}", "--resume"], "Nothing to resume"),
        ([*TRAIN, "--output", "/proc/x/y"], "Cannot write to"),
        (["train", "--train-data", "starter", "--output", "{new}"], "--base-model is needed"),
        ([*TRAIN, "--output", "{new}", "--preset", "slow"], "no preset 'slow'. Expected fast, minilm-fast, "),
        ([*TRAIN, "--output", "{new}", "--loss", "mse"], "Unknown loss 'mse', expected one of 'info_nce'"),
        ([*TRAIN, "--output", "{new}", "--held-out-relations", "0.1"], "held_out_relations needs choose_by"),
        ([*EVALUATE, QUESTIONS, "--write-card"], "Add --suite relbert"),
        ([*EVALUATE, QUESTIONS, QUESTIONS], "Two question sets would be called 'held_out_pairs'"),
        (["encode", "{model}", "no-such-file.csv", "--output", "{new}.parquet"], "does not exist"),
        (["encode", "{model}", "{encoder}/config.json", "--output", "{new}.parquet"], "expected one of .csv"),
        (["encode", "{model}", "pairs.csv", "--output", "{new}.npz"], "expected NAME.parquet, NAME.lance or a folder"),
    ],
)
def test_errors_are_one_line_and_exit_status_2(encoders, model, tmp_path, capsys, arguments, message):
    places = {"model": model, "encoder": encoders["wordpiece"], "new": str(tmp_path / "new")}
    assert main([argument.format(**places) for argument in arguments]) == 2
    errors = capsys.readouterr().err.strip().split("\n")
    assert errors[-1].startswith(f"st-relbert {arguments[0]}: ") and message in errors[-1]
    assert "Traceback" not in "".join(errors)
    assert not (tmp_path / "new").exists()


def test_evaluate_takes_a_plain_encoder_with_a_template(encoders, capsys):
    arguments = ["--analogies", "starter/held_out_pairs", "--template", "c", "--pooling", "mask", "--quiet"]
    assert main(["evaluate", encoders["wordpiece"], *arguments]) == 0
    assert "held_out_pairs" in capsys.readouterr().out


def test_an_interrupted_encode_says_how_to_go_on(model, tmp_path, capsys, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(RelBERT, "encode", interrupted)
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("head,tail\nTokyo,Japan\n")
    output = str(tmp_path / "vectors.parquet")
    assert main(["encode", model, str(pairs), "--output", output, "--quiet"]) == 130
    assert capsys.readouterr().err.endswith("Interrupted. The same command goes on from where it stopped.\n")
    monkeypatch.undo()
    assert main(["encode", model, str(pairs), "--output", output, "--quiet", "--fast"]) == 2
    assert "holds a part of the same output made with other model" in capsys.readouterr().err
    assert main(["encode", model, str(pairs), "--output", output, "--quiet"]) == 0
    assert main(["encode", model, str(pairs), "--output", output, "--quiet", "--fast", "--overwrite"]) == 0


def test_encode_writes_the_vectors_of_the_library(model, tmp_path, capsys):
    import pyarrow.parquet

    pairs = tmp_path / "pairs.csv"
    pairs.write_text("head,tail\nTokyo,Japan\nfinger,hand\n")
    output = tmp_path / "vectors.parquet"
    assert main(["encode", model, str(pairs), "--output", str(output), "--quiet"]) == 0
    assert capsys.readouterr().out == f"Saved 2 vectors to {output}\n"
    vectors = np.array(pyarrow.parquet.read_table(output)["vector"].to_pylist(), dtype=np.float32)
    np.testing.assert_allclose(vectors, RelBERT(model).encode([("Tokyo", "Japan"), ("finger", "hand")]), atol=1e-6)
