"""NLTK's reader of WordNet on any folder."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from nltk.corpus.reader.wordnet import WordNetCorpusReader

from st_relbert.wordnet.folder_pointer import FolderPointer


class FolderReader(WordNetCorpusReader):  # type: ignore[misc]  # NLTK has no types
    """NLTK's reader of WordNet, without NLTK's data folders.

    Args:
        folder: The folder with WordNet's files.
    """

    def __init__(self, folder: Path) -> None:
        # Not None, of which NLTK warns: other languages are not asked for.
        super().__init__(FolderPointer(folder), omw_reader=False)

    def open(self, file: str) -> StringIO:
        """Open a file of the folder."""
        return FolderPointer(self._root.path).join(file).open()

    def map_wn(self, version: str = "wordnet") -> None:
        """Leave out the map between versions of WordNet, which is for other languages and needs a second WordNet."""
