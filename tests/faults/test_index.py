"""Processes that build an index or add to it are ended at any moment: nothing is lost, and the next call ends."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from st_relbert import RelBERT
from st_relbert.search import RelationIndex
from st_relbert.search.folder import move_into_place
from tests.faults.test_outputs import killed_at
from tests.search.adding import pairs
from tests.search.test_durability import go, start, stored

ROOT = Path(__file__).parent.parent.parent
ROWS = 2000
PATIENCE = 240  # seconds, after which a process counts as hanging

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def model(encoders):
    return RelBERT(encoders["wordpiece"], template="short")


def rows_in(path):
    """The rows that another process has committed so far."""
    try:
        return len(RelationIndex.open(path))
    except ValueError:
        return 0


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_a_build_that_is_ended_goes_on_and_blocks_nothing(model, encoders, tmp_path, sign, monkeypatch):
    path = tmp_path / "idx"
    old = RelationIndex.build(path, [("old", "index")], model, saved_as=encoders["wordpiece"])
    command = [sys.executable, "-m", "tests.faults.building", str(path), encoders["wordpiece"], str(ROWS)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    while rows_in(tmp_path / "idx.partial") < 100:
        assert process.poll() is None, "the premise: ended in the middle"
        time.sleep(0.02)
    process.send_signal(sign)
    assert process.wait(PATIENCE) != 0
    assert stored(old) == {("old", "index")}  # until the new one is whole
    done = rows_in(tmp_path / "idx.partial")
    encoded = []
    plain = RelBERT.encode
    monkeypatch.setattr(RelBERT, "encode", lambda self, p, **kw: encoded.extend(p) or plain(self, p, **kw))
    again = RelationIndex.build(
        path, pairs(0, ROWS), model, saved_as=encoders["wordpiece"], overwrite=True, chunk_size=500
    )
    assert stored(again) == set(pairs(0, ROWS)) and len(again) == ROWS
    assert len(encoded) == ROWS - done and sorted(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_an_index_is_the_old_or_the_new_one_after_a_kill_at_any_move(model, encoders, tmp_path, sign, after):
    made = {
        name: RelationIndex.build(tmp_path / name, [(name, "index")], model, saved_as=encoders["wordpiece"]).path
        for name in ("old", "new")
    }
    path, partial = tmp_path / "idx", tmp_path / "idx.partial"
    for number in (1, 2):
        shutil.copytree(made["old"], path)
        shutil.copytree(made["new"], partial)
        assert killed_at((sign, after), number, lambda: move_into_place(partial, path, True)) != 0
        found = stored(RelationIndex.open(path))  # puts the old one back, if neither is in place
        assert found == {("new" if after and number == 2 else "old", "index")}
        RelationIndex.build(path, [("new", "index")], model, saved_as=encoders["wordpiece"], overwrite=True)
        assert stored(RelationIndex.open(path)) == {("new", "index")}
        assert sorted(tmp_path.iterdir()) == sorted([path, *made.values()])
        shutil.rmtree(path)


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_an_add_after_one_that_was_ended_ends(model, encoders, tmp_path, sign):
    index = RelationIndex.create(tmp_path / "idx", model, saved_as=encoders["wordpiece"])
    first = start(index, encoders["wordpiece"], 0, 4000)
    go(first)
    while len(index) < 100:
        time.sleep(0.02)
    first.send_signal(sign)
    first.wait(PATIENCE)
    count = len(index)
    second = start(index, encoders["wordpiece"], 0, count + 30)
    go(second)
    assert second.communicate(timeout=PATIENCE)[0] == "30\n"
    assert stored(index) == set(pairs(0, count + 30)) and len(index) == count + 30


def test_three_processes_add_at_once(model, encoders, tmp_path):
    """Each pair is there once, none is lost, and each new row is counted by one of them."""
    index = RelationIndex.create(tmp_path / "idx", model, saved_as=encoders["wordpiece"])
    three = [start(index, encoders["wordpiece"], *span) for span in ((0, 200), (100, 300), (50, 400))]
    for process in three:
        go(process)
    added = [int(process.communicate(timeout=PATIENCE)[0]) for process in three]
    assert sum(added) == len(index) == 400 and stored(index) == set(pairs(0, 400))
