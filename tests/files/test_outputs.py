import os

import pytest

from st_relbert.files.outputs import atomic_output, check_output


def test_an_output_that_fails_leaves_what_was_there(tmp_path):
    (tmp_path / "out").write_text("old")
    with pytest.raises(RuntimeError), atomic_output(tmp_path / "out") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert (tmp_path / "out").read_text() == "old"
    assert os.listdir(tmp_path) == ["out"]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("old")
    with atomic_output(tmp_path / "out") as temporary:
        temporary.mkdir()
        (temporary / "new").write_text("new")
    assert os.listdir(tmp_path) == ["out"] and os.listdir(tmp_path / "out") == ["new"]


def test_a_folder_is_kept_if_there_is_nothing_to_put_in_its_place(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("old")
    with pytest.raises(FileNotFoundError), atomic_output(tmp_path / "out"):
        pass  # nothing was written
    assert os.listdir(tmp_path / "out") == ["old"]


def test_what_exists_is_refused_without_overwrite(tmp_path):
    (tmp_path / "out").write_text("old")
    with pytest.raises(ValueError, match="exists already.*--overwrite"):
        check_output(tmp_path / "out", overwrite=False)
    check_output(tmp_path / "out", overwrite=True)


def test_a_folder_that_is_no_model_is_never_replaced(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("years of work")
    with pytest.raises(ValueError, match="folder without modules.json, so it is not replaced"):
        check_output(tmp_path / "thesis", overwrite=True)


@pytest.mark.parametrize("path", ["file/out", "/proc/nowhere/out"])
def test_an_unwritable_place_is_refused_before_the_work(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("a file is no folder")
    with pytest.raises(ValueError, match="Cannot write to"):
        check_output(path, overwrite=False)


def test_missing_folders_are_made(tmp_path):
    check_output(tmp_path / "a" / "b" / "out", overwrite=False)
    assert (tmp_path / "a" / "b").is_dir()
