"""What a model is taught by another one: the pairs of a relation set, with the teacher's vectors of them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from datasets import Dataset
from sentence_transformers import SentenceTransformer

from st_relbert.data.relation_set import RelationSet


def distillation_dataset(
    relations: RelationSet, teacher: SentenceTransformer, *, batch_size: int = 64, show_progress_bar: bool = False
) -> Dataset:
    """Make the training data of `SimilarityDistillationLoss`.

    Args:
        relations: Their positives and negatives are the pairs, each once; what their relations are does not matter.
        teacher: The model to learn from.
        batch_size: Pairs that the teacher embeds at once.
        show_progress_bar: Show how far the teacher is.

    Returns:
        A dataset with the columns `pair`, a list of two words, and `label`, the teacher's vector.

    Examples:
        >>> relations = RelationSet({"capital": [("Tokyo", "Japan"), ("Paris", "France")]})
        >>> distillation_dataset(relations, model)["pair"][0]  # model: a RelBERT
        ['Tokyo', 'Japan']
    """
    groups = (*relations.positives.values(), *relations.negatives.values())
    pairs = list(dict.fromkeys(pair for group in groups for pair in group))
    vectors = np.asarray(
        teacher.encode(pairs, batch_size=batch_size, show_progress_bar=show_progress_bar), dtype=np.float32
    )
    labels = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
    return Dataset(pa.table({"pair": pa.array([list(pair) for pair in pairs]), "label": labels}))
