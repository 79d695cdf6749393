"""Packages that only some parts need."""

from __future__ import annotations

import importlib
from typing import Any


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
