"""Processes that build an index or add to it are ended at any moment: nothing is lost, and the next call ends."""

import os
import shutil
import signal
import time

import pytest

from st_relbert import RelBERT
from st_relbert.search import RelationIndex
from st_relbert.search.folder import move_into_place
from tests.faults.test_outputs import killed_at
from tests.processes import CONTEXT
from tests.search.adding import Adding, build, pairs
from tests.search.test_durability import stored

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
    process = CONTEXT.Process(target=build, args=(path, encoders["wordpiece"], ROWS), daemon=True)
    process.start()
    while rows_in(tmp_path / "idx.partial") < 100:
        assert process.is_alive(), "the premise: ended in the middle"
        time.sleep(0.02)
    os.kill(process.pid, sign)
    process.join(PATIENCE)
    assert process.exitcode not in (0, None)
    assert stored(old) == {("old", "index")}  # until the new one is complete
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
        found = stored(RelationIndex.open(path))  # puts the old one back if neither is in place
        assert found == {("new" if after and number == 2 else "old", "index")}
        RelationIndex.build(path, [("new", "index")], model, saved_as=encoders["wordpiece"], overwrite=True)
        assert stored(RelationIndex.open(path)) == {("new", "index")}
        assert sorted(tmp_path.iterdir()) == sorted([path, *made.values()])
        shutil.rmtree(path)


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_an_add_after_one_that_was_ended_ends(model, encoders, tmp_path, sign):
    """No more is lost than a chunk: what is there are whole chunks, in their order."""
    index = RelationIndex.create(tmp_path / "idx", model, saved_as=encoders["wordpiece"])
    first = Adding(index, encoders["wordpiece"], 0, 4000)
    first.go()
    while len(index) < 100:
        time.sleep(0.02)
    os.kill(first.process.pid, sign)
    first.process.join(PATIENCE)
    count = len(index)
    assert first.process.exitcode == -sign and 100 <= count < 4000, "the premise: ended in the middle"
    assert stored(index) == set(pairs(0, count))
    second = Adding(index, encoders["wordpiece"], 0, count + 30)
    second.go()
    assert second.added(PATIENCE) == 30
    assert stored(index) == set(pairs(0, count + 30)) and len(index) == count + 30
    assert index.search(("head 5", "tail 5"), k=1, exclude="nothing")[0].pair == ("head 5", "tail 5")


def test_three_processes_add_at_once(model, encoders, tmp_path):
    """Each pair is there once, none is lost, and each new row is counted by one of them."""
    index = RelationIndex.create(tmp_path / "idx", model, saved_as=encoders["wordpiece"])
    three = [Adding(index, encoders["wordpiece"], *span) for span in ((0, 200), (100, 300), (50, 400))]
    for process in three:
        process.go()
    assert sum(process.added(PATIENCE) for process in three) == len(index) == 400
    assert stored(index) == set(pairs(0, 400))
