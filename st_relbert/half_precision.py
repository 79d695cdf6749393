"""Whether a device computes in bfloat16, rather than only storing it."""

from __future__ import annotations

import torch


def computes_in_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is faster than float32 there: elsewhere it is converted before each operation.

    Args:
        device: A device of any kind; True only for processors with such instructions (AVX-512 BF16, AMX, Arm's BF16)
            and for CUDA devices with such units (Ampere and later).
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        return any(present is True and name.endswith("bf16") for name, present in torch.cpu.get_capabilities().items())
    return False
