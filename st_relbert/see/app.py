"""The explorer: a web page over an index, made with Gradio, and a server for it that keeps to this machine."""

from __future__ import annotations

import errno
import ipaddress
import socket
from html import escape
from typing import Any
from urllib.parse import urlsplit

from st_relbert.environment import import_extra
from st_relbert.see.views import AnswerTable, Explorer, ExplorerQuery

# Gradio prefixes each selector, and takes the commas of :is(a, b) for those between selectors.
CSS = """
.explorer-answer h2 { font-size: 1.05rem; font-weight: 600; margin: 0; }
.explorer-answer p { margin: 0.1rem 0 0.5rem; opacity: 0.75; overflow-wrap: anywhere; }
.explorer-answer table { width: 100%; border: 0; border-collapse: collapse; margin: 0; }
.explorer-answer tr { border: 0; border-bottom: 1px solid var(--border-color-primary); }
.explorer-answer th, .explorer-answer td {
  border: 0; padding: 0.35rem 0.5rem 0.35rem 0; text-align: left; vertical-align: top; font-size: 0.95rem;
  overflow-wrap: anywhere;
}
.explorer-answer th { font-weight: 400; font-size: 0.8rem; }
.explorer-answer th span { opacity: 0.75; }
.explorer-answer .cosine, .explorer-answer .votes {
  text-align: right; padding-right: 0; white-space: nowrap; font-variant-numeric: tabular-nums;
}
"""


def answer(title: str, view: AnswerTable) -> str:
    """A view as HTML.

    Args:
        title: Its heading.
        view: The table, or the line in its place.
    """
    lines = [f'<section class="explorer-answer"><h2>{_text(title)}</h2>']
    lines += [f"<p>{_text(line)}</p>" for line in (view.caption, view.message) if line]
    if view.rows:
        head = "".join(f'<th class="{name}"><span>{name}</span></th>' for name in view.columns)
        lines.append(f"<table><thead><tr>{head}</tr></thead><tbody>")
        for row in view.rows:
            cells = zip(view.columns, row, strict=True)
            lines.append("<tr>" + "".join(f'<td class="{name}">{_text(cell)}</td>' for name, cell in cells) + "</tr>")
        lines.append("</tbody></table>")
    return "".join(lines) + "</section>"


def header(path: str, pairs: int, relations: int, words: int) -> str:
    """The heading of the page.

    Args:
        path: The index.
        pairs: Its number of pairs.
        relations: Its number of labels.
        words: Its number of words.
    """
    counts = f"pairs: {pairs:,}, words: {words:,}, relations: {relations:,}"
    return f'<section class="explorer-answer"><h1>Relation explorer</h1><p>{_text(path)} ({counts})</p></section>'


def _text(text: str) -> str:
    # Names such as lexical/antonym_adjective may be broken after their signs, rather than anywhere.
    return escape(text).replace("/", "/<wbr>").replace("_", "_<wbr>")


TITLES = ("Similar pairs", "Completion", "Relation guess")


