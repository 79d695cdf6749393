"""What the examples in docstrings find: a tiny model, in memory and saved, and a folder of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from _pytest.doctest import DoctestItem


@pytest.fixture(autouse=True)
def _beside_examples(request: pytest.FixtureRequest) -> None:
    if isinstance(request.node, DoctestItem):
        request.getfixturevalue("_examples")


@pytest.fixture(scope="session")
def _example_model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from st_relbert import RelBERT
    from tests import tiny

    return RelBERT(tiny.build_encoder("bytelevel", tmp_path_factory.mktemp("examples") / "encoder"), template="short")


@pytest.fixture
def _examples(
    doctest_namespace: dict[str, Any], _example_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _example_model.save_pretrained("relbert-nce", create_model_card=False)
    doctest_namespace["model"] = _example_model
