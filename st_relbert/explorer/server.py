"""Serving the explorer's page."""

from __future__ import annotations

import errno
import socket
from typing import Any

from st_relbert.explorer.markup import CSS
from st_relbert.extras import import_extra

# Browsers load nothing from elsewhere. Gradio runs scripts that stand in the page, and makes some at run time.
_ONLY_FROM_HERE = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:"


def listen(host: str, port: int) -> socket.socket:
    """Take a port.

    Args:
        host: An address or name of this machine; 127.0.0.1 is reached from this machine only.
        port: The port; 0: one that is free.

    Raises:
        ValueError: If the port is taken, or address and port cannot be used.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise ValueError(
                f"Port {port} of {host} is taken, expected a free one. Choose another, for instance --port {port + 1}."
            ) from error
        raise ValueError(
            f"Cannot listen at {host!r}, port {port} ({error}), expected an address of this machine such as 127.0.0.1, "
            "and a port up to 65535 that you may use."
        ) from error


def make_server(page: Any) -> Any:
    """A server for a page: a ``uvicorn.Server``, of which ``run(sockets=[listen(host, port)])`` serves until Ctrl-C.

    It makes no connections, and tells browsers to load nothing from other machines.

    Args:
        page: See :func:`st_relbert.explorer.page.build_page`.

    Raises:
        MissingExtraError: If Gradio is not installed.
    """
    gr, fastapi, uvicorn = (import_extra(name, "app") for name in ("gradio", "fastapi", "uvicorn"))
    app = gr.mount_gradio_app(
        fastapi.FastAPI(openapi_url=None),
        page,
        path="/",
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        css=CSS,
    )
    # Browsers keep a connection open, which is cut a second after Ctrl-C.
    settings = uvicorn.Config(
        app, log_config=None, timeout_graceful_shutdown=1, headers=[("Content-Security-Policy", _ONLY_FROM_HERE)]
    )
    return uvicorn.Server(settings)
