from urllib.parse import unquote

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_relbert.search import RelationIndex
from st_relbert.search.export import export_word2vec, pair_key


def key_pair(key):
    """The pair of a key."""
    return tuple(unquote(word.replace("_", " ")) for word in key.split("__"))


WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8) | st.text(" _%a", min_size=1, max_size=8)


@given(WORDS, WORDS)
def test_keys_can_be_reversed(head, tail):
    key = pair_key((head, tail))
    assert key_pair(key) == (head, tail)
    assert key.isprintable() and " " not in key and key.count("__") == 1


def test_keys_of_plain_words_are_those_of_the_relbert_library():
    """As in the relbert library: "__" between the words, "_" for a blank."""
    assert pair_key(("Tokyo", "Japan")) == "Tokyo__Japan"
    assert pair_key(("New York", "café")) == "New_York__café"


def test_gensim_reads_the_file_and_finds_the_same_neighbours(index, tmp_path):
    keyed_vectors = pytest.importorskip("gensim.models").KeyedVectors
    index.add([("New York", "50% of_it"), {"head": "Tokyo", "tail": "Japan", "relation": "city in"}])
    path = tmp_path / "vectors.txt"
    assert export_word2vec(index, path) == 9  # of 10 rows, because one pair has two labels
    vectors = keyed_vectors.load_word2vec_format(str(path))
    assert len(vectors) == 9 and vectors.vector_size == 16
    # Without the relations' means, they are in the order of their cosines.
    hits = sorted(index.search(("Tokyo", "Japan"), k=8), key=lambda hit: -hit.score)
    expected = list(dict.fromkeys(hit.pair for hit in hits))
    similar = vectors.most_similar(pair_key(("Tokyo", "Japan")), topn=8)
    assert [key_pair(key) for key, _ in similar] == expected
    np.testing.assert_allclose([score for _, score in similar], [hit.score for hit in hits], atol=1e-5)
    assert {key_pair(key) for key in vectors.index_to_key} == {(row["head"], row["tail"]) for row in index.rows()}


@pytest.mark.parametrize(
    "name", ["x.body", "vectors", "x.txt.body", "replaced", "new", "old", "write.lock", ".st-relbert-x"]
)
def test_any_file_name_will_do(index, tmp_path, name):
    assert export_word2vec(index, tmp_path / name) == 8
    lines = (tmp_path / name).read_text(encoding="utf-8").splitlines()
    assert lines[0] == "8 16" and len(lines) == 9
    assert [path.name for path in tmp_path.iterdir() if path.name != "idx"] == [name]


def test_an_empty_index_is_an_error(model, tmp_path):
    index = RelationIndex.create(tmp_path / "idx", model)
    with pytest.raises(ValueError, match="is empty, so there is nothing to export"):
        export_word2vec(index, tmp_path / "vectors.txt")
    assert not (tmp_path / "vectors.txt").exists()
