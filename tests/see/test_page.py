import json
import re
import shutil
import socket
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from html import escape
from types import SimpleNamespace

import pytest

from st_relbert import RelBERT
from st_relbert.search import RelationIndex
from tests.see.conftest import PAIRS, TAG, TEMPLATE

pytest.importorskip("gradio", reason="needs pip install st-relbert[app]")

from st_relbert.see.app import OwnPageOnly, build_page, listen, make_server
from st_relbert.see.query import ExplorerQuery
from st_relbert.see.views import Explorer


@contextmanager
def served(index):
    with listen("127.0.0.1", 0) as listener:
        server = make_server(build_page(Explorer(index)))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 20
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


@pytest.fixture(scope="module")
def address(index):
    with served(index) as address:
        yield address


def get(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as response:
        return response.headers, response.read().decode()


def ask(address, *inputs):
    """The three answers, the links and the text to copy, as Gradio's own client gets them."""
    head, tail, word, relation, other_words = inputs
    more = None if word is None else ""
    data = [head, tail, word, more, relation, other_words, 10, "best"]
    event = json.loads(get(f"{address}/gradio_api/call/ask", {"data": data})[1])["event_id"]
    _, stream = get(f"{address}/gradio_api/call/ask/{event}")
    assert "event: complete" in stream, stream
    return json.loads(stream.split("data: ")[-1])


def text(html):
    return " ".join(re.sub("<[^>]*>", " ", html.replace("<wbr>", "")).split())


def test_a_question_has_three_answers(address):
    similar, completion, guess, links, copied = map(text, ask(address, "Berlin", "Germany", "Paris", "", False))
    assert links == "link to this answer · save the pairs as CSV" and copied.startswith("head tail relation cosine")
    assert similar.startswith("Similar pairs related as Berlin is to Germany pair relation cosine ")
    assert all(f"{head} : {tail}" in similar for head, tail in PAIRS["capital"])
    assert completion.startswith("Completion Berlin is to Germany as Paris is to … word score ")
    assert guess.startswith("Relation guess how Berlin is related to Germany relation example votes ")
    assert sum(map(int, re.findall(r"(\d+)%", guess))) in (99, 100, 101)
    only, *_ = map(text, ask(address, "Tokyo", "Germany", "", "capital", True))
    assert "Paris : France" in only and "Madrid" not in only and "Japan" not in only


def test_unopened_inputs_use_their_defaults(address):
    assert ask(address, "Berlin", "Germany", None, None, None) == ask(address, "Berlin", "Germany", "", "", False)


def test_words_typed_while_the_page_loads_are_kept(index):
    """Only an address with a question fills the boxes."""
    page = build_page(Explorer(index))
    (opened,) = (each.fn for each in page.fns.values() if each.fn and each.fn.__name__ == "opened")
    assert all(update == {"__type__": "update"} for update in opened(SimpleNamespace(query_params={})))
    assert opened(SimpleNamespace(query_params={"a": "Berlin", "b": "Germany"}))[:3] == ("Berlin", "Germany", "")


def test_words_are_escaped(address):
    answers = ask(address, TAG, '<script>alert("x")</script>', TEMPLATE, "", False)
    assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/" in answers[0] and escape(TEMPLATE) in answers[1]
    tags = {tag for html in answers[:4] for tag in re.findall(r"</?(\w+)", html)}
    assert tags == {"section", "h2", "p", "table", "thead", "tbody", "tr", "th", "td", "span", "wbr", "a", "meter"}
    assert "i&gt;</a>" in answers[2] and "&lt;b&gt;R&amp;D&lt;/<wbr>b&gt;" in answers[1]
    _, page = get(address)
    config = json.loads(re.search(r"window.gradio_config = (.*?);</script>", page)[1])
    (header, *_) = [part["props"]["value"] for part in config["components"] if part["type"] == "html"]
    assert "&lt;u&gt;idx&lt;/<wbr>u&gt; (pairs: 6, words: 12, relations: 2)" in header


def test_the_boxes_suggest_words_of_the_index(address):
    config = json.loads(get(f"{address}/config")[1])
    (words,) = (
        part["props"]["value"]
        for part in config["components"]
        if part["type"] == "html" and "<datalist" in part["props"]["value"]
    )
    assert set(re.findall(r"<(\w+)", words)) == {"datalist", "option"} and words.count("<option>") == 12
    assert "<option>Tokyo</option>" in words and f"<option>{escape(TAG)}</option>" in words
    boxes = [part for part in config["components"] if "explorer-word" in (part["props"].get("elem_classes") or ())]
    assert [part["type"] for part in boxes] == ["textbox"] * 3


def test_missing_or_invalid_input_gives_one_line(address):
    for answer in map(text, ask(address, "", "Japan", "", "", False)[:3]):
        assert answer.endswith("Type two words, for example Tokyo and Japan.")
    similar, completion, *_ = map(text, ask(address, "\u200b", "Japan", "", "", False))
    assert similar.endswith("expected a word with at least one visible character.")
    assert completion.endswith("Type a third word to see what completes it.")


def test_the_page_of_an_empty_index(encoders, tmp_path):
    with served(RelationIndex.create(tmp_path / "idx", RelBERT(encoders["wordpiece"], template="short"))) as address:
        assert "pairs: 0, words: 0, relations: 0" in get(address)[1]
        for answer in map(text, ask(address, "Tokyo", "Japan", "Paris", "", False)[:3]):
            assert "The index is empty." in answer


def test_nothing_is_loaded_from_elsewhere_or_stored(address):
    headers, page = get(address)
    policy = headers["Content-Security-Policy"].split("; ")
    assert policy[0] == "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:"
    assert "frame-ancestors 'none'" in policy and headers["X-Frame-Options"] == "DENY"
    loaded = re.findall(r"<(?:script|link|img|iframe)\b[^>]*?(?:src|href)=\"([^\"]*)\"", page)
    assert loaded and all(url.startswith(("./", "/")) and not url.startswith("//") for url in loaded)
    config = json.loads(get(f"{address}/config")[1])
    assert config["analytics_enabled"] is False and config["footer_links"] == [] and not config.get("run_history")
    for path in ("docs", "redoc", "openapi.json", "gradio_api/openapi.json", "monitoring", "gradio_api/runs"):
        with pytest.raises(urllib.error.HTTPError, match="40[34]"):
            get(f"{address}/{path}")


def status(url, method="GET", body=None, **headers):
    request = urllib.request.Request(url, body, headers, method=method)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


def test_other_pages_get_no_answer(address):
    """A page cannot use a host name of its own that resolves here, or its own origin, and nobody can upload files."""
    port = address.rpartition(":")[2]
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}", "localhost"):
        assert status(f"{address}/config", Host=host) == 200, host
    for host in (
        f"evil.example:{port}",
        "evil.example",
        f"127.0.0.1.evil.example:{port}",
        f"[::1:{port}",
        "",
        "@localhost.x",
    ):
        assert status(f"{address}/config", Host=host) == 403, host
    call, body = (
        f"{address}/gradio_api/call/ask",
        json.dumps({"data": ["a", "b", "", "", "", False, 10, "best"]}).encode(),
    )
    typed = {"Content-Type": "application/json"}
    assert status(call, "POST", body, Origin=address, **typed) == 200
    for origin in ("https://evil.example", "null", f"http://127.0.0.1:{int(port) + 1}", "http://localhost"):
        assert status(call, "POST", body, Origin=origin, **typed) == 403, origin
    for path in ("gradio_api/upload", "upload", "gradio_api/upload?upload_id=x", "gradio_api/upload_progress"):
        assert status(f"{address}/{path}", "POST", b"x" * 1000) == 404, path


