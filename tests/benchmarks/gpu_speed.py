"""What one GPU does with a training step, a whole trial and several trials at once: `make bench-gpu`.

Each number is the median of a few runs of the same length, in this process alone. What cannot be measured (no timm, no
compiler, no time left) is said in a line, and the rest goes on.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from retina_models.compilation import compiled
from retina_models.errors import CompilationError
from retina_models.resnet import ARCHITECTURES
from study.config.trial import TrialConfig
from study.training.checkpoints import save_last
from study.training.device_memory import DeviceError
from study.training.train import TrainData, train
from study.tuning.ray_trainable import computed

Shape = tuple[str, int, int]  # architecture, pixels a side, images of a batch
Measure = Callable[[], float]

LARGE, SMALL = ("resnet50", 256, 64), ("resnet18", 64, 16)


@dataclass(frozen=True)
class Sizes:
    """How much is measured. seconds: of one run; steps: of one epoch of train(); limit: seconds of all."""

    shapes: tuple[Shape, ...] = (
        SMALL, LARGE, ("resnet18", 256, 64), ("resnet18", 256, 128), ("resnet50", 256, 128),
    )  # fmt: skip
    trials: tuple[Shape, ...] = (SMALL, LARGE)
    sides: tuple[int, ...] = (64, 128, 256)
    at_once: tuple[int, ...] = (1, 2, 3)
    seconds: float = 1.0
    rounds: int = 3
    steps: int = 40
    limit: float = 660.0


def data_of(side: int, images: int, checks: int) -> TrainData:
    """Random images, `checks` of them for validation."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (images + checks, side, side, 3), dtype=np.uint8)
    n = np.arange(images + checks)
    return TrainData(pixels, n % 5, n, n[:images], n[images:])


def wait(device: torch.device) -> None:
    """Until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def bare(model: nn.Module, shape: Shape, device: torch.device, precision: str, sizes: Sizes, compile: bool) -> Measure:
    """Images per second of steps on one batch: forward, cross-entropy, backward, fused SGD."""
    _, side, batch = shape
    model = model.to(device).to(memory_format=torch.channels_last).train()
    forward = compiled(model, device) if compile else model
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9, fused=True)
    x = torch.randn(batch, 3, side, side, device=device).contiguous(memory_format=torch.channels_last)
    y = torch.arange(batch, device=device) % 5

    def measure() -> float:
        started, steps = time.perf_counter(), 0
        while time.perf_counter() < started + sizes.seconds:
            for _ in range(5):
                optimizer.zero_grad(set_to_none=True)
                with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
                    outputs = forward(x)
                F.cross_entropy(outputs.float(), y).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            steps += 5
            wait(device)
        return steps * batch / (time.perf_counter() - started)

    return measure


def configuration(shape: Shape, **values: object) -> TrialConfig:
    """A trial of that shape in bf16 that never ends, with the optimizer of `bare`."""
    architecture, side, batch = shape
    own = {"architecture": architecture, "image_size": side, "batch_size": batch, "epochs": 10_000, "lr": 1e-4}
    own["optimizer"] = "sgd"
    return TrialConfig.model_validate({**own, "precision": "bf16", **values})


def ours(shape: Shape, device: torch.device, sizes: Sizes, checks: int = 8, **values: object) -> Measure:
    """Images per second of the next epoch of train(), all of it counted."""
    run = train(configuration(shape, **values), data_of(shape[1], sizes.steps * shape[2], checks), device)

    def measure() -> float:
        started = time.perf_counter()
        return next(run).images_seen / (time.perf_counter() - started)

    return measure


def timm_model(architecture: str) -> nn.Module:
    """timm's network of the same size."""
    import timm

    model: nn.Module = timm.create_model(architecture, num_classes=5)
    return model


def steps_of(shape: Shape, device: torch.device, sizes: Sizes) -> dict[str, Callable[[], Measure]]:
    """Name of a column -> what makes its measure."""
    own = ARCHITECTURES[shape[0]]
    return {
        "eager fp32": lambda: bare(own(), shape, device, "fp32", sizes, False),
        "eager bf16": lambda: bare(own(), shape, device, "bf16", sizes, False),
        "compiled bf16": lambda: bare(own(), shape, device, "bf16", sizes, True),
        "train() bf16": lambda: ours(shape, device, sizes),
        "train() compiled": lambda: ours(shape, device, sizes, compile="on"),
        "timm bf16": lambda: bare(timm_model(shape[0]), shape, device, "bf16", sizes, False),
    }


