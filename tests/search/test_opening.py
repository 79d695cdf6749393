"""An index is opened if there is one, and only with the model that made it."""

import peft
import pytest
import torch

from st_relbert import RelBERT
from st_relbert.search import RelationIndex
from tests.search.conftest import pairs_of


def test_an_index_is_opened_with_its_own_model(index, model, encoders):
    again = RelationIndex.open(index.path)
    assert len(again) == 8 and again.search(("a", "b")) == index.search(("a", "b"))
    assert RelationIndex.open(index.path, RelBERT(encoders["wordpiece"], template="short")).identity == index.identity
    for other, what in [
        (RelBERT(encoders["wordpiece"], template="a"), "template"),
        (RelBERT(encoders["wordpiece"], template="short", pooling="mask"), "pooling"),
        (RelBERT(encoders["bytelevel"], template="short"), "weights"),
    ]:
        with pytest.raises(ValueError, match=f"different {what}.*not comparable"):
            RelationIndex.open(index.path, other)


def test_the_plain_form_of_the_model_is_the_same_model(index, model, tmp_path):
    from sentence_transformers import SentenceTransformer

    model.save_pretrained(str(tmp_path / "saved"), create_model_card=False)
    plain = RelationIndex.open(index.path, SentenceTransformer(str(tmp_path / "saved")))
    expected, found = index.search(("a", "b")), plain.search(("a", "b"))
    assert pairs_of(found) == pairs_of(expected)


def test_an_index_of_an_adapter_loads_the_adapter_not_just_its_encoder(encoders, tmp_path):
    model = RelBERT(encoders["wordpiece"], template="short")
    model.add_adapter(peft.LoraConfig(task_type="FEATURE_EXTRACTION", r=2, target_modules=["query"]))
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight)
    model.save_pretrained(str(tmp_path / "adapter"))
    index = RelationIndex.create(tmp_path / "idx", RelBERT(str(tmp_path / "adapter")))
    index.add([("Paris", "France"), ("finger", "hand")])
    assert index.identity.name == str(tmp_path / "adapter")
    found = RelationIndex.open(tmp_path / "idx").search(("Tokyo", "Japan"), k=2)
    assert pairs_of(found) == pairs_of(index.search(("Tokyo", "Japan"), k=2))


def test_an_index_of_shortened_vectors_loads_its_model(saved_model, tmp_path, caplog):
    """`truncate_dim` is an argument of loading, so it is not in the model's folder."""
    saved_model("wordpiece", tmp_path / "saved")
    index = RelationIndex.create(tmp_path / "idx", RelBERT(str(tmp_path / "saved"), truncate_dim=8))
    index.add([("Paris", "France"), ("finger", "hand")])
    assert not caplog.text and index.identity.dimension == 8
    again = RelationIndex.open(tmp_path / "idx")
    assert again.search(("Tokyo", "Japan")) == index.search(("Tokyo", "Japan"))
    with pytest.raises(ValueError, match=r"different dimension \(16, expected 8\)"):
        RelationIndex.open(tmp_path / "idx", RelBERT(str(tmp_path / "saved")))


def test_a_model_that_has_changed_is_refused(tmp_path, encoders, model):
    saved = str(tmp_path / "saved")
    model.save_pretrained(saved, create_model_card=False)
    index = RelationIndex.create(tmp_path / "idx", RelBERT(saved))
    index.add([("a", "b")])
    RelBERT(encoders["bytelevel"], template="short").save_pretrained(saved, create_model_card=False)
    with pytest.raises(ValueError, match="not comparable"):
        RelationIndex.open(tmp_path / "idx").search(("a", "b"))


def test_places_without_an_index_are_refused(index, model, tmp_path):
    with pytest.raises(ValueError, match="is not an index. Make one"):
        RelationIndex.open(tmp_path / "none")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("keep me")
    with pytest.raises(ValueError, match="is not an index"):
        RelationIndex.open(tmp_path / "notes")
    for overwrite in (False, True):
        with pytest.raises(ValueError, match="exists and is not an index, so it is not replaced"):
            RelationIndex.create(tmp_path / "notes", model, overwrite=overwrite)
    assert (tmp_path / "notes" / "a.txt").read_text() == "keep me"
    with pytest.raises(ValueError, match="already exists. Choose another path, or overwrite it"):
        RelationIndex.create(index.path, model)
    assert len(RelationIndex.create(index.path, model, overwrite=True)) == 0


def test_a_table_of_another_program_is_refused(tmp_path):
    import lancedb

    lancedb.connect(str(tmp_path / "x")).create_table("pairs", [{"vector": [1.0, 2.0]}])
    with pytest.raises(ValueError, match="it names no model"):
        RelationIndex.open(tmp_path / "x")
