"""What tests of reading tables share."""

from hypothesis import strategies as st

from st_relbert.files.options import TableOptions
from st_relbert.files.tables import read_table

CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).map(lambda text: f"x{text}")


def rows(table):
    return [row for batch in table.batches() for row in batch.to_pylist()]


def pairs(path, **options):
    return [row.pair for row in read_table(path, TableOptions(**options)).records()]
