"""A folder of WordNet's files as NLTK wants it."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from nltk.data import PathPointer

# The numbers of the lexicographer files in the order of lexnames(5WN), a file that Debian's packages lack.
_LEXNAMES = (
    "adj.all adj.pert adv.all noun.Tops noun.act noun.animal noun.artifact noun.attribute noun.body noun.cognition "
    "noun.communication noun.event noun.feeling noun.food noun.group noun.location noun.motive noun.object "
    "noun.person noun.phenomenon noun.plant noun.possession noun.process noun.quantity noun.relation noun.shape "
    "noun.state noun.substance noun.time verb.body verb.change verb.cognition verb.communication verb.competition "
    "verb.consumption verb.contact verb.creation verb.emotion verb.motion verb.perception verb.possession "
    "verb.social verb.stative verb.weather adj.ppl"
)


class FolderPointer(PathPointer):  # type: ignore[misc]  # NLTK has no types
    """A file or folder anywhere.

    NLTK opens files of its registered data folders only; to register one is a setting of the whole process.

    Args:
        path: The file or folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def join(self, fileid: str) -> FolderPointer:
        """The file of that name in the folder."""
        return FolderPointer(self.path / fileid)

    def open(self, encoding: str | None = None) -> StringIO:
        """Read the file whole.

        Returns:
            The text: characters are bytes (WordNet is ASCII), so offsets in bytes hold, and no file stays open.
        """
        if self.path.name == "lexnames":
            return StringIO("".join(f"{number:02d}\t{name}\t0\n" for number, name in enumerate(_LEXNAMES.split())))
        return StringIO(self.path.read_bytes().decode("latin-1"))

    def file_size(self) -> int:
        """The size in bytes."""
        return self.path.stat().st_size
