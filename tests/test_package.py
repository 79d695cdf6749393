import ast
import subprocess
import sys
from pathlib import Path

import pytest

import st_relbert

PACKAGE = Path(st_relbert.__file__).parent

# What each part may import of the package: one way only, from the top of this list down.
LAYERS = [
    {"__main__"},
    {"cli"},
    {"training", "evaluation", "encode_file"},
    {"losses", "model"},
    {"checkpoints", "model_card"},
    {"modules"},
    {"templates", "sources", "files"},
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


def test_import_is_silent_light_and_offline():
    """No torch before it is needed, no warning, and no look at the network."""
    code = """
import socket, sys
def refuse(*args, **kwargs): raise AssertionError("network")
socket.socket.connect = refuse
import st_relbert
assert "torch" not in sys.modules
st_relbert.RelBERT
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'RelBart'"):
        _ = st_relbert.RelBart


def test_the_package_is_typed_and_of_one_version():
    assert (PACKAGE / "py.typed").is_file()
    assert f'version = "{st_relbert.__version__}"' in (PACKAGE.parent / "pyproject.toml").read_text()
