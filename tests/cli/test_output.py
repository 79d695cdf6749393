"""What commands print: users' words as they are, in any encoding."""

import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_relbert.cli import main
from st_relbert.cli.output import print_any_character, say, show

WORDS = [":smile:", "[b]", "[/b]", "[red]x[/red]", "[link=x]", "\\[b]", ":smile:-text", "*x*", "`x`"]


@given(st.lists(st.sampled_from(WORDS), min_size=1).map(" ".join), st.sampled_from(WORDS))
def test_a_table_shows_words_as_they_are(words, name):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", io.StringIO())
        show([{name: words, "n": 1}])
        header, row = sys.stdout.getvalue().splitlines()
    assert header.split("  ")[0] == name and row.split("  ")[0] == words


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8"])
def test_words_that_the_encoding_lacks_are_escaped(tmp_path, monkeypatch, encoding):
    words = "café 日本 😀 \x81"
    for as_json in (False, True):
        raw = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding))
        print_any_character()
        show([{"word": words}], as_json)
        say(words)
        shown = raw.getvalue().decode(encoding).splitlines()
        if as_json:
            assert json.loads(shown[0]) == {"word": words}
        elif encoding != "ascii":
            assert shown[1].startswith("café")
        assert ("日本" in shown[-1]) == (encoding == "utf-8")


def test_every_command_can_print_any_word(tmp_path, monkeypatch):
    lines = [{"relation_type": name, "positives": [[f"{name}日", "b"], ["c", "d"]]} for name in ("本", "語")]
    (tmp_path / "set.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "cp1252"))
    output = tmp_path / "日本.jsonl"
    assert main(["data", "combine", str(tmp_path / "set.jsonl"), "--output", str(output)]) == 0
    assert r"\u65e5\u672c.jsonl" in raw.getvalue().decode("cp1252")
