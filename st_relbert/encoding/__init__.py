"""Embed the pairs of files in one process, in several, or on many machines."""

from st_relbert.encoding.encode_files import Engine, encode_files
from st_relbert.encoding.engines import Workers

__all__ = ["Engine", "Workers", "encode_files"]
