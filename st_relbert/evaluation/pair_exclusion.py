"""Keeps the pairs of test sets out of training data."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from st_relbert.evaluation.leakage import folded
from st_relbert.pairs import Pair


class PairExclusion:
    """The pairs of some test sets, in whatever direction, upper and lower case and white space.

    Args:
        tests: The pairs of each test set; :func:`~st_relbert.evaluation.benchmark_pairs.benchmark_pairs`.

    Example:
        >>> tests = PairExclusion({"capitals": [("Tokyo", "Japan")]})
        >>> ("japan", "Tokyo") in tests, ("Paris", "France") in tests
        (True, False)
        >>> tests.counts([("japan", "Tokyo"), ("Paris", "France")])
        {'capitals': 1}
    """

    def __init__(self, tests: Mapping[str, Collection[Pair]]) -> None:
        self._tests = {name: {folded(pair) for pair in pairs} for name, pairs in tests.items()}
        self._all = set[Pair]().union(*self._tests.values())

    def __contains__(self, pair: Pair) -> bool:
        """Whether the pair stands in a test set."""
        return folded(pair) in self._all

    def counts(self, pairs: Iterable[Pair]) -> dict[str, int]:
        """How many of some pairs stand in each test set; one that stands in several counts for each."""
        folds = [folded(pair) for pair in pairs]
        return {name: sum(fold in of_test for fold in folds) for name, of_test in self._tests.items()}
