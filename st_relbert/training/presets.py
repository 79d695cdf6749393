"""Presets: training settings in files, one a model."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from st_relbert.training.settings import TrainingSettings

_FOLDER = Path(__file__).parent.parent / "presets"


def preset_names() -> list[str]:
    """The presets that the package ships."""
    return sorted(path.stem for path in _FOLDER.glob("*.json"))


def read_preset(name_or_path: str) -> dict[str, Any]:
    """Read a preset.

    Args:
        name_or_path: A name of :func:`preset_names`, or a JSON file of the same make: an object of settings and a
            ``description``.

    Returns:
        The settings, by the names of :class:`~st_relbert.training.TrainingSettings`.

    Raises:
        ValueError: If there is no such preset, or the file holds no settings.

    Example:
        >>> read_preset("relbert-bert-base-nce-semeval2012")["base_model"]
        'bert-base-cased'
    """
    path = Path(name_or_path)
    if not path.is_file():
        path = _FOLDER / f"{name_or_path}.json"
    if name_or_path not in preset_names() and not Path(name_or_path).is_file():
        raise ValueError(
            f"There is no preset {name_or_path!r}. Expected {', '.join(preset_names())}, or a JSON file of settings."
        )
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"The preset {str(path)!r} is not JSON: {error}.") from error
    if not isinstance(settings, dict):
        raise ValueError(f"The preset {str(path)!r} is a {type(settings).__name__}, expected an object of settings.")
    settings.pop("description", None)
    known = [field.name for field in fields(TrainingSettings)]
    if unknown := [name for name in settings if name not in known]:
        raise ValueError(f"The preset {str(path)!r} has the setting {unknown[0]!r}, expected {', '.join(known)}.")
    return settings
