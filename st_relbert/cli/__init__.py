"""The command line. Commands import their dependencies when they run, so that --help is fast."""

from st_relbert.cli.main import main

__all__ = ["main"]
