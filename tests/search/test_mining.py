from itertools import product

import numpy as np
import pytest
from pyarrow.csv import read_csv
from pyarrow.parquet import read_table

from st_relbert import RelBERT
from st_relbert.search import Vocabulary, mine_pairs
from st_relbert.search import mining as module

WORDS = ["Tokyo", "Japan", "Paris", "France", "Rome", "Italy", "finger", "hand", "page", "PARIS"]
EXAMPLES = [("Tokyo", "Japan"), ("Paris", "France")]


@pytest.fixture(scope="module")
def words(model):
    return Vocabulary.encode(model, WORDS)


def unit(vector):
    return vector / np.linalg.norm(vector)


@pytest.fixture(scope="module")
def by_words(model):
    """Two figures per pair: 3CosAdd in both directions, and half the similarity of its words to the examples'."""
    word = dict(zip(WORDS, map(unit, Vocabulary.encode(model, WORDS).vectors), strict=True))

    def figures(pair):
        cosine, likeness = 0, 0
        for turn in (1, -1):
            sides, (head, tail) = zip(*(each[::turn] for each in EXAMPLES), strict=True), pair[::turn]
            first, second = (np.mean([word[each] for each in side], axis=0) for side in sides)
            cosine += unit(word[head] + second - first) @ word[tail] / 2
            likeness += unit(first) @ word[head] / 4
        return cosine, likeness

    return figures


@pytest.fixture(scope="module")
def decided(model, by_words):
    """The plain way: each pair alone in both directions, and the scorer's score."""
    scores = {pair: by_words(pair)[0] / 2 for pair in all_pairs()}
    for turn in (1, -1):
        vectors = {pair: unit(model.encode(pair[::turn])) for pair in [*EXAMPLES, *scores]}
        query = unit(np.mean([vectors[pair] for pair in EXAMPLES], axis=0))
        for pair in scores:
            scores[pair] += vectors[pair] @ query / 4
    return scores


def all_pairs(heads=WORDS, tails=WORDS):
    """All pairs except the examples and words paired with themselves, in any spelling."""
    examples = {(h.casefold(), t.casefold()) for h, t in EXAMPLES}
    folded = lambda pair: tuple(word.casefold() for word in pair)  # noqa: E731
    return [p for p in product(heads, tails) if folded(p) not in examples and len(set(folded(p))) == 2]


def test_with_a_complete_shortlist_model_and_scorer_decide(model, words, decided):
    found = mine_pairs(model, EXAMPLES, words, k=len(decided), tails_per_head=100)
    assert {(each.head, each.tail): each.score for each in found} == pytest.approx(decided, abs=1e-5)
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    numbers = {"k": np.int64(3), "shortlist": np.int64(5000), "tails_per_head": np.int32(100)}
    assert mine_pairs(model, EXAMPLES, words, **numbers) == found[:3]


@pytest.mark.parametrize("block", [1, 7, 25, 10_000])
def test_the_shortlist_does_not_depend_on_the_blocks(model, words, by_words, block):
    """Whatever the size of a block of scores."""
    tails = words.subset(WORDS[1:8])
    ranked = sorted(all_pairs(tails=tails.words), key=lambda pair: -sum(by_words(pair)))
    kept, of_head = [], dict.fromkeys(WORDS, 0)
    for pair in ranked:
        of_head[pair[0]] += 1
        if of_head[pair[0]] <= 2:
            kept.append(pair)
    found = mine_pairs(model, EXAMPLES, words, tails, k=5, shortlist=5, tails_per_head=2, scores_at_once=block)
    assert {(each.head, each.tail) for each in found} == set(kept[:5])


@pytest.mark.parametrize("stop", [1, 4, 9, 11])
def test_an_interrupted_call_resumes(model, words, tmp_path, monkeypatch, stop):
    """Wherever it was interrupted, no work is repeated, and the result is the same."""
    asked = {"k": 5, "shortlist": 40, "state": tmp_path / "state", "scores_at_once": 10, "batch_size": 1}
    expected = mine_pairs(model, EXAMPLES, words, **asked)
    assert not (tmp_path / "state").exists()
    saves = []

    def save(*args):
        plain(*args)
        saves.append(args)
        if len(saves) == stop:
            raise KeyboardInterrupt

    plain = module._save
    monkeypatch.setattr(module, "_save", save)
    with pytest.raises(KeyboardInterrupt):
        mine_pairs(model, EXAMPLES, words, **asked)
    assert mine_pairs(model, EXAMPLES, words, **asked) == expected
    assert len(saves) == 13 and not (tmp_path / "state").exists()


def test_the_state_of_another_call_is_refused(model, words, tmp_path):
    path = tmp_path / "state"
    for content in (b"", b"other"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="belongs to an interrupted call with other words"):
            mine_pairs(model, EXAMPLES, words, k=1, state=path)
        assert path.read_bytes() == content


def test_bad_input_is_refused(model, words, encoders):
    with pytest.raises(ValueError, match="There are no examples"):
        mine_pairs(model, [], words)
    with pytest.raises(ValueError, match="example 1 is"):
        mine_pairs(model, [("a", "b"), ("a",)], words)
    for bad in ({"k": 0}, {"shortlist": 0}, {"tails_per_head": -1}):
        with pytest.raises(ValueError, match="expected a positive whole number"):
            mine_pairs(model, EXAMPLES, words, **bad)
    with pytest.raises(ValueError, match="k is 100, but 10 heads and 10 tails make only 85 pairs"):
        mine_pairs(model, EXAMPLES, words)
    with pytest.raises(ValueError, match="k is 1, but 1 head and 1 tail make only 0 pairs"):
        mine_pairs(model, EXAMPLES, words.subset(["Rome"]), k=1)
    with pytest.raises(ValueError, match="k is 9, but the shortlist is only 8"):
        mine_pairs(model, EXAMPLES, words, k=9, shortlist=8)
    with pytest.raises(ValueError, match="The vocabulary was encoded by another model"):
        mine_pairs(RelBERT(encoders["bytelevel"], template="short"), EXAMPLES, words, k=1)


def test_found_pairs_are_written_to_files(model, words, tmp_path):
    found = mine_pairs(model, EXAMPLES, words, k=4)
    shown = [each._replace(score=round(each.score, 4)) for each in found]
    assert shown != found
    for name, read, written in (("found.csv", read_csv, shown), ("found.parquet", read_table, found)):
        module.write_pairs(found, tmp_path / name)
        assert read(tmp_path / name).to_pylist() == [each._asdict() for each in written]
    module.write_pairs([], tmp_path / "none.csv")
    assert (tmp_path / "none.csv").read_text().split() == ['"head","tail","score"']
    with pytest.raises(ValueError, match="'found.tsv', expected a name that ends in .csv or .parquet"):
        module.write_pairs(found, "found.tsv")
