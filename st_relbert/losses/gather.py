"""Rows of all processes, brought together."""

from __future__ import annotations

import torch
from sentence_transformers.util import all_gather, all_gather_with_grad
from torch import Tensor
from torch.nn import functional


def gather_rows(tensor: Tensor, with_grad: bool = False) -> Tensor:
    """Concatenate the rows of all processes, whose numbers may differ.

    Args:
        tensor: ``(b, n)`` or ``(b,)``; b and n may be different in every process. Columns that are missing in some
            are filled with zeros.
        with_grad: Let gradients flow back to the processes that the rows are from.

    Returns:
        ``(B, n)`` or ``(B,)``, the same in every process.
    """
    columns = tensor if tensor.ndim == 2 else tensor[:, None]
    shapes = all_gather(torch.tensor([columns.shape], device=tensor.device))  # (processes, 2)
    rows, width = shapes.max(dim=0).values.tolist()
    padded = functional.pad(columns, (0, width - columns.shape[1], 0, rows - columns.shape[0]))
    gathered = all_gather_with_grad(padded) if with_grad else all_gather(padded)
    kept = torch.arange(rows, device=tensor.device)[None, :] < shapes[:, :1]  # (processes, rows)
    gathered = gathered[kept.flatten()]
    return gathered if tensor.ndim == 2 else gathered[:, 0]
