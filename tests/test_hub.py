"""Models of the hub: read from its cache, and asked for once where there is no network."""

import math
import shutil
from unittest.mock import MagicMock

import numpy as np
import peft
import pytest

from st_relbert import RelBERT, environment
from st_relbert.identity import ModelIdentity

PAIRS = [("Tokyo", "Japan"), ("Paris", "France"), ("mother-in-law", "New York City")]


def in_the_cache(cache, name):
    """The folder in which the hub's client keeps a model, and looks for it."""
    revision = "0123456789abcdef0123456789abcdef01234567"
    repository = cache / f"models--{name.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(revision)
    return str(repository / "snapshots" / revision)


def test_a_model_on_the_hub_is_read_through_its_cache(encoders, tmp_path):
    """The hub's client lays models out like this; offline it reads them from there."""
    model = RelBERT(encoders["wordpiece"], template="short", pooling="mask")
    model.save_pretrained(in_the_cache(tmp_path, "owner/relbert-tiny"))
    cached = RelBERT("owner/relbert-tiny", cache_folder=str(tmp_path))
    assert (cached.template, cached.pooling) == (model.template, "mask")
    assert np.array_equal(cached.encode(PAIRS), model.encode(PAIRS))


def test_an_uploaded_model_is_still_where_it_was(encoders, tmp_path, monkeypatch):
    """The folder that is uploaded is a temporary one."""
    uploaded = []
    api = MagicMock()
    api.create_repo.return_value.repo_id = "me/relations"
    api.upload_folder.side_effect = lambda **given: uploaded.append(RelBERT(given["folder_path"])) or MagicMock()
    monkeypatch.setattr("sentence_transformers.base.model.HfApi", lambda **_: api)
    monkeypatch.setattr("sentence_transformers.base.model.load_file_path", lambda *_, **__: None)
    model = RelBERT(encoders["wordpiece"], template="short")
    for source in (encoders["wordpiece"], str(tmp_path)):
        model.push_to_hub("relations")
        assert model.source == source and ModelIdentity.of(model).name == source
        model.save_pretrained(str(tmp_path))
    api.upload_folder.side_effect = OSError("no network")
    with pytest.raises(OSError):
        model.push_to_hub("relations")
    assert model.source == str(tmp_path)
    assert all(np.array_equal(copy.encode(PAIRS), model.encode(PAIRS)) for copy in uploaded) and len(uploaded) == 2


@pytest.fixture
def no_hub(monkeypatch):
    """A hub that the client may ask, and that does not answer; the connections that were tried."""
    tried = []

    def refused(host, *args, **kwargs):
        tried.append(host)
        raise OSError("no network")

    monkeypatch.setattr(environment, "_missed_at", -math.inf)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("socket.getaddrinfo", refused)
    return tried


def test_an_unreachable_hub_is_asked_once_and_reported_once(no_hub, caplog):
    for name in ("owner/x", "x", "owner/y"):
        with pytest.raises(ValueError, match=f"There is no folder '{name}' here, and the Hugging Face hub cannot be"):
            RelBERT(name)
    assert len(no_hub) == 1
    assert [record.levelname for record in caplog.records if "hub cannot be reached" in record.message] == ["WARNING"]
    environment._missed_at -= 61  # a minute later
    with pytest.raises(ValueError, match="hub cannot be reached"):
        RelBERT("owner/x")
    assert len(no_hub) == 2


@pytest.mark.parametrize("local_files_only", [True, False])
@pytest.mark.parametrize("name", ["", " ", "C:\\models\\relbert", "my model", "~/relbert", "no-such-model/", "x--y"])
def test_a_name_that_no_model_of_the_hub_can_have_is_reported_without_the_hub(no_hub, name, local_files_only):
    with pytest.raises(ValueError, match=r"^Cannot load a model from '.*': there is no such folder, and the name can"):
        RelBERT(name, local_files_only=local_files_only)
    assert not no_hub


def test_offline_mode_does_not_wait_for_the_hub(no_hub):
    with pytest.raises(ValueError, match="Cannot load a model"):
        RelBERT("owner/x", local_files_only=True)
    assert not no_hub


def test_a_cached_model_is_found_in_sentence_transformers_cache(encoders, tmp_path, monkeypatch, no_hub):
    RelBERT(encoders["wordpiece"], template="short").save_pretrained(in_the_cache(tmp_path, "owner/relbert-tiny"))
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path))
    assert RelBERT("owner/relbert-tiny").template.startswith("I discovered")
    assert len(no_hub) == 1  # and not once for each file


@pytest.mark.parametrize("asked", [True, False])
def test_a_lora_adapter_and_its_encoder_load_from_any_cache(encoders, tmp_path, monkeypatch, no_hub, asked):
    shutil.copytree(encoders["wordpiece"], in_the_cache(tmp_path, "owner/encoder"))
    kwargs = {"cache_folder": str(tmp_path), "local_files_only": asked}
    model = RelBERT("owner/encoder", template="short", **kwargs)
    model.add_adapter(peft.LoraConfig(task_type="FEATURE_EXTRACTION", r=2, target_modules=["query"]))
    model.save_pretrained(in_the_cache(tmp_path, "owner/adapter"), create_model_card=False)
    cached = RelBERT("owner/adapter", **kwargs)
    assert cached.active_adapters() == ["default"]
    np.testing.assert_array_equal(cached.encode(PAIRS), model.encode(PAIRS))
