import csv
import json

import pytest
from pyarrow.parquet import read_table

from st_relbert import RelBERT
from st_relbert.cli import main
from st_relbert.identity import ModelIdentity
from st_relbert.search import AnalogyCompleter, FoundPair, PairScorer, Vocabulary, mine_pairs, mining

WORDS = ["Tokyo", "Japan", "Paris", "France", "Rome", "Italy", "finger", "hand", "page"]


@pytest.fixture(scope="module")
def saved(encoders, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("mine") / "model")
    RelBERT(encoders["wordpiece"], template="short").save_pretrained(folder, create_model_card=False)
    return folder


@pytest.fixture(scope="module")
def scorer(saved, tmp_path_factory):
    """A scorer made by the command from a small relation set."""
    folder = tmp_path_factory.mktemp("scorer")
    positives = [("Tokyo", "Japan"), ("Paris", "France"), ("Rome", "Italy")]
    sets = {"capital": positives, "part": [("finger", "hand"), ("page", "book")]}
    records = [{"relation_type": name, "positives": pairs, "negatives": []} for name, pairs in sets.items()]
    (folder / "set.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (folder / "words.txt").write_text("\n".join(WORDS))
    train = ["--train-data", folder / "set.jsonl", "--vocabulary", folder / "words.txt", "--steps", 2, "--hidden", 3]
    assert main([*map(str, ["distill", saved, "--output", folder / "scorer", *train]), "--quiet"]) == 0
    return str(folder / "scorer")


@pytest.fixture
def files(tmp_path):
    (tmp_path / "words.txt").write_text("\n".join(WORDS))
    (tmp_path / "pairs.csv").write_text("head,tail\nTokyo,Japan\nParis,France\n")
    return tmp_path


def run(capsys, *arguments, status=0):
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == status
    out, err = capsys.readouterr()
    return out if status == 0 else err


def test_a_scorer_is_made_with_its_words(scorer, saved):
    assert Vocabulary.load(scorer).words == WORDS
    PairScorer.load(scorer).require(ModelIdentity.of(RelBERT(saved)))


def test_complete_uses_a_vocabulary(scorer, saved, files, capsys):
    model = RelBERT(saved)
    words = Vocabulary.encode(model, WORDS)
    completers = [AnalogyCompleter(model, words, scorer=made) for made in (None, PairScorer.load(scorer))]
    asked = ["Tokyo", "Japan", "Paris", "-k", 3, "--model", saved, "--json", "--quiet"]
    for completer, source in zip(
        completers, (["--vocabulary", files / "words.txt"], ["--scorer", scorer]), strict=True
    ):
        found = [json.loads(line) for line in run(capsys, "complete", *asked, *source).splitlines()]
        assert [each["word"] for each in found] == [each.word for each in completer(("Tokyo", "Japan"), "Paris", 3)]
        assert len(run(capsys, "complete", *asked, *source, "--shortlist", 1).splitlines()) == 1
    for arguments, message in [
        (
            ["Tokyo", "Japan", "Paris"],
            "3 words were given, so there is no index, expected one before three words",
        ),
        (["Tokyo", "Japan"], "2 words were given, expected an index and three words"),
        (["a", "b", "c", "--model", saved, "--scorer", files], "Cannot read the vocabulary"),
    ]:
        assert message in run(capsys, "complete", *arguments, status=2)


def test_mine_finds_pairs(scorer, saved, files, capsys):
    asked = ["mine", "--examples", files / "pairs.csv", "--model", saved, "--quiet", "-k", 4]
    for number, source in enumerate([["--vocabulary", files / "words.txt"], ["--scorer", scorer]]):
        output = files / f"found{number}.csv"
        said = run(capsys, *asked, *source, "--tails-per-head", 100, "--output", output)
        assert said == f"Saved 4 pairs to {output}\n" and not (files / f"found{number}.csv.partial").exists()
        with output.open() as file:
            found = [(row["head"], row["tail"]) for row in csv.DictReader(file)]
        words, examples = Vocabulary.load(scorer), [("Tokyo", "Japan"), ("Paris", "France")]
        used = PairScorer.load(scorer) if number else None
        expected = mine_pairs(RelBERT(saved), examples, words, scorer=used, k=4, tails_per_head=100)
        assert found == [(each.head, each.tail) for each in expected]
    run(capsys, *asked, "--scorer", scorer, "--tails-per-head", 100, "--output", files / "found.parquet")
    rows = read_table(files / "found.parquet").to_pylist()
    assert [FoundPair(**row) for row in rows] == expected
    (files / "heads.txt").write_text("Rome\nhand\n")
    output = files / "two.csv"
    run(capsys, *asked, "--scorer", scorer, "--heads", files / "heads.txt", "--output", output)
    with output.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 and {row["head"] for row in rows} == {"Rome", "hand"}
    for arguments, message in [
        ([], "There are no words to search"),
        (["--scorer", scorer, "-k", 500], "k is 500, but 9 heads and 9 tails make only 70 pairs"),
        (["--vocabulary", files / "none.txt"], "Cannot read the vocabulary"),
    ]:
        assert message in run(capsys, *asked, *arguments, "--output", files / "x.csv", status=2)
    unknown = run(capsys, *asked, "--scorer", scorer, "--output", files / "found.txt", status=2)
    assert "found.txt', expected a name that ends in .csv or .parquet." in unknown
    assert "already exists" in run(capsys, *asked, "--scorer", scorer, "--output", output, status=2)


def test_an_interrupt_loses_nothing(scorer, saved, files, capsys, monkeypatch):
    asked = ["mine", "--examples", files / "pairs.csv", "--model", saved, "--quiet", "-k", 4, "--scorer", scorer]
    run(capsys, *asked, "--output", files / "whole.csv")
    plain = mining.Decision.__call__

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(mining.Decision, "__call__", interrupt)
    said = run(capsys, *asked, "--output", files / "found.csv", status=130)
    assert "Run the same command again to resume." in said
    assert (files / "found.csv.partial").exists() and not (files / "found.csv").exists()
    other = [*asked, "--output", files / "found.csv"]
    assert "belongs to an interrupted call" in run(capsys, *other, "--shortlist", 7, status=2)
    monkeypatch.setattr(mining.Decision, "__call__", plain)
    run(capsys, *asked, "--output", files / "found.csv")
    assert (files / "found.csv").read_text() == (files / "whole.csv").read_text()


def test_a_scorer_of_another_model_is_refused(scorer, encoders, files, capsys):
    asked = ["--model", encoders["bytelevel"], "--scorer", scorer, "--quiet"]
    said = run(capsys, "mine", "--examples", files / "pairs.csv", "--output", files / "x.csv", *asked, status=2)
    assert "another model" in said
    assert "another model" in run(capsys, "complete", "Tokyo", "Japan", "Paris", *asked, status=2)
