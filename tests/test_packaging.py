"""What is built for the package index holds everything, and works where the repository is not."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "st_relbert"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


@pytest.mark.slow
def test_the_wheel_holds_all_files_of_the_package_and_no_others(wheel):
    files = {
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == files
    assert {"st_relbert/py.typed", "st_relbert/training/presets/fast.json", "st_relbert/see/assets/map.js"} <= names


@pytest.mark.slow
def test_the_wheel_works_by_itself(wheel, encoders, tmp_path):
    """Elsewhere, and found before the repository."""
    target = tmp_path / "installed"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(wheel)]
    assert subprocess.run(command, capture_output=True).returncode == 0
    code = (
        "import sys, st_relbert; from st_relbert import RelBERT;"
        "from st_relbert.data import RelationSet; from st_relbert.training import read_preset;"
        "assert st_relbert.__file__.startswith(sys.argv[1]), st_relbert.__file__;"
        "assert len(RelationSet.load('starter').positives) and read_preset('fast');"
        "print(RelBERT(sys.argv[2]).encode([('Tokyo', 'Japan')]).shape)"
    )
    environment = {**os.environ, "PYTHONPATH": str(target), "HF_HUB_OFFLINE": "1"}
    arguments = [sys.executable, "-W", "ignore", "-c", code, str(target), encoders["wordpiece"]]
    done = subprocess.run(arguments, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert (done.returncode, done.stdout) == (0, "(1, 16)\n"), done.stderr
    script = subprocess.run([str(target / "bin" / "st-relbert"), "--version"], capture_output=True, env=environment)
    assert script.returncode == 0 and script.stdout.startswith(b"st-relbert ")


def test_importing_gives_no_warnings():
    done = subprocess.run([sys.executable, "-W", "error", "-c", "import st_relbert"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_lower_bounds_are_the_versions_that_are_tested():
    """`make test-lowest` installs these; a bound that nobody ran is a guess."""
    tomllib = pytest.importorskip("tomllib", reason="since Python 3.11")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    users = [name for name in project["optional-dependencies"] if name not in ("test-core", "test", "dev", "docs")]
    groups = [project["dependencies"], *(project["optional-dependencies"][name] for name in users)]
    lines = (ROOT / "constraints-lowest.txt").read_text(encoding="utf-8").splitlines()
    tested = dict(line.split("==") for line in lines if not line.startswith("#"))
    bounds = {}
    for text in (text for group in groups for text in group):
        requirement = Requirement(text)
        (bound,) = (each.version for each in requirement.specifier if each.operator in (">=", "=="))
        bounds[requirement.name] = Version(bound)
    assert len(bounds) > 15
    assert bounds == {name: Version(tested[name]) for name in bounds}
