"""Nothing that was added is lost, with concurrent readers or on a full disk. Crashes are in tests/faults."""

import os
import resource
import signal

import numpy as np
import pytest

from st_relbert.search import RelationIndex
from tests.search.adding import Adding, pairs


def stored(index):
    return {(row["head"], row["tail"]) for row in index.rows()}


@pytest.fixture
def empty(model, tmp_path):
    return RelationIndex.create(tmp_path / "idx", model)


@pytest.mark.slow
def test_readers_continue_while_another_process_adds_and_optimizes(empty, model, encoders):
    """Each version is complete: rows come in whole chunks, every search works, and the last one sees all rows."""
    empty.add(pairs(0, 20))
    adding = Adding(empty, encoders["wordpiece"], 20, 800)
    reader = RelationIndex.open(empty.path, model)
    adding.go()
    counts = []
    while adding.process.is_alive():
        counts.append(len(reader))
        assert reader.search(("head 5", "tail 5"), k=1, exclude="nothing")[0].pair == ("head 5", "tail 5")
        reader.optimize()
    assert counts == sorted(counts) and len(set(counts)) > 3, "the premise: read while there was writing"
    assert all(count % 20 == 0 for count in counts)
    assert len(reader) == 800 and reader.search(("head 790", "x"), k=5)


def test_a_change_by_another_handle_is_seen(empty, model):
    other = RelationIndex.open(empty.path, model)
    empty.add([("a", "b")])
    assert len(other) == 1 and other.add([("a", "b"), ("c", "d")]) == 1
    assert {hit.pair for hit in empty.search(("x", "y"))} == {("a", "b"), ("c", "d")}


def test_a_full_disk_is_reported_and_the_index_stays_usable(empty, model):
    """A limit on file sizes simulates a full disk."""
    empty.add(pairs(0, 50))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(OSError, match="no space left for .*add the rows again. Those added before are kept"):
            empty.add(pairs(50, 5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    again = RelationIndex.open(empty.path, model)
    assert stored(again) == set(pairs(0, 50))
    assert again.add(pairs(0, 60)) == 10 and len(again) == 60


def test_memory_is_bounded_by_the_chunk(empty, model, monkeypatch):
    """Rows are read when needed: at most one chunk is read before its vectors are on disk."""
    read = []

    def rows():
        for number in range(100):
            read.append(number)
            yield f"head {number}", f"tail {number}"

    ahead = []
    plain = type(model).encode
    monkeypatch.setattr(
        type(model), "encode", lambda self, p, **kw: ahead.append(len(read) - len(empty)) or plain(self, p, **kw)
    )
    assert empty.add(rows(), chunk_size=8) == 100
    assert max(ahead) == 8 and np.mean(ahead) > 4
    assert os.path.isdir(empty.path / "pairs.lance")
