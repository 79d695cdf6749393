"""``st-relbert app``: a local web page over an index."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from typing import Any

from st_relbert.cli.index import open_index
from st_relbert.environment import import_extra


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "app",
        help="a local web page over an index",
        description="A web page for trying an index out: type a pair, and see similar pairs, what completes a third "
        "word, and which relation it is. Ctrl-C ends it. Needs pip install st-relbert[search,app].",
    )
    parser.add_argument("index", help="the index")
    parser.add_argument("--model", help="the model that made the index, if it is somewhere else now")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen at (127.0.0.1: for this machine only; 0.0.0.0: for all that can reach it)",
    )
    parser.add_argument("--port", type=int, default=7860, help="port to listen at (7860); 0: one that is free")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        ValueError: If the index or its model is unusable, or the port is taken.
        MissingExtraError: If LanceDB or Gradio is not installed.
    """
    from st_relbert.see.app import build_page, listen, make_server
    from st_relbert.see.views import Explorer

    index = open_index(args)
    import_extra("gradio", "app")  # before the words are encoded, which takes a while
    with listen(args.host, args.port) as listener:
        server = make_server(build_page(Explorer(index, show_progress_bar=not args.quiet)))
        host = f"[{args.host}]" if ":" in args.host else args.host
        sys.stdout.write(f"{index.path} is at http://{host}:{listener.getsockname()[1]} (Ctrl-C ends it)\n")
        sys.stdout.flush()
        # The server has closed its connections by the time that Ctrl-C gets here.
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
