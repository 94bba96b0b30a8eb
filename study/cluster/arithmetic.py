"""Which arithmetic a machine computes fast: asked of its hardware, never measured, so that it is the same each time."""

from __future__ import annotations

from typing import Any

LEAST_SIDE = 64
"""Pixels from which bf16 is the faster one on a CPU that has it. Measured with AVX-512 BF16, ResNet18, batch 32: 1.4
times fp32 at 64 px, 0.84 times at 32 px, where the conversions cost more than the multiplications save."""

AMPERE = 8  # major number of the first GPUs of NVIDIA that multiply bf16 in hardware


def fast_bf16(gpu: bool, side: int) -> bool:
    """Whether this machine trains on images of `side` pixels faster in bf16 than in fp32, on its GPUs or its CPU.

    False where a GPU is meant and torch finds none: a trial says what is wrong there.
    """
    import torch  # only now: a node is asked other things before

    if not gpu:
        return side >= LEAST_SIDE and any(_cpu().get(name) for name in ("avx512_bf16", "amx_bf16"))
    devices = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    return bool(devices) and (torch.version.hip is not None or all(one.major >= AMPERE for one in devices))


def _cpu() -> dict[str, Any]:
    """What the processor can, by torch's names; nothing is known of one that torch does not describe."""
    import torch

    found: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return found
