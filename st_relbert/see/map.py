"""A map of a model's relation space: the data that the page and the pictures show."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from sentence_transformers import SentenceTransformer

from st_relbert.data.relation_set import RelationSet
from st_relbert.pairs import Pair, check_known
from st_relbert.see.layout import (
    Cluster,
    Confusion,
    Points,
    check_method,
    confusion,
    find_clusters,
    find_neighbours,
    project,
)
from st_relbert.vectors import PairVectors


def sample_pairs(pairs: Mapping[str, list[Pair]], count: int, seed: int = 0) -> dict[str, list[Pair]]:
    """Draw a random sample of pairs, with numbers per relation as equal as possible.

    Args:
        pairs: The pairs of each relation.
        count: The total number of pairs to draw. If there are no more than that, all are kept.
        seed: The random seed.

    Returns:
        The drawn pairs of each relation, in their original order. Larger relations get what small ones cannot fill.

    Raises:
        ValueError: If `count` is less than the number of relations.

    >>> drawn = sample_pairs({"few": [("a", "b")], "many": [("c", str(n)) for n in range(9)]}, 4)
    >>> {name: len(of_relation) for name, of_relation in drawn.items()}
    {'few': 1, 'many': 3}
    """
    if count < len(pairs):
        raise ValueError(
            f"The number of pairs is limited to {count}, but there are {len(pairs)} relations, expected at least one "
            "pair of each. Set a higher limit, or use fewer relations."
        )
    rng = random.Random(seed)
    drawn: dict[str, list[Pair]] = {}
    # The smallest first: the others share what it cannot fill.
    for place, name in enumerate(sorted(pairs, key=lambda name: len(pairs[name]))):
        quota = min(len(pairs[name]), count // (len(pairs) - place))
        count -= quota
        rows = sorted(rng.sample(range(len(pairs[name])), quota))
        drawn[name] = [pairs[name][row] for row in rows]
    return {name: drawn[name] for name in pairs}


@dataclass(frozen=True)
class RelationMap:
    """Pairs in the plane, and what their vectors say about the relations.

    Args:
        pairs: The n pairs. A pair with several relations appears with each.
        relations: The relation of each pair.
        groups: What determines each pair's colour: its relation, or its relation's parent.
        points: `(n, 2)`: the position of each pair.
        clusters: Pairs whose vectors are close together.
        confusion: How well the relations can be distinguished.
        title: The title of the map.
        neighbours: The rows of each pair's nearest neighbours, nearest first.
    """

    pairs: list[Pair]
    relations: list[str]
    groups: list[str]
    points: Points
    clusters: list[Cluster]
    confusion: Confusion
    title: str
    neighbours: list[list[int]] = field(default_factory=list)

    @classmethod
    def build(
        cls,
        model: SentenceTransformer,
        relations: RelationSet,
        colour: str | None = None,
        method: str = "tsne",
        seed: int = 0,
        title: str = "",
        batch_size: int = 64,
        show_progress_bar: bool = False,
    ) -> RelationMap:
        """Map the positive pairs of a relation set.

        Args:
            model: A SentenceTransformer that takes pairs.
            relations: The relation set; its negatives are not used.
            colour: `"relation"` or `"parent"`. None: by parent if the set has a hierarchy, otherwise by relation.
            method: See `project`.
            seed: The random seed.
            title: The title of the map.
            batch_size: The number of pairs to encode at a time.
            show_progress_bar: Show the progress of encoding.

        Raises:
            ValueError: If there is no hierarchy to colour by, the method is unknown or not installed, or the vector of
                a pair is zero or not finite.
        """
        check_method(method)
        group_of = group_names(relations, colour)
        rows = [(pair, name) for name, pairs in relations.positives.items() for pair in pairs]
        pairs, names = [pair for pair, _ in rows], [name for _, name in rows]
        unit = PairVectors.encode(model, pairs, batch_size, show_progress_bar).unit(pairs)
        return cls(
            pairs=pairs,
            relations=names,
            groups=[group_of[name] for name in names],
            points=project(unit, method, seed),
            clusters=find_clusters(unit, names, seed),
            confusion=confusion(unit, names),
            title=title,
            neighbours=find_neighbours(unit),
        )

    @property
    def group_sizes(self) -> dict[str, int]:
        """The number of pairs of each group, in order of appearance. A group's position is the index of its marker."""
        return dict(Counter(self.groups))


def group_names(relations: RelationSet, colour: str | None) -> dict[str, str]:
    """Return the group that determines the colour of each relation's pairs; see `RelationMap.build`.

    Raises `ValueError` if there is no hierarchy to colour by.
    """
    if colour is not None:
        check_known("colour", colour, ("relation", "parent"))
    if colour == "parent" and relations.parents is None:
        raise ValueError(
            "Cannot colour by parent: no relation is named parent/child, or all have the same parent (for example, "
            f"{relations.names[0]!r}). Colour by relation instead."
        )
    by_parent = colour != "relation" and relations.parents is not None
    return dict(zip(relations.names, relations.parent_names if by_parent else relations.names, strict=True))
