import io
import json
import sys

import pytest

from st_relbert import RelBERT
from st_relbert.cli import main
from st_relbert.search import RelationIndex


@pytest.fixture(scope="module")
def saved(encoders, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("index") / "model")
    RelBERT(encoders["wordpiece"], template="short").save_pretrained(folder, create_model_card=False)
    return folder


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("head,tail,relation,year\nTokyo,Japan,capital,1868\nRome,Italy,capital,1871\nfinger,hand,part,\n")
    return str(path)


@pytest.fixture
def idx(saved, pairs, tmp_path, capsys):
    assert (
        main(
            [
                "index",
                "build",
                pairs,
                "--model",
                saved,
                "--type",
                "year=int",
                "--output",
                str(tmp_path / "idx"),
                "--quiet",
            ]
        )
        == 0
    )
    assert ": 3 rows, " in (out := capsys.readouterr().out) and out.endswith("search is exact.\n")
    return str(tmp_path / "idx")


def run(capsys, *arguments):
    assert main([str(argument) for argument in arguments]) == 0
    return capsys.readouterr().out


def test_pairs_are_searched(idx, capsys):
    lines = run(capsys, "index", "search", idx, "Paris", "France", "-k", 2).splitlines()
    hits = RelationIndex.open(idx).search(("Paris", "France"), k=2, both_directions=True)
    assert lines[0].split() == ["score", "head", "tail", "relation", "year"]
    assert [line.split()[:3] for line in lines[1:]] == [[f"{hit.score:.3f}", hit.head, hit.tail] for hit in hits]
    written = [
        json.loads(line) for line in run(capsys, "index", "search", idx, "Paris", "France", "--json").splitlines()
    ]
    assert [(row["head"], row["year"]) for row in written[:2]] == [(hit.head, hit.columns["year"]) for hit in hits]
    examples = run(capsys, "index", "search", idx, "Paris", "France", "Tokyo", "Japan", "--json").splitlines()
    assert {json.loads(line)["head"] for line in examples} == {"Rome", "finger"}
    of_relation = run(capsys, "index", "search", idx, "--relation", "capital", "--json").splitlines()
    assert [json.loads(line)["relation"] for line in of_relation] == ["part"]
    assert run(capsys, "index", "search", idx, "a", "b", "--where", "year = 3") == "Nothing found.\n"
    kept = run(capsys, "index", "search", idx, "tokyo", "hand", "--exclude-words", "--json").splitlines()
    assert [json.loads(line)["head"] for line in kept] == ["Rome"]


def test_labels_completion_and_info(idx, saved, capsys, tmp_path):
    labels = [json.loads(line) for line in run(capsys, "index", "label", idx, "Paris", "France", "--json").splitlines()]
    assert {label["relation"]: label["support"] for label in labels} == {"capital": 2, "part": 1}
    assert {label["in_words"] for label in labels} == {None}
    assert run(capsys, "index", "label", idx, "Paris", "France").splitlines()[0].split() == (
        ["share", "relation", "pairs", "such", "as"]
    )
    found = [json.loads(line) for line in run(capsys, "complete", idx, "Tokyo", "Japan", "Rome", "--json").splitlines()]
    assert {row["word"] for row in found} == {"Italy", "finger", "hand"}
    (tmp_path / "words.txt").write_text("France\nItaly\n\nSpain\n")
    vocabulary = ["--vocabulary", tmp_path / "words.txt", "-k", 2, "--shortlist", 2, "--quiet"]
    assert len(run(capsys, "complete", idx, "Tokyo", "Japan", "Rome", *vocabulary).splitlines()) == 3
    info = json.loads(run(capsys, "index", "info", idx, "--json"))
    assert (info["rows"], info["exact"], info["model"]["name"]) == (3, True, saved)
    assert f"Model: {saved}" in run(capsys, "index", "info", idx)


def test_labels_of_shipped_relations_come_with_a_sentence(idx, capsys, tmp_path):
    sound = "attribute/sound of an animal"
    (tmp_path / "more.csv").write_text(
        "head,tail,relation\n" + "".join(f"{pair},{sound}\n" for pair in ("cow,moo", "dog,woof"))
    )
    run(capsys, "index", "add", idx, tmp_path / "more.csv", "--relation-column", "relation", "--quiet")
    asked = ["index", "label", idx, "horse", "neigh"]
    labels = [json.loads(line) for line in run(capsys, *asked, "--json").splitlines()]
    said = {label["relation"]: label["in_words"] for label in labels}
    sentence = "neigh is the sound that a horse makes"
    assert said.pop(sound) == sentence and said and set(said.values()) == {None}
    lines = run(capsys, *asked).splitlines()
    assert lines[0].endswith("in words") and [line.endswith(sentence) for line in lines[1:]].count(True) == 1


