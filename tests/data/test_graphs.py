# ruff: noqa: E501  # a case is read in one line

import csv
import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_relbert.data.graphs import read_triples, sources_of_triples
from st_relbert.data.triples import relations_of_triples
from st_relbert.files.options import TableOptions


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(path)


DUMP = (
    '/a/[/r/IsA/,/c/en/dog/n/,/c/en/house_pet/]\t/r/IsA\t/c/en/dog/n\t/c/en/house_pet\t{"weight": 1.0}\n'
    '/a/[/r/IsA/,/c/de/hund/,/c/en/dog/]\t/r/IsA\t/c/de/hund\t/c/en/dog\t{"weight": 1.0}\n'
    '/a/[/r/Antonym/,/c/en/hot/,/c/en/cold/]\t/r/Antonym\t/c/en/hot\t/c/en/cold\t{"weight": 2.0}\n'
)
BOTH = [("hot", "Antonym", "cold"), ("cold", "Antonym", "hot")]


@pytest.mark.parametrize(
    ("name", "content", "triples"),
    [
        ("assertions.csv", DUMP, [("dog", "IsA", "house_pet"), *BOTH]),
        ("train.txt", "IsA\tdog\thouse pet\t2\nAntonym\thot\tcold\t1\n", [("dog", "IsA", "house pet"), *BOTH]),
        (
            "P36.jsonl",
            '{"sub_label": "Japan", "obj_label": "Tokyo", "uuid": "1"}\n{"sub_label": "Italy", "obj_label": "Rome"}\n',
            [("Japan", "P36", "Tokyo"), ("Italy", "P36", "Rome")],
        ),
        ("any.jsonl", '{"sub_label": "a", "obj_label": "b", "predicate_id": "P47"}', [("a", "P47", "b"), ("b", "P47", "a")]),
        (
            "capital.json",
            {"name": "capital", "properties": {"symmetric": False}, "samples": [{"subject": "Japan", "object": "Tokyo"}]},
            [("Japan", "capital", "Tokyo")],
        ),
        (
            "antonym.json",
            {"name": "opposite", "properties": {"symmetric": True}, "samples": [{"subject": "hot", "object": "cold"}]},
            [("hot", "opposite", "cold"), ("cold", "opposite", "hot")],
        ),
        (
            "dev.json",
            [
                {
                    "vertexSet": [[{"name": "Obama"}, {"name": "Barack Obama"}], [{"name": "Hawaii"}]],
                    "labels": [{"h": 0, "t": 1, "r": "P19"}],
                }
            ],
            [("Barack Obama", "P19", "Hawaii")],
        ),
        ("x.csv", "head,relation,tail\nTokyo,capital of,Japan\n", [("Tokyo", "capital of", "Japan")]),
        ("quoted.csv", '"head","relation","tail"\n"Tokyo","capital of","Japan"\n', [("Tokyo", "capital of", "Japan")]),
        ("half.csv", 'head,relation,"tail"\n\n5" disk,r,"a\nb"\n', [('5" disk', "r", "a\nb")]),
        ("blank.txt", '\nIsA\t"dog\tpet\n', [('"dog', "IsA", "pet")]),
        ("x.tsv", "Tail\tRelation\tHead\nJapan\tcapital of\tTokyo\n", [("Tokyo", "capital of", "Japan")]),
        ("x.jsonl", '{"head": "a", "tail": "b", "relation": "r"}\n', [("a", "r", "b")]),
    ],
)  # fmt: skip
def test_formats_are_detected_from_the_beginning(tmp_path, name, content, triples):
    path = write(tmp_path / "files" / name, content)
    assert list(read_triples([path])) == triples
    packed = tmp_path / f"{name}.gz"
    packed.write_bytes(gzip.compress((tmp_path / "files" / name).read_bytes(), mtime=0))
    assert list(read_triples([str(packed)])) == triples
    assert list(read_triples([str(tmp_path / "files")])) == triples


NAMED = [
    ("x.csv", "head,relation,tail\nCafé,r,b\n"),
    ("x.txt", "IsA\tCafé\tb\n"),
    ("assertions.csv", "/a/[]\t/r/IsA\t/c/en/Café/n\t/c/en/b\t{}\n"),
    ("x.jsonl", '{"head": "Café", "relation": "r", "tail": "b"}\n'),
    ("P36.jsonl", '{"sub_label": "Café", "obj_label": "b"}\n'),
    ("lre.json", '{"name": "r", "samples": [{"subject": "Café", "object": "b"}]}'),
    ("dev.json", '[{"vertexSet": [[{"name": "Café"}], [{"name": "b"}]], "labels": [{"h": 0, "t": 1, "r": "r"}]}]'),
]


