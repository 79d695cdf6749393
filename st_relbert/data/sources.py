"""Where data comes from: a file, a folder, the data that the package ships, or the Hugging Face hub."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

STARTER = "starter"
_SHIPPED = Path(__file__).parent
DATA_DIR_VARIABLE = "ST_RELBERT_DATA"


def read_records(name_or_path: str | os.PathLike[str], splits: Sequence[str]) -> tuple[list[dict[str, Any]], str]:
    """Read the records of a data set, from the first place that has it.

    Args:
        name_or_path: A JSON Lines file; a folder with one such file a split (``train.jsonl``); ``"starter/..."`` for
            the data that the package ships; or a data set on the Hugging Face hub as ``owner/name`` or
            ``owner/name/config``, of which a copy in the folder ``$ST_RELBERT_DATA`` is preferred.
        splits: The names of splits to look for, the first found is read. A file is read whatever its name.

    Returns:
        The records, and what to call their source in an error.

    Raises:
        ValueError: If nothing is there, or a line is not a JSON object.
    """
    name = os.fspath(name_or_path)
    if os.path.isfile(name):
        return _read_json_lines(Path(name)), name
    for folder in _folders(name):
        for split in splits:
            path = folder / f"{split}.jsonl"
            if path.is_file():
                return _read_json_lines(path), str(path)
    if os.path.isdir(name):
        found = ", ".join(sorted(os.listdir(name))) or "nothing"
        raise ValueError(f"The folder {name!r} holds {found}, expected {' or '.join(f'{s}.jsonl' for s in splits)}.")
    return _read_hub(name, splits)


def _folders(name: str) -> list[Path]:
    """Where the splits of a data set can lie on this machine."""
    folders = [Path(name)]
    if name.split("/")[0] == STARTER:
        folders.append(_SHIPPED / name)
    if data_dir := os.environ.get(DATA_DIR_VARIABLE):
        # "relbert/analogy_questions/u2" lies in analogy_questions/u2; without an owner it may be named as well.
        folders.append(Path(data_dir) / name)
        if "/" in name:
            folders.append(Path(data_dir, *name.split("/")[1:]))
    return folders


def _read_json_lines(path: Path) -> list[dict[str, Any]]:
    records = []
    try:
        # Not splitlines: it also breaks at U+2028 and others, which may stand inside a JSON string.
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"Cannot read {str(path)!r} as UTF-8 text: {error}.") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(
                f"{path}, line {number} is not JSON ({error}), expected JSON Lines: one object a line, such as "
                '{"relation_type": "capital", "positives": [["Tokyo", "Japan"]]} in a relation set.'
            ) from error
        if not isinstance(record, dict):
            raise ValueError(
                f"{path}, line {number} is a {type(record).__name__}, expected JSON Lines: one object a line."
            )
        records.append(record)
    return records


def _read_hub(name: str, splits: Sequence[str]) -> tuple[list[dict[str, Any]], str]:
    from datasets import get_dataset_split_names, load_dataset  # only here: it takes its time to import

    owner_and_name, config = "/".join(name.split("/")[:2]), "/".join(name.split("/")[2:]) or None
    try:
        available = get_dataset_split_names(owner_and_name, config)
        split = next((split for split in splits if split in available), None)
        if split is None:
            raise ValueError(f"it has the splits {', '.join(available)}, expected {' or '.join(splits)}")
        records = list(load_dataset(owner_and_name, config, split=split))
    except Exception as error:  # the hub's client raises errors of a dozen kinds
        raise ValueError(
            f"Cannot load {name!r}: it is no file or folder here, and as a data set on the Hugging Face hub: {error}."
        ) from error
    return records, f"{name} ({split})"


def require(record: dict[str, Any], columns: Sequence[str], where: str) -> None:
    """Check that a record has some columns.

    Raises:
        ValueError: If one is missing.
    """
    missing = [column for column in columns if record.get(column) is None]
    if missing:
        raise ValueError(
            f"{where} has no {' and no '.join(map(repr, missing))} (it has: {', '.join(sorted(record)) or 'nothing'}), "
            f"expected the columns {', '.join(columns)}."
        )
