import pytest

from st_relbert.training.trainer import CheckpointFolder


@pytest.fixture
def folder(tmp_path):
    folder = CheckpointFolder(str(tmp_path / "model"))
    for step in (2, 10):
        (folder.path / f"checkpoint-{step}").mkdir(parents=True)
        (folder.path / f"checkpoint-{step}" / "trainer_state.json").write_text("{}")
    (folder.path / "checkpoint-12").mkdir()  # killed while writing it
    return folder


def test_it_is_beside_the_output_and_knows_whole_checkpoints(folder):
    assert folder.path.name == "model-checkpoints"
    assert [path.name for path in folder.whole()] == ["checkpoint-2", "checkpoint-10"]
    assert folder.prepare(resume=True, overwrite=False) == str(folder.path / "checkpoint-10")


def test_checkpoints_are_removed_on_request_only(folder):
    with pytest.raises(ValueError, match="Go on with --resume, or begin anew with --overwrite"):
        folder.prepare(resume=False, overwrite=False)
    assert folder.prepare(resume=False, overwrite=True) is None
    assert not folder.path.exists()
    assert folder.prepare(resume=False, overwrite=False) is None
    with pytest.raises(ValueError, match="Nothing to resume"):
        folder.prepare(resume=True, overwrite=False)


def test_logs_stay(folder):
    (folder.path / "runs").mkdir()
    (folder.path / "eval").mkdir()
    folder.prepare(resume=False, overwrite=True)
    assert [path.name for path in folder.path.iterdir()] == ["runs"]


def test_what_is_not_ours_is_never_removed(folder):
    (folder.path / "thesis.tex").write_text("years of work")
    with pytest.raises(ValueError, match=r"holds 'thesis.tex', which is none"):
        folder.prepare(resume=False, overwrite=True)
    assert len(folder.whole()) == 2
