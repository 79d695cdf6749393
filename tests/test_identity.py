"""A model is identified by its weights, whatever computes with them."""

import shutil
from pathlib import Path

import pytest

from st_relbert import RelBERT
from st_relbert.identity import ModelIdentity


class Exported:
    """Stands in for an encoder of ONNX or OpenVINO: not a module of PyTorch, with weights only in its files."""

    def __init__(self, folder):
        self.folder = folder

    def save_pretrained(self, folder):
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)


@pytest.fixture
def digest_of(encoders, tmp_path):
    """The digest of a model whose encoder's files contain something."""

    def digest(**contents):
        folder = Path(tmp_path, "exported")
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "onnx").mkdir(parents=True)
        for name, content in contents.items():
            (folder / "onnx" / name.replace("__", ".")).write_bytes(content)
        model = RelBERT(encoders["wordpiece"])
        dimension = model.get_embedding_dimension()
        del model[0].model
        model[0].model = Exported(folder)
        model.get_embedding_dimension = lambda: dimension
        return ModelIdentity.of(model).digest

    return digest


def test_encoders_of_other_backends_are_identified_by_their_files(digest_of):
    first = digest_of(model__onnx=b"a" * 3_000_000, config__json=b"{}")
    assert digest_of(model__onnx=b"a" * 3_000_000, config__json=b"{ }") == first
    assert digest_of(model__onnx=b"a" * 2_999_999 + b"b", config__json=b"{}") != first
    assert digest_of(other__onnx=b"a" * 3_000_000, config__json=b"{}") != first
