"""A trial's device: its memory waited for before the trial begins, and what the trial took of it.

Ray hands a GPU on as soon as the process that had it is gone, and the driver may still be freeing what that one held.
"""

from __future__ import annotations

import gc
import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from study.errors import StudyError

IMAGES_SHARE = 0.4
"""Of what a process may still take of a GPU: images that are kept there."""

TENSORS_SHARE = 0.9
"""Of a trial's part of a GPU: its tensors; the rest is for what the driver takes for each process."""

DRIVER_BYTES = 700_000_000
"""The least of that rest: a context, and the workspaces of cuBLAS and cuDNN."""

WAIT_SECONDS = 60.0

STEADY_SECONDS = 2.0

EVERY_SECONDS = 0.5


class DeviceError(StudyError):
    """A device cannot be used, whatever the trial: no failure of its configuration."""


def release() -> None:
    """Give back what a trial of this process held; its own references must be gone before."""
    gc.collect()
    if not gc.get_freeze_count():  # nearly all that a new process holds are modules, until its end
        gc.freeze()  # the next collection need not walk through them (0.2 s)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.empty_cache()


def claim(device: torch.device, gpus: float) -> None:
    """Wait until a trial's part of a GPU (0 < gpus <= 1) is free, and keep this process within it; nothing on a CPU.

    Two trials on one GPU cannot take each other's memory then: one that wants more fails by itself. Raises DeviceError.
    """
    if device.type != "cuda":
        return
    if not torch.cuda.is_available():
        raise DeviceError("torch finds no GPU where Ray has one; install a torch with CUDA and the GPU's driver there")
    total = torch.cuda.get_device_properties(device).total_memory
    share = min(gpus * TENSORS_SHARE, gpus - DRIVER_BYTES / total)
    if share <= 0:
        raise DeviceError(
            f"a trial's part of a GPU must be more than {DRIVER_BYTES / 1e9:.1f} GB, which the driver takes for each "
            f"process, but {gpus:g} of {total / 1e9:.1f} GB is not; give a larger --gpus-per-trial"
        )
    await_free(lambda: _free(device), int(total * share))
    torch.cuda.set_per_process_memory_fraction(share if gpus < 1 else 1.0, _number(device))


def _free(device: torch.device) -> int:
    """Free bytes of a GPU; 0 where there is not even room for a process to ask."""
    try:
        return torch.cuda.mem_get_info(device)[0]
    except torch.AcceleratorError as error:
        if "out of memory" in str(error):
            return 0
        raise


def await_free(free: Callable[[], int], wanted: int) -> None:
    """Return once `wanted` bytes are free, or half of them and nothing more is being freed.

    Others may hold a little for good (a screen, say); a process that is being ended frees more from moment to moment.
    Raises DeviceError when that much is not free in time.
    """
    started = grown = time.monotonic()
    most = now_free = free()
    while now_free < wanted:
        now = time.monotonic()
        if now_free > most:
            most, grown = now_free, now
        if now - grown >= STEADY_SECONDS and now_free >= wanted / 2:
            return
        if now - started >= WAIT_SECONDS:
            raise DeviceError(
                f"{wanted / 2e9:.1f} GB of a GPU's memory must be free for a trial, but only {now_free / 1e9:.1f} GB "
                f"are after {WAIT_SECONDS:.0f} s; end what holds it (nvidia-smi names it), or leave that GPU out: set "
                "CUDA_VISIBLE_DEVICES to the numbers of the others"
            )
        time.sleep(0.1)
        now_free = free()


def image_budget(device: torch.device) -> int:
    """Bytes of images that a device may hold beside the training; 0 on a CPU, which has them in its memory anyway."""
    if device.type != "cuda":
        return 0
    free, total = torch.cuda.mem_get_info(device)
    return int(IMAGES_SHARE * min(free, total * torch.cuda.get_per_process_memory_fraction(_number(device))))


def _number(device: torch.device) -> int:
    """A GPU's number, which torch's memory fractions want; `cuda` without one is the process's own."""
    return torch.cuda.current_device() if device.index is None else device.index


@contextmanager
def record_usage(device: torch.device, threads: int) -> Iterator[dict[str, float]]:
    """Yields a dictionary that is filled at the end with what happened within; names are those of the ledger's epochs.

    peak_resident_bytes: of this process, with the pages of the cache that it has read. cpu_utilisation: share of the
    time of `threads` in which this process computed, files that are written meanwhile among it. On a GPU also
    peak_memory_bytes (of torch's tensors), and utilisation: share of the time in which any process computed on that
    GPU, where NVML tells it.
    """
    used: dict[str, float] = {}
    gpu = device.type == "cuda" and torch.cuda.is_available()  # else `claim` says so, within
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # the peak of this process, from now on
    if gpu:
        torch.cuda.reset_peak_memory_stats(device)
    computed, started = time.process_time(), time.perf_counter()
    with _sampled((lambda: torch.cuda.utilization(device) / 100) if gpu else None) as busy:
        yield used
    share = (time.process_time() - computed) / (time.perf_counter() - started) / threads
    used |= {"peak_resident_bytes": _peak_resident(), "cpu_utilisation": round(min(share, 1.0), 4)}
    if gpu:
        used["peak_memory_bytes"] = torch.cuda.max_memory_allocated(device)
    if busy:
        used["utilisation"] = round(sum(busy) / len(busy), 4)


@contextmanager
def _sampled(read: Callable[[], float] | None) -> Iterator[list[float]]:
    """Collects what `read` says every half second and at the end; nothing where it cannot say."""
    samples: list[float] = []
    over = threading.Event()

    def collect() -> None:
        assert read is not None
        ended = False
        with suppress(Exception):  # NVML is not everywhere (a slice of a GPU has none), and no trial hangs on it
            while not ended:
                ended = over.wait(EVERY_SECONDS)
                samples.append(read())

    thread = threading.Thread(target=collect, name="utilisation", daemon=True) if read else None
    if thread:
        thread.start()
    try:
        yield samples
    finally:
        over.set()
        if thread:
            thread.join()


def _peak_resident() -> int:
    with suppress(OSError), open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
