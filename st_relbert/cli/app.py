"""`st-relbert app`: a local web page over an index."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Annotated

import typer

from st_relbert.cli import options
from st_relbert.cli.output import say
from st_relbert.environment import import_extra


def run(
    index: options.Index,
    model: options.IndexModel = None,
    host: Annotated[
        str,
        typer.Option(help="address to listen at (127.0.0.1: this machine only; 0.0.0.0: all that can reach it)"),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="port to listen at; 0: one that is free")] = 7860,
    quiet: options.Quiet = False,
) -> None:
    r"""Open a local web page over an index.

    Type a pair, and see similar pairs, what completes a third word, and which relation it is. Ctrl-C ends it. Needs pip
    install st-relbert\[search,app].
    """
    from st_relbert.search import RelationIndex
    from st_relbert.see.app import build_page, listen, make_server
    from st_relbert.see.views import Explorer

    opened = RelationIndex.open(index, model)
    import_extra("gradio", "app")  # before the words are encoded, which takes a while
    with listen(host, port) as listener:
        server = make_server(build_page(Explorer(opened, show_progress_bar=not quiet)), host)
        shown = f"[{host}]" if ":" in host else host
        say(f"{opened.path} is at http://{shown}:{listener.getsockname()[1]} (Ctrl-C ends it)")
        sys.stdout.flush()
        # The server has closed its connections by the time that Ctrl-C gets here.
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
