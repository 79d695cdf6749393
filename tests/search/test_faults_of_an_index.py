"""An index that is replaced, incomplete, damaged or not saved: one clear error, and nothing lost."""

import logging
import os
import shutil

import numpy as np
import pytest

from st_relbert import RelBERT
from st_relbert.identity import ModelIdentity
from st_relbert.search import RelationIndex
from tests.search.conftest import PAIRS


@pytest.fixture(scope="module")
def other(encoders):
    return RelBERT(encoders["wordpiece"], template="a")


@pytest.fixture(scope="module")
def good(model, tmp_path_factory):
    """A small index with more than one version, to be copied."""
    index = RelationIndex.create(tmp_path_factory.mktemp("good") / "idx", model)
    index.add(PAIRS["capital"])
    index.add([{"head": head, "tail": tail, "relation": "part"} for head, tail in PAIRS["part"]])
    index.delete({"head": "Rome"})
    return index


def pairs_in(index):
    return {(row["head"], row["tail"]) for row in index.rows()}


def test_a_writer_does_not_add_to_another_index_in_the_same_place(model, other, tmp_path):
    """Between two chunks, another process replaces the index with one of another model."""
    index = RelationIndex.create(tmp_path / "idx", model)

    def rows():
        yield from PAIRS["capital"]
        RelationIndex.build(tmp_path / "idx", [("new", "one")], other, overwrite=True)
        yield from PAIRS["part"]

    with pytest.raises(ValueError, match="has been replaced"):
        index.add(rows(), chunk_size=3)
    assert pairs_in(RelationIndex.open(tmp_path / "idx", other)) == {("new", "one")}


def test_a_writer_does_not_add_to_a_replacement_of_the_same_model(model, tmp_path):
    index = RelationIndex.create(tmp_path / "idx", model)

    def rows():
        yield from PAIRS["capital"]
        RelationIndex.create(tmp_path / "idx", model, overwrite=True)
        yield from PAIRS["part"]

    with pytest.raises(ValueError, match="was replaced by another one while pairs were being added"):
        index.add(rows(), chunk_size=3)
    assert len(index) == 0


def test_a_reader_notices_a_replacement_by_another_models_index(model, other, tmp_path):
    index = RelationIndex.create(tmp_path / "idx", model)
    index.add(PAIRS["capital"])
    RelationIndex.build(tmp_path / "idx", PAIRS["part"], model, overwrite=True)
    assert set(PAIRS["part"]) == pairs_in(index) and len(index.search(("a", "b"))) == 3  # the same model, so it resumes
    RelationIndex.build(tmp_path / "idx", PAIRS["capital"], other, overwrite=True)
    for ask in (len, lambda i: i.search(("a", "b")), lambda i: list(i.rows()), lambda i: i.delete({"head": "Rome"})):
        with pytest.raises(ValueError, match="has been replaced by one of another model since it was opened"):
            ask(index)


