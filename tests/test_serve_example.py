import importlib.util
from pathlib import Path

import numpy as np
import pytest

from st_relbert import RelBERT

PAIRS = [("Tokyo", "Japan"), ("café", "東京")]


@pytest.fixture
def served(encoders, tmp_path, monkeypatch):
    """A client of the server, and the model that it serves."""
    client = pytest.importorskip("fastapi.testclient")
    model = RelBERT(encoders["wordpiece"], template="short")
    model.save_pretrained(str(tmp_path / "model"), create_model_card=False)
    monkeypatch.setenv("RELBERT_MODEL", str(tmp_path / "model"))
    spec = importlib.util.spec_from_file_location("serve", Path(__file__).parents[1] / "examples" / "serve.py")
    serve = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(__import__("sys").modules, "serve", serve)
    spec.loader.exec_module(serve)
    return client.TestClient(serve.app), model


def test_vectors_over_http_are_the_models(served):
    client, model = served
    answer = client.post("/embed", json={"pairs": PAIRS})
    assert answer.status_code == 200
    vectors, expected = np.array(answer.json()["vectors"]), model.encode(PAIRS)
    cosines = (vectors * expected).sum(1) / np.linalg.norm(vectors, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosines.min() > 0.999  # the server computes in bfloat16 where it can
    assert client.get("/health").json() == {"model": model.template}


@pytest.mark.parametrize(
    "content", [{"pairs": []}, {"pairs": [["Tokyo"]]}, {"pairs": [["Tokyo", ""]]}, {"pairs": [["a", "b"]] * 1025}, {}]
)
def test_what_is_no_pair_is_refused(served, content):
    answer = served[0].post("/embed", json=content)
    assert answer.status_code == 422 and answer.json()["detail"]
