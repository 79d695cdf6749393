"""The code of README and docs runs as it stands, one block after the other, beside models in folders of these names."""

import json
import re
import runpy
from pathlib import Path

import pytest

from st_relbert import RelBERT

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# The names that the pages load, and the tiny encoder that stands in for each.
MODELS = {"relbert-nce": "wordpiece", "bert-base-cased": "wordpiece", "relbert/relbert-roberta-large": "bytelevel"}


def python_of(page):
    """The page with everything blanked that is not Python, so that line numbers stay."""
    lines, inside = [], False
    for line in page.read_text(encoding="utf-8").splitlines():
        fence = re.fullmatch(r"\s*```(\w*)", line)
        if fence:
            inside = fence[1] == "python"
        lines.append(line if inside and not fence else "")
    return "\n".join(lines)


@pytest.fixture
def models(encoders, tmp_path, monkeypatch):
    """Makes the folder of a test the current one, with models of those names in it."""
    for name, kind in MODELS.items():
        RelBERT(encoders[kind], template="short").save_pretrained(str(tmp_path / name), create_model_card=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", [page for page in PAGES if python_of(page).strip()], ids=lambda page: page.name)
def test_the_code_of_a_page_runs(page, models):
    script = models / f"{page.stem}.py"
    script.write_text(python_of(page), encoding="utf-8")
    runpy.run_path(str(script))


def test_the_notebook_shows_its_outputs_and_runs(models):
    notebook = json.loads((ROOT / "examples" / "tour.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert all(cell["outputs"] for cell in cells)
    assert not any(output["output_type"] == "error" for cell in cells for output in cell["outputs"])
    lines = [line.rstrip("\n") for cell in cells for line in [*cell["source"], "\n"]]
    script = models / "tour.py"
    script.write_text("\n".join("" if line.startswith("%") else line for line in lines), encoding="utf-8")
    runpy.run_path(str(script))
