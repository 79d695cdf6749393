"""What an index holds: rows, labels and words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from st_relbert.search.rows import Where, as_sql
from st_relbert.search.store import PairStore, StoreState


class IndexContent:
    """The rows of an index, to be read and deleted; nothing of this needs the model."""

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
        """The columns, but for the row's key and vector."""
        return self._store.columns

    @property
    def state(self) -> StoreState:
        """Rows, bytes, and whether searches are exact."""
        return self._store.state()

    def rows_of_relation(
        self, relation: str, where: Where | None = None, vectors: bool = False
    ) -> Iterator[dict[str, Any]]:
        """The rows that are labelled with a relation; see `rows`. Raises `ValueError` if there is none."""
        label, condition = self._condition({"relation": relation}), self._condition(where)
        if not self._store.count(label):
            known = self.relations()
            like = [name for name in known if relation.casefold() in name.casefold()]
            like += get_close_matches(relation, known)
            named = list(dict.fromkeys([*like, *known]))
            more = f" and {len(named) - 20:,} more, which st-relbert index relations lists" if len(named) > 20 else ""
            raise ValueError(
                f"No row has the relation {relation!r}. The index has: {', '.join(named[:20]) or 'none'}{more}."
            )
        columns = [*self.columns, "vector"] if vectors else self.columns
        return self._store.read(columns, f"{label} AND {condition}" if condition else label)

    def relations(self) -> list[str]:
        """The labels, sorted."""
        return sorted(self.relation_counts())

    def relation_counts(self) -> Counter[str]:
        """How many rows have each label."""
        return Counter(row["relation"] for row in self._store.read(["relation"], "relation IS NOT NULL"))

    def tails(self, head: str) -> list[str]:
        """The tails of the pairs that begin with a word, each once, sorted."""
        return sorted({row["tail"] for row in self._store.read(["tail"], self._condition({"head": head}))})

    def words(self) -> list[str]:
        """All heads and tails, each once, sorted."""
        words: set[str] = set()
        for batch in self._store.batches(["head", "tail"], None):
            words.update(*(column.unique().to_pylist() for column in batch.columns))
        return sorted(words)

    def rows(self, where: Where | None = None, vectors: bool = False) -> Iterator[dict[str, Any]]:
        """The rows, a few thousand at a time in memory; `where` is that of `search`.

        With `vectors` each row has its vector, as a list.
        """
        columns = [*self.columns, "vector"] if vectors else self.columns
        return self._store.read(columns, self._condition(where))

    def delete(self, where: Where) -> int:
        """Delete the rows that meet a condition (see `search`), and say how many those were."""
        condition = self._condition(where)
        if condition is None:
            raise ValueError("No condition says what to delete. Give one, for instance {'relation': 'capital'}.")
        return self._store.delete(condition)

    def optimize(self) -> None:
        """Merge small files, remove old versions, and from 20,000 rows on build or extend the approximate index."""
        self._store.optimize()

    def _condition(self, where: Where | None) -> str | None:
        """A filter as SQL, checked before anything is read or encoded for it."""
        condition = as_sql(where, self.columns)
        if condition is not None:
            self._store.check(condition)
        return condition
