import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from rich.console import Console

from study.cluster.resources import Resources
from study.config.study import make_study_config
from study.config.trial import Value
from study.disk_space import size
from study.planning.build_plan import make_plan
from study.planning.inputs import Inputs
from study.planning.plan import Plan, needed_by
from study.training.train import TrainData
from study.workflows.running import dry_run as module
from study.workflows.running.dry_run import _job, dry_run, here_available, measured_now, usual
from study.workflows.search import Search
from tests.fixtures.study import small_data

BY_OPTIMIZER = {"sgd": {"low": 0.1, "high": 0.3}, "adamw": {"low": 0.01, "high": 0.03}}


def _plan(tmp_path: Path, **flags: object) -> Plan:
    data = small_data(tmp_path / "data")
    overrides = {"image_size": 32, "epochs": 3, "trials": 4, "pretrained": False, **flags}
    return make_plan("s", tmp_path / "home", None, Inputs(data=data, overrides=overrides))


def _said(tmp_path: Path, gpus: float = 0, **flags: object) -> str:
    plan = _plan(tmp_path, **flags)
    said = _dry(plan, gpus)
    assert not plan.folder.exists()
    return said


def _dry(plan: Plan, gpus: float = 0) -> str:
    text = io.StringIO()
    dry_run(
        plan,
        None,
        Resources(cpus=1, gpus=gpus, max_concurrent=2),
        Console(file=text, width=160, soft_wrap=True),
    )
    return text.getvalue()


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return _plan(tmp_path_factory.mktemp("dryrun"), architecture="resnet18")


def _measured_at_once(job: dict[str, Any], data: TrainData, on_step: Callable[[int], None]) -> dict[str, Any]:
    on_step(10)
    return {"images": 10, "seconds": 1.0, "checkpoint": 10**6, "device": "cpu"}


def test_it_says_what_would_run_and_what_it_would_cost(tmp_path: Path) -> None:
    said = _said(tmp_path)
    assert "would run 4 of 4 trials of at most 3 epochs over 2 arms (resnet18-scratch, resnet50-scratch)" in said
    assert "2 at once, 1 CPU thread each, no GPU" in said
    assert "sgd: 0.001 to 0.1, logarithmic; adamw: 0.0001 to 0.005, logarithmic" in said
    assert "finalists" not in said
    assert "early stopping" not in said
    for word in ("resnet18", "resnet50", "GB of disk", "expected: 00:0"):
        assert word in said


def test_finalists_are_said_and_counted_in_the_time(one: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "measure_epoch", _measured_at_once)
    seconds = []
    for finalists in (0, 2):
        said = _dry(replace(one, config=one.config.model_copy(update={"finalists": finalists, "repeats": 3})))
        text = ", then 6 finalists of 3 epochs on other validation splits"
        assert (text in said) == (finalists == 2)
        hours, minutes, rest = said.split("expected: ")[1][:8].split(":")
        seconds.append(3600 * int(hours) + 60 * int(minutes) + int(rest))
    assert seconds == pytest.approx([4 * 3 / 2 + 3 / 2, (4 + 6) * 3 / 2 + 3 / 2], abs=1)  # two at once, the last alone


