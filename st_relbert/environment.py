"""What is at hand: packages that come with an extra, and devices that compute in bfloat16."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


class MissingExtraError(ImportError):
    """A package that a part needs is not installed."""


def import_extra(module: str, extra: str) -> Any:
    """Import a package that comes with an extra.

    Args:
        module: The name to import.
        extra: The extra of st-relbert that installs it.

    Raises:
        MissingExtraError: If it is not installed; says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        raise MissingExtraError(
            f"This needs the package {error.name!r}, which is not installed: pip install 'st-relbert[{extra}]' "
            f"(in a clone: pip install '.[{extra}]')"
        ) from error


def computes_in_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is faster than float32 there: elsewhere it is converted before each operation.

    Args:
        device: A device of any kind; True only for processors with such instructions (AVX-512 BF16, AMX, Arm's BF16)
            and for CUDA devices with such units (Ampere and later).
    """
    import torch  # only here: the command line imports this module

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        return any(present is True and name.endswith("bf16") for name, present in torch.cpu.get_capabilities().items())
    return False
