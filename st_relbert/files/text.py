"""Read rows of text files: separated values and JSON, plain or compressed, in any encoding.

Text stays text: types are not guessed from how a cell looks, and no cell is dropped.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
import posixpath
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

from st_relbert.files.location import Location
from st_relbert.files.options import TableOptions
from st_relbert.pairs import counted

SEPARATORS = {".csv": ",;\t|", ".tsv": "\t", ".tab": "\t", ".txt": "\t,;|"}  # those to try, by suffix
JSON = (".json", ".jsonl", ".ndjson")
_COMPRESSION = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}  # Arrow's names
COMPRESSED = tuple(_COMPRESSION)
SPREADSHEETS = (".xlsx", ".xls", ".ods", ".numbers")

_BYTE_ORDER_MARKS = {  # longer ones first, because one of them begins with a shorter one
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SPREADSHEET_MARKS = (b"PK\3\4", b"\xd0\xcf\x11\xe0")  # an archive, such as .xlsx and .ods; an old .xls
_ARRAY_HINT = " If it is an array over several lines, name the file .json."
_UNDECODED = re.compile("[\udc80-\udcff]")  # what surrogateescape makes of bytes that are not text


class Row(NamedTuple):
    """A row of a text file: its place (`line 7`, `element 7`), and its cells as a list or by name."""

    place: str
    cells: Any


def suffix_of(name: str | os.PathLike[str]) -> str:
    """Return the suffix of a path or URI that decides how the file is read.

    >>> suffix_of("pairs.CSV.gz"), suffix_of("s3://bucket/pairs.csv?region=eu-west-1")
    ('.csv', '.csv')
    """
    name = os.fspath(name)
    path = name.partition("?")[0] if "://" in name else name
    bare, suffix = posixpath.splitext(path.lower())
    inner = posixpath.splitext(bare)[1]
    return inner if suffix in COMPRESSED and inner in (*SEPARATORS, *JSON) else suffix


def stem_of(name: str) -> str:
    """Return a path without the suffix that decides how the file is read, and without that of compression.

    >>> stem_of("sets/pairs.jsonl.gz"), stem_of("sets/pairs.csv")
    ('sets/pairs', 'sets/pairs')
    """
    bare, suffix = posixpath.splitext(name)
    return posixpath.splitext(bare)[0] if suffix.lower() in COMPRESSED else bare


def check_no_spreadsheet(path: str) -> None:
    """Raise `ValueError` for a spreadsheet; the message says what to do with it."""
    if suffix_of(path) in SPREADSHEETS:
        raise ValueError(
            f"{path!r} is a spreadsheet, expected a text file. Save the sheet as CSV (UTF-8), with the columns head, "
            "tail and relation."
        )


def read_separated(place: Location, options: TableOptions) -> tuple[list[str], Iterator[Row]]:
    """Read separated values from a file with one of the suffixes in `SEPARATORS`.

    Returns the names of the columns, and rows whose cells are a list of strings, one per column. Raises `ValueError` if
    the file is empty or cannot be read, or a row has more or fewer cells than the first.
    """
    suffix = suffix_of(place.path)
    lines = _lines(place, options.encoding)
    separator, lines = _find_separator(lines, options, SEPARATORS[suffix])
    # In TSV, a quote is an ordinary character. Files named .csv use quoting, whatever separates the cells.
    rows = _quoted_rows(lines, separator) if suffix == ".csv" or separator != "\t" else _plain_rows(lines, separator)
    first = next(rows, None)
    if first is None:
        raise ValueError("it is empty.")
    if not options.header:
        names = options.names_by_place(len(first.cells))
        return names, of_width(chain([first], rows), len(names))
    names = [name.strip() for name in first.cells]
    while names and not names[-1]:
        names.pop()
    names = [name or f"column_{number}" for number, name in enumerate(names, start=1)]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"it has two columns {twice!r}. Rename one.")
    return names, of_width(rows, len(names))


def read_tab_separated(place: Location, encoding: str | None) -> Iterator[Row]:
    """Read rows of any number of cells between tabs. Quotes are ordinary characters, whatever the file's suffix.

    The cells of a row are a list. Blank lines are skipped. Raises `ValueError` if the file cannot be read.
    """
    return _plain_rows(_lines(place, encoding), "\t")


def read_json(place: Location, encoding: str | None) -> Iterator[Row]:
    """Read JSON, one value per line or one array of values, from a file with one of the suffixes in `JSON`.

    The cells of a row are a dict or a list. If no encoding is given, the byte-order mark decides, or else it is UTF-8.
    Raises `ValueError` for a line that is not JSON, is nested too deeply, or is neither an object nor a list.
    """
    lines = _lines(place, encoding)
    if suffix_of(place.path) == ".json":
        text = "".join(lines)
        try:
            values = parse_json(text, "it") if text.strip() else []
        except ValueError as error:
            if getattr(error.__cause__, "msg", "") != "Extra data":
                raise
            lines = io.StringIO(text)  # more follows the first value, as in JSON Lines, which are often named .json
        else:
            values = values if isinstance(values, list) else [values]
            rows = (Row(f"element {number}", value) for number, value in enumerate(values, start=1))
            return map(_json_row, rows)
    return (
        _json_row(Row(f"line {number}", parse_json(line, f"line {number}", _ARRAY_HINT if line[0] == "[" else "")))
        for number, line in enumerate(lines, start=1)
        if not line.isspace()
    )


def of_width(rows: Iterable[Row], width: int) -> Iterator[Row]:
    """Yield rows cut to `width` cells. Cells beyond that must be empty; some programs write such cells.

    Raises `ValueError` for any other row.
    """
    for place, cells in rows:
        if not isinstance(cells, list):
            raise ValueError(f"{place} is an object, expected a list as in the first row.")
        if len(cells) != width and (len(cells) < width or any(cells[width:])):
            raise ValueError(
                f"{place} has {counted(len(cells), 'cell')}, expected {width} as in the first row. If another "
                "character separates the cells, name it with --separator."
            )
        yield Row(place, cells[:width])


def _lines(place: Location, encoding: str | None) -> Iterator[str]:
    """Yield the lines of a file with their line ends, decompressed if necessary."""
    # Arrow itself would not recognise a suffix in upper case.
    compression = _COMPRESSION.get(posixpath.splitext(place.path.lower())[1])
    with place.filesystem.open_input_stream(place.path, compression=compression) as stream:
        content = io.BufferedReader(stream)
        start = content.peek(4)[:4]
        if start in _SPREADSHEET_MARKS:
            raise ValueError("it is a spreadsheet, despite its name. Save the sheet as CSV (UTF-8).")
        if encoding is None:
            encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if start.startswith(mark)), "utf-8")
        help_ = (
            f"not in the encoding {encoding}. Save the file as UTF-8, or name its encoding with --encoding, if the "
            "command has this option: cp1252 (Windows, Excel), latin-1, utf-16"
        )
        try:
            lines = io.TextIOWrapper(content, encoding, errors="surrogateescape", newline="")
            for number, line in enumerate(lines, start=1):
                if not line.isascii() and _UNDECODED.search(line):
                    raise ValueError(f"line {number} is {help_}.")
                if "\0" in line:
                    raise ValueError(f"line {number} contains a zero byte, so it is probably {help_}.")
                yield line.removeprefix("\ufeff") if number == 1 else line
        except UnicodeError as error:
            raise ValueError(f"it is {help_} ({error}).") from error
        except LookupError as error:
            raise ValueError(f"{error}. Name an encoding that Python knows with --encoding.") from error


def _find_separator(lines: Iterator[str], options: TableOptions, candidates: str) -> tuple[str, Iterator[str]]:
    """Return the separator, and all lines again.

    It is the candidate that gives the most likely names in the first line that is not blank, or the first one found.
    """
    start: list[str] = []
    for line in lines:
        start.append(line)
        if not line.isspace():
            break
    first = start[-1] if start else ""
    declared = re.fullmatch(r'"?sep=(.)"?\s*', first)  # a line that Excel reads and writes
    if declared:
        start[-1] = "\n"
    rest = chain(start, lines)
    if options.separator:
        return options.separator, rest
    if declared:
        return declared[1], rest
    likely = options.likely_names() if options.header else set()

    def found(separator: str) -> tuple[int, bool]:
        names = {name.strip(' "\r\n').casefold() for name in first.split(separator)}
        return len(names & likely), separator in first

    return max(candidates, key=found), rest


def _plain_rows(lines: Iterable[str], separator: str) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        if any(cells := line.rstrip("\r\n").split(separator)):
            yield Row(f"line {number}", cells)


def _quoted_rows(lines: Iterable[str], separator: str) -> Iterator[Row]:
    text: list[str] = []  # the lines of the row

    def noted() -> Iterator[str]:
        for line in lines:
            text.append(line)
            yield line

    # Quotes enclose a cell even after a blank, as in "Tokyo", "Japan".
    reader = csv.reader(noted(), delimiter=separator, strict=True, skipinitialspace=separator != " ")
    line = 1
    try:
        for cells in reader:
            cells = _with_own_blanks(cells, "".join(text), separator)
            if any(cells):
                yield Row(f"line {line}", cells)
            line = reader.line_num + 1
            text.clear()
    except csv.Error as error:
        if "field limit" in str(error):
            raise ValueError(
                f"line {line} has a cell of more than {csv.field_size_limit():,} characters. If it begins with a quote "
                "that is never closed, double the quote. Otherwise shorten the cell, or use JSON Lines."
            ) from error
        raise ValueError(
            f"line {line} has a quote that cannot be read ({error}). Double the quotes inside quoted cells, or use "
            "tabs and a name that ends in .tsv: there, a quote is an ordinary character."
        ) from error


def _with_own_blanks(cells: list[str], text: str, separator: str) -> list[str]:
    """Return the cells of a row with the blanks that begin cells without quotes, which the reader has skipped."""
    if separator == " " or not (text.startswith(" ") or f"{separator} " in text):
        return cells
    mark = re.escape(separator)
    written = re.findall(rf'(?:^|{mark})( *)("(?:[^"]|"")*"|[^{mark}]*)', text)
    return [
        cell if raw.startswith('"') else f"{blanks}{cell}" for (blanks, raw), cell in zip(written, cells, strict=True)
    ]


def _json_row(row: Row) -> Row:
    if isinstance(row.cells, dict | list):
        return row
    raise ValueError(
        f'{row.place} is {row.cells!r:.60}, expected an object such as {{"head": "Tokyo", "tail": "Japan"}}.'
    )


def parse_json(text: str, where: str, hint: str = "") -> Any:
    """Parse JSON in which no object has the same name twice. Errors refer to the text as `where`.

    The hint follows the message of a text that is not JSON.

    Raises `ValueError` if the text is not JSON, is nested too deeply, or has a name twice or a number with thousands of
    digits.
    """
    try:
        return json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if error.lineno > 1 else ""
        raise ValueError(f"{where} is not JSON ({error.msg}, {line}column {error.colno}).{hint}") from error
    except RecursionError as error:
        raise ValueError(f"{where} is nested too deeply to be read.") from error
    except ValueError as error:  # a name twice, or a number with thousands of digits
        raise ValueError(f"{where} cannot be read: {str(error).partition(';')[0]}.") from error


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object. If a name occurred twice, its first value would be lost, so that is an error."""
    values = dict(members)
    if len(values) < len(members):
        names = [name for name, _ in members]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has the name {twice!r:.60} twice")
    return values