def test_an_index_without_relations_has_no_labels(saved, capsys, tmp_path):
    (tmp_path / "bare.csv").write_text("head,tail\nTokyo,Japan\n")
    arguments = ["index", "build", str(tmp_path / "bare.csv"), "--model", saved, "--output", str(tmp_path / "bare")]
    assert main([*arguments, "--quiet"]) == 0
    capsys.readouterr()
    assert main(["index", "label", str(tmp_path / "bare"), "Rome", "Italy"]) == 2
    assert "has a relation, so none can vote" in capsys.readouterr().err
    assert run(capsys, "index", "relations", tmp_path / "bare") == "No pair of the index has a relation.\n"
    table = run(capsys, "index", "search", tmp_path / "bare", "Rome", "Italy").splitlines()
    assert table[0].split() == ["score", "head", "tail"]  # no column without a value


def test_pairs_are_added_exported_and_deleted(idx, capsys, tmp_path):
    (tmp_path / "more.csv").write_text("head,tail\nTokyo,Japan\nOslo,Norway\n")
    # A row without a label is not the same row as one with a label.
    assert run(capsys, "index", "add", idx, tmp_path / "more.csv", "--quiet").startswith("Added 2 rows.\n")
    assert run(capsys, "index", "add", idx, tmp_path / "more.csv", "--quiet").startswith("Added 0 rows; 2 were ")
    output = tmp_path / "vectors.txt"
    assert run(capsys, "index", "export", idx, "--output", output, "--quiet") == (
        f"1 row left out: further labels of the same pairs\nSaved 4 vectors to {output}\n"
    )
    assert output.read_text().splitlines()[0] == "4 16"
    assert main(["index", "export", idx, "--output", str(output)]) == 2
    assert "already exists" in capsys.readouterr().err
    assert main(["index", "export", idx, "--output", str(tmp_path / "vectors.parquet")]) == 2
    assert "expected a name that ends in .txt or .vec" in capsys.readouterr().err
    assert run(capsys, "index", "delete", idx, "--where", "relation = 'capital'") == "Deleted 2 rows.\n"


def test_errors_are_one_line_and_exit_status_2(idx, saved, pairs, encoders, capsys, tmp_path):
    for arguments, message in [
        (["index", "search", "no-such", "a", "b"], "'no-such' is not an index"),
        (["index", "search", idx, "a"], "1 word was given, expected head and tail of each pair"),
        (["index", "search", idx], "0 words were given"),
        (["index", "search", idx, "a", "b", "--relation", "capital"], "2 words were given"),
        (["index", "search", idx, "a", "b", "-k", "0"], "Invalid value for '-k'"),
        (["index", "search", idx, "--relation", ""], "''"),
        (["index", "search", idx, "--phrase", "in", "--phrase-encoder", ""], "Cannot load a model from ''"),
        (["index", "search", idx, "--phrase", "in", "--phrase-encoder", "no/such"], "Cannot load a model from 'no/su"),
        (["index", "search", idx, "a", "b", "--where", "colour = 1"], "The filter cannot be used"),
        (["index", "search", idx, "a", "b", "--model", encoders["bytelevel"]], "with different weights"),
        (["index", "build", pairs, "--model", saved, "--output", idx, "--quiet"], "already exists. Choose another"),
        (["index", "build", "none.csv", "--model", saved, "--output", idx], "'none.csv' does not exist"),
        (["index", "build", pairs, "--model", str(tmp_path / "none"), "--output", idx + "2"], str(tmp_path / "none")),
        (["index", "delete", idx, "--where", " "], "The filter is empty"),
        (["complete", idx, "a", "b", "c", "-k", "0"], "Invalid value for '-k'"),
        (["complete", idx, "a", "b", "c", "--vocabulary", "none.txt"], "Cannot read the vocabulary 'none.txt'"),
    ]:
        assert main(arguments) == 2
        (line,) = [line for line in capsys.readouterr().err.strip().split("\n") if line.startswith("st-relbert ")]
        assert message in line
    assert len(RelationIndex.open(idx)) == 3


