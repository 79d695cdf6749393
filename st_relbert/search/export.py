"""Export pair vectors in the word2vec format, which gensim and other tools read."""

from __future__ import annotations

import os
import re
import shutil
import tempfile

import numpy as np
from tqdm.auto import tqdm

from st_relbert.files.outputs import atomic_output
from st_relbert.pairs import Pair
from st_relbert.search.index import RelationIndex


def pair_key(pair: Pair) -> str:
    """Return a pair as one token without blanks, with `__` only between the words.

    Blanks become `_`, as in the files of the relbert library. Whatever that would make ambiguous (`_` and `%` in a
    word, blanks at its ends or next to each other, other white space, unprintable characters) is percent-encoded.

    >>> pair_key(("New York", "United States"))
    'New_York__United_States'
    >>> pair_key(("a__b", "50%"))
    'a%5F%5Fb__50%25'
    """
    return "__".join(map(_escape, pair))


def _escape(word: str) -> str:
    plain = "".join(
        char if char == " " or (char.isprintable() and char not in "%_") else _percent(char) for char in word
    )
    # "_" at the end of a word or next to another "_" would look like part of the separator.
    return re.sub("^ +| +$|(?<= ) ", lambda blanks: "%20" * len(blanks[0]), plain).replace(" ", "_")


def _percent(char: str) -> str:
    # Not urllib's quote, which never encodes "_".
    return "".join(f"%{byte:02X}" for byte in char.encode())


def export_word2vec(index: RelationIndex, path: str | os.PathLike[str], *, show_progress_bar: bool = False) -> int:
    """Write the vectors of an index to a text file, one pair per line, named by `pair_key`.

    `gensim.models.KeyedVectors.load_word2vec_format(path)` reads the file. A pair with several labels is written once.

    Args:
        index: The index.
        path: The text file.
        show_progress_bar: Show the number of pairs done.

    Returns:
        The number of pairs.

    Raises:
        ValueError: If the index is empty.
    """
    if not len(index):
        raise ValueError(f"The index {str(index.path)!r} is empty, so there is nothing to export.")
    seen: set[str] = set()
    with (
        atomic_output(path) as temporary,
        tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n", dir=temporary.parent) as lines,
        tqdm(desc="Exporting", total=len(index), unit=" pairs", disable=not show_progress_bar) as progress,
    ):
        for row in index.rows(vectors=True):
            progress.update()
            key = pair_key((row["head"], row["tail"]))
            if key in seen:
                continue
            seen.add(key)
            numbers = " ".join(f"{value:.7g}" for value in np.asarray(row["vector"]))
            lines.write(f"{key} {numbers}\n")
        # The first line is the number of pairs, which is known only now.
        lines.seek(0)
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(f"{len(seen)} {index.identity.dimension}\n")
            shutil.copyfileobj(lines, file)
    return len(seen)
