import os
import subprocess
import sys

import filelock
import numpy as np
import pytest
from packaging.version import Version
from safetensors.numpy import save_file

from st_relbert.files.outputs import atomic_output, check_output, output_lock


def test_a_failed_write_keeps_the_old_output(tmp_path):
    (tmp_path / "out").write_text("old")
    with pytest.raises(RuntimeError), atomic_output(tmp_path / "out") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert (tmp_path / "out").read_text() == "old"
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_files_follow_the_umask(tmp_path, umask):
    """safetensors writes files that only their owner may read."""
    before = os.umask(umask)
    try:
        (tmp_path / "plain").write_text("as any file")
        with atomic_output(tmp_path / "one.safetensors") as temporary:
            save_file({"a": np.zeros(1)}, temporary)
        with atomic_output(tmp_path / "folder") as temporary:
            (temporary / "inner").mkdir(parents=True)
            save_file({"a": np.zeros(1)}, temporary / "inner" / "two.safetensors")
    finally:
        os.umask(before)
    modes = {each.stat().st_mode & 0o777 for each in tmp_path.rglob("*") if each.is_file()}
    assert modes == {0o666 & ~umask}


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("old")
    with atomic_output(tmp_path / "out") as temporary:
        temporary.mkdir()
        (temporary / "new").write_text("new")
    assert os.listdir(tmp_path) == ["out"] and os.listdir(tmp_path / "out") == ["new"]


def test_a_folder_is_kept_if_nothing_replaces_it(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("old")
    with pytest.raises(FileNotFoundError), atomic_output(tmp_path / "out"):
        pass  # nothing was written
    assert os.listdir(tmp_path / "out") == ["old"]


def test_existing_outputs_are_refused_without_overwrite(tmp_path):
    (tmp_path / "out").write_text("old")
    with pytest.raises(ValueError, match="already exists.*--overwrite"):
        check_output(tmp_path / "out", overwrite=False)
    check_output(tmp_path / "out", overwrite=True)


@pytest.mark.parametrize("output", [".", "", "..", "../model"])
def test_the_current_folder_is_not_replaced(tmp_path, monkeypatch, output):
    (tmp_path / "model" / "1_Pooling").mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "model"):
        (folder / "modules.json").write_text("[]")
    monkeypatch.chdir(tmp_path / "model")
    with pytest.raises(ValueError, match="contains the current folder, so it is not replaced"):
        check_output(output, overwrite=True, folder_of="modules.json")
    check_output("1_Pooling", overwrite=True, folder_of="modules.json")


def test_a_folder_that_is_not_a_model_is_never_replaced(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("years of work")
    with pytest.raises(ValueError, match="folder without modules.json, so it is not replaced"):
        check_output(tmp_path / "thesis", overwrite=True, folder_of="modules.json")
    assert os.listdir(tmp_path / "thesis") == ["chapter1.tex"]


@pytest.mark.parametrize("inside", [(), ("modules.json",)])
def test_a_file_never_replaces_a_folder_nor_a_folder_a_file(tmp_path, inside):
    (tmp_path / "model").mkdir()
    for name in inside:
        (tmp_path / "model" / name).write_text("[]")
    (tmp_path / "notes").write_text("notes")
    with pytest.raises(ValueError, match="model' is a folder, expected a file or a new name, so it is not replaced"):
        check_output(tmp_path / "model", overwrite=True)
    with pytest.raises(ValueError, match="notes' is a file, expected a folder or a new name, so it is not replaced"):
        check_output(tmp_path / "notes", overwrite=True, folder_of="modules.json")
    # Nor without the check, as from Python.
    with pytest.raises(ValueError, match="is a folder"), atomic_output(tmp_path / "model") as temporary:
        temporary.write_text("results")
    with pytest.raises(ValueError, match="is a file"), atomic_output(tmp_path / "notes") as temporary:
        temporary.mkdir()
    assert sorted(os.listdir(tmp_path)) == ["model", "notes"]
    assert os.listdir(tmp_path / "model") == list(inside) and (tmp_path / "notes").read_text() == "notes"


def test_a_device_is_never_replaced():
    with pytest.raises(ValueError, match="is a special file, expected a file or a new name, so it is not replaced"):
        check_output(os.devnull, overwrite=True)


@pytest.mark.parametrize("path", ["file/out", "/proc/nowhere/out"])
def test_an_unwritable_place_is_refused_before_the_work(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("a file is no folder")
    with pytest.raises(ValueError, match="Cannot write to"):
        check_output(path, overwrite=False)


def test_missing_folders_are_made(tmp_path):
    check_output(tmp_path / "a" / "b" / "out", overwrite=False)
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("name", ["replaced", "old", "new", "x" * 200, ".hidden", "a b;c'\"", "日本"])
def test_no_name_collides_with_temporary_names(tmp_path, name):
    for content in ("first", "second"):
        with atomic_output(tmp_path / name) as temporary:
            temporary.mkdir()
            (temporary / "old").write_text(content)
    assert os.listdir(tmp_path) == [name] and (tmp_path / name / "old").read_text() == "second"


def test_a_name_that_is_not_utf_8_is_refused_before_the_work(tmp_path):
    with pytest.raises(ValueError, match="is not valid UTF-8"):
        check_output(tmp_path / os.fsdecode(b"caf\xe9"), overwrite=False)
    with pytest.raises(ValueError, match="Cannot write to"):
        check_output(tmp_path / ("x" * 300) / "out", overwrite=False)


@pytest.mark.parametrize("moves", [1, 2])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, MemoryError])
def test_the_old_output_comes_back_if_a_move_fails(tmp_path, monkeypatch, moves, error):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("old")
    replace, calls = os.replace, []

    def interrupted(source, target):
        calls.append(target)
        if len(calls) == moves:
            raise error
        replace(source, target)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(error), atomic_output(tmp_path / "out") as temporary:
        temporary.mkdir()
    assert os.listdir(tmp_path) == ["out"] and os.listdir(tmp_path / "out") == ["old"]


