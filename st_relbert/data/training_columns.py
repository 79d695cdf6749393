"""What columns a training set of pairs has, and which losses can read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sentence_transformers.base.data_collator import DEFAULT_LABEL_COLUMNS
from torch import nn

_OURS = "st_relbert.data.load_relations gives such a dataset."


def check_training_columns(dataset: Any, loss: Any, kind: str = "train") -> None:
    """Raise `ValueError` for a dataset that a model of pairs cannot be trained on with a loss.

    Sentence-transformers takes each column besides the label for an input, and a loss of its own where none is given;
    either ends in an error in the middle of a batch, about something else. So a column that holds no pairs is refused
    here, and a loss that reads other columns than these.

    The dataset is a `Dataset`, an `IterableDataset`, or several of them by name; then there may also be several losses.
    An error calls it by its `kind`.
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
            f"{found}; expected a pair in one column. Make a relation set of the file with st-relbert data triples, or "
            'the column with dataset.map(lambda row: {"pair": [row["head"], row["tail"]]}, '
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
            f"{found}; expected pairs of words, and the relations' numbers in 'label'. Leave the other columns out, "
            f"dataset.select_columns({keep}), or give the labels their name, rename_column. {_OURS}"
        )
    _check_loss(found, inputs, label and _holds(features[label]), loss)


def _is_transformed(dataset: Any) -> bool:
    """Whether rows are made by a function of the caller's; what they are then, nobody knows but itself."""
    dataset_format = getattr(dataset, "format", None) or {}
    if dataset_format.get("type") != "custom":
        return False
    of_trainer = getattr(dataset_format["format_kwargs"]["transform"], "keywords", {})  # adds the name of the dataset
    return "dataset_name" not in of_trainer or "transform" in of_trainer


def _check_loss(found: str, inputs: Sequence[str], label: str | None, loss: Any) -> None:
    """Refuse a loss for other columns: one of ours for anything but labelled pairs, one for two inputs for one."""
    name = type(loss).__name__
    if getattr(loss, "reads_labelled_pairs", False):
        if len(inputs) != 1 or label != "whole numbers":
            raise ValueError(
                f"{found}; {name} expects one column of pairs, and the relations' numbers in 'label'. Choose them with "
                f"dataset.select_columns or rename_column. {_OURS}"
            )
        return
    if len(inputs) == 1 and label == "whole numbers" and _compares_two_inputs(loss):
        raise ValueError(
            f"{found}, and the loss is sentence-transformers' {name}, which compares two columns of pairs (it takes "
            "CoSENTLoss where loss= is left out). For labelled pairs pass "
            "loss=st_relbert.losses.InfoNCELoss(model) and batch_sampler=RelationBatchSampler."
        )


def _compares_two_inputs(loss: Any) -> bool:
    """Whether it is a loss of sentence-transformers that does not read labelled inputs, as its `Batch...` losses do."""
    while isinstance(getattr(loss, "loss", None), nn.Module):  # Matryoshka and the like
        loss = loss.loss
    is_theirs = type(loss).__module__.startswith("sentence_transformers.")
    return is_theirs and not type(loss).__name__.startswith("Batch")


def _holds(feature: Any) -> str:
    """What a column holds, in words; `"pairs"` are lists of text."""
    dtype = str(getattr(feature, "dtype", ""))
    inner = str(getattr(getattr(feature, "feature", None), "dtype", ""))
    if "string" in inner:
        return "pairs"
    if "string" in dtype:
        return "text"
    if inner:
        return f"lists of {inner}"
    return "whole numbers" if "int" in dtype else dtype or "records"
