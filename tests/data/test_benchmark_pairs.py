import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_relbert.data.leakage import benchmark_pairs, pairs_of_record

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)
COLUMNS = st.sampled_from(["stem", "choice", "answer", "source", "target", "target_random", "head", "tail", "positives",
                           "negatives", "pairs", "paradigms", "questions"])  # fmt: skip


@pytest.mark.parametrize(
    ("record", "pairs"),
    [
        ({"stem": ["a", "b"], "choice": [["c", "d"], ["e", "f"]], "answer": 1}, "ab cd ef"),
        ({"head": "a", "tail": "b", "relation": "hyper"}, "ab"),
        ({"source": ["a", "b"], "target": ["c", "d"], "target_random": ["d", "c"]}, "ab ba dc cd"),
        ({"relation_type": "r", "positives": [["a", "b"]], "negatives": [["c", "d"]]}, "ab cd"),
        ({"relation_type": "r", "positives": [["a", "b"]]}, "ab"),
        ({"relation_type": "1/a", "paradigms": [["a", "b"]], "pairs": [["c", "d", 50.0]]}, "cd ab"),
        ({"relation_type": "1/a", "questions": [{"pairs": [["a", "b"]]}, {"pairs": [["c", "d"]]}]}, "ab cd"),
    ],
)  # fmt: skip
def test_every_kind_of_test_set_is_read(record, pairs):
    assert pairs_of_record(record, "row 0") == [tuple(pair) for pair in pairs.split()]


@given(st.dictionaries(COLUMNS, JSON, max_size=4))
def test_anything_but_a_test_set_is_a_value_error(record):
    try:
        pairs = pairs_of_record(record, "row 7")
    except ValueError as error:
        assert "row 7" in str(error)
    else:
        assert all(len(pair) == 2 and all(isinstance(word, str) for word in pair) for pair in pairs)


def test_a_folder_stands_for_all_its_sets_but_training_splits(tmp_path):
    for name in ("x/test", "x/train", "y"):
        path = tmp_path / f"{name}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"head": name, "tail": "b", "relation": "r"}) + "\n")
    assert benchmark_pairs([tmp_path]) == {"x/test": {("x/test", "b")}, "y": {("y", "b")}}
    file = str(tmp_path / "x" / "train.jsonl")
    assert benchmark_pairs([file]) == {file: {("x/train", "b")}}


def test_shipped_sets_are_named():
    (pairs,) = benchmark_pairs(["starter/held_out_relations"]).values()
    assert len(pairs) > 200


def test_an_empty_folder_is_an_error(tmp_path):
    (tmp_path / "train.jsonl").write_text("")
    with pytest.raises(ValueError, match="contains no JSON Lines file"):
        benchmark_pairs([tmp_path])


def test_all_benchmarks_are_read(data):
    sets = benchmark_pairs([data])
    assert "lexical_relation_classification/BLESS/test" in sets and "semeval2012_maxdiff" in sets
    assert not any(name.endswith("train") for name in sets) and all(sets.values())
