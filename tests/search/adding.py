"""Add pairs to an index, as a process of its own: to be killed, or to have company.

python -m tests.search.adding INDEX MODEL FIRST LAST
"""

import sys

from st_relbert import RelBERT
from st_relbert.search import RelationIndex


def pairs(first, last):
    return [(f"head {number}", f"tail {number}") for number in range(first, last)]


if __name__ == "__main__":
    path, model, first, last = sys.argv[1:]
    index = RelationIndex.open(path, RelBERT(model, template="short"))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    sys.stdout.write(f"{index.add(pairs(int(first), int(last)), chunk_size=20)}\n")
