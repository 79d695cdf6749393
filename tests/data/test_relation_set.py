import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_relbert.data import RelationSet, combine_relations, load_relations, with_mismatches

RECORDS = [
    {"relation_type": "capital", "positives": [["Tokyo", "Japan"], ["Paris", "France"]], "negatives": [["a", "b"]]},
    {"relation_type": "part", "positives": [["finger", "hand"], ["wheel", "car"], ["wheel", "car"]], "negatives": []},
]


def write(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return str(path)


def test_pairs_get_the_label_of_their_relation(tmp_path):
    dataset = load_relations(write(tmp_path / "relations.jsonl", RECORDS))
    assert dataset.column_names == ["pair", "label"]
    assert [(tuple(row["pair"]), row["label"]) for row in dataset] == [
        (("Tokyo", "Japan"), 0),
        (("Paris", "France"), 0),
        (("a", "b"), -1),  # a negative of relation 0
        (("finger", "hand"), 1),
        (("wheel", "car"), 1),  # once, because a repeat would be pulled towards itself
    ]


def test_records_of_one_relation_are_merged(tmp_path):
    more = {"relation_type": "capital", "positives": [["Rome", "Italy"]]}
    dataset = load_relations(write(tmp_path / "relations.jsonl", [*RECORDS, more]))
    assert [row["pair"][0] for row in dataset if row["label"] == 0] == ["Tokyo", "Paris", "Rome"]


def test_a_folder_contains_one_file_per_split(tmp_path):
    write(tmp_path / "train.jsonl", RECORDS)
    assert len(load_relations(tmp_path)) == 5
    with pytest.raises(ValueError, match=r"contains train\.jsonl, expected validation\.jsonl"):
        load_relations(tmp_path, "validation")


def test_the_data_folder_is_preferred_to_the_hub(tmp_path, monkeypatch):
    write(tmp_path / "my_relations" / "train.jsonl", RECORDS)
    monkeypatch.setenv("ST_RELBERT_DATA", str(tmp_path))
    assert len(load_relations("owner/my_relations")) == len(load_relations("my_relations")) == 5


def test_semeval_has_the_published_sizes(data):
    for split, size in (("train", 632), ("validation", 158)):
        dataset = load_relations(data / "semeval2012_relational_similarity", split)
        labels = dataset["label"]
        assert sum(label >= 0 for label in labels) == sum(label < 0 for label in labels) == size
        assert len({label for label in labels if label >= 0}) == 79


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([], "has 0 relations .none., expected at least two"),
        (RECORDS[:1], "has 1 relation .capital., expected at least two"),
        ([*RECORDS, {"relation_type": "x"}], "line 3 has no 'positives' .it has: relation_type."),
        ([*RECORDS, {"positives": [["a", "b"]]}], "line 3 has no 'relation_type'"),
        ([*RECORDS, {"relation_type": "x", "positives": []}], "line 3: the relation 'x' has no positives"),
        ([*RECORDS, {"relation_type": "x", "positives": "ab"}], "line 3, positives are 'ab', expected a list"),
        ([*RECORDS, {"relation_type": "x", "positives": [["a", "b"], ["c"]]}], "line 3, positive 1 is"),
        ([*RECORDS, {"relation_type": "x", "positives": [["a", None]]}], "the tail of .*line 3, positive 0 is None"),
        (
            [*RECORDS, {"relation_type": "x", "positives": [["a", "b"]], "negatives": [["a", " "]]}],
            "the tail of .*line 3, negative 0",
        ),
        ([*RECORDS, [1]], "line 3 is a list; expected JSON Lines"),
    ],
)
def test_a_malformed_set_is_an_error_that_names_the_line(tmp_path, records, message):
    with pytest.raises(ValueError, match=message):
        load_relations(write(tmp_path / "relations.jsonl", records))