def test_the_content_is_on_the_disk_before_it_is_moved(tmp_path, monkeypatch):
    done = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: done.append("flush") or fsync(descriptor))
    monkeypatch.setattr(os, "replace", lambda *names: done.append("move") or replace(*names))
    with atomic_output(tmp_path / "out") as temporary:
        temporary.write_text("text")
    assert done == ["flush", "move", "flush"]


HOLD = """
import sys
from st_relbert.files.outputs import output_lock
with output_lock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""
WITHOUT_FLOCK = """
import errno, fcntl
def flock(file, operation):
    raise OSError(errno.ENOSYS, "Function not implemented")
fcntl.flock = flock
"""


@pytest.fixture(params=["flock", "no flock"])
def held(request, tmp_path, monkeypatch):
    """An output, and another process that is writing it, on a file system with and without flock."""
    code = HOLD
    if request.param == "no flock":
        if Version(filelock.__version__) < Version("4.2.6"):
            pytest.skip("without flock, this version of filelock keeps no other process away")
        fcntl = pytest.importorskip("fcntl")
        monkeypatch.setattr(fcntl, "flock", fcntl.flock)  # so that it comes back
        exec(WITHOUT_FLOCK, {})
        code = WITHOUT_FLOCK + HOLD
    output = tmp_path / "out"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, "-c", code, str(output)], **pipes) as other:
        assert other.stdout.readline() == b"held\n"
        yield output, other
        other.kill()


@pytest.mark.filterwarnings("ignore:flock not supported")
def test_only_one_process_writes_an_output_and_the_error_names_it(held):
    output, other = held
    for use in (lambda: output_lock(output).__enter__(), lambda: atomic_output(output).__enter__()):
        with pytest.raises(ValueError, match=rf"'.*out' is being written by process {other.pid} on"):
            use()
    other.stdin.close()
    other.wait()
    assert os.listdir(output.parent) == []
    with output_lock(output), output_lock(output), atomic_output(output) as temporary:  # one process may do it again
        temporary.write_text("done")
    assert os.listdir(output.parent) == ["out"]


def test_a_lock_whose_file_cannot_be_written_still_locks(tmp_path, monkeypatch):
    """As on Windows, where the locked file is closed to all others, even in the same process."""

    def refused(path, *args, **kwargs):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.write_text", refused)
    with output_lock(tmp_path / "out"):
        pass
    assert os.listdir(tmp_path) == []


@pytest.mark.filterwarnings("ignore:flock not supported")
def test_the_lock_of_a_killed_process_is_taken_over(held):
    output, other = held
    other.kill()
    other.wait()
    with atomic_output(output) as temporary:
        temporary.write_text("done")
    assert os.listdir(output.parent) == ["out"]