@pytest.mark.parametrize(("name", "content"), NAMED)
@pytest.mark.parametrize("encoding", ["latin-1", "utf-16-le"])
def test_files_in_any_format_may_have_another_encoding(tmp_path, name, content, encoding):
    (tmp_path / name).write_bytes(content.encode(encoding))
    path, options = str(tmp_path / name), TableOptions(encoding=encoding)
    [(head, _, tail)] = read_triples([path], options=options)
    assert (head, tail) == ("Café", "b")
    assert list(sources_of_triples([path], options=options)) == ["ConceptNet" if "IsA" in content else name]
    with pytest.raises(ValueError, match="--encoding"):
        list(read_triples([path]))


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip))
def test_any_csv_file_of_triples_is_recognised_as_a_table(tmp_path_factory, word):
    path = tmp_path_factory.mktemp("triples") / "x.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("head", "relation", "tail"), (f"x{word}", "r", "b")])
    assert list(read_triples([str(path)])) == [(f"x{word}", "r", "b")]


def test_tables_without_a_header_are_read(tmp_path):
    path = write(tmp_path / "x.tsv", "r\ta\tb\n")
    options = TableOptions(columns=("2", "3"), relation="1", header=False)
    assert list(read_triples([path], format="table", options=options)) == [("a", "r", "b")]


@pytest.mark.parametrize(
    ("name", "content", "format", "message"),
    [
        ("x.csv", "head,tail\na,b\n", "auto", "no column 'relation'. Name.*--columns HEAD RELATION TAIL"),
        ("x.csv", "head,tail,relation\na,b,\n", "auto", "no relation in line 2"),
        ("x.txt", "\nIsA\tdog\n", "conceptnet", "line 2 has 2 cells, expected those of ConceptNet's dump"),
        ("x.jsonl", '{"sub_label": "a"}', "facts", "line 1 has no text in 'obj_label' or"),
        ("x.json", {"name": "r"}, "lre", "element 1 is not a relation of LRE"),
        ("x.json", {"name": "r", "samples": [{"subject": 1, "object": "b"}]}, "auto", "sample 0 of 'r' has no text in 'sub"),
        ("x.json", {"name": "r", "samples": ["a"]}, "auto", "sample 0 of 'r' is a str"),
        ("x.json", [{"vertexSet": [], "labels": [{"h": 0, "t": 1, "r": "P1"}]}], "auto", "is not a document of DocRED"),
        ("x.json", [{"vertexSet": 3, "labels": [{"h": 0, "t": 1, "r": "P1"}]}], "auto", "is not a document of DocRED"),
        ("x.json", "[" * 100_000, "auto", "no JSON|nested too deeply"),
        ("x.xml", "<a/>", "auto", "does not have the name of a table"),
        ("x.jsonl", "", "auto", "empty"),
        ("x.csv", "a,b", "rdf", "Unknown format 'rdf', expected one of 'auto', 'table'"),
    ],
)  # fmt: skip
def test_other_files_are_one_line_errors(tmp_path, name, content, format, message):
    path = write(tmp_path / name, content)
    with pytest.raises(ValueError, match=message) as error:
        list(read_triples([path], format=format))
    assert "\n" not in str(error.value) and (format == "rdf" or "x." in str(error.value))


def test_a_damaged_archive_is_an_error_that_names_the_file(tmp_path):
    packed = gzip.compress(b'{"sub_label": "a", "obj_label": "b"}\n' * 100, mtime=0)
    (tmp_path / "x.jsonl.gz").write_bytes(packed[:-20])
    with pytest.raises(ValueError, match=r"Cannot read '.*x\.jsonl\.gz' as"):
        list(read_triples([str(tmp_path / "x.jsonl.gz")]))


def test_hidden_files_of_a_folder_are_not_read(tmp_path):
    for name in ("x.csv", "._x.csv", ".y.csv"):
        write(tmp_path / name, f"head,relation,tail\n{name},r,b\n")
    assert list(read_triples([str(tmp_path)])) == list(read_triples([str(tmp_path / "*.csv")])) == [("x.csv", "r", "b")]


def test_missing_files_and_folders_are_errors(tmp_path):
    with pytest.raises(ValueError, match="contains no files of triples"):
        list(read_triples([str(tmp_path)]))
    with pytest.raises(ValueError, match="no-such"):
        list(read_triples([str(tmp_path / "no-such.tsv")]))


@pytest.mark.parametrize(
    ("name", "options", "relations", "pairs", "symmetric"),
    [
        ("conceptnet100k", {}, 30, 18_000, {"RelatedTo"}),
        ("pararel", {}, 41, 26_000, {"P190", "P47", "P530"}),
        ("lre", {}, 40, 10_000, {"adjective antonym"}),
        ("redocred", {}, 90, 17_000, {"P26", "P3373"}),
        ("text2kgbench", {"columns": ("subject", "object"), "relation": "relation"}, 180, 6_000, set()),
    ],
)
def test_real_files_are_read(sources, name, options, relations, pairs, symmetric):
    build = relations_of_triples(read_triples([str(sources / name)], options=TableOptions(**options)))
    positives = build.relations.positives
    assert len(positives) >= relations and sum(map(len, positives.values())) >= pairs
    assert set(build.symmetric) == symmetric
    assert name != "redocred" or ("P361", "P527") in build.inverse
    assert not any("_" in head + tail for of_relation in positives.values() for head, tail in of_relation)