def test_broken_lines_are_named(tmp_path):
    (tmp_path / "relations.jsonl").write_text('{"relation_type": "x"\n')
    with pytest.raises(ValueError, match="line 1 is not JSON"):
        load_relations(tmp_path / "relations.jsonl")
    (tmp_path / "relations.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="not in the encoding utf-8|zero byte|UTF-16|utf-16"):
        load_relations(tmp_path / "relations.jsonl")


def test_a_set_that_cannot_be_found_is_an_error():
    with pytest.raises(ValueError, match="Cannot load 'no/such-set': there is no such file or folder"):
        load_relations("no/such-set")


@pytest.mark.parametrize("negatives", [0, False, "", {}])
def test_only_null_and_a_list_are_negatives(negatives):
    records = [{**record, "negatives": None} for record in RECORDS]
    assert RelationSet.from_records(records).negatives == {"capital": [], "part": []}
    with pytest.raises(ValueError, match="row 0, negatives are .*, expected a list"):
        RelationSet.from_records([{**RECORDS[0], "negatives": negatives}, RECORDS[1]])


def test_negatives_are_labelled_with_their_relation():
    more = {"relation_type": "x", "positives": [["c", "d"]], "negatives": [["e", "f"]]}
    dataset = RelationSet.from_records([*RECORDS, more]).dataset()
    assert [row["label"] for row in dataset] == [0, 0, -1, 1, 1, 2, -3]


def set_of(names, pairs=2):
    return RelationSet.from_records(
        {"relation_type": name, "positives": [[f"{name}{row}", "t"] for row in range(pairs)]} for name in names
    )


def test_the_hierarchy_comes_from_the_names():
    assert set_of(["a/x", "b/y", "a/z", "c"]).parents == [0, 1, 0, 2]
    assert set_of(["a", "b"]).parents is None
    assert set_of(["a/x", "a/y"]).parents is None  # a single parent has nothing to be distinguished from
    assert len(set(RelationSet.load("starter").parents)) == 13


def test_parents_become_relations_with_all_their_pairs():
    """As in the relbert library: one more relation for each parent."""
    relations = set_of(["a/x", "b/y", "a/z", "a"]).with_parents()
    assert relations.names == ["a/x", "b/y", "a/z", "a", "a/", "b/"]
    assert [head for head, _ in relations.positives["a/"]] == ["a/x0", "a/x1", "a/z0", "a/z1", "a0", "a1"]
    assert relations.negatives["a/"] == [] and len(relations.positives["b/"]) == 2


def test_semeval_has_ten_parents(data):
    relations = RelationSet.load(data / "semeval2012_relational_similarity")
    assert len(set(relations.parents)) == 10
    assert len(relations.with_parents().names) == 79 + 10


def test_relations_are_held_out_as_a_whole():
    relations = set_of([str(number) for number in range(20)])
    train, held_out = relations.hold_out(0.25, seed=1)
    assert len(train.names) == 15 and len(held_out.names) == 5
    assert {**train.positives, **held_out.positives} == relations.positives
    assert relations.hold_out(0.25, seed=1)[1].names == held_out.names != relations.hold_out(0.25, seed=2)[1].names


@pytest.mark.parametrize(
    ("share", "message"),
    [(0, "is 0, expected a number between 0 and 1"), (1.5, "is 1.5"), (0.9, "Cannot hold out 4 of 4 relations")],
)
def test_shares_that_leave_too_little_are_refused(share, message):
    with pytest.raises(ValueError, match=message):
        set_of("abcd").hold_out(share, seed=0)


def test_known_false_negatives_and_copies_are_reported(caplog):
    records = [
        {
            "relation_type": "x",
            "positives": [["a", "b"], ["a", "b"], ["c", "d"]],
            "negatives": [["c", "d"], ["e", "f"]],
        },
        {"relation_type": "y", "positives": [["a", "b"]], "negatives": [["c", "d"]]},
    ]
    with caplog.at_level("INFO", logger="st_relbert"):
        relations = RelationSet.from_records(records, "mine")
    assert "mine: left out 1 pair that a relation has twice" in caplog.text
    assert relations.known_false_negatives() == 2  # (a, b) in two relations; (c, d) on both sides of one
    assert str(relations) == (
        "2 relations with 3 pairs and 3 negatives; "
        "1 relation with a single pair, which can only be pushed away from others; "
        "2 pairs in several relations, or on both sides of one, not pushed away"
    )


def test_records_are_the_inverse_of_from_records():
    relations = RelationSet.load("starter")
    assert RelationSet.from_records(relations.records()) == relations


def test_negatives_may_be_left_out():
    relations = RelationSet({"x": [("a", "b")], "y": [("c", "d")]}, {"y": [("e", "f")]})
    assert relations.negatives == {"x": [], "y": [("e", "f")]}
    assert relations.dataset()["label"][:] == [0, 1, -2]
    assert [record["negatives"] for record in relations.records()] == [[], [["e", "f"]]]
    assert relations.subset(["x"]).with_parents().negatives == {"x": [], "x/": []}
    assert relations.known_false_negatives() == 0 and "1 negative" in str(relations)
    with pytest.raises(ValueError, match="The relation 'z' has negatives but no positives"):
        RelationSet({"x": [("a", "b")]}, {"z": []})


def test_sets_made_in_python_are_checked_as_well():
    relations = RelationSet({"x": [["a", "b"], ("c", "d"), ("a", "b")], "y": [("e", "f")]}, {"x": [["b", "a"]] * 2})
    assert relations.positives == {"x": [("a", "b"), ("c", "d")], "y": [("e", "f")]}
    assert relations.negatives == {"x": [("b", "a")], "y": []} and "3 pairs" in str(relations)
    for negatives, message in (({}, "positive 1 is None"), ({"x": [("a", " ")]}, "negative 0 is ' '")):
        with pytest.raises(ValueError, match=f"the tail of the relation 'x', {message}"):
            RelationSet({"x": [("a", "b"), ("a", "b" if negatives else None)]}, negatives)


def test_records_may_hold_arrays_as_pandas_reads_them():
    arrays = [{name: np.array(value) for name, value in record.items()} for record in RECORDS]
    for record, plain in zip(arrays, RECORDS, strict=True):
        record["relation_type"] = plain["relation_type"]
    assert RelationSet.from_records(arrays) == RelationSet.from_records(RECORDS)
    with pytest.raises(ValueError, match="row 0 is 'relation_type', expected an object with the columns"):
        RelationSet.from_records(["relation_type", "positives"])  # as a DataFrame gives its columns


WEIGHTED = [
    {**RECORDS[0], "weight": 2},
    {**RECORDS[1], "weight": 0.25},
    {"relation_type": "x", "positives": [["c", "d"]]},
]


def test_weights_are_kept_and_written_if_they_are_not_1(tmp_path):
    relations = RelationSet.load(write(tmp_path / "relations.jsonl", WEIGHTED))
    assert relations.weights == {"capital": 2.0, "part": 0.25, "x": 1.0}
    assert [record.get("weight") for record in relations.records()] == [2.0, 0.25, None]
    assert RelationSet.from_records(relations.records()) == relations
    assert str(relations).endswith("; 2 relations with a weight other than 1, from 0.25 to 2")
    assert "weight" not in str(RelationSet.from_records(RECORDS)) and RelationSet.from_records(RECORDS) != relations
    assert relations.subset(["part"]).weights == {"part": 0.25}
    assert with_mismatches(relations).weights == relations.weights == combine_relations([relations]).relations.weights
    train, held_out = RelationSet.from_records(set_of("abcd").weighted(3).records()).hold_out(0.5, seed=0)
    assert {*train.weights.values(), *held_out.weights.values()} == {3.0}
    # The form of the hub's tables.
    assert RelationSet.from_records([{**record, "weight": None} for record in RECORDS]).weights["part"] == 1


def test_a_relation_in_two_sets_has_the_larger_weight():
    sets = [
        RelationSet({name: [(name, "t")] for name in "xyz"}, weights=weights)
        for weights in ({"x": 2, "y": 0.5}, {"x": 3, "y": 0.1, "z": 0.5})
    ]
    assert RelationSet.merge(sets).weights == {"x": 3.0, "y": 0.5, "z": 1.0}
    records = [{"relation_type": "x", "positives": [["a", "b"]], "weight": weight} for weight in (0.5, 2, 1)]
    assert RelationSet.from_records([*records, RECORDS[0]]).weights == {"x": 2.0, "capital": 1.0}


def test_parents_weigh_as_much_as_their_largest_relation():
    relations = RelationSet({name: [(name, "t")] for name in ("a/x", "a/y", "b/z")}, weights={"a/y": 3, "b/z": 0.5})
    assert relations.with_parents().weights == {"a/x": 1, "a/y": 3, "b/z": 0.5, "a/": 3, "b/": 0.5}


@pytest.mark.parametrize("weight", [0, -1, "2", True, float("nan"), float("inf"), 1001, 10**400, [1], {}])
def test_invalid_weights_are_refused(weight):
    with pytest.raises(
        ValueError, match="The weight of mine, row 0 is .*, expected a number above 0 and at most 1,000"
    ):
        RelationSet.from_records([{**RECORDS[0], "weight": weight}, RECORDS[1]], "mine")
    with pytest.raises(ValueError, match="The weight of the relation 'x' is .*, expected a number above 0"):
        RelationSet({"x": [("a", "b")]}, weights={"x": weight})


def test_weights_of_unknown_relations_are_refused():
    with pytest.raises(ValueError, match="The relation 'z' has a weight but no positives"):
        RelationSet({"x": [("a", "b")]}, weights={"z": 2})
    with pytest.raises(ValueError, match="The weight of the relation 'x' is 2000.0"):
        RelationSet({"x": [("a", "b")]}, weights={"x": 40}).weighted(50)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a\ud800", "contains a lone surrogate, '.ud800'"),
        ("\udc80", "contains a lone surrogate"),
        ("a\nb", "contains a control character, '.n'"),
        ("\x1b[31mred", "contains a control character"),
        ("nul\0", "contains a control character"),
        ("a\u2028b", "contains a line break"),
        ("", "is '', expected a name with a visible character"),
        (" \u00a0", "expected a name with a visible character"),
        (True, "is True of type bool, expected a name"),
        (["x"], "of type list, expected a name"),
        (1.5, "of type float, expected a name"),
    ],
)
def test_unprintable_names_are_refused(tmp_path, name, message):
    """In both kinds of records."""
    for record in ({"relation_type": name, "positives": [["a", "b"]]}, {"head": "a", "tail": "b", "relation": name}):
        with pytest.raises(ValueError, match=rf"relations\.jsonl, line 3: the .*{message}"):
            RelationSet.load(write(tmp_path / "relations.jsonl", [*RECORDS, record]))


