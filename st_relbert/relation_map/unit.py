"""What the parts of a map take: vectors of length 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from st_relbert.evaluation.pair_vectors import Vectors

Points = NDArray[np.float64]


def check_unit(vectors: Vectors) -> None:
    """Refuse vectors whose products are not cosines.

    Args:
        vectors: ``(n, d)``.

    Raises:
        ValueError: If there are none, or one of them is not of length 1; a vector with NaN in it is not.
    """
    if vectors.ndim != 2 or not vectors.size:
        raise ValueError(f"The vectors have the shape {vectors.shape}, expected (pairs, dimensions), both at least 1.")
    lengths = np.linalg.norm(vectors, axis=1)
    wrong = np.flatnonzero(~(np.abs(lengths - 1) < 1e-3))
    if len(wrong):
        raise ValueError(
            f"The vector in row {wrong[0]} and {len(wrong) - 1} more of {len(vectors)} have not the length 1 (the "
            f"first has {lengths[wrong[0]]:.3g}). Divide each by its length; nan comes from a model whose training "
            "diverged."
        )
