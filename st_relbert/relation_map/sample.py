"""Fewer pairs, of all relations alike."""

from __future__ import annotations

import random
from collections.abc import Mapping

from st_relbert.pairs import Pair


def sample_pairs(pairs: Mapping[str, list[Pair]], count: int, seed: int = 0) -> dict[str, list[Pair]]:
    """Draw pairs, as equally from each relation as their numbers allow.

    Args:
        pairs: The pairs of each relation.
        count: How many to draw in all; if there are no more, all are kept.
        seed: Decides which.

    Returns:
        The drawn pairs of each relation, in their order. What small relations leave over goes to larger ones.

    Raises:
        ValueError: If ``count`` is less than the number of relations.

    >>> drawn = sample_pairs({"few": [("a", "b")], "many": [("c", str(n)) for n in range(9)]}, 4)
    >>> {name: len(of_relation) for name, of_relation in drawn.items()}
    {'few': 1, 'many': 3}
    """
    if count < len(pairs):
        raise ValueError(
            f"The number of pairs is limited to {count}, but there are {len(pairs)} relations, expected at least a "
            "pair of each. Set a higher limit, or give fewer relations."
        )
    rng = random.Random(seed)
    drawn: dict[str, list[Pair]] = {}
    # The smallest first: what it leaves over is shared by those to come.
    for place, name in enumerate(sorted(pairs, key=lambda name: len(pairs[name]))):
        left = count - sum(map(len, drawn.values()))
        quota = min(len(pairs[name]), left // (len(pairs) - place))
        rows = sorted(rng.sample(range(len(pairs[name])), quota))
        drawn[name] = [pairs[name][row] for row in rows]
    return {name: drawn[name] for name in pairs}
