"""The examples run; the quickstart is a command of its own (make quickstart)."""

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from st_relbert import RelBERT
from st_relbert.data import RelationSet

PAIRS = [("Tokyo", "Japan"), ("café", "東京")]


def load(name, monkeypatch):
    """The module of an example."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)  # pydantic looks its models' names up there
    spec.loader.exec_module(module)
    return module


def test_training_on_relations_of_your_own(encoders, tmp_path, monkeypatch, capsys):
    arguments = ["--base-model", encoders["wordpiece"], "--output", str(tmp_path / "own")]
    load("own_relations", monkeypatch).main(arguments)
    assert re.search(r"Accuracy on 16 questions .*: \d+% -> \d+%", capsys.readouterr().out)
    assert RelBERT(str(tmp_path / "own" / "model")).template


def test_searching_by_relation(encoders, tmp_path, monkeypatch, capsys):
    pytest.importorskip("lancedb")
    RelBERT(encoders["wordpiece"], template="short").save_pretrained(str(tmp_path / "model"), create_model_card=False)
    load("search", monkeypatch).main(["--model", str(tmp_path / "model")])
    out = capsys.readouterr().out
    positives = RelationSet.load("starter").positives
    assert out.startswith(f"{sum(map(len, positives.values()))} pairs of {len(positives)} relations\n")
    assert len(re.findall(r"^  [-\d.]+%?  ", out, re.MULTILINE)) >= 13


def test_comparing_models(encoders, monkeypatch, capsys):
    load("compare_models", monkeypatch).main([encoders["wordpiece"], encoders["unigram"]])
    out = capsys.readouterr().out
    assert out.count("p = ") == 2 and "0 of them hold a pair of the starter relations" in out


def test_pairs_as_strings(encoders, tmp_path, monkeypatch):
    model = RelBERT(encoders["wordpiece"], template="short")
    model.save_pretrained(str(tmp_path / "model"), create_model_card=False)
    strings = load("strings", monkeypatch)
    embeddings = strings.PairEmbeddings(str(tmp_path / "model"))
    expected = model.encode(PAIRS, normalize_embeddings=True)
    np.testing.assert_allclose(embeddings.embed_documents(["Tokyo\tJapan", "café \t東京"]), expected, atol=0.02)
    assert embeddings.embed_query("Tokyo\tJapan") == embeddings.embed_documents(["Tokyo\tJapan"])[0]
    for text in ("Tokyo Japan", "a\tb\tc", "a\t ", ""):
        with pytest.raises(ValueError, match="expected two words that a tab separates"):
            embeddings.embed_query(text)


@pytest.fixture
def served(encoders, tmp_path, monkeypatch):
    """A client of the server, and the model that it serves."""
    client = pytest.importorskip("fastapi.testclient")
    model = RelBERT(encoders["wordpiece"], template="short")
    model.save_pretrained(str(tmp_path / "model"), create_model_card=False)
    monkeypatch.setenv("RELBERT_MODEL", str(tmp_path / "model"))
    serve = load("serve", monkeypatch)
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
def test_malformed_pairs_are_refused(served, content):
    answer = served[0].post("/embed", json=content)
    assert answer.status_code == 422 and answer.json()["detail"]