def test_an_index_is_replaced_only_by_a_complete_one(model, tmp_path, monkeypatch):
    index = RelationIndex.build(tmp_path / "idx", PAIRS["capital"], model)
    with pytest.raises(ValueError, match="row 1 is"):
        RelationIndex.build(tmp_path / "idx", [("a", "b"), ("c",)], model, overwrite=True)
    plain = RelBERT.encode
    calls = []

    def interrupted(self, pairs, **kwargs):
        calls.append(pairs)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return plain(self, pairs, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(RelBERT, "encode", interrupted)
        with pytest.raises(KeyboardInterrupt):
            RelationIndex.build(tmp_path / "idx", PAIRS["part"], model, overwrite=True, chunk_size=2)
        assert pairs_in(index) == set(PAIRS["capital"])
        # The same call resumes. Two of the three pairs are already there.
        RelationIndex.build(tmp_path / "idx", PAIRS["part"], model, overwrite=True, chunk_size=2)
    assert calls[2:] == [PAIRS["part"][2:]]
    assert pairs_in(index) == set(PAIRS["part"])
    assert sorted(os.listdir(tmp_path)) == ["idx"]


def test_an_interrupted_build_does_not_block_another(model, tmp_path, monkeypatch, caplog):
    with monkeypatch.context() as patch:
        patch.setattr("st_relbert.vectors.PairVectors.encode", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            RelationIndex.build(tmp_path / "idx", PAIRS["capital"], model)
    with pytest.raises(ValueError, match="is not finished: its build was interrupted. Run the same"):
        RelationIndex.open(tmp_path / "idx")
    assert pairs_in(RelationIndex.build(tmp_path / "idx", PAIRS["part"], model)) == set(PAIRS["part"])
    assert "belongs to a build of other pairs or another model" in caplog.text


def test_a_second_build_of_an_index_is_refused(model, tmp_path):
    class Rows:
        read = 0

        def __iter__(self):
            if self.read == 2:  # rows and prompts have been checked, so the build has begun and holds its lock
                with pytest.raises(ValueError, match="Another process is building"):
                    RelationIndex.build(tmp_path / "idx", PAIRS["part"], model)
            self.read += 1
            return iter(PAIRS["capital"])

    rows = Rows()
    assert pairs_in(RelationIndex.build(tmp_path / "idx", rows, model)) == set(PAIRS["capital"])
    assert rows.read == 3


def test_rows_that_can_only_be_read_once_are_refused(model, tmp_path):
    with pytest.raises(ValueError, match="The rows are a list_iterator, which can only be read once"):
        RelationIndex.build(tmp_path / "idx", iter(PAIRS["part"]), model)


def test_an_incomplete_index_is_reported_and_can_be_rebuilt(model, tmp_path):
    (tmp_path / "idx" / "pairs.lance" / "_versions").mkdir(parents=True)
    with pytest.raises(ValueError, match="is incomplete and has no rows. Build it again"):
        RelationIndex.open(tmp_path / "idx")
    assert len(RelationIndex.build(tmp_path / "idx", PAIRS["part"], model)) == 3


def test_other_files_in_the_folder_of_an_index_are_kept(good, model, tmp_path):
    shutil.copytree(good.path, tmp_path / "idx")
    (tmp_path / "idx" / "notes.txt").write_text("keep me")
    with pytest.raises(ValueError, match="also contains the file 'notes.txt', so it is not replaced"):
        RelationIndex.build(tmp_path / "idx", PAIRS["part"], model, overwrite=True)
    assert len(RelationIndex.open(tmp_path / "idx")) == 5


@pytest.mark.parametrize("name", ["idx", "idx.partial"])
def test_what_a_killed_process_left_in_the_folder_does_not_block_a_build(good, model, tmp_path, name):
    """It was killed while it wrote the calibration, for example."""
    shutil.copytree(good.path, tmp_path / name)
    (tmp_path / name / ".st-relbert-0123456789abcdef-x" / "new").mkdir(parents=True)
    assert len(RelationIndex.build(tmp_path / "idx", PAIRS["part"], model, overwrite=True)) == 3


def test_an_approximate_index_missing_after_a_killed_build_is_built_by_the_next_add(model, tmp_path, monkeypatch):
    index = RelationIndex.create(tmp_path / "idx", model)
    index._store.ann_from = 300
    rows = [(f"head{number}", f"tail{number}") for number in range(400)]
    with monkeypatch.context() as patch:
        patch.setattr(RelationIndex, "optimize", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            index.add(rows)
    assert index.state.exact
    assert index.add(rows) == 0
    assert not index.state.exact


def damage(path, how, seed=0):
    content = bytearray(path.read_bytes())
    if how == "deleted":
        path.unlink()
    elif how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    else:
        for place in np.random.default_rng(seed).integers(len(content), size=8):
            content[place] ^= 0xFF
        path.write_bytes(content)


@pytest.mark.parametrize("how", ["deleted", "truncated", "empty", "flipped"])
def test_damage_is_reported_in_one_line(good, model, tmp_path, how):
    """For each file in turn, either all works, or one error says that the index is damaged, and where."""
    said = 0
    files = sorted(
        file.relative_to(good.path) for file in good.path.rglob("*") if file.is_file() and file.stat().st_size
    )
    for number, file in enumerate(files):
        copy = tmp_path / str(number)
        shutil.copytree(good.path, copy)
        damage(copy / file, how, number)
        try:
            index = RelationIndex.open(copy, model)
            index.search(("a", "b"), where="head != 'x'")
            list(index.rows(vectors=True))
            index.add([("c", "d")])
        except ValueError as error:
            said += 1
            assert "damaged" in str(error) or "is not an index" in str(error) or "is incomplete" in str(error)
            assert "\n" not in str(error) and ".rs:" not in str(error) and "filter" not in str(error)
            if how == "deleted":
                assert file.name in str(error)
        if "versions" in str(file):
            assert len(RelationIndex.build(copy, PAIRS["part"], model, overwrite=True)) == 3
    assert said >= 2


@pytest.mark.parametrize("metadata", ["[1]", "null", '{"name": "x"}', "{", '{"name": 1, "dimension": 2, "new": 3}'])
def test_metadata_without_a_model_are_refused(metadata):
    with pytest.raises(ValueError, match="The file identifies the model of its vectors as"):
        ModelIdentity.from_json(metadata)


def test_an_untrained_encoder_is_reported(encoders, tmp_path, caplog):
    """Once for the build and once for queries. A saved RelBERT is not, whatever its weights."""
    said = "was not trained for relations"
    RelationIndex.build(tmp_path / "idx", PAIRS["capital"], RelBERT(encoders["wordpiece"], template="short"))
    assert caplog.text.count(said) == 1
    opened = RelationIndex.open(tmp_path / "idx")
    assert caplog.text.count(said) == 1
    for _ in range(2):
        opened.search(("a", "b"))
    assert caplog.text.count(said) == 2
    caplog.clear()
    RelBERT(encoders["wordpiece"], template="short").save_pretrained(str(tmp_path / "saved"), create_model_card=False)
    RelationIndex.build(tmp_path / "other", PAIRS["capital"], RelBERT(str(tmp_path / "saved")))
    assert RelationIndex.open(tmp_path / "other").search(("a", "b")) and not caplog.text


def test_an_index_of_an_unsaved_model_needs_the_model(encoders, tmp_path, caplog):
    """A model that was trained since it was loaded differs from the encoder in its folder."""
    import torch

    model = RelBERT(encoders["wordpiece"], template="short")
    with torch.no_grad():
        next(model.parameters()).add_(0.1)
    with caplog.at_level(logging.WARNING):
        index = RelationIndex.create(tmp_path / "unsaved", model)
    assert "has not been saved as it is now" in caplog.text
    index.add(PAIRS["capital"])
    with pytest.raises(ValueError, match="had not been saved when the index was made. Pass the model"):
        RelationIndex.open(tmp_path / "unsaved").search(("a", "b"))
    caplog.clear()
    model.save_pretrained(str(tmp_path / "saved"), create_model_card=False)
    for place in (str(tmp_path / "saved"), model):
        assert len(RelationIndex.open(tmp_path / "unsaved", place).search(("a", "b"))) == 3
    RelationIndex.create(tmp_path / "idx", model).add(PAIRS["capital"])
    assert "not saved as it is now" not in caplog.text
    again = RelationIndex.open(tmp_path / "idx")
    assert again.identity.name == str(tmp_path / "saved") and len(again.search(("a", "b"))) == 3
