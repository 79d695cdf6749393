"""The documentation's site builds without a warning, and its pages load nothing from elsewhere."""

import dataclasses
import html
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from st_relbert.training import TrainingSettings

ROOT = Path(__file__).parent.parent
# What a browser fetches without a click, unlike a link.
FETCHED = re.compile(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"([^\"]*)\"|<link\b[^>]*\bhref=\"([^\"]*)\"")
FETCHED_BY_STYLE = re.compile(r"url\(([^)]*)\)|@import\s+([^;]*)")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("mkdocstrings", reason="needs pip install st-relbert[docs]")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_pages_load_nothing_from_elsewhere(site):
    pages, styles = list(site.rglob("*.html")), list(site.rglob("*.css"))
    fetched = [address for page in pages for address in FETCHED.findall(page.read_text(encoding="utf-8"))]
    fetched += [address for style in styles for address in FETCHED_BY_STYLE.findall(style.read_text(encoding="utf-8"))]
    addresses = {"".join(found).strip("'\"") for found in fetched}
    assert any(address.endswith(".js") for address in addresses)  # the pattern does match
    assert not [address for address in addresses if re.match(r"(https?:)?//", address)]


@pytest.mark.slow
def test_the_reference_shows_what_the_docstrings_say_as_markdown(site):
    text = "".join(page.read_text(encoding="utf-8") for page in (site / "reference").rglob("*.html"))
    assert 'id="st_relbert.RelBERT.encode"' in text and 'id="st_relbert.losses.InfoNCELoss"' in text
    assert "<code>RelationPooling</code>" in text
    for leftover in (":class:", ":func:", ":meth:", ":attr:", ":data:", "autoref identifier", "`RelationPooling`"):
        assert leftover not in text, leftover


@pytest.mark.slow
def test_the_page_of_the_command_line_has_every_command(site):
    text = (site / "reference" / "cli.html").read_text(encoding="utf-8")
    for command in ("train", "evaluate", "index build", "complete"):
        assert f"Usage: st-relbert {command}" in text


@pytest.mark.slow
def test_the_page_of_the_settings_has_every_setting_with_its_default(site):
    page = (site / "reference" / "settings.html").read_text(encoding="utf-8")
    cells = [re.findall("<td>(.*?)</td>", row, re.DOTALL) for row in page.split("<tr>")]
    rows = [[html.unescape(re.sub("<[^>]*>", "", cell)).strip() for cell in row] for row in cells if row]
    shown = {name: rest for name, *rest in rows}
    settings = {field.name: field for field in dataclasses.fields(TrainingSettings)}
    assert shown.keys() == settings.keys()
    for name, (_, default, text) in shown.items():
        field = settings[name]
        assert default == ("" if field.default is dataclasses.MISSING else repr(field.default))
        assert text == field.metadata["help"]
    assert shown["pooling"][0] == "'average_no_mask' or 'average' or 'mask' or None"
