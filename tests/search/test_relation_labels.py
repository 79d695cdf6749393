import pytest

from st_relbert.search import RelationIndex
from st_relbert.search.labels import relation_labels

SOUND = "attribute/sound of an animal"


def test_neighbours_vote_by_their_cosines(index):
    hits = index.search(("Berlin", "Germany"), k=4, where="relation IS NOT NULL")
    labels = relation_labels(index, ("Berlin", "Germany"), neighbours=4)
    assert sum(label.score for label in labels) == pytest.approx(1) and sum(label.support for label in labels) == 4
    for label in labels:
        own = [hit for hit in hits if hit.relation == label.relation]
        assert label.score == pytest.approx(sum(hit.score for hit in own) / sum(hit.score for hit in hits))
        assert (label.support, label.example) == (len(own), own[0].pair)
    assert labels == sorted(labels, key=lambda label: -label.score)


def test_the_pair_itself_has_no_vote(model, tmp_path):
    index = RelationIndex.create(tmp_path / "idx", model)
    index.add([{"head": "a", "tail": "b", "relation": "own"}, {"head": "c", "tail": "d", "relation": "other"}])
    assert [label.relation for label in relation_labels(index, ("a", "b"))] == ["other"]


def test_without_labels_there_is_no_guess(model, tmp_path):
    index = RelationIndex.create(tmp_path / "idx", model)
    index.add([("a", "b"), ("c", "d")])
    assert relation_labels(index, ("e", "f")) == []


def test_labels_of_shipped_relations_are_said_in_words(model, tmp_path):
    index = RelationIndex.create(tmp_path / "idx", model)
    index.add([{"head": "cow", "tail": "moo", "relation": SOUND}, {"head": "c", "tail": "d", "relation": "my own"}])
    said = {label.relation: label.in_words for label in relation_labels(index, ("horse", "{head}"))}
    assert said == {SOUND: "{head} is the sound that a horse makes", "my own": None}
