"""The actor in this process, without Ray: what a step returns and leaves behind."""

import gc
import io
import json
import shutil
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from analysis.stats.metrics import called
from retina_data.cache.cache import open_cache
from retina_data.layouts.dataset import read_index
from retina_models import compilation
from retina_models.resnet import resnet18
from retina_models.weights import read_safetensors, read_weights
from study.config.trial import TrialConfig
from study.training.checkpoints import (
    BEST,
    CALIBRATION,
    LAST,
    PREDICTIONS,
    PREVIOUS,
    TEST_PREDICTIONS,
    load_last,
    save_last,
)
from study.training.data import prepare_data
from study.training.prediction import Grader, predict_rows
from study.training.train import TrainingError, train
from study.tuning import ray_trainable
from study.tuning.ray_trainable import TrialActor, computed
from tests.fixtures.study import SMALL, small_data

CHANCES = ["p0", "p1", "p2", "p3", "p4"]
SPLIT = {"val_fraction": 0.3, "seed": 0, "select_on": "validation"}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trainable")
    dataset = read_index(small_data(folder / "data"))
    return prepare_data(dataset, folder, image_size=32, crop="fov", **SPLIT).cache.folder  # type: ignore[arg-type]


def _job(cache: Path, folder: Path, **values: Any) -> dict[str, Any]:
    config = TrialConfig(**{**SMALL, "epochs": 3, **values})
    return {
        "trial": folder.name,
        "config": config.model_dump(mode="json"),
        "folder": str(folder),
        "cache": str(cache),
        "split": SPLIT,
        "last_epoch": config.epochs,
        "confirming": False,
        "ahead": False,
        "weights": None,
        "weights_digest": None,
        "device": "cpu",
        "gpus": 0,
        "nodes": 1,
        "threads": torch.get_num_threads(),
    }


def _steps(actor: TrialActor, most: int = 99) -> list[dict[str, Any]]:
    results = []
    while len(results) < most and not (results and results[-1]["done"]):
        results.append(actor.step())
    return results