def test_a_disk_on_which_the_search_would_not_begin_is_a_problem(one: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the same number: one byte less is a problem, and the figure is what is asked for."""
    monkeypatch.setattr(module, "measure_epoch", _measured_at_once)
    plan = replace(one, config=make_study_config({}, {"space": {"optimizer": ["sgd", "adamw"]}}))
    need = needed_by(plan, 2, Search(plan).n_best_weights)
    for lacks, free in ((False, need), (True, need - 1)):
        monkeypatch.setattr("retina_data.files.shutil.disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        said = _dry(plan)
        assert f"{need / 1e9:.2f} GB of disk" in said
        assert ("problem: " in said) == lacks
    assert f"problem: {size(need)} must be free for checkpoints and weights on the disk of {plan.home}" in said


def test_what_a_study_has_on_the_disk_is_not_needed_again(
    one: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "measure_epoch", _measured_at_once)
    plan = replace(one, home=tmp_path)
    checkpoints = plan.folder / "checkpoints" / "0000"
    checkpoints.mkdir(parents=True)
    (checkpoints / "last.pt").write_bytes(bytes(1000))
    free = needed_by(plan, 2, Search(plan).n_best_weights) - 1000
    monkeypatch.setattr("retina_data.files.shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    assert "problem" not in _dry(plan)


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("batch_size", {}, 32),
        ("batch_size", {"batch_size": 128}, 128),
        ("batch_size", {"space": {"batch_size": [64, 8]}}, 8),
        ("batch_size", {"space": {"batch_size": {"low": 16, "high": 64, "log": True}}}, 32),
        ("micro_batch", {}, 0),
        ("micro_batch", {"micro_batch": 4}, 4),
        ("imbalance", {"imbalance": "oversample"}, "oversample"),
        ("imbalance", {"space": {"imbalance": ["none", "focal", "undersample"]}}, "focal"),
        ("optimizer", {"space": {"optimizer": ["adamw"]}}, "adamw"),
        ("momentum", {"space": {"momentum": {"low": 0.5, "high": 0.9}}}, 0.7),
    ],
)
def test_what_is_measured_is_what_is_fixed_or_the_middle_of_what_is_searched(
    one: Plan, name: str, given: dict[str, Any], value: Value
) -> None:
    plan = replace(one, config=make_study_config({}, {"image_size": 32, **given}))
    assert usual(plan.config, name) == value
    assert _job(plan, "resnet18", Resources(1, 0.0, 1), 10)["config"][name] == value


@pytest.mark.parametrize(("optimizers", "value"), [(["adamw"], 0.02), (["sgd", "adamw"], 0.2)])
def test_of_a_range_that_hangs_on_the_optimizer_that_of_the_first_is_taken(optimizers: list[str], value: float) -> None:
    config = make_study_config({"space": {"optimizer": optimizers, "lr": BY_OPTIMIZER}}, {})
    assert usual(config, "lr") == pytest.approx(value)


@pytest.mark.slow
def test_an_epoch_is_measured_in_a_process_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, trial_resources = _plan(tmp_path), Resources(1, 0.0, 1)
    seconds, how = measured_now(plan, trial_resources)
    assert 0 < seconds < 60
    assert how == "measured now on at most 128 images on this machine's CPU"
    monkeypatch.setattr(module, "CHILD", "raise MemoryError('all is full')")
    assert measured_now(plan, trial_resources) == (0.0, "measuring it failed: MemoryError: all is full")
    monkeypatch.setattr(module, "MEASURE_SECONDS", 0.0)
    monkeypatch.setattr(module, "CHILD", "import time; time.sleep(100)")
    assert measured_now(plan, trial_resources) == (0.0, "not measured within 0 s")


def test_this_machine_has_a_processor() -> None:
    assert here_available()["CPU"] >= 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_time_that_is_measured_without_the_gpu_of_a_cluster_is_said_to_be(tmp_path: Path) -> None:
    said = _said(tmp_path, gpus=1, architecture="resnet18")
    assert "2 at once, 1 GPU and 1 CPU thread each" in said
    assert "measured on this machine's CPU, since it has no GPU" in said


@pytest.mark.parametrize(("each", "tried"), [(0.5, [8]), (0.01, [8, 32, 512]), (0.07, [8, 32])])
def test_a_slow_machine_measures_few_images_and_a_fast_one_more(
    one: Plan, monkeypatch: pytest.MonkeyPatch, each: float, tried: list[int]
) -> None:
    """An image costs `each` seconds on a clock of the test's; the whole epoch is reckoned alike from any number."""
    now = 0.0
    said: list[int] = []
    whole = one.prepared.train_data()
    images = len(whole.train_rows)

    def trained(config: object, data: TrainData, *_: object, **__: object) -> Iterator[Any]:
        nonlocal now
        for _epoch in range(2):
            now += each * (len(data.train_rows) + len(data.val_rows))
            yield SimpleNamespace(state=lambda: {"model": {}, "optimizer": {"state": {}}})

    monkeypatch.setattr(module, "train", trained)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    found = module.measure_epoch(
        _job(one, "resnet18", Resources(1, 0.0, 1), 512), one.prepared.train_data(), said.append
    )
    assert said == [min(n, images) for n in tried]
    assert found["images"] == said[-1]
    assert found["seconds"] == pytest.approx(each * (images + len(whole.val_rows)), rel=0.05)


def test_measuring_is_not_silent_and_says_what_its_figure_is_of(one: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "measure_epoch", _measured_at_once)
    said = _dry(one)
    assert "measuring resnet18: an epoch of 10 images" in said
    assert "on this machine as busy as it is now" in said


@pytest.mark.parametrize(
    ("groups", "trials", "at_once", "seconds"),
    [
        ([36.0, 123.0], 1, 1, 123.0),  # either network may be the one that is tried
        ([36.0, 123.0], 3, 1, 282.0),
        ([10.0], 4, 2, 25.0),  # no more than this, whatever their order
        ([10.0], 1, 2, 10.0),  # one trial is no faster for two places
        ([10.0], 0, 2, 0.0),
    ],
)
def test_the_time_is_one_that_no_order_of_trials_exceeds(
    groups: list[float], trials: int, at_once: int, seconds: float
) -> None:
    assert module.longest(groups, trials, at_once) == pytest.approx(seconds)
