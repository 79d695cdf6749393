"""Build an index, as a process of its own: to be killed.

python -m tests.faults.building INDEX MODEL ROWS
"""

import sys

from st_relbert import RelBERT
from st_relbert.search import RelationIndex
from tests.search.adding import pairs

if __name__ == "__main__":
    path, model, rows = sys.argv[1:]
    loaded = RelBERT(model, template="short")
    RelationIndex.build(path, pairs(0, int(rows)), loaded, saved_as=model, overwrite=True, chunk_size=20)
