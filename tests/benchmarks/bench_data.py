"""How far the cache is ahead of opening JPEGs, what preparing costs, and what the painted grades can be told from.

Ratios are asserted, speeds only printed. Photographs are as large as EyePACS' and IDRiD's: 4288 x 2848 pixels.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from retina_data.batches import batches, load_images
from retina_data.cache.cache import Cache
from retina_data.cache.preparation import prepare
from retina_data.images import decode, jpeg
from retina_data.layouts.dataset import DataSet, read_index
from retina_data.synthetic.dataset import make_dataset
from study.config.trial import TrialConfig
from study.training.train import TrainData, train
from tests.retina_data.layouts.test_dataset import SHARED, needs_data

SIZE = 256
LARGE = (4288, 2848)
PHOTOGRAPHS = 24
PROCESSES = 2


def seconds(work: Callable[[], object]) -> float:
    """Wall clock of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def naive(path: str) -> torch.Tensor:
    """The lab's way for each image in each epoch: open, convert, resize, tensor."""
    with Image.open(path) as image:
        small = image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(small)).permute(2, 0, 1).float() / 255


def naive_row(path: str) -> int:
    """The same as a job of a process that keeps the pixels to itself."""
    return naive(path).numel()


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    """IDRiD's photographs enlarged to their first size, in the lab's layout."""
    folder = tmp_path_factory.mktemp("large")
    (folder / "images").mkdir()
    index = read_index(SHARED / "idrid").table.head(PHOTOGRAPHS)
    for image, path in zip(index["image"], index["path"], strict=True):
        Image.open(path).resize(LARGE, Image.Resampling.BICUBIC).save(folder / "images" / f"{image}.jpeg", quality=92)
    (folder / "train_img.csv").write_text("".join(f"{name}\n" for name in index["image"]))
    (folder / "train_label.csv").write_text("".join(f"{grade}\n" for grade in index["grade"]))
    return read_index(folder)


@needs_data
def test_preparing_against_a_naive_loop_with_as_many_processes(photographs: DataSet, tmp_path: Path) -> None:
    paths = list(photographs.table["path"])
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        list(pool.map(naive_row, paths[:PROCESSES]))  # starting the processes is not counted
        ratios = []
        for turn in range(3):
            usual = seconds(lambda: list(pool.map(naive_row, paths)))
            home = tmp_path / str(turn)
            ours = seconds(
                lambda home=home: prepare(photographs, home, image_size=SIZE, workers=PROCESSES, progress=False)  # type: ignore[misc]
            )
            ratios.append(usual / ours)
            print(
                f"\nprepare: {len(paths) / ours:.1f} against {len(paths) / usual:.1f} images/s, ratio {ratios[-1]:.2f}"
            )
    assert median(ratios) >= 2.5


def only_pillow(image: Image.Image, data: bytes) -> Image.Image:
    """A JPEG as it was decoded before libjpeg's warnings were heeded: by Pillow, which loads it later."""
    return image


@needs_data
def test_heeding_the_warnings_of_jpegs_keeps_the_speed(
    photographs: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old way and new in turn, in one process with one thread: what else the machine does falls on both."""
    ratios = []
    for turn in range(5):
        took = {}
        for name, decoded in (("old", only_pillow), ("new", jpeg.decoded)):
            with monkeypatch.context() as patched:
                patched.setattr(decode.jpeg, "decoded", decoded)
                home = tmp_path / f"{name}{turn}"
                started = time.process_time()
                cache = prepare(photographs, home, image_size=SIZE, workers=1, progress=False)
                took[name] = time.process_time() - started
            assert cache.table["fov_found"].all()
        ratios.append(took["old"] / took["new"])
        print(
            f"\nprepare: {PHOTOGRAPHS / took['new']:.1f} against {PHOTOGRAPHS / took['old']:.1f} images/s of CPU time"
        )
    assert median(ratios) >= 0.9


@pytest.fixture
def one_thread() -> Iterator[None]:
    """A second thread would only measure who else uses the machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def epoch(images: torch.Tensor, augmentation: str) -> Callable[[], None]:
    """Take all batches of an epoch in random order, as training does."""
    labels = torch.arange(len(images)) % 5

    def run() -> None:
        generator = torch.Generator().manual_seed(0)
        drawn = batches(
            images,
            labels,
            torch.randperm(len(labels), generator=generator),
            32,
            augmentation=augmentation,
            flip_only=None,
            normalisation="imagenet",
            generator=generator,
            channels_last=False,
        )
        for _ in drawn:
            pass

    return run


@needs_data
@pytest.mark.usefixtures("one_thread")
def test_an_epoch_from_the_cache_against_opening_each_jpeg(photographs: DataSet, tmp_path: Path) -> None:
    cache = prepare(photographs, tmp_path, image_size=SIZE, progress=False)
    usual = seconds(lambda: [naive(path) for path in photographs.table["path"]]) / PHOTOGRAPHS
    rows = np.arange(16 * PHOTOGRAPHS) % PHOTOGRAPHS
    images = load_images(cache.images, rows, torch.device("cpu"), budget_bytes=2**31)
    ours = median(seconds(epoch(images, "flips")) for _ in range(5)) / len(rows)
    print(f"\nan epoch's input: {1 / ours:.0f} against {1 / usual:.1f} images/s, ratio {usual / ours:.0f}")
    assert usual / ours >= 100


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("augmentation", "least"), [("flips", 0.6), ("full", 0.2)])
def test_batches_against_a_plain_copy(tmp_path: Path, augmentation: str, least: float) -> None:
    """The copy: rows of the memory map, drawn at random, to one float tensor (B, 3, S, S) in [0, 1] for each batch."""
    rng = np.random.default_rng(0)
    made = np.lib.format.open_memmap(tmp_path / "images.npy", "w+", np.uint8, (1024, SIZE, SIZE, 3))
    for row in range(len(made)):
        made[row] = rng.integers(0, 256, made.shape[1:], dtype=np.uint8)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")

    def copied() -> None:
        order = rng.permutation(len(mapped))
        for start in range(0, len(order), 32):
            picked = torch.from_numpy(mapped[order[start : start + 32]])
            picked.permute(0, 3, 1, 2).float().div(255).contiguous()

    ours = epoch(load_images(mapped, np.arange(1024), torch.device("cpu"), budget_bytes=2**31), augmentation)
    copied(), ours()
    pairs = [(seconds(copied), seconds(ours)) for _ in range(5)]
    ratio = median(copy / mine for copy, mine in pairs)
    speeds = [len(mapped) / median(pair[side] for pair in pairs) for side in (1, 0)]
    print(f"\nbatches, {augmentation}: {speeds[0]:.0f} against {speeds[1]:.0f} images/s of a copy, ratio {ratio:.2f}")
    assert ratio >= least


