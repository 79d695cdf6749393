import pytest

from st_relbert.search import RelationIndex
from st_relbert.search.hits import REVERSED_PENALTY
from st_relbert.search.labels import relation_labels

SOUND = "attribute/sound of an animal"


def test_neighbours_vote_by_their_strength(index):
    hits = index.search(("Berlin", "Germany"), k=4, where="relation IS NOT NULL", both_directions=True)
    labels = relation_labels(index, ("Berlin", "Germany"), neighbours=4)
    assert sum(label.score for label in labels) == pytest.approx(1) and all(label.score > 0 for label in labels)
    stand = [hit.strength - REVERSED_PENALTY * hit.reversed for hit in hits]
    votes = [(each - min(stand)) / (max(stand) - min(stand)) for each in stand]
    heard = {hit.relation for hit, vote in zip(hits, votes, strict=True) if vote}
    assert [label.relation for label in labels if label.relation in heard] == [label.relation for label in labels]
    assert len(labels) == len(heard)
    for label in labels:
        own = [hit for hit in hits if hit.relation == label.relation]
        share = sum(vote for hit, vote in zip(hits, votes, strict=True) if hit in own)
        assert label.score == pytest.approx(share / sum(votes))
        turned = sum(hit.reversed for hit in own) * 2 > len(own)
        assert (label.support, label.reversed, label.known) == (len(own), turned, False)
        assert label.example == next(hit.pair for hit in own if hit.reversed == turned)
    assert labels == sorted(labels, key=lambda label: -label.score)


@pytest.mark.parametrize(("pair", "turned"), [(("a", "b"), False), (("b", "a"), True)])
def test_a_known_pair_keeps_its_label(model, tmp_path, pair, turned):
    index = RelationIndex.create(tmp_path / "idx", model)
    index.add([{"head": "a", "tail": "b", "relation": SOUND}, {"head": "c", "tail": "d", "relation": "other"}])
    index.add([("a", "b")])  # and without a label
    own, other = relation_labels(index, pair)
    assert own == (SOUND, 0.0, 0, pair, "b is the sound that an a makes", turned, True)
    assert (other.relation, other.score, other.known) == ("other", 1.0, False)


def test_without_labels_there_is_no_guess(model, tmp_path):
    index = RelationIndex.create(tmp_path / "idx", model)
    index.add([("a", "b"), ("c", "d")])
    assert relation_labels(index, ("e", "f")) == []


def test_labels_of_shipped_relations_come_with_a_sentence(model, tmp_path):
    index = RelationIndex.create(tmp_path / "idx", model)
    index.add([{"head": head, "tail": tail, "relation": SOUND} for head, tail in (("cow", "moo"), ("dog", "woof"))])
    index.add([{"head": head, "tail": "d", "relation": "my own"} for head in ("c", "e")])
    said = {label.relation: label.in_words for label in relation_labels(index, ("horse", "{head}"))}
    assert said["my own"] is None
    assert said[SOUND] in ("{head} is the sound that a horse makes", "horse is the sound that a {head} makes")
