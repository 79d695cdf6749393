"""A model folder from anywhere runs no code: it loads without it, or is refused."""

import contextlib
import json
import os
import pickle
import shutil

import pytest

from st_relbert import RelBERT

PAIRS = [("Tokyo", "Japan"), ("finger", "hand")]
CODE = "open({!r}, 'w').close()\n"


class Payload:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return open, (self.mark, "w")


def merge(path, **changes):
    content = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**content, **changes}))


def foreign_module(folder, mark):
    (folder / "evil.py").write_text(CODE.format(mark) + "class Evil: pass\n")
    modules = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(
        json.dumps([*modules, {"idx": 9, "name": "9", "path": "", "type": "evil.Evil"}])
    )


def first_module(folder, mark):
    (folder / "evil.py").write_text(CODE.format(mark) + "class Transformer: pass\n")
    modules = json.loads((folder / "modules.json").read_text())
    modules[0]["type"] = "evil.Transformer"
    (folder / "modules.json").write_text(json.dumps(modules))


def standard_library_module(folder, mark):
    modules = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(
        json.dumps([*modules, {"idx": 9, "name": "9", "path": "", "type": "os.system"}])
    )


def auto_map(folder, mark):
    (folder / "evil.py").write_text(CODE.format(mark) + "class Model: pass\n")
    merge(folder / "config.json", auto_map={"AutoConfig": "evil.Model", "AutoModel": "evil.Model"}, model_type="evil")


def tokenizer_map(folder, mark):
    (folder / "evil.py").write_text(CODE.format(mark) + "class Tokenizer: pass\n")
    merge(
        folder / "tokenizer_config.json",
        auto_map={"AutoTokenizer": ["evil.Tokenizer", "evil.Tokenizer"]},
        tokenizer_class="Evil",
    )


def trust_in_the_configuration(folder, mark):
    auto_map(folder, mark)
    trust = {"trust_remote_code": True}
    merge(folder / "sentence_bert_config.json", model_args=trust, config_args=trust, tokenizer_args=trust)


def pickled_weights(folder, mark):
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Payload(mark)))


def pickled_weights_of_a_module(folder, mark):
    modules = json.loads((folder / "modules.json").read_text())
    dense = {"idx": 3, "name": "3", "path": "3_Dense", "type": "sentence_transformers.base.modules.dense.Dense"}
    (folder / "modules.json").write_text(json.dumps([*modules, dense]))
    (folder / "3_Dense").mkdir()
    merge(folder / "3_Dense" / "config.json", in_features=16, out_features=4)
    (folder / "3_Dense" / "pytorch_model.bin").write_bytes(pickle.dumps(Payload(mark)))


def activation(folder, mark):
    pickled_weights_of_a_module(folder, mark)
    (folder / "3_Dense" / "pytorch_model.bin").unlink()
    (folder / "evil.py").write_text(CODE.format(mark) + "class Act: pass\n")
    merge(folder / "3_Dense" / "config.json", activation_function="evil.Act")


def jinja(folder, mark):
    path = folder / "chat_template.jinja"
    escape = "{{ ''.__class__.__mro__[1].__subclasses__() }}{{ cycler.__init__.__globals__.os.system('touch MARK') }}"
    path.write_text(escape.replace("MARK", mark) + path.read_text())


def path_traversal(folder, mark):
    (folder.parent / "evil.py").write_text(CODE.format(mark) + "class Evil: pass\n")
    module = {"idx": 0, "name": "0", "path": "../", "type": "evil.Evil"}
    (folder / "modules.json").write_text(json.dumps([module]))


def adapter(folder, mark):
    merge(folder / "adapter_config.json", peft_type="LORA", base_model_name_or_path=str(folder), r=1)
    (folder / "adapter_model.bin").write_bytes(pickle.dumps(Payload(mark)))


PAYLOADS = [
    foreign_module,
    first_module,
    standard_library_module,
    auto_map,
    tokenizer_map,
    trust_in_the_configuration,
    pickled_weights,
    pickled_weights_of_a_module,
    activation,
    jinja,
    path_traversal,
    adapter,
]


@pytest.fixture(scope="module")
def saved(encoders, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "model"
    RelBERT(encoders["wordpiece"], template="short").save_pretrained(str(folder), create_model_card=False)
    return folder


# Each together with the next one: stopping the first must not let the second through.
@pytest.mark.parametrize(("first", "second"), list(zip(PAYLOADS, [*PAYLOADS[1:], None], strict=True)))
def test_a_hostile_folder_runs_no_code(saved, tmp_path, monkeypatch, first, second):
    folder = shutil.copytree(saved, tmp_path / "model")
    mark = str(tmp_path / "mark")
    for payload in filter(None, (first, second)):
        with contextlib.suppress(FileNotFoundError, FileExistsError):  # the other may have existed before
            payload(folder, mark)
    monkeypatch.chdir(folder)
    monkeypatch.setattr("builtins.input", lambda *args: "y")  # asking the user is not consent
    with contextlib.suppress(ValueError, ImportError):
        RelBERT(str(folder)).encode(PAIRS)
    assert not os.path.exists(mark)
