"""Read triples from tables and from the file formats of public knowledge graphs and fact collections."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from st_relbert.data.sources import CONCEPTNET, LICENCES, NOT_KNOWN, report_of
from st_relbert.data.triples import Triple, both_ways
from st_relbert.files.location import Location, expand
from st_relbert.files.options import TableOptions
from st_relbert.files.tables import FORMATS as SUFFIXES
from st_relbert.files.tables import read_table
from st_relbert.files.text import JSON, SEPARATORS, Row, read_json, read_tab_separated, suffix_of
from st_relbert.pairs import check_known, counted

FORMATS = ("auto", "table", "conceptnet", "facts", "lre", "docred")

# Symmetric relations that ConceptNet and Wikidata state in one direction only.
_SYMMETRIC = frozenset(
    ["RelatedTo", "Synonym", "Antonym", "DistinctFrom", "LocatedNear", "SimilarTo", "EtymologicallyRelatedTo",
     "P26", "P47", "P190", "P451", "P460", "P530", "P1889", "P3373"]
)  # fmt: skip
_CONCEPTNET = frozenset(
    ["AtLocation", "CapableOf", "Causes", "CausesDesire", "CreatedBy", "DefinedAs", "DerivedFrom", "Desires",
     "DesireOf", "Entails", "ExternalURL", "FormOf", "HasA", "HasContext", "HasFirstSubevent", "HasLastSubevent",
     "HasPainCharacter", "HasPainIntensity", "HasPrerequisite", "HasProperty", "HasSubevent", "InheritsFrom",
     "InstanceOf", "IsA", "LocationOfAction", "MadeOf", "MannerOf", "MotivatedByGoal", "NotCapableOf", "NotDesires",
     "NotHasA", "NotHasProperty", "NotIsA", "NotMadeOf", "PartOf", "ReceivesAction", "RelatedTo", "SymbolOf",
     "UsedFor", "Synonym", "Antonym", "DistinctFrom", "LocatedNear", "SimilarTo", "EtymologicallyRelatedTo",
     "EtymologicallyDerivedFrom"]
)  # fmt: skip
# Field names of the head, tail and relation in files of facts. Without a relation, the file's name is used.
_HEADS, _TAILS = ("sub_label", "sub", "subject"), ("obj_label", "obj", "object")
_RELATIONS = ("predicate_id", "pred", "predicate", "relation")

_TABLE = TableOptions()


def read_triples(
    paths: Iterable[str],
    *,
    format: str = "auto",
    options: TableOptions = _TABLE,
    show_progress_bar: bool = False,
) -> Iterator[Triple]:
    """Read the triples of several files, one file after another. Only `.json` files are held in memory as a whole.

    Args:
        paths: Files, plain or compressed, or folders. All files in a folder are read, except hidden ones.
        format: The format of the files: `"table"` for CSV, TSV, JSON Lines and Parquet with the columns in `options`;
            `"conceptnet"` for the ConceptNet dump (only the English part is read) or for lines of relation, head and
            tail; `"facts"` for the JSON Lines of LAMA, ParaRel and T-REX, with one relation per file or a
            `predicate_id`; `"lre"` for the files of the LRE data set; `"docred"` for DocRED and Re-DocRED. `"auto"`
            detects the format from the beginning of each file.
        options: How to read tables. Their encoding is that of files in any format.
        show_progress_bar: Whether to show a progress bar.

    Raises:
        ValueError: If a file cannot be read or has none of these formats.
    """
    check_known("format", format, FORMATS)
    for path in _files(paths):
        kind = "triples" if format == "auto" else format
        try:
            kind = _format_of(path, options.encoding) if format == "auto" else format
            triples = _READERS[kind](path, options)
            yield from tqdm(triples, Path(path).name, unit=" triples", disable=not show_progress_bar)
        except (ValueError, OSError, EOFError) as error:
            message = str(error)
            raise ValueError(message if path in message else f"Cannot read {path!r} as {kind}: {message}") from error


def sources_of_triples(paths: Iterable[str], format: str = "auto", options: TableOptions = _TABLE) -> dict[str, str]:
    """Return the sources of files, by name, with their licences if the format reveals them; see `read_triples`."""
    sources = {}
    for path in paths:
        kinds = {_format_of(each, options.encoding) for each in _files([path])} if format == "auto" else {format}
        name = CONCEPTNET if kinds == {"conceptnet"} else Path(path).name
        sources[name] = LICENCES.get(name, NOT_KNOWN)
    return sources


def check_apart(output: Path, paths: Iterable[str]) -> None:
    """Raise `ValueError` if an output or its report has a place among the files to read: the next run would read it."""
    for path in paths:
        folder, pattern = (Path(path), "*") if Path(path).is_dir() else (Path(path).parent, Path(path).name)
        written = [each for each in (output, report_of(output)) if fnmatch(each.name, pattern)]
        if written and folder.resolve() == output.parent.resolve():
            raise ValueError(
                f"{str(written[0])!r} is written to where {path!r} is read, so the next run would read it too. Choose "
                "an output in another folder."
            )


def _files(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        if Path(path).is_dir():
            files = [each for each in Path(path).iterdir() if suffix_of(each.name) in SUFFIXES]
            names = sorted(str(each) for each in files if not each.name.startswith("."))
            if not names:
                raise ValueError(f"The folder {path!r} contains no files of triples ({', '.join(SUFFIXES)}).")
            yield from names
        else:
            yield from expand(path)


def _format_of(path: str, encoding: str | None) -> str:
    if not Location.of(path).info.is_file:
        raise ValueError(f"There is no file {path!r}.")
    suffix = suffix_of(path)
    if suffix in JSON:
        first = next(read_json(Location.of(path), encoding), Row("", {})).cells
        names = set(first) if isinstance(first, dict) else set()
        if "vertexSet" in names:
            return "docred"
        if "samples" in names:
            return "lre"
        return "facts" if names.intersection(_HEADS[:2]) and names.intersection(_TAILS) else "table"
    if suffix in SEPARATORS:
        cells = next(read_tab_separated(Location.of(path), encoding), Row("", [""])).cells
        dump = len(cells) == 5 and cells[0].startswith("/a/") and cells[1].startswith("/r/")
        return "conceptnet" if dump or (len(cells) in (3, 4) and cells[0] in _CONCEPTNET) else "table"
    return "table"


def _read_table(path: str, options: TableOptions) -> Iterator[Triple]:
    table = read_table(path, options)
    if table.relation is None:
        raise ValueError(
            f"{path!r} has the columns {', '.join(table.schema.names)}, but no column 'relation'. Name the columns of "
            "heads, relations and tails with --columns HEAD RELATION TAIL."
        )
    for (head, tail), relation, place in table.records():
        if relation is None or not str(relation).strip():
            raise ValueError(f"{path!r} has no relation in {place}.")
        yield head, str(relation), tail


def _read_conceptnet(path: str, options: TableOptions) -> Iterator[Triple]:
    for place, cells in read_tab_separated(Location.of(path), options.encoding):
        if len(cells) >= 4 and cells[1].startswith("/r/"):
            relation, head, tail = cells[1:4]
            if not (head.startswith("/c/en/") and tail.startswith("/c/en/")):
                continue
            # /c/en/dog/n/wn/animal: language, word, part of speech, sense.
            relation, head, tail = relation.removeprefix("/r/"), head.split("/")[3], tail.split("/")[3]
        elif len(cells) in (3, 4):
            relation, head, tail = cells[:3]
        else:
            raise ValueError(
                f"{place} has {counted(len(cells), 'cell')}, expected those of ConceptNet's dump, or a relation, "
                "a head and a tail."
            )
        yield from both_ways(head, relation, tail, relation in _SYMMETRIC)


def _read_facts(path: str, options: TableOptions) -> Iterator[Triple]:
    stem = Path(path).name.split(".")[0]
    for row in read_json(Location.of(path), options.encoding):
        fact = _object(row)
        head, tail = (_first(fact, names, row.place) for names in (_HEADS, _TAILS))
        relation = next((str(fact[name]) for name in _RELATIONS if fact.get(name)), stem)
        yield from both_ways(head, relation, tail, relation in _SYMMETRIC)


def _read_lre(path: str, options: TableOptions) -> Iterator[Triple]:
    for row in read_json(Location.of(path), options.encoding):
        relation = _object(row)
        name, samples = relation.get("name"), relation.get("samples")
        if not isinstance(name, str) or not isinstance(samples, list):
            raise ValueError(f"{row.place} is not a relation of LRE, expected an object with 'name' and 'samples'.")
        properties = relation.get("properties")
        symmetric = isinstance(properties, dict) and properties.get("symmetric") is True
        for number, sample in enumerate(samples):
            where = f"sample {number} of {name!r}"
            fact = _object(Row(where, sample))
            head, tail = (_first(fact, names, where) for names in (_HEADS, _TAILS))
            yield from both_ways(head, name, tail, symmetric)


def _read_docred(path: str, options: TableOptions) -> Iterator[Triple]:
    for row in read_json(Location.of(path), options.encoding):
        document = _object(row)
        try:
            # The name of an entity is its longest mention: "Barack Obama" rather than "Obama".
            entities = [max((mention["name"] for mention in each), key=len) for each in document["vertexSet"]]
            facts = [(entities[label["h"]], str(label["r"]), entities[label["t"]]) for label in document["labels"]]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ValueError(
                f"{row.place} is not a document of DocRED, expected an object with 'vertexSet' and 'labels' "
                f"({type(error).__name__}: {error})."
            ) from error
        for head, relation, tail in facts:
            yield from both_ways(head, relation, tail, relation in _SYMMETRIC)


_READERS: dict[str, Callable[[str, TableOptions], Iterator[Triple]]] = {
    "table": _read_table,
    "conceptnet": _read_conceptnet,
    "facts": _read_facts,
    "lre": _read_lre,
    "docred": _read_docred,
}


def _object(row: Row) -> dict[str, Any]:
    if not isinstance(row.cells, dict):
        raise ValueError(f"{row.place} is a {type(row.cells).__name__}, expected an object.")
    return row.cells


def _first(fact: dict[str, Any], names: Iterable[str], where: str) -> str:
    value = next((fact[name] for name in names if fact.get(name)), None)
    if not isinstance(value, str):
        expected = " or ".join(map(repr, names))
        raise ValueError(f"{where} has no text in {expected} (it has: {', '.join(sorted(fact))}).")
    return value
