import shutil

import pytest

from st_relbert import RelBERT


@pytest.fixture(scope="module")
def saved(encoders, tmp_path_factory):
    """A saved model with its card."""
    folder = tmp_path_factory.mktemp("saved") / "tiny-relbert"
    RelBERT(encoders["wordpiece"]).save_pretrained(str(folder))
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    """A copy of the saved model."""
    return shutil.copytree(saved, tmp_path / "tiny-relbert")
