"""GPUs are pretended: what torch says of one is replaced."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch

from study.training import device_memory as device
from study.training.device_memory import DeviceError, await_free, claim, image_budget, record_usage, release

CPU, GPU = torch.device("cpu"), torch.device("cuda")
GB = 10**9


class Clock:
    """A clock that goes on only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(device, "time", clock)
    return clock


class PretendedGpu:
    """What torch.cuda says of a GPU of 10 GB. As torch's own, the memory fractions take its number alone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, free: int) -> None:
        self.free, self.fraction = free, 1.0
        for name, value in {
            "is_available": lambda: True,
            "current_device": lambda: 0,
            "mem_get_info": self._memory,
            "get_device_properties": lambda _: SimpleNamespace(total_memory=10 * GB),
            "set_per_process_memory_fraction": self._limit,
            "get_per_process_memory_fraction": self._fraction,
            "max_memory_allocated": lambda _: 3 * GB,
            "reset_peak_memory_stats": lambda _: None,
            "utilization": lambda _: 80,
        }.items():
            monkeypatch.setattr(torch.cuda, name, value)

    def _memory(self, _: torch.device) -> tuple[int, int]:
        if self.free == 0:
            raise torch.AcceleratorError("CUDA error: out of memory")
        return self.free, 10 * GB

    def _limit(self, fraction: float, number: int) -> None:
        assert number == 0
        self.fraction = fraction

    def _fraction(self, number: int) -> float:
        assert number == 0
        return self.fraction


def test_memory_that_is_free_is_not_waited_for(clock: Clock) -> None:
    await_free(lambda: 9 * GB, 9 * GB)
    assert clock.now == 0


def test_memory_of_a_process_that_is_being_ended_is_waited_for(clock: Clock) -> None:
    def free() -> int:
        return min(9 * GB, int(clock.now * GB))  # one GB more each second; half of it must not be taken for enough

    await_free(free, 9 * GB)
    assert clock.now == pytest.approx(9, abs=0.2)


def test_a_little_that_others_keep_is_waited_for_no_longer_than_it_takes_to_see_that_they_do(clock: Clock) -> None:
    await_free(lambda: 7 * GB, 9 * GB)
    assert clock.now == pytest.approx(device.STEADY_SECONDS, abs=0.2)


def test_a_gpu_that_others_hold_is_an_error_that_says_what_to_do(clock: Clock) -> None:
    with pytest.raises(DeviceError, match=r"4\.5 GB of a GPU's memory must be free for a trial, but only 2\.0 GB are"):
        await_free(lambda: 2 * GB, 9 * GB)
    assert clock.now == pytest.approx(device.WAIT_SECONDS, abs=0.2)


def test_a_process_is_kept_within_its_part_of_a_gpu(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = PretendedGpu(monkeypatch, free=6 * GB)
    claim(GPU, 0.5)
    assert (gpu.fraction, clock.now) == (0.43, 0)  # 4.3 GB are free though another trial is there
    assert image_budget(GPU) == pytest.approx(0.4 * 4.3 * GB)
    gpu.free = 2 * GB
    assert image_budget(GPU) == pytest.approx(0.4 * 2 * GB)
    gpu.free = 10 * GB
    claim(GPU, 1)
    assert (gpu.fraction, image_budget(GPU)) == (1.0, 4 * GB)


def test_a_small_part_of_a_gpu_holds_its_process_too(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = PretendedGpu(monkeypatch, free=10 * GB)
    claim(GPU, 0.2)
    assert gpu.fraction == pytest.approx(0.13)  # of 2 GB the process takes 0.7
    with pytest.raises(DeviceError, match=r"must be more than 0.7 GB, .* but 0.05 of 10.0 GB is not; give a larger"):
        claim(GPU, 0.05)


def test_a_gpu_too_full_to_be_asked_is_waited_for(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    PretendedGpu(monkeypatch, free=0)
    with pytest.raises(DeviceError, match="only 0.0 GB are after 60 s; .*CUDA_VISIBLE_DEVICES"):
        claim(GPU, 1)
    assert clock.now == pytest.approx(device.WAIT_SECONDS, abs=0.2)


def test_a_gpu_that_torch_cannot_use_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="torch finds no GPU where Ray has one; install"):
        claim(GPU, 1)


def test_a_processor_is_neither_claimed_nor_given_a_budget() -> None:
    release()
    claim(CPU, 0)
    assert image_budget(CPU) == 0


def test_memory_and_computing_of_this_process_are_measured() -> None:
    with record_usage(CPU, threads=1) as calm:
        time.sleep(0.2)
    with record_usage(CPU, threads=1) as used:
        block = torch.ones(50_000_000)  # 200 MB
        started, end = time.perf_counter(), time.process_time() + 0.3
        while time.process_time() < end:
            block.add_(1)
        computed = 0.3 / (time.perf_counter() - started)  # less than 1 where others use this machine too
    assert set(used) == {"peak_resident_bytes", "cpu_utilisation"}
    assert used["peak_resident_bytes"] > 200e6
    assert calm["cpu_utilisation"] < 0.1
    assert min(computed, 1) * 0.6 < used["cpu_utilisation"] <= 1
    del block
    with record_usage(CPU, threads=1) as after:
        pass
    assert after["peak_resident_bytes"] < used["peak_resident_bytes"] - 150e6, "the peak is of what was measured alone"


def test_a_gpu_tells_more(monkeypatch: pytest.MonkeyPatch) -> None:
    PretendedGpu(monkeypatch, free=6 * GB)
    with record_usage(GPU, threads=1) as used:
        pass
    assert (used["peak_memory_bytes"], used["utilisation"]) == (3 * GB, 0.8)


def test_a_gpu_without_nvml_has_no_utilisation(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: torch.device) -> int:
        raise ModuleNotFoundError("pynvml")

    PretendedGpu(monkeypatch, free=6 * GB)
    monkeypatch.setattr(torch.cuda, "utilization", unknown)
    with record_usage(GPU, threads=1) as used:
        pass
    assert "utilisation" not in used
    assert "peak_memory_bytes" in used


def test_utilisation_is_sampled_while_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    said: Iterator[int] = iter([100, 100, 40] + [40] * 1000)
    PretendedGpu(monkeypatch, free=6 * GB)
    monkeypatch.setattr(torch.cuda, "utilization", lambda _: next(said))
    monkeypatch.setattr(device, "EVERY_SECONDS", 0.05)
    with record_usage(GPU, threads=1) as used:
        time.sleep(0.5)
    assert 0.4 < used["utilisation"] < 0.9


def test_an_error_within_ends_the_sampling(monkeypatch: pytest.MonkeyPatch) -> None:
    PretendedGpu(monkeypatch, free=6 * GB)
    with pytest.raises(KeyError), record_usage(GPU, threads=1):
        raise KeyError("x")
    assert not [thread for thread in device.threading.enumerate() if thread.name == "utilisation"]