def _reports(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [json.loads(result["report"]) for result in results]


def _numbers(report: dict[str, Any]) -> dict[str, Any]:
    scores = {name: value for name, value in report["scores"].items() if name != "images_per_second"}
    return {"epoch": report["epoch"], "scores": scores, "confusion": report["confusion"]}


@pytest.fixture(scope="module")
def whole(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """The folder and the results of a trial that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole") / "0000"
    return folder, _steps(TrialActor(_job(cache, folder)))


@pytest.mark.parametrize("select_epoch", ["last", "best"])
def test_each_step_is_an_epoch_and_the_last_says_so(
    cache: Path, whole: tuple[Path, list[dict[str, Any]]], tmp_path: Path, select_epoch: str
) -> None:
    if select_epoch == "last":  # the default
        folder, results = whole
    else:
        folder = tmp_path / "0000"
        results = _steps(TrialActor(_job(cache, folder, select_epoch=select_epoch)))
    assert [result["done"] for result in results] == [False, False, True]
    reports = _reports(results)
    assert [report["epoch"] for report in reports] == [1, 2, 3]
    assert reports[0]["threads"] == torch.get_num_threads()
    kappas = [report["scores"]["val/kappa"] for report in reports]
    told = kappas if select_epoch == "last" else [max(kappas[:number]) for number in (1, 2, 3)]
    assert [report["best"] for report in reports] == told
    chosen = reports[-1] if select_epoch == "last" else reports[kappas.index(max(kappas))]
    if select_epoch == "last":
        assert ["weights_digest" in report for report in reports] == [False, False, True]
    assert read_weights(folder / BEST, "resnet18").digest == chosen["weights_digest"]
    table = pd.read_parquet(folder / PREDICTIONS)
    hits = (called(table[["p0", "p1", "p2", "p3", "p4"]], "median") == table["grade"]).mean()
    assert hits == pytest.approx(chosen["scores"]["val/accuracy"])


def test_a_new_process_goes_on_with_the_same_numbers(
    cache: Path, whole: tuple[Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    unbroken = _reports(whole[1])
    first = _reports(_steps(TrialActor(_job(cache, tmp_path / "broken")), most=2))
    second = _reports(_steps(TrialActor(_job(cache, tmp_path / "broken"))))
    # The second process tells the last epoch of the first again, since its report may not have arrived.
    assert [report["epoch"] for report in second] == [2, 3]
    assert second[0] == first[1]
    assert [_numbers(report) for report in [first[0], *second]] == [_numbers(report) for report in unbroken]
    assert second[-1]["best"] == unbroken[-1]["best"]


def test_epochs_computed_beside_checkpoints_give_the_same_numbers(
    cache: Path, whole: tuple[Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    results = _steps(TrialActor(_job(cache, tmp_path / "0000") | {"ahead": True}))
    assert [_numbers(report) for report in _reports(results)] == [_numbers(report) for report in _reports(whole[1])]
    digests = [_reports(steps)[-1]["weights_digest"] for steps in (results, whole[1])]
    assert digests[0] == digests[1]
    states = [torch.load(io.BytesIO((folder / PREVIOUS).read_bytes()[32:])) for folder in (tmp_path / "0000", whole[0])]
    for key in ("sampling", "augmentation"):
        assert torch.equal(states[0]["state"][key], states[1]["state"][key])
    models = [state["state"]["model"] for state in states]
    assert all(torch.equal(models[0][key], models[1][key]) for key in models[1])


@pytest.mark.parametrize("ahead", [True, False])
def test_the_next_epoch_begins_while_files_are_written_only_where_nothing_stops_the_trial(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: bool
) -> None:
    begun = [threading.Event() for _ in range(5)]
    while_writing = []

    def training(*args: Any, **values: Any) -> Any:
        epochs = train(*args, **values)
        for event in begun:
            event.set()
            yield next(epochs)

    def writing(folder: Path, state: dict[str, Any], report: dict[str, Any]) -> None:
        while_writing.append(begun[report["epoch"]].wait(60 if ahead and report["epoch"] < 3 else 0.5))
        save_last(folder, state, report)

    monkeypatch.setattr(ray_trainable, "train", training)
    monkeypatch.setattr(ray_trainable, "save_last", writing)
    actor = TrialActor(_job(cache, tmp_path / "0000") | {"ahead": ahead})
    for number in (1, 2, 3):
        [report] = _reports([actor.step()])
        saved = load_last(tmp_path / "0000")
        assert saved and saved[1] == report and report["epoch"] == number, "the report leaves after its checkpoint"
    assert while_writing == [ahead, ahead, False], "nothing follows the last epoch"


def test_an_epoch_that_fails_beside_a_checkpoint_is_told_after_its_report(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def training(*args: Any, **values: Any) -> Any:
        yield next(train(*args, **values))
        raise TrainingError("the loss must be finite, but is nan")

    monkeypatch.setattr(ray_trainable, "train", training)
    actor = TrialActor(_job(cache, tmp_path / "0000") | {"ahead": True})
    first, second = actor.step(), actor.step()
    assert (_reports([first])[0]["epoch"], first["done"]) == (1, False)
    assert second == {"failure": "the loss must be finite, but is nan", "done": True}
    monkeypatch.undo()
    assert actor.reset_config(_job(cache, tmp_path / "0001"))
    assert _reports([actor.step()])[0]["epoch"] == 1


def test_the_report_of_the_last_epoch_is_told_again_without_its_weights(cache: Path, tmp_path: Path) -> None:
    results = _steps(TrialActor(_job(cache, tmp_path / "0000", epochs=2)))
    again = TrialActor(_job(cache, tmp_path / "0000", epochs=2)).step()
    assert (again["report"], again["done"]) == (results[-1]["report"], True)
    assert (tmp_path / "0000" / LAST).stat().st_size < 10_000 < (tmp_path / "0000" / PREVIOUS).stat().st_size


def _confirmation(cache: Path, folder: Path, last_epoch: int) -> dict[str, Any]:
    return {**_job(cache, folder), "last_epoch": last_epoch, "confirming": True}


def test_a_confirmation_ends_early_keeps_its_last_epoch_and_reads_the_test_part(
    cache: Path, whole: tuple[Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    trial = _reports(whole[1])
    results = _steps(TrialActor(_confirmation(cache, tmp_path / "c0000", last_epoch=2)))
    assert [result["done"] for result in results] == [False, True]
    first, last = _reports(results)
    # The schedule is the trial's: the same numbers as far as it goes.
    assert [_numbers(report) for report in (first, last)] == [_numbers(report) for report in trial[:2]]
    assert "weights_digest" not in first
    assert read_weights(tmp_path / "c0000" / BEST, "resnet18").digest == last["weights_digest"]
    table = pd.read_parquet(tmp_path / "c0000" / TEST_PREDICTIONS)
    assert last["test"]["n"] == len(table) > 0
    hits = (called(table[CHANCES], "median") == table["grade"]).mean()
    assert hits == pytest.approx(last["test"]["scores"]["test/accuracy"])
    assert "test" not in first
    assert not [file for file in whole[0].iterdir() if file.name in (TEST_PREDICTIONS, CALIBRATION)]
    # Validation as training measures it, one view, and again with the 4 views that the test split was read with.
    one, four = (pd.read_parquet(tmp_path / "c0000" / name) for name in (PREDICTIONS, CALIBRATION))
    assert one[["row", "patient", "grade"]].equals(four[["row", "patient", "grade"]])
    network = resnet18()
    network.load_state_dict(read_safetensors(tmp_path / "c0000" / BEST))
    for table, views in ((one, 1), (four, 4)):
        grader = Grader([network], views)
        rows = table["row"].to_numpy()
        again = predict_rows(grader, open_cache(cache).images, rows, normalisation="imagenet", precision="fp32")
        assert np.allclose(again, table[CHANCES], atol=1e-5)
    assert not np.allclose(one[CHANCES], four[CHANCES], atol=1e-5)


def test_a_confirmation_with_the_seed_and_data_of_a_trial_is_that_trial_to_the_bit(cache: Path, tmp_path: Path) -> None:
    values = {"schedule": "one_cycle", "augmentation": "dihedral", "lr": 0.003, "seed": 5}
    trial = _reports(_steps(TrialActor(_job(cache, tmp_path / "0000", **values))))
    again = _reports(_steps(TrialActor({**_job(cache, tmp_path / "c0000", **values), "confirming": True})))
    assert [_numbers(report) for report in again] == [_numbers(report) for report in trial]
    first, second = (read_safetensors(tmp_path / name / BEST) for name in ("0000", "c0000"))
    assert first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)
    assert again[-1]["weights_digest"] == trial[-1]["weights_digest"] and "test" in again[-1]
    tables = [pd.read_parquet(tmp_path / name / PREDICTIONS) for name in ("0000", "c0000")]
    assert tables[0].equals(tables[1])


def test_a_confirmation_that_was_killed_after_its_reading_tells_it_again(cache: Path, tmp_path: Path) -> None:
    job = _confirmation(cache, tmp_path / "c0000", last_epoch=1)
    told = _steps(TrialActor(job))
    assert TrialActor(job).step() == told[-1]


def test_an_actor_takes_over_another_trial(cache: Path, tmp_path: Path) -> None:
    actor = TrialActor(_job(cache, tmp_path / "0000", epochs=1))
    _steps(actor)
    assert actor.reset_config(_job(cache, tmp_path / "0001", epochs=1, seed=1))
    again = _reports(_steps(actor))
    fresh = _reports(_steps(TrialActor(_job(cache, tmp_path / "0002", epochs=1, seed=1))))
    assert _numbers(again[0]) == _numbers(fresh[0])
    assert (tmp_path / "0001" / LAST).exists()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TrainingError("the loss must be finite, but is nan"), "the loss must be finite, but is nan"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried 20 GiB"), "out of memory: CUDA out of memory"),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried"), "out of memory: DefaultCPUAllocator"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you"), "out of memory: DefaultCPUAllocator"),
        (MemoryError("cannot map /home/Jane Doe/images.npy"), "out of memory: cannot map images.npy"),
        (RuntimeError("not enough memory for '/home/Jane Doe/x'"), "out of memory: not enough memory for 'x'"),
        (KeyError("x"), "KeyError: 'x'"),
        (OverflowError(f"{'x' * 280} '/home/Jane Doe/{'y' * 50}/z'"), f"OverflowError: {'x' * 280} 'z'"),
    ],
)
def test_what_the_configuration_causes_is_a_failure_with_its_reason(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise error
        yield

    monkeypatch.setattr(ray_trainable, "train", broken)
    result = TrialActor(_job(cache, tmp_path / "0000")).step()
    assert result["done"]
    assert result["failure"].startswith(reason)
    assert "Traceback" in (tmp_path / "0000" / "error.txt").read_text()


def test_a_disk_that_does_not_take_the_checkpoint_is_no_failure_of_the_trial(cache: Path, tmp_path: Path) -> None:
    actor = TrialActor(_job(cache, tmp_path / "0000"))
    _steps(actor, most=1)
    shutil.rmtree(tmp_path / "0000")
    (tmp_path / "0000").write_text("a file where the trial's folder must be")
    assert actor.step() == {"halt": "File exists: 0000", "done": True}


def test_a_learning_rate_that_explodes_is_a_failure_and_no_exception(cache: Path, tmp_path: Path) -> None:
    values = {"lr": 10.0, "optimizer": "sgd", "momentum": 0.99, "schedule": "constant", "epochs": 30}
    results = _steps(TrialActor(_job(cache, tmp_path / "0000", **values)))
    assert "finite" in results[-1]["failure"]
    assert "lower lr" in results[-1]["failure"]


def test_each_epoch_says_what_it_took(cache: Path, tmp_path: Path) -> None:
    [report] = _reports(_steps(TrialActor(_job(cache, tmp_path / "0000", epochs=1))))
    assert report["peak_resident_bytes"] > 10_000_000
    assert 0 < report["cpu_utilisation"] <= 1
    assert "peak_memory_bytes" not in report, "that is of a GPU"


def test_a_gpu_that_cannot_be_had_is_no_failure_of_the_trial(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    job = _job(cache, tmp_path / "0000") | {"device": "cuda", "gpus": 1}
    result = TrialActor(job).step()
    assert result["halt"].startswith("torch finds no GPU where Ray has one; install")
    assert not (tmp_path / "0000" / "error.txt").exists()


def test_a_missing_compiler_is_no_failure_of_the_trial(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compilation.shutil, "which", lambda name: None)
    result = TrialActor(_job(cache, tmp_path / "0000", compile="on")).step()
    assert result["done"] and result["halt"].endswith("install one there, or begin anew with compile: off")


def test_a_cache_that_cannot_be_read_here_is_no_failure_of_the_trial(cache: Path, tmp_path: Path) -> None:
    """As on a node that lost the shared home: the next trial there would fare no better."""
    job = _job(cache, tmp_path / "0000") | {"cache": str(tmp_path / "gone")}
    result = TrialActor(job).step()
    assert result["done"]
    assert "gone must be a prepared cache, but is not readable" in result["halt"]
    assert "/tmp" not in result["halt"]
    assert not (tmp_path / "0000" / "error.txt").exists()


def test_a_checkpoint_that_cannot_be_read_is_told_with_its_reason(cache: Path, tmp_path: Path) -> None:
    """Ray takes an exception while an actor is made for a process that died, and forgets what it said."""
    (tmp_path / "0000" / LAST).mkdir(parents=True)
    actor = TrialActor(_job(cache, tmp_path / "0000"))
    assert actor.step() == {"halt": f"Is a directory: {LAST}", "done": True}
    save_last(tmp_path / "0001", {"epoch": 1}, {"epoch": 1, "best": None})
    assert actor.reset_config(_job(cache, tmp_path / "0001"))
    assert actor.step() == {"report": json.dumps({"epoch": 1, "best": None}), "done": False}
    assert actor.step() == {"failure": "KeyError: 'augmentation'", "done": True}
    assert actor.reset_config(_job(cache, tmp_path / "0002") | {"config": {"lr": -1.0}})
    assert "lr" in actor.step()["failure"]
    assert actor.reset_config(_job(cache, tmp_path / "0003"))
    assert _reports([actor.step()])[0]["epoch"] == 1


def test_a_damaged_checkpoint_and_another_kind_of_device_are_said_once(cache: Path, tmp_path: Path) -> None:
    _steps(TrialActor(_job(cache, tmp_path / "0000")), most=2)
    (tmp_path / "0000" / LAST).write_bytes(b"cut short")
    saved = load_last(tmp_path / "0000")
    assert saved and saved[1]["epoch"] == 1
    moved = {**saved[0], "augmentation": torch.zeros(16, dtype=torch.uint8)}  # as of a GPU
    save_last(tmp_path / "0001", moved, saved[1])
    (tmp_path / "0001" / LAST).rename(tmp_path / "0001" / PREVIOUS)
    (tmp_path / "0001" / LAST).write_bytes(b"cut short")
    again, second, third = _steps(TrialActor(_job(cache, tmp_path / "0001")))
    assert again["notes"].startswith("trial 0001: last.checkpoint is damaged")
    assert "the one before is used, of epoch 1" in again["notes"]
    assert second["notes"].startswith("trial 0001 goes on on another kind of device (cpu)")
    assert "notes" not in third
    assert [report["epoch"] for report in _reports([again, second, third])] == [1, 2, 3]
    fresh = _steps(TrialActor(_job(cache, tmp_path / "0002")), most=2)
    assert not any("notes" in result for result in fresh)


ENDED = """
import os, signal, sys, threading, time
import torch
from study.tuning.ray_trainable import computed
def epochs():
    time.sleep(60)
    yield
signal.signal(signal.SIGTERM, lambda *_: sys.exit(15))  # as Ray's processes have it
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
next(computed(epochs(), torch.device("cpu"), 1, ahead=2))
"""


def test_a_process_that_is_told_to_end_does_not_wait_for_its_epoch() -> None:
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", ENDED], timeout=120, cwd=Path(__file__).resolve().parents[3])
    assert done.returncode == 15 and time.monotonic() - started < 50


def test_an_epoch_that_failed_leaves_nothing_behind() -> None:
    """Its model would stay on the GPU beside the next trial's."""

    class Model:
        pass

    held: list[Any] = []

    def epochs() -> Any:
        model = Model()
        held.append(weakref.ref(model))
        raise TrainingError("the loss must be finite, but is nan")
        yield model

    gc.collect()
    gc.disable()
    try:
        with pytest.raises(TrainingError):
            next(computed(epochs(), torch.device("cpu"), torch.get_num_threads(), ahead=2))
        deadline = time.monotonic() + 10  # the thread lets go of it in its own time
        while held[0]() is not None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert held[0]() is None
    finally:
        gc.enable()