@given(st.text(min_size=1).filter(lambda name: name.isprintable() and name.strip()))
def test_any_printable_text_is_a_valid_name(name):
    relations = RelationSet.from_records(
        [{"relation_type": name, "positives": [["a", "b"]]}, *WEIGHTED[:1], RECORDS[1]]
    )
    assert name in relations.names


PAIRS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("def")), max_size=3, unique=True)
SETS = st.lists(st.dictionaries(st.sampled_from("xyz"), st.tuples(PAIRS, PAIRS), max_size=3), max_size=4)


@given(SETS)
def test_merging_keeps_each_pair_once_in_order(sets):
    merged = RelationSet.merge(
        RelationSet({name: positives for name, (positives, _) in of_set.items()},
                    {name: negatives for name, (_, negatives) in of_set.items()})
        for of_set in sets
    )  # fmt: skip
    assert merged.names == list(dict.fromkeys(name for of_set in sets for name in of_set))
    for place, side in enumerate((merged.positives, merged.negatives)):
        for name, pairs in side.items():
            assert pairs == list(dict.fromkeys(pair for of_set in sets for pair in of_set.get(name, ([], []))[place]))


def test_rows_of_head_tail_and_relation_are_a_relation_set(tmp_path):
    rows = [{"head": "Tokyo", "tail": "Japan", "relation": "capital"}, {"head": "a", "tail": "b", "relation": "x"},
            {"head": "Rome", "tail": "Italy", "relation": "capital"}]  # fmt: skip
    relations = RelationSet.load(write(tmp_path / "rows.jsonl", rows))
    assert relations.positives == {"capital": [("Tokyo", "Japan"), ("Rome", "Italy")], "x": [("a", "b")]}
    with pytest.raises(ValueError, match=r"line 4 has no 'relation'.*as in .\"relation_type\": \"capital\""):
        RelationSet.load(write(tmp_path / "rows.jsonl", [*rows, {"head": "a", "tail": "b", "relation": None}]))
