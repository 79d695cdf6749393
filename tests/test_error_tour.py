"""Every mistake on the page of errors gives the message that the page shows."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from st_relbert.cli import main

PAGE = Path(__file__).parent.parent / "docs" / "errors.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANYTHING = "[...]"  # the rest of the message depends on the machine


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
def beside_the_models(saved_model, tmp_path, monkeypatch, names):
    for name in ("relbert-nce", "bert-base-cased"):
        saved_model("wordpiece", tmp_path / name)
    monkeypatch.chdir(tmp_path)
    exec(blocks(PAGE.read_text(encoding="utf-8"), "python")[0], names)


def message_of(kind, code, names, capsys):
    """What a mistake says: the error in Python, or what the command writes."""
    if kind == "py":
        with pytest.raises(Exception) as error:  # only the message is compared
            exec(code, names)
        return str(error.value)
    *preparation, command = code.strip().splitlines()
    subprocess.run(["bash", "-c", "\n".join(preparation)], check=True)
    name, *arguments = shlex.split(command)
    assert (name, main(arguments)) == ("st-relbert", 2)
    return capsys.readouterr().err.strip().splitlines()[-1]


@pytest.mark.parametrize(("kind", "code", "message"), mistakes())
def test_each_mistake_gives_the_message_on_the_page(kind, code, message, names, capsys):
    pattern = ".+".join(map(re.escape, message.split(ANYTHING)))
    assert re.fullmatch(pattern, message_of(kind, code, names, capsys), re.DOTALL)
