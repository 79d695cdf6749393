import json

import pytest

from st_relbert.training import load_relations

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
        (("a", "b"), -1),
        (("finger", "hand"), 1),
        (("wheel", "car"), 1),  # once: a repeat would be pulled towards itself
    ]


def test_records_of_one_relation_are_put_together(tmp_path):
    more = {"relation_type": "capital", "positives": [["Rome", "Italy"]]}
    dataset = load_relations(write(tmp_path / "relations.jsonl", [*RECORDS, more]))
    assert [row["pair"][0] for row in dataset if row["label"] == 0] == ["Tokyo", "Paris", "Rome"]


def test_a_folder_holds_a_file_a_split(tmp_path):
    write(tmp_path / "train.jsonl", RECORDS)
    assert len(load_relations(tmp_path)) == 5
    with pytest.raises(ValueError, match=r"holds train\.jsonl, expected validation\.jsonl"):
        load_relations(tmp_path, "validation")


def test_the_data_folder_stands_in_for_the_hub(tmp_path, monkeypatch):
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
        (RECORDS[:1], "has 1 relations .capital., expected at least two"),
        ([*RECORDS, {"relation_type": "x"}], "row 2 has no 'positives' .it has: relation_type."),
        ([*RECORDS, {"positives": [["a", "b"]]}], "row 2 has no 'relation_type'"),
        ([*RECORDS, {"relation_type": "x", "positives": []}], "row 2: the relation 'x' has no positives"),
        ([*RECORDS, {"relation_type": "x", "positives": "ab"}], "row 2, positives are 'ab', expected a list"),
        ([*RECORDS, {"relation_type": "x", "positives": [["a", "b"], ["c"]]}], "row 2, positive 1 is"),
        ([*RECORDS, {"relation_type": "x", "positives": [["a", None]]}], "the tail of .*row 2, positive 0 is None"),
        (
            [*RECORDS, {"relation_type": "x", "positives": [["a", "b"]], "negatives": [["a", " "]]}],
            "the tail of .*row 2, negative 0",
        ),
        ([*RECORDS, [1]], "line 3 is a list, expected a JSON object"),
    ],
)
def test_a_malformed_set_is_an_error_that_names_the_row(tmp_path, records, message):
    with pytest.raises(ValueError, match=message):
        load_relations(write(tmp_path / "relations.jsonl", records))


def test_broken_lines_are_named(tmp_path):
    (tmp_path / "relations.jsonl").write_text('{"relation_type": "x"\n')
    with pytest.raises(ValueError, match="line 1 is not JSON"):
        load_relations(tmp_path / "relations.jsonl")
    (tmp_path / "relations.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="as UTF-8 text"):
        load_relations(tmp_path / "relations.jsonl")


def test_what_is_nowhere_is_an_error():
    with pytest.raises(ValueError, match="Cannot load 'no/such-set': it is no file or folder here"):
        load_relations("no/such-set")
