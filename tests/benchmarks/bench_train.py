"""How near train() comes to the bare arithmetic of its steps, and how far it is ahead of a loop that opens JPEGs.

On a GPU where there is one, with photographs of a size that keeps it busy, and as many loader processes as there are
cores. Ratios are asserted, speeds only printed. All of an epoch counts against train(): draws, flips, normalisation,
schedule, losses, hits, scores, the table of predictions. Its validation split is 8 images: scoring counts, but little
of the forward pass over a validation split, which no bare step has.
"""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from retina_data.files import write_whole
from retina_models.resnet import ARCHITECTURES
from study.cluster.arithmetic import fast_bf16
from study.config.trial import TrialConfig
from study.environment import KEEP_MEMORY
from study.training.checkpoints import save_last
from study.training.train import TrainData, train
from study.training.train_state import trains_channels_last
from study.tuning.ray_trainable import computed

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
ON_GPU = DEVICE.type == "cuda"
BATCH, SIDE = (64, 256) if ON_GPU else (32, 64)
STEPS = {"resnet18": 60, "resnet50": 30} if ON_GPU else {"resnet18": 6, "resnet50": 3}
REPEATS = 7
ARCHITECTURE_NAMES = sorted(ARCHITECTURES)


def made(images: int) -> TrainData:
    """`images` random training images and 8 for validation."""
    rng = np.random.default_rng(0)
    n = images + 8
    pixels = rng.integers(0, 256, (n, SIDE, SIDE, 3), dtype=np.uint8)
    return TrainData(pixels, np.arange(n) % 5, np.arange(n), np.arange(images), np.arange(images, n))


def epochs(architecture: str, data: TrainData, precision: str = "fp32") -> Callable[[], float]:
    """Images per second of the next epoch of train(), all of it counted."""
    values = {"image_size": SIDE, "batch_size": BATCH, "epochs": 10_000, "lr": 1e-4, "optimizer": "sgd"}  # as `plain`
    config = TrialConfig.model_validate({"architecture": architecture, "precision": precision, **values})
    run = train(config, data, DEVICE)

    def measure() -> float:
        epoch = next(run)
        return epoch.images_seen / epoch.seconds

    return measure


def layout_of(architecture: str) -> torch.memory_format:
    """That of train(), so that bare steps are as fast as they can be."""
    config = TrialConfig.model_validate({"architecture": architecture})
    return torch.channels_last if trains_channels_last(config, DEVICE) else torch.contiguous_format


def plain(architecture: str, feed: Callable[[], Iterator[tuple[torch.Tensor, torch.Tensor]]]) -> Callable[[], float]:
    """Images per second of an ordinary training loop over the batches that `feed` gives."""
    model = ARCHITECTURES[architecture]().to(DEVICE).to(memory_format=layout_of(architecture)).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9, weight_decay=1e-4, fused=True)

    def measure() -> float:
        started, seen = time.perf_counter(), 0
        for x, y in feed():
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            seen += len(y)
        loss.item()  # waits for the device
        return seen / (time.perf_counter() - started)

    return measure


def ratio(ours: Callable[[], float], theirs: Callable[[], float], title: str, unit: str = "images/s") -> float:
    """Median of ours / theirs over pairs that ran one right after the other, so that noise of the machine hits both."""
    ours(), theirs()  # the first one of each allocates and compiles
    pairs = [(ours(), theirs()) if i % 2 else (theirs(), ours())[::-1] for i in range(REPEATS)]
    found = median(a / b for a, b in pairs)
    speeds = f"{median(a for a, _ in pairs):8.1f} against {median(b for _, b in pairs):8.1f} {unit}"
    print(f"\n{title:52} {speeds}, ratio {found:.3f} (from {min(a / b for a, b in pairs):.3f})")
    return found


@pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)
def test_train_against_bare_steps_on_one_batch(architecture: str) -> None:
    steps = STEPS[architecture]
    x = torch.randn(BATCH, 3, SIDE, SIDE, device=DEVICE)
    x = x.contiguous(memory_format=layout_of(architecture))
    y = torch.arange(BATCH, device=DEVICE) % 5
    bare = plain(architecture, lambda: ((x, y) for _ in range(steps)))
    assert ratio(epochs(architecture, made(steps * BATCH)), bare, f"{architecture}: train() / bare steps") >= 0.9


@pytest.mark.skipif(not ON_GPU, reason="a GPU's ratio: torch finds none here")
@pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)
def test_bf16_against_fp32(architecture: str) -> None:
    data = made(STEPS[architecture] * BATCH)
    rough, exact = epochs(architecture, data, "bf16"), epochs(architecture, data)
    assert ratio(rough, exact, f"{architecture}: train() in bf16 / in fp32") > 1


@pytest.mark.skipif(ON_GPU, reason="a CPU's ratio")
@pytest.mark.parametrize(("side", "precision", "least"), [(32, "fp32", 1.1), (64, "fp32", 1.03), (64, "bf16", 1.05)])
def test_a_step_of_resnet50_against_torchvisions(side: int, precision: str, least: float) -> None:
    """Theirs in the faster of both layouts. bf16 is fast only on processors that have it."""
    if precision == "bf16" and not fast_bf16(False, side):
        pytest.skip("bf16 is not fast on this processor")

    def steps(model: torch.nn.Module, layout: torch.memory_format) -> Callable[[], float]:
        model.to(memory_format=layout).train()
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
        x, y = torch.randn(BATCH, 3, side, side).contiguous(memory_format=layout), torch.arange(BATCH) % 5

        def measure() -> float:
            started = time.perf_counter()
            for _ in range(3):
                optimizer.zero_grad(set_to_none=True)
                with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                    outputs = model(x)
                F.cross_entropy(outputs.float(), y).backward()
                optimizer.step()
            return 3 * BATCH / (time.perf_counter() - started)

        return measure

    layouts = torch.contiguous_format, torch.channels_last
    ours = steps(ARCHITECTURES["resnet50"](), torch.channels_last)
    ratios = [
        ratio(ours, steps(torchvision.models.resnet50(num_classes=5), layout), f"{side} px, {precision}, {layout}")
        for layout in layouts
    ]
    assert min(ratios) >= least


@pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)
def test_a_checkpoint_against_one_that_is_made_in_memory_first(architecture: str, tmp_path: Path) -> None:
    """All its bytes in a buffer, then their digest, then the file."""
    values = {"architecture": architecture, "image_size": 32, "batch_size": 2, "optimizer": "adamw"}
    small = TrainData(np.zeros((4, 32, 32, 3), np.uint8), np.arange(4), np.arange(4), np.arange(2), np.arange(2, 4))
    state = next(train(TrialConfig.model_validate(values), small, torch.device("cpu"))).state()

    def buffered() -> float:
        started, buffer = time.perf_counter(), io.BytesIO()
        buffer.write(bytes(32))
        torch.save({"state": state, "report": "{}"}, buffer)
        data = buffer.getbuffer()
        data[:32] = hashlib.sha256(data[32:]).digest()
        write_whole(tmp_path / "buffered", data)
        return 1 / (time.perf_counter() - started)

    def ours() -> float:
        started = time.perf_counter()
        save_last(tmp_path / "ours", state, {})
        return 1 / (time.perf_counter() - started)

    assert ratio(ours, buffered, f"{architecture}: checkpoints, ours / made in memory", "a second") > 1


@pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)
def test_epochs_beside_checkpoints_against_one_after_the_other(architecture: str, tmp_path: Path) -> None:
    """One thread computes, so that another core is free to write, as it is beside a GPU."""
    config = TrialConfig(architecture=architecture, image_size=SIDE, batch_size=BATCH, epochs=10_000, lr=1e-4)  # type: ignore[arg-type]

    def speed(ahead: int) -> Callable[[], float]:
        run = computed(train(config, made(STEPS[architecture] * BATCH), DEVICE), DEVICE, 1, ahead=ahead)

        def measure() -> float:
            started = time.perf_counter()
            for _ in range(2):
                save_last(tmp_path / f"{ahead}", next(run).state, {})
            return 2 / (time.perf_counter() - started)

        return measure

    # An epoch that was begun ahead would disturb the other measure, so each runs alone: ours first, then theirs.
    def alone(ahead: int) -> float:
        measure = speed(ahead)
        measure()
        return median(measure() for _ in range(2))

    pairs = [(alone(10_000), alone(0)) for _ in range(3)]
    found = median(ours / theirs for ours, theirs in pairs)
    print(f"\n{architecture}: epochs beside checkpoints / one after the other, {found:.3f}")
    assert found > 1


EPOCHS_OF_SMALL_IMAGES = """
from statistics import median
from threading import Thread
import torch
from tests.benchmarks import bench_train
bench_train.SIDE, bench_train.BATCH = 28, 32
torch.set_num_threads(1)
epoch = bench_train.epochs("resnet18", bench_train.made(4 * 32))
def measure():
    torch.set_num_threads(1)
    epoch()
    print(median(epoch() for _ in range(5)))
thread = Thread(target=measure)  # as trials are computed
thread.start()
thread.join()
"""


@pytest.mark.skipif(ON_GPU, reason="a CPU's ratio")
def test_memory_that_a_process_keeps_between_two_steps() -> None:
    """As Ray's processes are started here, against the C library's own way, one after the other."""

    def speed(tunables: str) -> float:
        environment = {**os.environ, "GLIBC_TUNABLES": tunables, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
        command = [sys.executable, "-c", EPOCHS_OF_SMALL_IMAGES]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return float(done.stdout.splitlines()[-1])

    pairs = [(speed(KEEP_MEMORY), speed("")) if i % 2 else (speed(""), speed(KEEP_MEMORY))[::-1] for i in range(5)]
    found = median(kept / freed for kept, freed in pairs)
    print(f"\nresnet18, 28 px, batch 32: train() with memory kept / given back: ratio {found:.3f}")
    assert found > 1


class Photographs(Dataset[tuple[torch.Tensor, int]]):
    """The usual way: a file is opened, decoded, resized, flipped and normalised each time that it is drawn."""

    def __init__(self, files: list[Path]) -> None:
        self.files = files
        self.transform = v2.Compose(
            [
                v2.Resize((SIDE, SIDE)),
                v2.RandomHorizontalFlip(),
                v2.RandomVerticalFlip(),
                v2.PILToTensor(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
            ]
        )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        with Image.open(self.files[index]) as image:
            return self.transform(image.convert("RGB")), index % 5


@pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)
def test_train_against_a_loop_that_opens_jpegs(architecture: str, tmp_path: Path) -> None:
    images = 16 * BATCH if ON_GPU else STEPS[architecture] * BATCH
    rng = np.random.default_rng(0)
    files = [tmp_path / f"{i}.jpeg" for i in range(images)]
    for file in files:  # smooth, like a photograph, and small beside a camera's: the usual way is spared
        small = Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
        small.resize((1024, 768), Image.Resampling.BICUBIC).save(file, quality=90)
    workers = len(os.sched_getaffinity(0)) if ON_GPU else 0  # a CPU's cores are busy with the training
    many: dict[str, Any] = (
        {"num_workers": workers, "persistent_workers": True, "multiprocessing_context": "spawn"} if workers else {}
    )
    loader = DataLoader(Photographs(files), batch_size=BATCH, shuffle=True, **many)
    usual = plain(architecture, lambda: ((x.to(DEVICE), y.to(DEVICE)) for x, y in loader))
    assert ratio(epochs(architecture, made(images)), usual, f"{architecture}: train() / Dataset and DataLoader") > 1