_PEAK = """
import sys
from pathlib import Path
from retina_data.cache.preparation import prepare
from retina_data.layouts.dataset import read_index
prepare(read_index(Path(sys.argv[1])), Path(sys.argv[2]), image_size=96, workers=2, progress=False)
# Not ru_maxrss, which begins with what the process that started this one has.
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def test_memory_of_preparing_does_not_grow(tmp_path: Path) -> None:
    def peak(count: int) -> float:  # MiB
        folder = tmp_path / str(count)
        (folder / "images").mkdir(parents=True)
        file = folder / "images" / "0.jpeg"
        Image.effect_noise((900, 700), 60).convert("RGB").save(file)
        for n in range(1, count):
            (folder / "images" / f"{n}.jpeg").hardlink_to(file)
        (folder / "train_img.csv").write_text("".join(f"{n}\n" for n in range(count)))
        (folder / "train_label.csv").write_text("0\n" * count)
        command = [sys.executable, "-c", _PEAK, str(folder), str(tmp_path / f"home{count}")]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) / 1024

    few, many = peak(400), peak(4000)
    print(f"\npeak memory of prepare: {few:.0f} MiB with 400 images, {many:.0f} MiB with 4,000")
    assert many - few < 30  # 4,000 images of 96 px are 105 MiB; the table takes about 1 KiB a row


SEEDS = (1, 2, 3)


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Cache]:
    """For each seed 1,000 painted photographs of 96 px; a fifth is the test list."""
    folder = tmp_path_factory.mktemp("painted")
    for seed in SEEDS:
        make_dataset(folder / str(seed), patients=500, image_size=96, seed=seed, progress=False)
    return {
        seed: prepare(read_index(folder / str(seed)), folder, image_size=96, progress=False) for seed in SEEDS
    }  # fmt: skip


def kappa(truth: pd.Series, answers: object) -> float:
    """Quadratic weighted kappa."""
    return float(cohen_kappa_score(truth, answers, weights="quadratic"))


@pytest.mark.parametrize("weights", [None, "balanced"])
@pytest.mark.parametrize("seed", SEEDS)
def test_painted_grades_are_not_told_by_colours_alone(
    painted: dict[int, Cache], seed: int, weights: str | None
) -> None:
    """A linear model on histograms of the three channels, and on one of colours, within the field of view.

    Each photograph is graded by a model that saw none of its patient's: five folds, as one test list of 200 is too few.
    """
    table = painted[seed].table
    for name, histograms in (("channels", _by_channel), ("colours", _joint)):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000, class_weight=weights))
        answers = cross_val_predict(
            model, histograms(painted[seed].images), table["grade"], groups=table["group"], cv=GroupKFold(5)
        )
        found = kappa(table["grade"], answers)
        print(f"\nlinear model on histograms of {name}, seed {seed}, weights {weights}: kappa {found:.3f}")
        assert found < 0.2


def _by_channel(images: np.ndarray) -> np.ndarray:
    rows = []
    for image in images:
        inside = image[image.max(axis=2) > 8]
        rows.append(np.concatenate([np.histogram(inside[:, c], 32, (0, 256), density=True)[0] for c in range(3)]))
    return np.sqrt(rows)


def _joint(images: np.ndarray) -> np.ndarray:
    rows = []
    for image in images:
        inside = image[image.max(axis=2) > 8]
        rows.append(np.histogramdd(inside, 8, [(0, 256)] * 3)[0].ravel() / len(inside))
    return np.sqrt(rows)


def test_painting_500_photographs_of_256_px_takes_about_a_minute(tmp_path: Path) -> None:
    taken = seconds(lambda: make_dataset(tmp_path / "x", patients=250, image_size=256, workers=2, progress=False))
    print(f"\n500 painted photographs of 256 px by two processes: {taken:.0f} s")
    assert taken < 90


def test_painted_grades_are_learned_by_a_resnet18(painted: dict[int, Cache]) -> None:
    cache = painted[SEEDS[0]]
    table = cache.table
    data = TrainData(
        images=cache.images,
        grades=table["grade"].to_numpy(np.int64),
        groups=table["group"].to_numpy(np.int64),
        train_rows=np.flatnonzero(table["split"] == "train"),
        val_rows=np.flatnonzero(table["split"] == "test"),
    )
    config = TrialConfig.model_validate(
        {"image_size": 96, "epochs": 12, "lr": 0.001, "optimizer": "adamw", "imbalance": "oversample", "batch_size": 32}
    )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    last = list(train(config, data, device))[-1].scores["val/kappa"]
    print(f"\nResNet18 from scratch at 96 px: kappa {last:.3f}")
    assert last > 0.6