def test_without_lancedb_the_command_says_what_to_install(idx, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "lancedb", None)
    assert main(["index", "info", idx]) == 2
    assert "pip install 'st-relbert[search]'" in capsys.readouterr().err


def test_a_column_has_one_type(saved, pairs, tmp_path, capsys):
    assert main(["encode", saved, pairs, "--output", str(tmp_path / "v"), "--type", "year=int", "year=float"]) == 2
    assert "The column 'year' has two types, int and float. Remove one." in capsys.readouterr().err


@pytest.mark.parametrize("output", ["vectors.parquet", "vectors"])
def test_an_index_is_built_from_existing_vectors(saved, pairs, idx, tmp_path, capsys, monkeypatch, output):
    vectors = str(tmp_path / output)
    assert main(["encode", saved, pairs, "--output", vectors, "--type", "year=int", "--quiet"]) == 0
    with monkeypatch.context() as patch:
        patch.setattr(RelBERT, "encode", None)  # nothing is encoded again
        assert main(["index", "build", vectors, "--model", saved, "--output", str(tmp_path / "of"), "--quiet"]) == 0
        assert main(["index", "add", str(tmp_path / "of"), vectors, "--quiet"]) == 0
    assert "Added 0 rows" in capsys.readouterr().out
    expected, actual = (sorted(RelationIndex.open(name).rows(vectors=True), key=str) for name in (idx, tmp_path / "of"))
    for row, other in zip(expected, actual, strict=True):
        assert row.pop("vector") == pytest.approx(other.pop("vector"), abs=1e-6)
        assert row == other


def test_vectors_of_another_model_are_refused(saved, pairs, idx, encoders, tmp_path, capsys):
    RelBERT(encoders["wordpiece"], template="a").save_pretrained(str(tmp_path / "other"), create_model_card=False)
    vectors = str(tmp_path / "vectors.parquet")
    assert main(["encode", str(tmp_path / "other"), pairs, "--output", vectors, "--quiet"]) == 0
    assert main(["index", "add", idx, vectors, "--quiet"]) == 2
    assert "with a different template" in capsys.readouterr().err
    assert main(["index", "build", vectors, "--model", saved, "--output", str(tmp_path / "x"), "--quiet"]) == 2
    assert "with a different template" in capsys.readouterr().err and not (tmp_path / "x").exists()


def test_vectors_that_name_no_model_are_refused(saved, tmp_path, capsys):
    import pyarrow as pa
    import pyarrow.parquet

    pa.parquet.write_table(pa.table({"head": ["a"], "tail": ["b"], "vector": [[1.0]]}), tmp_path / "x.parquet")
    arguments = ["index", "build", str(tmp_path / "x.parquet"), "--model", saved, "--output", str(tmp_path / "y")]
    assert main(arguments) == 2
    assert "does not name the model that made it" in capsys.readouterr().err


