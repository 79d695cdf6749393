import pytest
import torch

from st_relbert.environment import computes_in_bfloat16


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"avx512_f": True, "avx512_bf16": True, "cpu_name": "x"}, True),
        ({"avx512_bf16": False, "amx_bf16": True}, True),
        ({"neon": True, "bf16": True}, True),
        ({"avx512_f": True, "avx512_bf16": False, "cpu_name": "bf16", "num_sockets": 1}, False),
        ({}, False),
    ],
)
def test_bfloat16_needs_instructions_of_the_processor(monkeypatch, capabilities, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert computes_in_bfloat16(torch.device("cpu")) is expected


def test_a_processor_that_an_older_pytorch_does_not_report_keeps_float32(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert computes_in_bfloat16(torch.device("cpu")) is False


@pytest.mark.parametrize("expected", [True, False])
def test_bfloat16_needs_units_of_the_gpu(monkeypatch, expected):
    asked = {}
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **kwargs: asked.update(kwargs) or expected)
    assert computes_in_bfloat16(torch.device("cuda:0")) is expected
    assert asked == {"including_emulation": False}


def test_other_devices_keep_float32():
    assert not computes_in_bfloat16(torch.device("meta"))
