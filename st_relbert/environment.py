"""Checks of the environment: optional packages, bfloat16 support, and access to the Hugging Face hub."""

from __future__ import annotations

import importlib
import logging
import math
import time
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_LOG = logging.getLogger(__name__)


class MissingExtraError(ImportError):
    """An optional package that is needed is not installed."""


def import_extra(module: str, extra: str) -> Any:
    """Import a package that an extra installs. Raises `MissingExtraError`, which says how to install it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        raise MissingExtraError(
            f"This needs the package {error.name!r}, which is not installed. Run: pip install 'st-relbert[{extra}]' "
            f"(in a clone: pip install '.[{extra}]')"
        ) from error


def computes_in_bfloat16(device: torch.device) -> bool:
    """Return whether bfloat16 is faster than float32 on a device; others convert it before each operation.

    True only for processors with such instructions (AVX-512 BF16, AMX, Arm's BF16), if PyTorch is recent enough to
    report them, and for CUDA devices with such units (Ampere and later).
    """
    import torch  # only here: the command line imports this module

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        # Older versions of PyTorch do not have it.
        capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
        return any(present is True and name.endswith("bf16") for name, present in capabilities.items())
    return False


def inference_context(model: Any, device: torch.device) -> AbstractContextManager[Any]:
    """Return the context for embedding on a device: bfloat16 if the model is `fast` and the device supports it.

    Otherwise it is no autocast at all, because a disabled one would end the caller's own. Half-precision weights are
    fast already, and layer norm cannot mix them with bfloat16.
    """
    import torch  # only here: the command line imports this module

    fast = getattr(model, "fast", False) and model.dtype == torch.float32 and computes_in_bfloat16(device)
    return torch.autocast(device.type, torch.bfloat16) if fast else nullcontext()


_missed_at = -math.inf  # when the hub last did not respond, in the seconds of time.monotonic
_ASKED_AGAIN_AFTER = 60.0  # seconds


def hub_is_reachable() -> bool:
    """Return whether the Hugging Face hub responds at all. It is asked once, without the client's retries.

    If the hub is unreachable, the client waits half a minute for each file, and libraries ask for a dozen. A failure is
    remembered for a minute and logged once.
    """
    from huggingface_hub import constants, get_session  # only here: the command line imports this module

    global _missed_at
    if constants.HF_HUB_OFFLINE or time.monotonic() - _missed_at < _ASKED_AGAIN_AFTER:
        return False
    try:
        get_session().head(constants.ENDPOINT, timeout=constants.HF_HUB_ETAG_TIMEOUT)
    except Exception as error:  # each version of the client has another library for this
        if _missed_at == -math.inf:
            _LOG.warning("The Hugging Face hub cannot be reached (%s). Only cached files are used.", error)
        _missed_at = time.monotonic()
        return False
    return True