def test_queries_come_from_a_file_or_the_standard_input(idx, capsys, tmp_path, monkeypatch):
    lines = "Paris\tFrance\n\nOslo\tNorway\tBern\tSwitzerland\n"
    (tmp_path / "queries.txt").write_text(lines)
    written = run(capsys, "index", "search", idx, "--queries", tmp_path / "queries.txt", "--json").splitlines()
    rows = [json.loads(line) for line in written]
    single = [
        json.loads(line) for line in run(capsys, "index", "search", idx, "Paris", "France", "--json").splitlines()
    ]
    assert [row["head"] for row in rows if row["query"] == ["Paris", "France"]] == [row["head"] for row in single]
    assert sum(row["query"] == ["Oslo", "Norway", "Bern", "Switzerland"] for row in rows) == 3
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    assert "Paris : France\n" in run(capsys, "index", "search", idx, "--queries", "-")
    (tmp_path / "queries.csv").write_text("head,tail\nParis,France\n")
    assert run(capsys, "index", "label", idx, "--queries", tmp_path / "queries.csv").startswith("Paris : France\nshare")
    monkeypatch.setattr("sys.stdin", io.StringIO("Tokyo\tJapan\tRome\n"))
    (first, *_) = run(capsys, "complete", idx, "--queries", "-", "--json").splitlines()
    assert json.loads(first)["query"] == ["Tokyo", "Japan", "Rome"]
    for line, message in [("Paris\n", "Line 1 of the queries is 'Paris', expected head and tail"), ("a\t\n", "Line 1")]:
        monkeypatch.setattr("sys.stdin", io.StringIO(line))
        assert main(["index", "search", idx, "--queries", "-"]) == 2
        assert message in capsys.readouterr().err
    assert main(["index", "search", idx, "--queries", "none.txt"]) == 2
    assert "Cannot read the queries 'none.txt'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "queries"),
    [
        (["index", "search"], ["Paris\tFrance", "Oslo\tNorway"]),
        (["index", "label"], ["Paris\tFrance", "Oslo\tNorway"]),
        (["complete"], ["Tokyo\tJapan\tRome", "Rome\tItaly\tTokyo"]),
    ],
)
def test_each_query_of_the_standard_input_is_answered_before_the_next_is_read(idx, monkeypatch, command, queries):
    """So that a program or a person can send queries one by one to a process that has loaded the model."""
    pipe = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(pipe, encoding="utf-8"))  # buffered until it is flushed
    answered = []

    def lines():
        for query in queries:
            yield f"{query}\n"
            answered.append(pipe.getvalue().decode())

    monkeypatch.setattr("sys.stdin", lines())
    loaded = []
    plain = RelBERT.__init__
    monkeypatch.setattr(RelBERT, "__init__", lambda self, *args, **kw: loaded.append(1) or plain(self, *args, **kw))
    assert main([*command, idx, "--queries", "-", "--json"]) == 0
    asked = [[json.loads(line)["query"] for line in text.splitlines()] for text in answered]
    first, second = (query.split("\t") for query in queries)
    assert all(query == first for query in asked[0]) and asked[0]
    assert asked[1] == asked[0] + [second] * (len(asked[1]) - len(asked[0])) != asked[0] and len(loaded) == 1


def test_relations_and_their_own_pairs_are_shown(idx, capsys):
    rows = [json.loads(line) for line in run(capsys, "index", "relations", idx, "--json").splitlines()]
    assert rows == [{"relation": "capital", "pairs": 2}, {"relation": "part", "pairs": 1}]
    own = [
        json.loads(line)
        for line in run(capsys, "index", "search", idx, "--relation", "capital", "--own", "--json").splitlines()
    ]
    assert [(row["head"], row["tail"]) for row in own] == [("Tokyo", "Japan"), ("Rome", "Italy")]
    assert main(["index", "search", idx, "a", "b", "--own"]) == 2
    assert "--own shows the pairs of a relation" in capsys.readouterr().err


def test_arguments_are_checked_before_the_model_is_loaded(idx, pairs, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(RelBERT, "__init__", None)
    (tmp_path / "bad.csv").write_text("head,tail\na,b\nc,\n")
    (tmp_path / "taken.csv").write_text("head,tail,_distance\na,b,1\n")
    build = ["index", "build", "--model", "m", "--quiet", "--output"]
    for arguments, message in [
        (["index", "search", idx, "a", "b", "--where", "relation = 'a' nonsense"], "The filter"),
        (["index", "search", idx, "a", "b", "-k", "0"], "Invalid value for '-k'"),
        (["index", "label", idx, "a"], "1 word was given"),
        (["complete", idx, "a", "b"], "3 words were given, so there is no index, expected one before three"),
        (["complete", idx, "a", "b", "c", "-k", "0"], "Invalid value for '-k'"),
        (["complete", idx, "a", "b", "c", "--vocabulary", "none.txt"], "Cannot read the vocabulary"),
        ([*build, idx, pairs], "already exists. Choose another path"),
        ([*build, str(tmp_path / "new"), str(tmp_path / "bad.csv")], "bad.csv"),
        ([*build, str(tmp_path / "new"), str(tmp_path / "taken.csv")], "'_distance' cannot be created"),
    ]:
        assert main(arguments) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "new").exists() and not (tmp_path / "new.partial").exists()


def test_an_index_is_replaced_when_the_new_one_is_complete(idx, saved, pairs, tmp_path, capsys):
    (tmp_path / "bad.csv").write_text("head,tail\na,b\nc,\n")
    command = ["index", "build", "--model", saved, "--output", idx, "--overwrite", "--quiet"]
    assert main([*command, str(tmp_path / "bad.csv")]) == 2
    assert len(RelationIndex.open(idx)) == 3
    (tmp_path / "good.csv").write_text("head,tail\na,b\n")
    assert main([*command, str(tmp_path / "good.csv")]) == 0
    assert len(RelationIndex.open(idx)) == 1
