"""Processes that change an index, to be killed or to run at the same time."""

from st_relbert import RelBERT
from st_relbert.search import RelationIndex
from tests.processes import CONTEXT


def pairs(first, last):
    return [(f"head {number}", f"tail {number}") for number in range(first, last)]


class Adding:
    """A process that is ready to add pairs. At the end, it sends the number of new ones.

    Args:
        index: The index.
        encoder: The folder of its model.
        first: The number of the first pair.
        last: The number after the last pair.
    """

    def __init__(self, index, encoder, first, last):
        self._end, other = CONTEXT.Pipe()
        self.process = CONTEXT.Process(target=_add, args=(index.path, encoder, first, last, other), daemon=True)
        self.process.start()
        other.close()
        assert self._end.recv() == "ready"

    def go(self):
        """Let the process add its pairs."""
        self._end.send("go")

    def added(self, patience=240):
        """Wait for the end and return the number of new pairs; fail after `patience` seconds."""
        assert self._end.poll(patience), "it hangs"
        added = self._end.recv()
        self.process.join(patience)
        assert self.process.exitcode == 0
        return added


def _add(path, encoder, first, last, end):
    index = RelationIndex.open(path, RelBERT(encoder, template="short"))
    end.send("ready")
    end.recv()
    end.send(index.add(pairs(first, last), chunk_size=20))


def build(path, encoder, rows):
    """Build an index."""
    model = RelBERT(encoder, template="short")
    RelationIndex.build(path, pairs(0, rows), model, saved_as=encoder, overwrite=True, chunk_size=20)
