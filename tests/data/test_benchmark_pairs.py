import gzip
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


@pytest.mark.parametrize("column", ["positives", "negatives", "pairs", "paradigms", "questions"])
@pytest.mark.parametrize("value", [0, False, "", {}])
def test_only_an_absent_list_is_an_empty_one(column, value):
    record = {"positives": [["a", "b"]], "pairs": [["a", "b", 1.0]], column: value}
    if column in ("pairs", "paradigms", "questions"):
        del record["positives"]
    if column == "questions":
        del record["pairs"]
    with pytest.raises(ValueError, match="row 0.*expected a list"):
        pairs_of_record(record, "row 0")


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


@pytest.mark.parametrize("columns", ["head,tail", "Tail;HEAD;note", "head,tail,relation"])
def test_a_table_of_test_pairs_needs_no_relations(tmp_path, columns):
    row = {"head": "Tokyo", "tail": "Japan"}
    separator = ";" if ";" in columns else ","
    cells = [row.get(name.lower(), "x") for name in columns.split(separator)]
    path = str(tmp_path / "ex.csv")
    (tmp_path / "ex.csv").write_text(f"{columns}\n{separator.join(cells)}\n")
    assert benchmark_pairs([path]) == {path: {("Tokyo", "Japan")}}


def write_set(path, word):
    """A test set with one pair, compressed if its name says so."""
    line = json.dumps({"head": word, "tail": "b", "relation": "r"}).encode() + b"\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(line, mtime=0) if path.suffix.lower() == ".gz" else line)


def test_a_folder_is_searched_through_links_and_for_every_spelling(tmp_path):
    folder, elsewhere = tmp_path / "sets", tmp_path / "elsewhere"
    for name in ("a.jsonl.gz", "b.JSONL", "c.ndjson", "d.jsonl", "d.jsonl.gz", "deep/e/f.JSONL.GZ", ".cache/g.jsonl"):
        write_set(folder / name, name)
    for name in ("train.jsonl.gz", "Train.JSONL", "._d.jsonl"):  # training splits, and what macOS leaves on other disks
        write_set(folder / name, "no test")
    write_set(elsewhere / "h.jsonl", "h.jsonl")
    (folder / "linked").symlink_to(elsewhere)
    (folder / "linked.jsonl").symlink_to(elsewhere / "h.jsonl")
    (elsewhere / "around").symlink_to(folder)
    (folder / "deep" / "up").symlink_to("..")
    sets = benchmark_pairs([folder])
    assert sorted(sets) == [".cache/g", "a", "b", "c", "d", "deep/e/f", "linked", "linked/h"]
    assert sets["d"] == {("d.jsonl", "b"), ("d.jsonl.gz", "b")} and sets["linked/h"] == {("h.jsonl", "b")}


def test_a_folder_or_file_that_cannot_be_read_is_not_passed_over(tmp_path, monkeypatch):
    write_set(tmp_path / "a.jsonl", "a")
    (tmp_path / "b.jsonl").symlink_to("none.jsonl")
    with pytest.raises(ValueError, match="There is no file '.*b.jsonl'"):
        benchmark_pairs([tmp_path])

    def scandir(folder):  # the permissions of a folder do not stop root
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr("os.scandir", scandir)
    with pytest.raises(ValueError, match="Cannot read the folder '.*': Permission denied"):
        benchmark_pairs([tmp_path])


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
