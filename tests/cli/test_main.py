import dataclasses
import json
import shlex
import subprocess
import sys

import numpy as np
import pytest
import typer

from st_relbert import RelBERT, __version__
from st_relbert.cli import main
from st_relbert.cli.main import app, repeat_options
from st_relbert.templates import NAMED_TEMPLATES
from st_relbert.training import TrainingSettings

COMMANDS = ([], ["train"], ["evaluate"], ["compare"], ["leakage"], ["encode"], ["data", "combine"], ["index", "search"])


@pytest.fixture
def model(saved_model, tmp_path):
    saved_model("wordpiece", tmp_path / "model")
    return str(tmp_path / "model")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_loads_nothing_heavy(command):
    code = (
        "import sys\nfrom st_relbert.cli import main\n"
        f"assert main({[*command, '--help']!r}) == 0\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'datasets', 'pyarrow'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Usage: st-relbert" in done.stdout


def test_commands_are_listed_by_topic(capsys):
    assert main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    topics = [line.strip("╭─╮ ") for line in lines if line.startswith("╭─")]
    assert topics == ["Options", "Train", "Evaluate", "Encode", "Search", "See", "Data"]


def test_without_a_command_help_is_shown(capsys):
    main([])
    out, err = capsys.readouterr()
    assert "Usage: st-relbert" in out + err and "Missing command" not in out + err


def test_the_version_is_printed(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"st-relbert {__version__}\n"


def test_every_setting_is_an_option_with_its_help_and_default():
    """Options come from the settings, so that nothing is written twice."""
    options = {option.name: option for option in typer.main.get_command(app).commands["train"].params}
    for field in dataclasses.fields(TrainingSettings):
        text = options[field.name].help.replace("\\<", "<")
        assert field.metadata["help"] in text
        if field.default not in (dataclasses.MISSING, None, -1) and not isinstance(field.default, bool):
            assert text.endswith(f"({field.default:g})" if isinstance(field.default, float) else f"({field.default})")


def commands(command, words=()):
    """Every command with its words, those of a group (`index build`) too."""
    inner = getattr(command, "commands", None)
    if inner is None:
        return [(words, command)]
    return [found for name, each in inner.items() for found in commands(each, (*words, name))]


def test_options_take_several_values_where_their_command_does():
    """An option that takes one value would silently take the last of several."""
    for words, command in commands(typer.main.get_command(app)):
        for option in command.params:
            given = [*words, option.opts[0], "one", "two"]
            if option.opts[0].startswith("--"):
                assert (repeat_options(given) != given) == getattr(option, "multiple", False), given


def test_placeholders_are_visible_in_the_help(capsys):
    assert main(["train", "--help"]) == 0
    assert "<subj>" in capsys.readouterr().out


def test_the_traceback_of_an_error_can_be_shown(capsys):
    command = ["train", "--preset", "slow", "--output", "x"]
    for arguments in (["--traceback", *command], [*command, "--traceback"]):
        with pytest.raises(ValueError, match="no preset 'slow'"):
            main(arguments)
    assert main(["train", "--no-such-option"]) == 2
    assert capsys.readouterr().err.startswith("st-relbert train: No such option: --no-such-option")


def test_options_override_the_preset(encoders, tmp_path):
    output = tmp_path / "trained"
    arguments = ["--base-model", encoders["wordpiece"], "--train-data", "starter", "--output", str(output), "--quiet"]
    settings = ["--max-steps", "1", "--relations-per-batch", "3", "--no-siblings-as-negatives"]
    assert main(["train", "--preset", "fast", *arguments, *settings]) == 0
    config = json.loads((output / "finetuning_config.json").read_text())["st_relbert"]
    assert config["relations_per_batch"] == 3 and config["siblings_as_negatives"] is False
    assert config["template"] == "short" and config["learning_rate"] == 1e-4


def test_a_model_is_trained_and_evaluated(encoders, tmp_path, capsys):
    output = str(tmp_path / "trained")
    arguments = ["train", "--base-model", encoders["wordpiece"], "--train-data", "starter", "--output", output]
    assert main([*arguments, "--max-steps", "1", "--relations-per-batch", "4", "--template", "short", "--quiet"]) == 0
    saved, following = capsys.readouterr().out.splitlines()[-2:]
    assert saved == f"Saved {output}"
    # The next step that the message suggests does work.
    assert main(shlex.split(following.removeprefix("Next: st-relbert "))) == 0
    assert "held_out_pairs" in capsys.readouterr().out

    results = tmp_path / "results.json"
    sets = ["starter/held_out_pairs", "starter/held_out_relations"]
    assert main(["evaluate", output, "--analogies", *sets, "--output", str(results), "--quiet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["task", "set", "metric", "value", "95", "%", "interval", "count", "ties"]
    assert [line.split()[:2] for line in lines[1:]] == [
        ["analogy", "held_out_pairs"],
        ["analogy", "held_out_relations"],
    ]
    written = json.loads(results.read_text())["results"]
    assert [len(result["details"]["predictions"]) for result in written] == [244, 234]
    assert f"{written[0]['metrics']['accuracy']:.1%}" in lines[1]
    for result in written:
        assert sum(result["correct"]) / result["count"] == pytest.approx(result["metrics"]["accuracy"])
        low, high = result["intervals"]["accuracy"]
        assert low <= result["metrics"]["accuracy"] <= high


TRAIN = ["train", "--base-model", "{encoder}", "--train-data", "starter"]
EVALUATE = ["evaluate", "{model}", "--analogies"]
QUESTIONS = "starter/held_out_pairs"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "no/such/model", "--analogies", QUESTIONS], "Cannot load a model from"),
        ([*EVALUATE, "no/such/set"], "Cannot load 'no/such/set'"),
        ([*EVALUATE, QUESTIONS, "--output", "{model}"], "already exists"),
        (
            ["train", "--base-model", "{encoder}", "--train-data", "no/such", "--output", "{new}"],
            "Cannot load 'no/such'",
        ),
        (["train", "--base-model", "no/such/model", "--train-data", "starter", "--output", "{new}"], "Cannot load a"),
        ([*TRAIN, "--output", "{model}"], "already exists"),
        ([*TRAIN, "--output", "{new}", "--template", "z"], "named templates: a, b, c"),
        ([*TRAIN, "--output", "{new}", "--pooling", "x"], "Unknown pooling 'x'"),
        ([*TRAIN, "--output", "{new}", "--resume"], "Nothing to resume"),
        ([*TRAIN, "--output", "/proc/x/y"], "Cannot write to"),
        (["train", "--train-data", "starter", "--output", "{new}"], "There is no base model"),
        ([*TRAIN, "--output", "{new}", "--preset", "slow"], "no preset 'slow', expected fast, minilm, "),
        ([*TRAIN, "--output", "{new}", "--loss", "mse"], "Unknown loss 'mse', expected one of 'info_nce'"),
        ([*TRAIN, "--output", "{new}", "--held-out-relations", "0.1"], "held_out_relations needs validation"),
        ([*EVALUATE, QUESTIONS, "--write-card"], "Pass --suite relbert"),
        (["evaluate", "no/such/model", "--suite", "relbert", "--tasks", "sat"], "Unknown task 'sat'"),
        ([*EVALUATE, QUESTIONS, QUESTIONS], "The question set 'starter/held_out_pairs' was given twice"),
        (["encode", "{model}", "no-such-file.csv", "--output", "{new}.parquet"], "does not exist"),
        (["encode", "{model}", "{encoder}/model.safetensors", "--output", "{new}.parquet"], "one that ends in .csv"),
        (["encode", "{model}", "pairs.csv", "--output", "{new}.npz"], "expected NAME.parquet, NAME.csv, NAME.npy"),
    ],
)
def test_errors_are_one_line_and_exit_status_2(encoders, model, tmp_path, capsys, arguments, message):
    places = {"model": model, "encoder": encoders["wordpiece"], "new": str(tmp_path / "new")}
    assert main([argument.format(**places) for argument in arguments]) == 2
    errors = capsys.readouterr().err.strip().split("\n")
    assert errors[-1].startswith(f"st-relbert {arguments[0]}: ") and message in errors[-1]
    assert "Traceback" not in "".join(errors)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("command", "suffix"),
    [
        (["evaluate", "m", "--analogies", QUESTIONS], ""),
        (["leakage", "--train", "starter", "--test", QUESTIONS], ""),
        (["data", "combine", "starter"], ".jsonl"),
        (["data", "triples", "x.csv"], ".jsonl"),
        (["data", "questions", "starter"], ".html"),
        (["index", "export", "idx"], ".txt"),
        (["map", "m", "starter"], ".html"),
        (["mine", "--examples", "x.csv", "--model", "m"], ".csv"),
        (["classify", "x.csv", "y.csv", "--model", "m"], ".csv"),
        (["encode", "{model}", "pairs.csv"], ".npy"),
    ],
)
def test_overwrite_never_replaces_a_folder_by_a_file(model, tmp_path, capsys, command, suffix):
    folder = tmp_path / f"results{suffix}"
    folder.mkdir()
    for name in ("modules.json", "suite.json"):
        (folder / name).write_text("[]")
    arguments = [*(word.format(model=model) for word in command), "--output", str(folder), "--overwrite"]
    assert main(arguments) == 2
    assert "is a folder, expected a file or a new name, so it is not replaced" in capsys.readouterr().err
    assert sorted(path.name for path in folder.iterdir()) == ["modules.json", "suite.json"]


