"""Which arithmetic is fast is read from the hardware, here pretended."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from study.cluster.arithmetic import fast_bf16


@pytest.mark.parametrize(
    "capabilities, side, expected",
    [
        ({"avx512_bf16": True}, 64, True),
        ({"avx512_bf16": False, "amx_bf16": True}, 256, True),
        ({"avx512_bf16": True, "amx_bf16": True}, 63, False),  # slower there, though the processor has it
        ({"avx512_bf16": False, "avx512_f": True}, 256, False),
        ({}, 256, False),
    ],
)
def test_a_cpu(monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], side: int, expected: bool) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert fast_bf16(False, side) is expected


def test_a_cpu_that_torch_does_not_describe_is_taken_for_one_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert fast_bf16(False, 256) is False


@pytest.mark.parametrize(
    "majors, hip, expected",
    [([8], None, True), ([9, 12], None, True), ([9, 7], None, False), ([], None, False), ([7], "6.2", True)],
)
def test_gpus(monkeypatch: pytest.MonkeyPatch, majors: list[int], hip: str | None, expected: bool) -> None:
    """All of a machine, since a trial may get any of them."""
    monkeypatch.setattr(torch.version, "hip", hip)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(majors))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: SimpleNamespace(major=majors[number]))
    assert fast_bf16(True, 32) is expected
