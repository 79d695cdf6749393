"""Names of relations, as short as they can stand on a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

LONGEST = 28


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Leave out the parents of relations where the rest says which one it is, and the end of long names.

    Args:
        names: Different names.

    >>> list(short_names(["spatial/river_country", "geographic/capital", "temporal/capital"]).values())
    ['river_country', 'geographic/capital', 'temporal/capital']
    """
    children = {name: name.partition("/")[2] or name for name in names}
    frequent = Counter(children.values())
    return {name: _cut(child if frequent[child] == 1 else name) for name, child in children.items()}


def _cut(name: str) -> str:
    name = " ".join(name.split())
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
