"""What processes of their own do to an index: to be killed, or to have company."""

from st_relbert import RelBERT
from st_relbert.search import RelationIndex
from tests.processes import CONTEXT


def pairs(first, last):
    return [(f"head {number}", f"tail {number}") for number in range(first, last)]


class Adding:
    """A process that is ready to add pairs; what it sends at its end is how many were new.

    Args:
        index: The index.
        encoder: The folder of its model.
        first: The number of the first pair.
        last: That behind the last one.
    """

    def __init__(self, index, encoder, first, last):
        self._end, other = CONTEXT.Pipe()
        self.process = CONTEXT.Process(target=_add, args=(index.path, encoder, first, last, other), daemon=True)
        self.process.start()
        other.close()
        assert self._end.recv() == "ready"

    def go(self):
        """Let it add."""
        self._end.send("go")

    def added(self, patience=240):
        """How many pairs were new, when it is done; `patience` are the seconds after which it counts as hanging."""
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
