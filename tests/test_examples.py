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
GRAPH = {"ends": {"a": "x", "b": "x", "c": "x"}, "begins": {"d": "y", "e": "z", "f": "w"}}


def load(name, monkeypatch):
    """The module of an example."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)  # pydantic looks up the names of its models there
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
    assert out.count("p = ") == 2 and "0 of them contain a pair of the starter relations" in out


def test_a_few_examples_and_none(saved_model, tmp_path, monkeypatch, capsys):
    saved_model("wordpiece", tmp_path / "model")
    few_shot = load("few_shot", monkeypatch)
    assert {*few_shot.EXAMPLES} == {*few_shot.ASKED}
    assert not {pair for pairs in few_shot.EXAMPLES.values() for pair in pairs}.intersection(
        pair for pairs in few_shot.ASKED.values() for pair in pairs
    )
    few_shot.main(["--model", str(tmp_path / "model"), "--threshold", "1"])  # so no answer is certain enough
    out = capsys.readouterr().out
    assert "Oslo : Norway is capital, classified as none" in out and "45 of 45 pairs have none" in out


def test_mining_a_glossary(saved_model, tmp_path, monkeypatch, capsys):
    saved_model("wordpiece", tmp_path / "model")
    glossary = load("glossary", monkeypatch)
    glossary.main(["--model", str(tmp_path / "model"), "-k", "3"])
    (tmp_path / "words.txt").write_text("drum\n\nflute\nflautist\n")
    command = ["--words", str(tmp_path / "words.txt"), "--examples", "violin,violinist", "-k", "2"]
    glossary.main(["--model", str(tmp_path / "model"), *command])
    found = re.findall(r"^-?\d\.\d\d  (\w+) : (\w+)$", capsys.readouterr().out, re.MULTILINE)
    assert len(found) == 5 and {word for pair in found[3:] for word in pair} <= {"drum", "flute", "flautist"}


def test_completing_a_graph_beside_a_baseline(encoders, saved_model, tmp_path, monkeypatch, capsys):
    saved_model("wordpiece", tmp_path / "model")
    graph = load("complete_graph", monkeypatch)
    relations = {name: list(pairs.items()) for name, pairs in GRAPH.items()}
    kept = {"train": slice(1, None), "validation": slice(1)}
    splits = {split: {name: pairs[rows] for name, pairs in relations.items()} for split, rows in kept.items()}
    monkeypatch.setattr(graph.RelationSet, "load", lambda _, split="train": RelationSet(splits[split]))
    # Vectors that separate the classes perfectly, and vectors that carry no information.
    monkeypatch.setattr(graph, "by_words", lambda _, pairs: np.array([[tail == "x", tail != "x"] for _, tail in pairs]))
    graph.main(["--model", str(tmp_path / "model"), "--baseline", encoders["wordpiece"], "--known", "2"])
    out = capsys.readouterr().out
    assert "2 relations, 2 questions" in out
    assert re.search(r"^words, .* 1\.000   100%       100%$", out, re.MULTILINE)
    assert re.search(r"^pairs, .* \d\.\d{3} ", out, re.MULTILINE)
    monkeypatch.undo()
    vectors = graph.by_words(encoders["wordpiece"], [("Tokyo", "Japan"), ("Tokyo", "Tokyo")])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 0], atol=1e-6)


def test_the_page_of_examples_lists_them_all():
    folder = Path(__file__).parents[1] / "examples"
    page = (folder.parent / "docs" / "examples.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"`examples/(\S+)`", page)) == sorted(path.name for path in folder.glob("*.*"))


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


def test_vectors_served_over_http_equal_the_models(served):
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