def build_page(explorer: Explorer) -> Any:
    """The page, a `gr.Blocks`, with the first of the explorer's examples filled in and answered.

    Nothing that is typed is kept or sent elsewhere: Gradio's analytics are off.

    Args:
        explorer: What answers.

    Raises:
        MissingExtraError: If Gradio is not installed.
    """
    gr = import_extra("gradio", "app")
    first = explorer.examples[0] if explorer.examples else ExplorerQuery("", "")

    def ask(head: str, tail: str, word: str, relation: str, other_words: bool) -> tuple[str, ...]:
        return _answers(explorer, ExplorerQuery(head, tail, word, relation, other_words))

    index = explorer.index
    with gr.Blocks(title="Relation explorer", analytics_enabled=False) as page:
        gr.HTML(header(str(index.path), len(index), len(explorer.relations), explorer.word_count))
        with gr.Row():
            head = gr.Textbox(first.head, label="Head", max_lines=1, min_width=130)
            tail = gr.Textbox(first.tail, label="Tail", max_lines=1, min_width=130)
            word = gr.Textbox(first.word, label="Word to complete (may be empty)", max_lines=1, min_width=240)
        search = gr.Button("Search", variant="primary")
        with gr.Accordion("Which similar pairs", open=False), gr.Row():
            with gr.Column(min_width=240):
                relation = _relation_choice(gr, explorer.relations)
            with gr.Column(min_width=240):
                words = [("any", False), ("other than typed", True)]
                other_words = gr.Radio(words, value=False, label="Words")
        inputs, outputs = [head, tail, word, relation, other_words], []
        if explorer.examples:
            labels = [f"{each.head} : {each.tail}" for each in explorer.examples]
            examples = gr.Examples([list(each[:3]) for each in explorer.examples], inputs[:3], example_labels=labels)
        with gr.Row():
            for html in _answers(explorer, first):
                with gr.Column(min_width=320):
                    outputs.append(gr.HTML(html))
        triggers = [search.click, head.submit, tail.submit, word.submit, relation.input, other_words.input]
        gr.on(triggers, ask, inputs, outputs, api_name="ask")
        if explorer.examples:
            examples.load_input_event.then(ask, inputs, outputs, api_name=False)
    return page


def _answers(explorer: Explorer, question: ExplorerQuery) -> tuple[str, ...]:
    views = (explorer.neighbours(question), explorer.completions(question), explorer.labels(question))
    return tuple(answer(title, view) for title, view in zip(TITLES, views, strict=True))


def _relation_choice(gr: Any, relations: list[str]) -> Any:
    choices = [("any", ""), *((name, name) for name in relations)]
    return gr.Dropdown(choices, value="", label="Relation", visible=bool(relations))


# Browsers load nothing from elsewhere, and show the page in no other page's frame. Gradio runs scripts that stand in
# the page, and makes some at run time.
_POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
)

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

# What Gradio serves beyond the page: uploads of files of any size, and descriptions of its routes.
_CLOSED = frozenset({"upload", "upload_progress", "openapi.json", "docs", "redoc"})


class OwnPageOnly:
    """Lets through what the page itself asks for, as ASGI middleware.

    A page of another origin cannot read this one through a name of its own that leads here (DNS rebinding), nor send
    requests to it.

    Args:
        app: The application behind it.
        names: The host names that the server goes by; None: any.
    """

    def __init__(self, app: Any, names: frozenset[str] | None) -> None:
        self.app = app
        self.names = names

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Hand a request on, or refuse it."""
        from starlette.responses import PlainTextResponse

        if scope["type"] == "http":
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            status = self._refusal(scope["path"], headers.get("host", ""), headers.get("origin"))
            if status:
                await PlainTextResponse("Not for this page.", status)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _refusal(self, path: str, host: str, origin: str | None) -> int:
        """The status of the refusal, or 0."""
        if not _CLOSED.isdisjoint(path.split("/")):
            return 404
        if self.names is not None and _host_name(f"//{host}") not in self.names:
            return 403
        return 403 if origin is not None and urlsplit(origin).netloc != host else 0


def _host_name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:  # for instance a bracket that is not closed
        return None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


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


def make_server(page: Any, host: str = "127.0.0.1") -> Any:
    """A server for a page: a `uvicorn.Server`, of which `run(sockets=[listen(host, port)])` serves until Ctrl-C.

    It makes no connections, takes no uploads, answers requests of its own page only, and tells browsers to load nothing
    from other machines.

    Args:
        page: What `build_page` made.
        host: The address that it listens at. At a loopback address it goes by the names of this machine only.

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
        OwnPageOnly(app, _LOOPBACK | {host} if _is_loopback(host) else None),
        log_config=None,
        timeout_graceful_shutdown=1,
        headers=[("Content-Security-Policy", _POLICY), ("X-Frame-Options", "DENY")],
    )
    return uvicorn.Server(settings)
