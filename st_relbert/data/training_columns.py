"""Check the columns of training data and whether the loss can read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sentence_transformers.base.data_collator import DEFAULT_LABEL_COLUMNS
from torch import nn

_OURS = "st_relbert.data.load_relations returns such a dataset."


def check_training_columns(dataset: Any, loss: Any, kind: str = "train") -> None:
    """Raise `ValueError` if a pair model cannot be trained on a dataset with the given loss.

    Sentence-transformers takes every column except the label as an input, and uses a default loss if none is given.
    Either leads to a misleading error in the middle of a batch. This check therefore rejects columns that do not
    contain pairs, and losses that read other columns.

    The dataset is a `Dataset`, an `IterableDataset`, or a mapping of names to these, in which case the losses may be a
    mapping too. Errors refer to the dataset by its `kind`.
    """
    if isinstance(dataset, Mapping):
        for name, one in dataset.items():
            check_training_columns(one, loss[name] if isinstance(loss, Mapping) else loss, f"{kind} ({name!r})")
        return
    if not dataset.features or _is_transformed(dataset):
        return
    features = {name: feature for name, feature in dataset.features.items() if name != "dataset_name"}
    label = next((name for name in DEFAULT_LABEL_COLUMNS if name in features), None)
    inputs = [name for name in features if name != label]
    found = f"The {kind} dataset has the columns {', '.join(f'{name} ({_holds(features[name])})' for name in features)}"
    if {"head", "tail"} <= set(inputs):
        raise ValueError(
            f"{found}; expected a pair in one column. Make a relation set from the file with st-relbert data triples, "
            'or the column with dataset.map(lambda row: {"pair": [row["head"], row["tail"]]}, '
            'remove_columns=["head", "tail"]).'
        )
    others = [name for name in inputs if _holds(features[name]) != "pairs"]
    if others == inputs:
        raise ValueError(
            f"{found}; expected a column of pairs, each a list of two words such as ['Tokyo', 'Japan'], and the "
            f"relations' numbers in 'label'. {_OURS}"
        )
    if others:
        keep = [name for name in features if name not in others]
        raise ValueError(
            f"{found}; expected pairs of words, and the relations' numbers in 'label'. Remove the other columns with "
            f"dataset.select_columns({keep}), or rename the column of labels with rename_column. {_OURS}"
        )
    _check_loss(found, inputs, label and _holds(features[label]), loss)


def _is_transformed(dataset: Any) -> bool:
    """Return whether the caller's own function makes the rows, so that their columns are unknown."""
    dataset_format = getattr(dataset, "format", None) or {}
    if dataset_format.get("type") != "custom":
        return False
    of_trainer = getattr(dataset_format["format_kwargs"]["transform"], "keywords", {})  # adds the name of the dataset
    return "dataset_name" not in of_trainer or "transform" in of_trainer


def _check_loss(found: str, inputs: Sequence[str], label: str | None, loss: Any) -> None:
    """Raise `ValueError` if one of our losses lacks labelled pairs, or a loss for two inputs gets only one."""
    name = type(loss).__name__
    if getattr(loss, "reads_labelled_pairs", False):
        if len(inputs) != 1 or label != "whole numbers":
            raise ValueError(
                f"{found}; {name} expects one column of pairs, and the relations' numbers in 'label'. Select or rename "
                f"columns with dataset.select_columns and rename_column. {_OURS}"
            )
        return
    if len(inputs) == 1 and label == "whole numbers" and _compares_two_inputs(loss):
        raise ValueError(
            f"{found}, and the loss is sentence-transformers' {name}, which compares two columns of pairs (CoSENTLoss "
            "is its default if loss= is left out). For labelled pairs, pass "
            "loss=st_relbert.losses.InfoNCELoss(model) and batch_sampler=RelationBatchSampler."
        )


def _compares_two_inputs(loss: Any) -> bool:
    """Return whether this is a sentence-transformers loss other than its `Batch...` losses, which read labels."""
    while isinstance(getattr(loss, "loss", None), nn.Module):  # a wrapper such as MatryoshkaLoss
        loss = loss.loss
    is_theirs = type(loss).__module__.startswith("sentence_transformers.")
    return is_theirs and not type(loss).__name__.startswith("Batch")


def _holds(feature: Any) -> str:
    """Describe the contents of a column in words; lists of text are `"pairs"`."""
    dtype = str(getattr(feature, "dtype", ""))
    inner = str(getattr(getattr(feature, "feature", None), "dtype", ""))
    if "string" in inner:
        return "pairs"
    if "string" in dtype:
        return "text"
    if inner:
        return f"lists of {inner}"
    return "whole numbers" if "int" in dtype else dtype or "records"
