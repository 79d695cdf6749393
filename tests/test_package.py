import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import st_relbert

PACKAGE = Path(st_relbert.__file__).parent

# Which other parts each part of the package may import: only those above it in this list.
LAYERS = [
    {"__main__"},
    {"cli"},
    {"see"},
    {"training", "search", "sklearn"},
    {"evaluation", "encoding"},
    {"losses", "model"},
    {"model_card", "identity"},
    {"checkpoints"},
    {"modules"},
    {"data", "settings"},
    {"files", "vectors"},
    {"environment", "templates"},
    {"pairs"},
]


def part(module):
    names = module.split(".")
    return names[1] if len(names) > 1 else None


def test_imports_go_one_way():
    level = {name: index for index, names in enumerate(LAYERS) for name in names}
    for path in PACKAGE.rglob("*.py"):
        importer = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if importer == "__init__":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("st_relbert"):
                imported = part(node.module)
                if imported and imported != importer:
                    assert level[imported] > level[importer], f"{path} imports {node.module}"


def test_the_drawing_of_the_layers_is_the_order_that_is_tested():
    page = (PACKAGE.parent / "ARCHITECTURE.md").read_text(encoding="utf-8")
    drawing = page.split("```text\n")[1].split("```")[0].splitlines()
    # Names are before the wide gap, and their explanations after it.
    drawn = [set(re.split(r" {3,}", line)[0].split()) for line in drawing if line.strip(" │")]
    assert drawn == LAYERS
    parts = {
        path.name.removesuffix(".py") for path in PACKAGE.iterdir() if path.suffix == ".py" or any(path.glob("*.py"))
    }
    assert set().union(*drawn) == parts - {"__init__"}


IN_A_NEW_PROCESS = """
import sys
sys.addaudithook(lambda event, args: event in ("socket.connect", "socket.getaddrinfo") and sys.exit(f"network: {args}"))
import st_relbert
assert "torch" not in sys.modules
import sentence_transformers
before = set(sys.modules)
import st_relbert.search
added = [name for name in set(sys.modules) - before if name.startswith(("sklearn", "st_relbert.evaluation"))]
assert not added, added
from st_relbert import RelBERT
sys.stderr.write("imported")
RelBERT(sys.argv[1]).save_pretrained("m1")
RelBERT("m1").save_pretrained("owner/m2")
sentence_transformers.SentenceTransformer("m1", local_files_only=True).save_pretrained("m3")
RelBERT("owner/m2").encode([("a", "b")])
RelBERT("m3").save_pretrained("m4")
"""


def test_import_is_light_and_silent_and_local_work_opens_no_connection(encoders, tmp_path):
    """No torch before it is needed, and for a search no part of scikit-learn that sentence-transformers does not load.

    The hub is not asked for a folder's name, in whatever way the folder is named.
    """
    environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    environment["PYTHONPATH"] = os.pathsep.join([str(PACKAGE.parent), environment.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", IN_A_NEW_PROCESS, encoders["wordpiece"]]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0 and done.stderr.startswith("imported"), done.stderr


def test_files_and_functions_are_short():
    """A file has at most 350 lines, a function at most 60, its docstring not counted."""
    tracked = subprocess.run(["git", "ls-files", "*.py"], cwd=PACKAGE.parent, capture_output=True, text=True)
    names = tracked.stdout.split() if tracked.returncode == 0 else []
    for path in map(PACKAGE.parent.joinpath, names) if names else PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 350, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                documented = node.body[0] if ast.get_docstring(node) is not None else None
                of_docstring = documented.end_lineno - documented.lineno + 1 if documented else 0
                assert node.end_lineno - node.lineno + 1 - of_docstring <= 60, f"{node.name} in {path}"


def test_no_test_patches_a_constant_of_the_package():
    """No test patches a constant of the package."""
    patch = re.compile(r"""setattr\(\s*(\w+, "|"st_relbert\.[\w.]+\.)_?[A-Z][A-Z\d_]+"|setattr\(\w+, name, value\)""")
    for path in (PACKAGE.parent / "tests").rglob("*.py"):
        if path != Path(__file__):
            assert not (found := patch.search(path.read_text(encoding="utf-8"))), f"{found[0]} in {path}"


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'RelBart'"):
        _ = st_relbert.RelBart


def test_the_package_is_typed_and_of_one_version():
    assert (PACKAGE / "py.typed").is_file()
    assert f'version = "{st_relbert.__version__}"' in (PACKAGE.parent / "pyproject.toml").read_text()
