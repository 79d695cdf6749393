"""Every mistake on the page of errors gives the message that the page shows."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from st_relbert import RelBERT

PAGE = Path(__file__).parent.parent / "docs" / "errors.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANYTHING = "[...]"  # what the message says there depends on the machine


def blocks(text, language):
    return [code for kind, code in FENCE.findall(text) if kind == language]


def mistakes():
    """Each section's title, kind of code, mistake and message."""
    found = []
    for section in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        title = section.partition("\n")[0]
        messages = blocks(section, "output")
        if messages:
            (kind, code), *_ = FENCE.findall(section)
            found.append(pytest.param(kind, code, messages[0].strip(), id=title))
    return found


@pytest.fixture
def names():
    """What the page's first block defines."""
    return {}


@pytest.fixture(autouse=True)
def beside_the_models(encoders, tmp_path, monkeypatch, names):
    for name in ("relbert-nce", "bert-base-cased"):
        RelBERT(encoders["wordpiece"], template="short").save_pretrained(str(tmp_path / name), create_model_card=False)
    monkeypatch.chdir(tmp_path)
    exec(blocks(PAGE.read_text(encoding="utf-8"), "python")[0], names)


def message_of(kind, code, names):
    """What a mistake says: the error in Python, or what the command writes."""
    if kind == "py":
        with pytest.raises(Exception) as error:  # the message is what is compared
            exec(code, names)
        return str(error.value)
    command = code.replace("st-relbert", f"{sys.executable} -m st_relbert")
    root = str(PAGE.parent.parent)
    done = subprocess.run(["bash", "-c", f"export PYTHONPATH={root}\n{command}"], capture_output=True, text=True)
    assert done.returncode == 2
    return done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(("kind", "code", "message"), mistakes())
def test_a_mistake_gives_the_message_of_the_page(kind, code, message, names):
    pattern = ".+".join(map(re.escape, message.split(ANYTHING)))
    assert re.fullmatch(pattern, message_of(kind, code, names), re.DOTALL)


def test_there_are_ten():
    assert len(mistakes()) == 10