def test_a_public_server_accepts_any_host_name_but_only_its_own_page():
    guarded = OwnPageOnly(None, None)
    assert (
        guarded._refusal("/", "lab.example:80", None) == guarded._refusal("/", "lab.example", "http://lab.example") == 0
    )
    assert guarded._refusal("/", "lab.example", "http://evil.example") == 403


def test_an_unusable_port_is_an_error():
    with listen("127.0.0.1", 0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"
        port = listener.getsockname()[1]
        with pytest.raises(ValueError, match=rf"Port {port} of 127.0.0.1 is already in use\..* --port {port + 1}"):
            listen("127.0.0.1", port)
    for host, port in [("127.0.0.1", 70000), ("192.0.2.1", 0), ("no such host", 0)]:
        with pytest.raises(ValueError, match=f"Cannot listen on '{host}', port {port} .* such as 127.0.0.1"):
            listen(host, port)


def test_only_this_machine_can_open_the_page(address):
    """The server does not listen at other addresses, such as another one of the same machine."""
    port = int(address.rpartition(":")[2])
    socket.create_connection(("127.0.0.1", port), timeout=5).close()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.2", port), timeout=5)


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="needs pip install playwright")
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.skip("needs the program chromium")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(390, 844), (1400, 900)])
def test_the_page_in_a_browser(address, browser, width, height):
    page = browser.new_page(viewport={"width": width, "height": height})
    requested, errors = [], []
    page.on("request", lambda request: requested.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address + ExplorerQuery(TAG, TEMPLATE, "x_y").link)
    page.wait_for_selector("text=as x_y is to")
    assert page.locator("h2").all_inner_texts() == ["Similar pairs", "Completion", "Relation guess"]
    # The query in the address is filled in as text: nothing in it is treated as HTML or as a template.
    assert (
        page.get_by_label("A", exact=True).input_value() == TAG
        and page.get_by_label("is to B").input_value() == TEMPLATE
    )
    assert f"{TAG} is to {TEMPLATE} as x_y is to …" in page.locator("p").all_inner_texts()

    page.get_by_label("A", exact=True).fill("Berlin")
    page.get_by_label("is to B").fill("W" * 60)
    page.get_by_label("as C is to ?").fill(TEMPLATE)
    page.get_by_role("button", name="Search").click()
    page.wait_for_selector(f"text=Berlin is to {'W' * 60} as")
    assert f"Berlin is to {'W' * 60} as {TEMPLATE} is to …" in page.locator("p").all_inner_texts()
    assert all(table.locator("tbody tr").count() for table in page.locator(".explorer-answer table").all())
    page.get_by_text("More: further pairs").click()
    page.get_by_label("not the typed ones").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    rights = "[...document.querySelectorAll('td, p, input')].map(each => each.getBoundingClientRect().right)"
    assert 0 < max(page.evaluate(rights)) <= width

    page.get_by_role("button", name="Tokyo : Japan = Paris").click()
    page.wait_for_selector("text=Tokyo is to Japan as Paris is to")
    page.get_by_label("A", exact=True).fill("")
    page.get_by_label("A", exact=True).press("Enter")
    page.wait_for_selector("text=Type two words")
    assert not errors and requested and all(url.startswith((address, "data:", "blob:")) for url in requested)
    page.close()
