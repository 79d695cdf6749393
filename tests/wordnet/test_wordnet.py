import os
import subprocess
import sys
from pathlib import Path

import pytest

from st_relbert.wordnet import WordNet, build_relations
from tests.wordnet import tiny_wordnet


@pytest.fixture(scope="module")
def wordnet(wordnet_folder):
    return WordNet.read(wordnet_folder)


def lemma(wordnet, key):
    return next(lemma for synset in wordnet.synsets for lemma in synset.lemmas() if lemma.key() == key)


def test_all_synsets_are_read(wordnet):
    written = [list(synset.words) for synset in tiny_wordnet.SYNSETS.values()]
    assert sorted(synset.lemma_names() for synset in wordnet.synsets) == sorted(written)
    assert wordnet.synsets[0].lexname() == "noun.animal"


def test_counts_are_of_a_sense(wordnet):
    assert wordnet.count(lemma(wordnet, "dog%1:05:00::")) == 8
    assert wordnet.count(lemma(wordnet, "dog%1:18:00::")) == 4
    assert wordnet.count(lemma(wordnet, "aardvark%1:05:00::")) == 0


def test_first_senses_are_those_of_the_index(wordnet):
    assert wordnet.is_first_sense(lemma(wordnet, "dog%1:05:00::"))
    assert not wordnet.is_first_sense(lemma(wordnet, "dog%1:18:00::"))
    assert not wordnet.is_first_sense(lemma(wordnet, "reading%1:15:00::"))


def test_exceptions_are_forms_with_their_bases(wordnet):
    assert wordnet.exceptions["verb"] == [("slept", "sleep"), ("taught", "teach"), ("dying", "die")]
    assert wordnet.exceptions["adverb"] == []


@pytest.mark.slow
def test_reading_changes_nothing_in_the_process(wordnet_folder):
    """No warning, no data folder registered, no variable set, no file left open."""
    code = (
        "import os, nltk\nbefore = list(nltk.data.path), dict(os.environ)\n"
        f"from st_relbert.wordnet import WordNet\nwordnet = WordNet.read({str(wordnet_folder)!r})\n"
        "assert wordnet.synsets and (list(nltk.data.path), dict(os.environ)) == before"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_folder_without_wordnet_is_an_error_that_says_what_to_install(tmp_path):
    with pytest.raises(ValueError, match="no data.noun, no data.verb.*apt-get install wordnet-base.*--wordnet"):
        WordNet.read(tmp_path)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("cntlist.rev", "dog%1:05:00::\n"),
        ("data.noun", "00000000 05 n zz\n"),
        ("index.verb", "teach v one\n"),
        ("noun.exc", "\n"),
    ],
)
def test_a_malformed_file_is_an_error(tmp_path, file, text):
    folder = tiny_wordnet.write(tmp_path / "wn", tiny_wordnet.SYNSETS, tiny_wordnet.EXCEPTIONS)
    Path(folder, file).write_text(text)
    with pytest.raises(ValueError, match="Cannot read WordNet in .*expected the files of WordNet 3.0"):
        WordNet.read(os.fspath(folder))


@pytest.mark.filterwarnings("ignore:No WordNet synset found")
def test_a_file_that_is_cut_short_is_an_error(tmp_path):
    folder = tiny_wordnet.write(tmp_path / "wn", tiny_wordnet.SYNSETS, tiny_wordnet.EXCEPTIONS)
    lines = (folder / "data.noun").read_text().splitlines(keepends=True)
    people = next(number for number, line in enumerate(lines) if " people 0 " in line)
    (folder / "data.noun").write_text("".join(lines[:people] + lines[people + 1 :]))
    with pytest.raises(ValueError, match="a file is cut short"):
        build_relations(WordNet.read(folder), min_pairs=1)
