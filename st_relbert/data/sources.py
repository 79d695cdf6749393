"""Find and read data (files, folders, the package's own data, the Hugging Face hub), and know its licence."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from st_relbert.data.question_files import choice_questions, is_question_text
from st_relbert.data.shipped import SHIPPED, shipped_records
from st_relbert.environment import hub_is_reachable
from st_relbert.files.location import Location, check_named, expand
from st_relbert.files.options import find_column
from st_relbert.files.question_sheets import read_sheet
from st_relbert.files.tables import is_table, pair_of_cell, read_table
from st_relbert.files.text import COMPRESSED, JSON, SPREADSHEETS, check_no_spreadsheet, read_json, suffix_of
from st_relbert.pairs import as_pair

STARTER = "starter"
TRAINING_SPLIT = "train"
DATA_DIR_VARIABLE = "ST_RELBERT_DATA"

# Besides tables, names with these suffixes are files, not data sets on the hub.
_FILES = (*COMPRESSED, *SPREADSHEETS, ".zip")


class FileRecord(dict[str, Any]):
    """A record that knows its place in its file, such as `line 7`."""

    def __init__(self, values: Mapping[str, Any], place: str) -> None:
        super().__init__(values)
        self.place = place


def place_of(record: Any, row: int) -> str:
    """Return how errors refer to a record: by its line if it comes from a file, or else by its index."""
    return record.place if isinstance(record, FileRecord) else f"row {row}"


def read_records(
    name_or_path: str | os.PathLike[str], splits: Sequence[str], example: str = "", *, with_relations: bool = True
) -> tuple[list[dict[str, Any]], str]:
    """Read the records of a data set, from the first place that has it.

    Returns the records, and the name of their source for error messages. Records of a file know their lines (see
    `place_of`). The first of the `splits` that exists is read; a file is read whatever its name. The name is one of:

    - a JSON Lines file; a CSV, TSV or Parquet file with the columns `head`, `tail` and `relation` (optional unless
      `with_relations`), in upper or lower case; several of either (`pairs-*.csv`); or a folder of Parquet files
    - questions of Google, BATS, MSR or SAT as published, or a CSV file written by `data questions`
    - a folder with one JSON Lines file per split (`train.jsonl`)
    - `"relations"`, `"relations/held_out_pairs"` and so on, or `"starter/..."`, for the data that the package ships
    - a data set on the Hugging Face hub, as `owner/name` or `owner/name/config`; a copy in the folder
      `$ST_RELBERT_DATA` is preferred

    Raises `ValueError` if nothing is found, or a line is not a JSON object. `example` shows in the message what a
    record should look like.
    """
    name = os.fspath(name_or_path)
    check_named(name)
    if is_question_text(name):
        return choice_questions(name), name
    for folder in _folders(name):
        for split in splits:
            path = folder / f"{split}.jsonl"
            if path.is_file():
                return read_file(path, example), str(path)
    if os.path.isfile(name) or is_table(name) or name.lower().endswith(_FILES):
        files = [name] if os.path.isfile(name) else expand(name)
        return [record for file in files for record in read_file(file, example, with_relations=with_relations)], name
    if os.path.isdir(name):
        found = ", ".join(sorted(os.listdir(name))) or "nothing"
        raise ValueError(f"The folder {name!r} contains {found}, expected {' or '.join(f'{s}.jsonl' for s in splits)}.")
    if name.split("/")[0] == SHIPPED:
        return shipped_records(name, splits), name
    return _read_hub(name, splits)


def read_file(path: str | os.PathLike[str], example: str = "", *, with_relations: bool = True) -> list[dict[str, Any]]:
    """Read the records of a file; see `read_records`. Raises `ValueError` if it cannot be read."""
    name = os.fspath(path)
    if not Location.of(name).info.is_file:
        raise ValueError(f"There is no file {name!r}.")
    check_no_spreadsheet(name)
    if name.lower().endswith(".html"):
        raise ValueError(f"{name!r} is a page to print. To evaluate on a quiz, write it to a .jsonl or .csv file.")
    if is_table(name) and suffix_of(name) not in JSON:
        return _read_table(name, with_relations)
    return _read_json(name, example)


def _folders(name: str) -> list[Path]:
    """Return the folders on this machine that may contain the splits of a data set."""
    folders = [Path(name)]
    if name.split("/")[0] == STARTER:
        folders.append(Path(__file__).parent / name)
    if data_dir := os.environ.get(DATA_DIR_VARIABLE):
        # "relbert/analogy_questions/u2" is in analogy_questions/u2. The name may also be given without an owner.
        folders.append(Path(data_dir) / name)
        if "/" in name:
            folders.append(Path(data_dir, *name.split("/")[1:]))
    return folders


def _read_json(path: str, example: str) -> list[dict[str, Any]]:
    try:
        records: list[dict[str, Any]] = []
        for row in read_json(Location.of(path), None):
            if not isinstance(row.cells, dict):
                raise ValueError(f"{row.place} is a {type(row.cells).__name__}.")
            records.append(FileRecord(_with_usual_names(row.cells, row.place), row.place))
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(
            f"Cannot read {path!r}: {str(error).rstrip('.')}; expected JSON Lines, one object per "
            f"line{example and f', such as {example}'}."
        ) from error
    return records


def _with_usual_names(record: dict[str, Any], place: str) -> dict[str, Any]:
    """Return the record of a pair with the names `head`, `tail` and `relation`, however the file spells them."""
    names = list(record)
    usual = {found: name for name in ("head", "tail", "relation") if (found := find_column(name, names))}
    pair = find_column("pair", names)
    if pair and list(usual.values()) == ["relation"]:
        head, tail = as_pair(pair_of_cell(record[pair]), place)
        record = {"head": head, "tail": tail, **record}
    return {usual.get(name, name): value for name, value in record.items()}


def _read_table(path: str, with_relations: bool) -> list[dict[str, Any]]:
    try:
        if questions := read_sheet(path):
            return [FileRecord(row.cells, row.place) for row in questions]
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f"Cannot read {path!r}: {error}") from error
    table = read_table(path)
    if table.relation is None and with_relations:
        raise ValueError(
            f"{path!r} has the columns {', '.join(table.schema.names)}, expected head, tail and relation. Rename "
            "them, or make a relation set with st-relbert data triples --columns HEAD RELATION TAIL."
        )
    return [
        FileRecord({"head": head, "tail": tail, "relation": relation}, place)
        for (head, tail), relation, place in table.records()
    ]


def _read_hub(name: str, splits: Sequence[str]) -> tuple[list[dict[str, Any]], str]:
    # Imported only here because it is slow to import.
    from datasets import get_dataset_split_names, load_dataset

    owner_and_name, config = "/".join(name.split("/")[:2]), "/".join(name.split("/")[2:]) or None
    reachable = hub_is_reachable()
    if not reachable and not _is_cached(owner_and_name):
        raise ValueError(
            f"Cannot load {name!r}: there is no such file or folder, and the Hugging Face hub cannot be reached."
        )
    try:
        with nullcontext() if reachable else _cache_alone():
            available = get_dataset_split_names(owner_and_name, config)
            split = next((split for split in splits if split in available), None)
            if split is None:
                raise ValueError(f"it has the splits {', '.join(available)}, expected {' or '.join(splits)}")
            records = list(load_dataset(owner_and_name, config, split=split))
    except Exception as error:  # the hub's client raises a dozen kinds of errors
        raise ValueError(
            f"Cannot load {name!r}: there is no such file or folder, and loading it from the Hugging Face hub failed: "
            f"{error}."
        ) from error
    return records, f"{name} ({split})"


def _is_cached(name: str) -> bool:
    from datasets import config
    from datasets.naming import camelcase_to_snakecase

    *owner, last = name.split("/")
    return Path(config.HF_DATASETS_CACHE, "___".join([*owner, camelcase_to_snakecase(last)])).is_dir()


@contextmanager
def _cache_alone() -> Iterator[None]:
    """Keep the client from contacting a hub that cannot be reached: it would wait half a minute for each set."""
    from datasets import config

    before, config.HF_HUB_OFFLINE = config.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        config.HF_HUB_OFFLINE = before


def require(record: Any, columns: Sequence[str], where: str, example: str = "") -> None:
    """Raise `ValueError`, which refers to the record as `where`, if it is not an object, or lacks a column or a value.

    The example, if any, shows in the message what a record should look like.
    """
    if not isinstance(record, Mapping):
        raise ValueError(f"{where} is {record!r:.60}, expected an object with the columns {', '.join(columns)}.")
    missing = [column for column in columns if record.get(column) is None]
    if missing:
        raise ValueError(
            f"{where} has no {' and no '.join(map(repr, missing))} (it has: {', '.join(sorted(record)) or 'nothing'}), "
            f"expected the columns {', '.join(columns)}{example and f', as in {example}'}."
        )


NOT_KNOWN = "not known"
CONCEPTNET = "ConceptNet"
_PUBLIC_DOMAIN = "CC0 1.0 (public domain)"
LICENCES = {
    "relations": _PUBLIC_DOMAIN,
    "starter": _PUBLIC_DOMAIN,
    "relbert/semeval2012_relational_similarity": "CC BY-SA 3.0",
    "relbert/analogy_questions": "CC BY-NC 4.0",
    "relbert/lexical_relation_classification": "CC BY-NC 4.0",
    CONCEPTNET: "CC BY-SA 4.0",
}
"""The licences of known sources, whether shipped or not. `docs/data.md` says where they are stated."""


def sources_of(name_or_path: str | os.PathLike[str]) -> dict[str, str]:
    """Return the sources of a relation set, by name, each with its licence or `"not known"`.

    For a file made by `st-relbert data`, whose name ends in `.jsonl`, they are in the report next to it. This includes
    the `train.jsonl` of a folder, and files that match a pattern. The source of any other path is its last part.

    Examples:
        >>> sources_of("starter"), sources_of("my/own.csv")
        ({'starter': 'CC0 1.0 (public domain)'}, {'own.csv': 'not known'})
    """
    name = os.fspath(name_or_path)
    if os.path.exists(name) or is_table(name):
        path = Path(name)
        if path.is_dir():
            files = [path / f"{TRAINING_SPLIT}.jsonl"]
        else:
            files = [path] if path.exists() else sorted(path.parent.glob(path.name)) or [path]
        sources: dict[str, str] = {}
        for file in files:
            # The report next to own.csv is that of own.jsonl.
            reported = _reported_sources(report_of(file)) if file.suffix.lower() == ".jsonl" else {}
            sources |= reported or {path.name: NOT_KNOWN}
        return sources
    known = (licence for source, licence in LICENCES.items() if f"{name}/".startswith(f"{source}/"))
    return {name: next(known, NOT_KNOWN)}


def as_lines(sources: Mapping[str, str]) -> list[str]:
    """Return one readable line per source."""
    return [f"{' '.join(name.split())}: {licence}" for name, licence in sources.items()]


def report_of(path: Path) -> Path:
    """Return the path of the report that `st-relbert data` writes next to a relation set."""
    return path.with_suffix(".report.json")


def _reported_sources(report: Path) -> dict[str, str]:
    try:
        sources = json.loads(report.read_text(encoding="utf-8"))["sources"]
        return {str(name): str(licence) for name, licence in sources.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # no report, or one of another program
        return {}
