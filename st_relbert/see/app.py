"""The explorer: a web page for an index, made with Gradio, and a server that only this machine reaches by default."""

from __future__ import annotations

import errno
import ipaddress
import socket
from typing import Any
from urllib.parse import urlsplit

from st_relbert.environment import import_extra
from st_relbert.see.answers import CSS, answer, as_csv, further, header, word_list
from st_relbert.see.query import NEIGHBOURS, SORTS, ExplorerQuery, as_number
from st_relbert.see.views import Explorer, relation_title

TITLES = ("Similar pairs", "Completion", "Relation guess")


def build_page(explorer: Explorer) -> Any:
    """Build the page, a `gr.Blocks`, with the first of the explorer's examples filled in and answered.

    What people type is neither stored nor sent elsewhere; Gradio's analytics are off. Raises `MissingExtraError` if
    Gradio is not installed.
    """
    gr = import_extra("gradio", "app")
    first = explorer.examples[0] if explorer.examples else ExplorerQuery()

    def ask(*typed: Any) -> tuple[str, ...]:
        # Inputs in a part of the page that nobody has opened have no value yet.
        given: list[Any] = [
            usual if value is None else value for value, usual in zip(typed, ExplorerQuery(), strict=True)
        ]
        question = ExplorerQuery(*given)
        return _answers(explorer, question._replace(number=as_number(question.number)))

    def opened(request: Any) -> tuple[Any, ...]:
        """Answer the question in the address. Without one, keep the page: something may have been typed by now."""
        asked = ExplorerQuery.of(dict(request.query_params))
        if asked == ExplorerQuery():
            return (gr.skip(),) * (len(inputs) + len(outputs))
        return *asked, *_answers(explorer, asked)

    opened.__annotations__["request"] = gr.Request  # Gradio looks for this annotation
    index = explorer.index
    with gr.Blocks(title="Relation explorer", analytics_enabled=False) as page:
        gr.HTML(header(str(index.path), len(index), len(explorer.relations), explorer.word_count))
        with gr.Row():
            titles = ("A", "is to B", "as C is to ? (may be empty)")
            head, tail, word = (
                gr.Textbox(typed, label=label, max_lines=1, min_width=width, elem_classes="explorer-word")
                for typed, label, width in zip(first[:3], titles, (110, 110, 200), strict=True)
            )
        with gr.Row():
            search = gr.Button("Search", variant="primary", min_width=120)
            swap = gr.Button("Swap A and B", min_width=120)
        with gr.Accordion("More: further pairs, one relation, number and order", open=False):
            inputs = [head, tail, word, *_options(gr, explorer.relations)]
        if explorer.examples:
            labels = [
                f"{each.head} : {each.tail}" + f" = {each.word} : ?" * bool(each.word) for each in explorer.examples
            ]
            examples = gr.Examples([list(each[:3]) for each in explorer.examples], inputs[:3], example_labels=labels)
        outputs = []
        *tables, links, copied = _answers(explorer, first)
        with gr.Row():
            for html in tables:
                with gr.Column(min_width=320):
                    outputs.append(gr.HTML(html))
        outputs.append(gr.HTML(links))
        with gr.Accordion("Copy the pairs", open=False):
            outputs.append(gr.Textbox(copied, show_label=False, lines=4, max_lines=12, buttons=["copy"]))
        triggers = [search.click, *(each.submit for each in inputs[:3]), *(each.input for each in inputs[4:6])]
        gr.on([*triggers, inputs[7].input], ask, inputs, outputs, api_name="ask")
        swapped = swap.click(lambda a, b: (b, a), [head, tail], [head, tail], api_name=False)
        swapped.then(ask, inputs, outputs, api_name=False)
        if explorer.examples:
            examples.load_input_event.then(ask, inputs, outputs, api_name=False)
        page.load(opened, None, [*inputs, *outputs], api_name=False, show_progress="hidden")
        gr.HTML(word_list(explorer.suggestions), padding=False)
        page.load(None, None, None, js=_SUGGEST)
    return page


def _answers(explorer: Explorer, question: ExplorerQuery) -> tuple[str, ...]:
    similar = explorer.neighbours(question)
    views = (similar, explorer.completions(question), explorer.labels(question))
    tables = (answer(title, view) for title, view in zip(TITLES, views, strict=True))
    return *tables, further(question, similar), as_csv(similar, "\t") if similar.rows else ""


