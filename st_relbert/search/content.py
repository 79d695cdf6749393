"""The content of an index: rows, labels and words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from st_relbert.pairs import Pair
from st_relbert.search.rows import Where, as_sql
from st_relbert.search.store import PairStore, StoreState


class IndexContent:
    """The rows of an index, to read and delete. Nothing here needs the model."""

    def __init__(self, store: PairStore) -> None:
        self._store = store

    def __len__(self) -> int:
        """The number of rows."""
        return len(self._store)

    @property
    def path(self) -> Path:
        """The folder."""
        return self._store.path

    @property
    def columns(self) -> list[str]:
        """The columns, without the row's key and vector."""
        return self._store.columns

    @property
    def state(self) -> StoreState:
        """The number of rows, the size in bytes, and whether searches are exact."""
        return self._store.state()

    def rows_of_relation(
        self, relation: str, where: Where | None = None, vectors: bool = False
    ) -> Iterator[dict[str, Any]]:
        """Return the rows labelled with a relation; see `rows`. Raises `ValueError` if there are none."""
        label, condition = self._condition({"relation": relation}), self._condition(where)
        if not self._store.count(label):
            known = self.relations()
            like = [name for name in known if relation.casefold() in name.casefold()]
            like += get_close_matches(relation, known)
            named = list(dict.fromkeys([*like, *known]))
            more = f" and {len(named) - 20:,} more (st-relbert index relations lists all)" if len(named) > 20 else ""
            raise ValueError(
                f"No row has the relation {relation!r}. The index has: {', '.join(named[:20]) or 'none'}{more}."
            )
        columns = [*self.columns, "vector"] if vectors else self.columns
        return self._store.read(columns, f"{label} AND {condition}" if condition else label)

    def prototype(self, relation: str) -> tuple[NDArray[np.float32], list[Pair]]:
        """Return the mean vector `(d,)` of the first 1,000 pairs labelled with a relation, and these pairs.

        Raises `ValueError` if there are none.
        """
        rows = list(islice(self.rows_of_relation(relation, vectors=True), 1000))
        mean: NDArray[np.float32] = np.asarray([row["vector"] for row in rows], dtype=np.float32).mean(axis=0)
        return mean, [(row["head"], row["tail"]) for row in rows]

    def relations(self) -> list[str]:
        """Return the labels, sorted."""
        return sorted(self.relation_counts())

    def relation_counts(self) -> Counter[str]:
        """Return the number of rows with each label."""
        return self._store.relation_counts()

    def tails(self, head: str) -> list[str]:
        """Return the distinct tails of the pairs with this head, sorted."""
        return sorted({row["tail"] for row in self._store.read(["tail"], self._condition({"head": head}))})

    def words(self) -> list[str]:
        """Return the distinct heads and tails, sorted."""
        words: set[str] = set()
        for batch in self._store.batches(["head", "tail"], None):
            words.update(*(column.unique().to_pylist() for column in batch.columns))
        return sorted(words)

    def rows(self, where: Where | None = None, vectors: bool = False) -> Iterator[dict[str, Any]]:
        """Return the rows, with a few thousand in memory at a time; for `where`, see `search`.

        With `vectors`, each row includes its vector, as a list.
        """
        columns = [*self.columns, "vector"] if vectors else self.columns
        return self._store.read(columns, self._condition(where))

    def delete(self, where: Where) -> int:
        """Delete the rows that meet a condition (see `search`), and return their number."""
        condition = self._condition(where)
        if condition is None:
            raise ValueError("There is no condition for what to delete. Pass one, such as {'relation': 'capital'}.")
        return self._store.delete(condition)

    def optimize(self) -> None:
        """Merge small files, remove old versions, and from 20,000 rows build or extend the approximate index."""
        self._store.optimize()

    def _condition(self, where: Where | None) -> str | None:
        """Return a filter as SQL, checked before anything is read or encoded."""
        condition = as_sql(where, self.columns)
        if condition is not None:
            self._store.check(condition)
        return condition
