import os
import pickle

import pytest

from st_relbert.encoding.blocks import VectorBlocks
from st_relbert.files.location import Location, expand
from st_relbert.files.tables import is_table


def test_paths_and_uris_of_a_file_are_equivalent(tmp_path):
    (tmp_path / "x.txt").write_text("text")
    for name in (str(tmp_path / "x.txt"), f"file://{tmp_path}/x.txt"):
        place = pickle.loads(pickle.dumps(Location.of(name)))
        assert place.exists and place.read_text() == "text"
    assert not (Location.of(str(tmp_path)) / "y.txt").exists


def test_a_file_is_written_completely_or_not_at_all(tmp_path):
    place = Location.of(str(tmp_path / "x.txt"))
    place.write_text("old")
    with pytest.raises(KeyboardInterrupt), place.writing() as stream:
        stream.write(b"new")
        raise KeyboardInterrupt
    assert place.read_text() == "old"
    assert Location.of(str(tmp_path)).names() == ["x.txt"]
    place.write_text("new")
    assert place.read_text() == "new"


def test_folders(tmp_path):
    folder = Location.of(str(tmp_path / "a" / "b"))
    assert folder.names() == []
    folder.filesystem.create_dir(folder.path)
    (folder / "x").write_text("")
    assert folder.names() == ["x"] and (folder.parent / "c").path.endswith("/c")
    folder.remove()
    assert not folder.exists


def test_patterns(tmp_path, monkeypatch):
    for name in ("b.csv", "a.csv", "a.txt", "._a.csv", ".b.txt"):
        (tmp_path / name).write_text("")
    assert expand(f"{tmp_path}/*.csv") == [f"{tmp_path}/a.csv", f"{tmp_path}/b.csv"]
    assert expand(f"file://{tmp_path}/a.*") == [f"file://{tmp_path}/a.csv", f"file://{tmp_path}/a.txt"]
    monkeypatch.chdir(tmp_path)
    assert expand("*.txt") == ["a.txt"] and expand("no.csv") == ["no.csv"]
    assert expand(".*.txt") == [".b.txt"] and expand("*") == ["a.csv", "a.txt", "b.csv"]
    with pytest.raises(ValueError, match="No file matches"):
        expand(f"{tmp_path}/*.parquet")


def test_backslashes_separate_folders_on_windows(tmp_path, monkeypatch):
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets" / "a.csv").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "sep", "\\")
    assert expand("sets\\*.csv") == ["sets/a.csv"]
    place = Location.of("sets\\a.csv")
    assert place.name == "a.csv" and place.parent.names() == ["a.csv"]


def test_an_unknown_kind_of_uri_is_refused():
    with pytest.raises(ValueError, match=r"Cannot use 'ftp://x/y': .*Expected a path, or a URI"):
        Location.of("ftp://x/y")


def test_the_query_of_a_uri_is_not_part_of_the_name():
    query = "?region=us-east-1&endpoint_override=127.0.0.1:9&scheme=http"  # never connected to
    for name, kind in (("out.lance", ".lance"), ("out.parquet", ".parquet")):
        blocks = VectorBlocks(f"s3://pairs/{name}{query}")
        assert (blocks.kind, blocks.place.name, blocks.place.path) == (kind, name, f"pairs/{name}")
    assert is_table(f"s3://pairs/a.csv.gz{query}")