def _options(gr: Any, relations: list[str]) -> list[Any]:
    """Return the inputs other than the three words, in the order of an `ExplorerQuery`."""
    more = gr.Textbox(
        label="Further pairs related like A and B, one per line", placeholder="Paris : France", lines=2, max_lines=8
    )
    with gr.Row():
        choices = [("any", ""), *((relation_title(name), name) for name in relations)]
        label = "Relation (leave A and B empty to list all its pairs)"
        relation = gr.Dropdown(choices, value="", label=label, visible=bool(relations), min_width=240)
        words = [("any", False), ("not the typed ones", True)]
        other_words = gr.Radio(words, value=False, label="Words", min_width=200)
        number = gr.Slider(1, 100, value=NEIGHBOURS, step=1, label="Number", min_width=160)
        orders = [(label, name) for name, label in SORTS.items()]
        order = gr.Dropdown(orders, value="best", label="Order", min_width=140)
    return [more, relation, other_words, number, order]


# Browsers suggest words from a list in the page. Gradio itself has only menus, which are slow with many words.
_SUGGEST = """() => {
  for (const box of document.querySelectorAll(".explorer-word input")) {
    box.setAttribute("list", "explorer-words");
    box.setAttribute("autocomplete", "on");
  }
}"""

# Browsers load nothing from elsewhere, and show the page in no other page's frame. Gradio needs scripts inside the
# page, some of them made at run time.
_POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
)

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

# What Gradio serves beyond the page: uploads of files of any size, and descriptions of its routes.
_CLOSED = frozenset({"upload", "upload_progress", "openapi.json", "docs", "redoc"})


class OwnPageOnly:
    """ASGI middleware that only lets requests of the page itself through.

    A page of another origin can neither read this one through a host name of its own that resolves to this machine (DNS
    rebinding), nor send requests to it. The server accepts the host names in `names`, or any if that is None.
    """

    def __init__(self, app: Any, names: frozenset[str] | None) -> None:
        self.app = app
        self.names = names

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on, or refuse it."""
        from starlette.responses import PlainTextResponse

        if scope["type"] == "http":
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            status = self._refusal(scope["path"], headers.get("host", ""), headers.get("origin"))
            if status:
                await PlainTextResponse("Not for this page.", status)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _refusal(self, path: str, host: str, origin: str | None) -> int:
        """Return the status code of a refusal, or 0."""
        if not _CLOSED.isdisjoint(path.split("/")):
            return 404
        if self.names is not None and _host_name(f"//{host}") not in self.names:
            return 403
        return 403 if origin is not None and urlsplit(origin).netloc != host else 0


def _host_name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:  # for example, an unclosed bracket
        return None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listen(host: str, port: int) -> socket.socket:
    """Listen on a port at an address or name of this machine. Only this machine can reach 127.0.0.1.

    With port 0, any free port is used. Raises `ValueError` if the port is taken, or address and port cannot be used.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise ValueError(
                f"Port {port} of {host} is already in use. Choose another, for example --port {port + 1}."
            ) from error
        raise ValueError(
            f"Cannot listen on {host!r}, port {port} ({error}), expected an address of this machine such as 127.0.0.1, "
            "and a port up to 65535 that you may use."
        ) from error


def make_server(page: Any, host: str = "127.0.0.1") -> Any:
    """Make a server for a page: a `uvicorn.Server`, whose `run(sockets=[listen(host, port)])` serves until Ctrl-C.

    It opens no connections, takes no uploads, only answers requests of its own page, and tells browsers to load nothing
    from other machines. At a loopback address, it only accepts host names of this machine. Raises `MissingExtraError`
    if Gradio is not installed.
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
    # Browsers keep a connection open, which is closed a second after Ctrl-C.
    settings = uvicorn.Config(
        OwnPageOnly(app, _LOOPBACK | {host} if _is_loopback(host) else None),
        log_config=None,
        timeout_graceful_shutdown=1,
        headers=[("Content-Security-Policy", _POLICY), ("X-Frame-Options", "DENY")],
    )
    return uvicorn.Server(settings)
