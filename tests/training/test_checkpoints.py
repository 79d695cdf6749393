"""Only undamaged checkpoints of the same run are used."""

import json
import shutil

import pytest

from st_relbert.training.checkpoints import CheckpointFolder, write_checksums

RUN = {"learning_rate": 1e-3, "loss": "info_nce", "train_data_digest": "1"}


@pytest.fixture
def folder(tmp_path):
    """Two checkpoints, and one that was being written when the process was killed."""
    folder = CheckpointFolder(str(tmp_path / "model"))
    folder.begin(RUN, overwrite=False)
    for step in (2, 10, 12):
        checkpoint = folder.path / f"checkpoint-{step}"
        (checkpoint / "1_Pooling").mkdir(parents=True)
        for name in (
            "model.safetensors",
            "optimizer.pt",
            "rng_state.pth",
            "trainer_state.json",
            "1_Pooling/config.json",
        ):
            (checkpoint / name).write_bytes(b"what was written " * 1000)
        if step != 12:
            write_checksums(checkpoint)
    return folder


def test_the_folder_is_next_to_the_output_and_lists_complete_checkpoints(folder, caplog):
    assert folder.path.name == "model-checkpoints"
    assert [path.name for path in folder.complete()] == ["checkpoint-2", "checkpoint-10"]
    assert folder.resume(RUN) == str(folder.path / "checkpoint-10")
    assert caplog.text == ""


def truncate(path):
    path.write_bytes(path.read_bytes()[:100])


def flip(path):
    content = bytearray(path.read_bytes())
    content[500] ^= 1
    path.write_bytes(content)


DAMAGES = {
    "truncated": (truncate, "has changed since it was written"),
    "flipped": (flip, "has changed since it was written"),
    "empty": (lambda path: path.write_bytes(b""), "has changed since it was written"),
    "missing": (lambda path: path.unlink(), "is missing"),
}
FILES = ["model.safetensors", "optimizer.pt", "rng_state.pth", "trainer_state.json", "1_Pooling/config.json"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_skipped_with_a_warning(folder, caplog, name, damage):
    change, message = DAMAGES[damage]
    change(folder.path / "checkpoint-10" / name)
    assert folder.resume(RUN) == str(folder.path / "checkpoint-2")
    assert f"checkpoint-10 is damaged and is not used: {name} {message}" in caplog.text
    change(folder.path / "checkpoint-2" / name)
    with pytest.raises(ValueError, match=f"All checkpoints in .* are damaged .in the newest, {name} {message}"):
        folder.resume(RUN)


@pytest.mark.parametrize("content", ["", "null", "[1]", "[" * 100_000, "{}\x00"])
def test_damaged_checksums_count_as_damage(folder, caplog, content):
    (folder.path / "checkpoint-10" / "checksums.json").write_text(content)
    assert folder.resume(RUN) == str(folder.path / "checkpoint-2")
    assert "checksums.json cannot be read" in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": 0.5}, r"to a run with learning_rate=0.001 \(now 0.5\). Resume with the settings"),
        ({"loss": "triplet", "learning_rate": 1}, r"learning_rate=0.001 \(now 1\), loss='info_nce' \(now 'triplet'\)"),
        ({"train_data_digest": "2"}, "to a run with other train_data. Resume with"),
        ({"seed": 1}, r"to a run with seed=None \(now 1\)"),
    ],
)
def test_another_run_is_refused(folder, change, message):
    with pytest.raises(ValueError, match=message):
        folder.resume({**RUN, **change})


@pytest.mark.parametrize("content", [None, "", "null", "[1]", "[" * 100_000])
def test_checkpoints_of_an_unknown_run_are_refused(folder, content):
    path = folder.path / "run.json"
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match=r"Cannot read .*run.json', which describes the interrupted run"):
        folder.resume(RUN)


def test_checkpoints_are_only_removed_on_request(folder):
    with pytest.raises(ValueError, match="Continue with --resume, or start over with --overwrite"):
        folder.begin(RUN, overwrite=False)
    folder.begin({"loss": "triplet"}, overwrite=True)
    assert [path.name for path in folder.path.iterdir()] == ["run.json"]
    assert json.loads((folder.path / "run.json").read_text()) == {"loss": "triplet"}
    folder.begin(RUN, overwrite=False)  # there is no checkpoint yet, so nothing is lost
    with pytest.raises(ValueError, match="Nothing to resume"):
        folder.resume(RUN)


def test_logs_are_kept(folder):
    (folder.path / "runs").mkdir()
    (folder.path / "eval").mkdir()
    folder.clear()
    assert [path.name for path in folder.path.iterdir()] == ["runs"]


def test_a_copy_of_a_checkpoint_is_not_a_checkpoint(folder):
    shutil.copytree(folder.path / "checkpoint-2", folder.path / "checkpoint-best")
    assert [path.name for path in folder.complete()] == ["checkpoint-2", "checkpoint-10"]
    with pytest.raises(ValueError, match="contains 'checkpoint-best', which is not a checkpoint"):
        folder.begin(RUN, overwrite=True)
    folder.clear()
    assert [path.name for path in folder.path.iterdir()] == ["checkpoint-best"]


def test_other_files_are_never_removed(folder):
    (folder.path / "thesis.tex").write_text("years of work")
    with pytest.raises(ValueError, match=r"contains 'thesis.tex', which is not a checkpoint"):
        folder.begin(RUN, overwrite=True)
    assert len(folder.complete()) == 2
