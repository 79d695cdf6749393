"""Outputs when processes are killed, meet, or find no room: whole or not there, and the next run mends what is left."""

import errno
import multiprocessing
import os
import signal

import numpy as np
import pyarrow.parquet
import pytest

from st_relbert import RelBERT
from st_relbert.encoding import encode_files
from st_relbert.files.outputs import atomic_output

pytestmark = pytest.mark.faults

PAIRS = [(f"word {number}", "x" * (number % 5 + 1)) for number in range(12)]
SIGNALS = [signal.SIGKILL, signal.SIGINT, signal.SIGTERM]


@pytest.fixture
def model(encoders):
    return RelBERT(encoders["wordpiece"], template="short")


@pytest.fixture
def table(tmp_path):
    (tmp_path / "pairs.csv").write_text("head,tail\n" + "".join(f"{head},{tail}\n" for head, tail in PAIRS))
    return str(tmp_path / "pairs.csv")


def in_child(work):
    """Run something in a process of its own; its exit status."""
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join(60)
    if process.exitcode is None:
        process.kill()
    assert process.exitcode is not None, "it hangs"
    return process.exitcode


def killed_at(move, number, work):
    """Run something in a process that sends itself a signal before or after its n-th move of a file."""
    sent, after = move
    replace, calls = os.replace, []

    def counted(source, target):
        calls.append(source)
        if len(calls) == number and not after:
            os.kill(os.getpid(), sent)
        replace(source, target)
        if len(calls) == number and after:
            os.kill(os.getpid(), sent)

    def run():
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.replace = counted
        work()

    return in_child(run)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("sent", SIGNALS)
def test_a_folder_is_the_old_or_the_new_one_after_any_kill(tmp_path, sent, after):
    def write(content):
        with atomic_output(tmp_path / "out") as temporary:
            temporary.mkdir()
            (temporary / "content").write_text(content)

    for number in (1, 2):
        write("old")
        assert killed_at((sent, after), number, lambda: write("new")) != 0
        with pytest.raises(ZeroDivisionError), atomic_output(tmp_path / "out"):  # the next run
            raise ZeroDivisionError
        assert (tmp_path / "out" / "content").read_text() in ("old", "new")
        assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize(
    ("sent", "output"),
    [
        (signal.SIGKILL, "out"),
        (signal.SIGTERM, "out"),
        (signal.SIGKILL, "out.parquet"),
        (signal.SIGINT, "out.parquet"),
        (signal.SIGTERM, "out.csv"),
        (signal.SIGINT, "out.npy"),
    ],
)
def test_encoding_that_is_killed_at_every_move_ends_whole(model, table, tmp_path, sent, output):
    output = str(tmp_path / output)
    for number in range(1, 12):
        if killed_at((sent, number % 2 == 0), number, lambda: encode_files(model, table, output, block_rows=5)) == 0:
            break
        assert not os.path.isfile(output) or _rows(output) == len(PAIRS)
    if number == 1 or not (os.path.isfile(output) or os.path.exists(f"{output}/_SUCCESS")):
        encode_files(model, table, output, block_rows=5, show_progress_bar=False)
    assert _rows(output) == len(PAIRS)
    names = set(os.listdir(tmp_path))
    assert not {name for name in names if name.startswith(".st-relbert-") and not name.endswith(".lock")}


def _rows(output):
    if output.endswith(".npy"):
        return len(np.load(output))
    if output.endswith(".csv"):
        with open(output) as file:
            return len(file.readlines()) - 1
    return pyarrow.parquet.read_table(output).num_rows


@pytest.mark.parametrize("output", ["out", "out.parquet"])
def test_two_writers_of_one_output(model, table, tmp_path, output):
    """One writes; the other says so, or finds it done. What is there in the end is whole."""
    output = str(tmp_path / output)

    def write():
        try:
            encode_files(model, table, output, block_rows=5, overwrite=output.endswith("t"), show_progress_bar=False)
        except ValueError as error:
            os._exit(3 if "is being written by process" in str(error) or "already" in str(error) else 4)

    for _ in range(5):
        context = multiprocessing.get_context("fork")
        both = [context.Process(target=write) for _ in range(2)]
        for process in both:
            process.start()
        for process in both:
            process.join(60)
        assert {process.exitcode for process in both} <= {0, 3}
        assert _rows(output) == len(PAIRS)


@pytest.mark.parametrize("output", ["out", "out.parquet"])
def test_a_full_disk_leaves_nothing_half_done(model, table, tmp_path, monkeypatch, output):
    output = str(tmp_path / output)
    fsync, calls = os.fsync, []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) % 4 == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            encode_files(model, table, output, block_rows=5, show_progress_bar=False)
    assert not os.path.isfile(output) and not os.path.exists(f"{output}/_SUCCESS")
    assert encode_files(model, table, output, block_rows=5, show_progress_bar=False) == _rows(output) == len(PAIRS)