def measured(make: Callable[[], Measure], sizes: Sizes) -> float | str:
    """Median images per second, or why there is none."""
    try:
        run = make()
        run()  # allocates, and compiles
        return median(run() for _ in range(sizes.rounds))
    except ImportError as error:
        return f"{error.name or 'a package'} is not installed"
    except (CompilationError, DeviceError, torch.OutOfMemoryError) as error:
        return " ".join(str(error).split())[:160]
    finally:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def whole_trial(shape: Shape, device: torch.device, sizes: Sizes, folder: Path) -> str:
    """Epochs per second of a trial (a quarter as many validation images, full augmentation, each checkpoint beside the
    next epoch), and how long its pieces take."""
    checks = max(1, sizes.steps * shape[2] // 4)
    config = configuration(shape, augmentation="full")
    rows, step = [], measured(lambda: ours(shape, device, sizes), sizes)
    epochs = train(config, data_of(shape[1], sizes.steps * shape[2], checks), device)
    run = computed(epochs, device, torch.get_num_threads(), ahead=config.epochs)
    started = time.perf_counter()
    for _ in range(sizes.rounds + 1):
        one = next(run)
        epoch, got = one.epoch, time.perf_counter()
        save_last(folder / "-".join(map(str, shape)), one.state, {"epoch": epoch.number})
        ended = time.perf_counter()
        training = epoch.images_seen / epoch.scores["images_per_second"]
        rows.append((ended - started, training, epoch.seconds - training, ended - got))
        started = ended
    run.close()
    whole, training, validation, write = (median(column) for column in zip(*rows[1:], strict=True))
    bare = 0.0 if isinstance(step, str) else sizes.steps * shape[2] / step
    return (
        f"{1 / whole:.2f} epochs/s of {sizes.steps} steps; its steps with flips take {bare / whole:.2f} of it (goal: "
        f">= 0.9), full augmentation {(training - bare) / whole:.1%} (goal: < 5 %), "
        f"validation {validation / whole:.1%}, a checkpoint beside the next epoch {write:.3f} s"
    )


def child(shape: Shape, sizes: Sizes, device: torch.device) -> None:
    """One of several trials at once: says `ready`, waits for a line, trains a while and prints images per second."""
    run = ours(shape, device, sizes)
    run()
    print("ready", flush=True)
    sys.stdin.readline()
    started, seen = time.perf_counter(), 0
    while time.perf_counter() < started + 4 * sizes.seconds:
        run()
        seen += sizes.steps * shape[2]
    print(seen / (time.perf_counter() - started), flush=True)


def packed(side: int, count: int) -> float:
    """Images per second of `count` trials on one GPU together."""
    command = [sys.executable, "-m", "tests.benchmarks.gpu_speed", "--child", str(side)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    running = [subprocess.Popen(command, **pipes) for _ in range(count)]  # type: ignore[call-overload]
    for process in running:
        assert process.stdout.readline() == "ready\n", "a trial did not begin; see above"
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    return sum(float(process.communicate()[0]) for process in running)


def lines(device: torch.device, sizes: Sizes, folder: Path, together: Callable[[int, int], float]) -> Iterator[str]:
    """What is printed, one line after the other, until the time is over."""
    ends = time.monotonic() + sizes.limit
    found: dict[tuple[Shape, str], float | str] = {}

    def row(title: str, make: Callable[[], str]) -> str:
        return (
            f"{title:<42} {make()}"
            if time.monotonic() < ends
            else f"{title:<42} left out: {sizes.limit:.0f} s are over"
        )

    def step(shape: Shape, name: str, make: Callable[[], Measure]) -> str:
        found[shape, name] = value = measured(make, sizes)
        return f"not measured: {value}" if isinstance(value, str) else f"{value:9.1f} images/s"

    yield f"{torch.cuda.get_device_name(device) if device.type == 'cuda' else 'CPU'}, torch {torch.__version__}"
    for shape in sizes.shapes:
        for name, make in steps_of(shape, device, sizes).items():
            yield row(f"{shape[0]} {shape[1]} px batch {shape[2]}: {name}", lambda: step(shape, name, make))  # noqa: B023
    for shape in sizes.trials:
        yield row(f"{shape[0]} {shape[1]} px: a whole trial", lambda: whole_trial(shape, device, sizes, folder))  # noqa: B023
    for side in sizes.sides:
        for count in sizes.at_once:
            title = f"resnet18 {side} px batch 32: {count} at once"
            yield row(title, lambda: f"{together(side, count):9.1f} images/s together")  # noqa: B023
    yield from goals(found)


def goals(found: dict[tuple[Shape, str], float | str]) -> Iterator[str]:
    """Whether what was aimed at is reached."""
    best, small = found.get((LARGE, "train() compiled")), found.get((SMALL, "train() compiled"))
    eager = found.get((SMALL, "train() bf16"))
    if isinstance(best, float):
        yield f"goal: ResNet50 at 256 px >= 3,700 images/s on an H100: {best:,.0f}"
    if isinstance(small, float) and isinstance(eager, float):
        yield f"goal: ResNet18 at 64 px, batch 16, compiled >= 2 times eager: {small / eager:.2f}"


def main(arguments: list[str]) -> int:
    """Print all, or be one of several trials; without a GPU say so and measure nothing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--child", type=int, metavar="SIDE")
    parser.add_argument("--seconds", type=float, default=Sizes.limit, help="for all of it")
    chosen = parser.parse_args(arguments)
    if not torch.cuda.is_available():
        print("bench-gpu: torch finds no GPU on this machine, so nothing was measured")
        return 0
    device = torch.device("cuda")
    if chosen.child:
        child(("resnet18", chosen.child, 32), Sizes(), device)
        return 0
    with TemporaryDirectory() as folder:
        for line in lines(device, Sizes(limit=chosen.seconds), Path(folder), packed):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
