"""The labels of pairs in a batch: a relation, or nothing but a negative of one."""

from __future__ import annotations


def negative_label(relation: int) -> int:
    """The label of a pair that is nothing but a negative, and belongs to a relation: -1, -2, ...

    It is its own inverse: ``negative_label(negative_label(relation)) == relation``.

    Example:
        >>> negative_label(0), negative_label(1)
        (-1, -2)
    """
    return -1 - relation