@pytest.mark.parametrize(
    "command", [["train", "--base-model", "m"], ["distill", "m"], ["evaluate", "m", "--suite", "relbert"]]
)
def test_overwrite_never_replaces_a_file_by_a_folder(tmp_path, capsys, command):
    (tmp_path / "notes").write_text("notes")
    assert main([*command, "--output", str(tmp_path / "notes"), "--overwrite"]) == 2
    assert "is a file, expected a folder or a new name, so it is not replaced" in capsys.readouterr().err
    assert (tmp_path / "notes").read_text() == "notes"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["distill", "m", "--seed", "-1"], "seed is -1, expected a whole number from 0 to 4294967295"),
        (["distill", "m", "--steps", "0"], "Invalid value for '--steps'"),
        (["map", "m", "starter", "--seed", "4294967296"], "seed is 4294967296, expected"),
        (["mine", "--examples", "x.csv", "--model", "m", "-k", "0"], "Invalid value for '-k'"),
        (["index", "build", "x.csv", "--model", "m", "--batch-size", "0"], "Invalid value for '--batch-size'"),
    ],
)
def test_numbers_are_checked_before_any_work(tmp_path, capsys, arguments, message):
    suffix = {"map": ".html", "mine": ".csv"}.get(arguments[0], "")
    assert main([*arguments, "--output", str(tmp_path / f"out{suffix}")]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", " "])
@pytest.mark.parametrize(
    "arguments",
    [
        ["leakage", "--train", "{name}", "--test", QUESTIONS],
        ["evaluate", "m", "--analogies", "{name}"],
        ["data", "combine", "{name}", "--output", "out.jsonl"],
        ["encode", "{model}", "{name}", "--output", "out.parquet"],
        ["encode", "{model}", "pairs.csv", "--output", "{name}"],
    ],
)
def test_a_blank_name_is_not_the_current_folder(model, capsys, monkeypatch, arguments, name):
    monkeypatch.chdir(model)
    assert main([argument.format(model=model, name=name) for argument in arguments]) == 2
    assert f"The name is {name!r}, expected that of a file or folder." in capsys.readouterr().err


def test_evaluate_takes_a_plain_encoder_with_a_template(encoders, tmp_path, capsys):
    arguments = ["--analogies", "starter/held_out_pairs", "--template", "c", "--pooling", "mask", "--quiet"]
    assert main(["evaluate", encoders["wordpiece"], *arguments, "--output", str(tmp_path / "results.json")]) == 0
    assert "held_out_pairs" in capsys.readouterr().out
    results = json.loads((tmp_path / "results.json").read_text())
    assert (results["template"], results["aggregation"]) == (NAMED_TEMPLATES["c"], "mask")


def test_sets_with_the_same_name_are_distinguished(model, capsys):
    sets = ["starter/held_out_pairs", "relations/held_out_pairs"]
    assert main(["evaluate", model, "--analogies", *sets, "starter/held_out_relations", "--json", "--quiet"]) == 0
    results = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [result["dataset"] for result in results] == [*sets, "held_out_relations"]


def test_an_interrupted_encode_or_build_says_how_to_resume(model, tmp_path, capsys, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(RelBERT, "encode", interrupted)
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("head,tail\nTokyo,Japan\n")
    output, idx = str(tmp_path / "vectors.parquet"), str(tmp_path / "idx")
    building = ["index", "build", str(pairs), "--model", model, "--output", idx, "--quiet"]
    for command in (["encode", model, str(pairs), "--output", output, "--quiet"], building):
        assert main(command) == 130
        assert capsys.readouterr().err.endswith("Interrupted. Run the same command again to resume.\n")
    monkeypatch.undo()
    assert main(building) == 0
    assert main(["encode", model, str(pairs), "--output", output, "--quiet", "--fast"]) == 2
    assert "contains part of this output, made with other model" in capsys.readouterr().err
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


@pytest.mark.parametrize("words", [["encode"], ["index", "build"], ["index", "add"], ["classify"], ["mine"]])
def test_tables_of_pairs_are_read_by_the_same_options_everywhere(words):
    command = typer.main.get_command(app)
    for word in words:
        command = command.commands[word]
    options = {option for parameter in command.params for option in parameter.opts}
    tables = ("columns", "relation-column", "no-header", "separator", "encoding", "drop", "type")
    assert {f"--{name}" for name in tables} <= options


@pytest.mark.parametrize("module", ["st_relbert.cli", "typer", "st_relbert.cli.train"])
def test_ctrl_c_during_imports_gives_one_line(module):
    code = (
        "import runpy, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background jobs ignore it
        "class Interrupt:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}:\n"
        "            signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        "runpy.run_module('st_relbert', run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "st-relbert: Interrupted.\n")
