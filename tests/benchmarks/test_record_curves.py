"""The recorded curves, and what replays them: tests/benchmarks/curves.jsonl, record_curves and bench_sampler."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.config.axes import DEFAULT_SPACE
from study.config.study import make_study_config
from tests.benchmarks import bench_sampler
from tests.benchmarks.bench_sampler import Curves, curve_over_epochs, first_reach, replay, shares, study_of
from tests.benchmarks.record_curves import CURVES, EPOCHS, SPACE, drawn, recorded


def fake(number: int, level: float) -> list[dict[str, Any]]:
    """Both runs of a configuration, whose score rises to a level."""
    curve = [level * (epoch + 1) / EPOCHS for epoch in range(EPOCHS)]
    one = {"config": drawn(number), "val": {"kappa_median": curve}, "test": {"kappa_median": level}}
    return [{"run": f"{number}/{repeat}", **one} for repeat in (0, 1)]


@pytest.fixture
def curves() -> Curves:
    """Twelve configurations of different quality."""
    return Curves([run for number in range(12) for run in fake(number, number / 20)])


def test_what_was_recorded_is_drawn_from_the_default_space() -> None:
    space = make_study_config({"space": SPACE}, {}).space
    assert {name: axis for name, axis in space.items() if name in DEFAULT_SPACE} == {
        name: axis for name, axis in DEFAULT_SPACE.items() if name not in ("architecture", "pretrained")
    }


def test_the_recording_is_small_whole_and_names_its_command() -> None:
    header, runs = recorded()
    assert CURVES.stat().st_size < 500_000
    assert "record_curves" in header[0]["command"]
    assert len({run["run"] for run in runs}) == len(runs)
    for run in runs:
        assert run["config"] == drawn(int(run["run"].split("/")[0]))
        assert {len(values) for values in run["val"].values()} == {EPOCHS}


def test_a_recorded_configuration_is_nearest_to_itself_and_an_axis_of_another_optimizer_is_not_compared(
    curves: Curves,
) -> None:
    assert [curves.nearest(drawn(number)) for number in range(12)] == list(range(12))
    near = {**drawn(0), "lr": 0.0011}
    assert curves.nearest(near) == 0


def test_a_replay_spends_what_the_trials_ran_and_finds_the_best(
    curves: Curves, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(bench_sampler, "BUDGETS", (4, 12))
    whole = replay(curves, "random", "none", 0, tmp_path / "none")
    assert list(whole.spent) == [EPOCHS * (n + 1) for n in range(12)]
    assert np.nanmax(whole.best) == whole.best[-1] == whole.claimed[12][0]
    assert whole.true[-1] == pytest.approx(whole.best[-1])  # nothing is noise here
    assert whole.final_epochs == {4: 0, 12: 3 * EPOCHS}
    stopped = replay(curves, "random", "halving", 0, tmp_path / "halving")
    assert stopped.spent[-1] < whole.spent[-1]
    assert stopped.best[-1] == whole.best[-1]


def test_shares_are_of_the_epochs_of_random_search(curves: Curves, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(bench_sampler, "BUDGETS", (4, 12))
    monkeypatch.setattr(bench_sampler, "SEEDS", 2)
    replays = {
        ("random", stopping): [replay(curves, "random", stopping, n, tmp_path / f"{stopping}{n}") for n in (0, 1)]
        for stopping in ("none", "halving")
    }
    found = shares(replays, "best")
    grid = curve_over_epochs(replays["random", "none"], "best")
    assert grid.shape == (2, 12 * EPOCHS)
    assert found["random", "none"][0] == first_reach(grid.mean(axis=0), grid.mean(axis=0)[-1]) / (12 * EPOCHS)
    assert found["random", "halving"][0] < found["random", "none"][0] <= 1
    assert first_reach(np.array([0.1, 0.2]), 0.3) == math.inf


def test_a_study_that_is_replayed_names_no_finalists_unless_asked() -> None:
    assert study_of("tpe", "halving", 8, 0).finalists == 0
    assert study_of("tpe", "halving", 8, 0, None).finalists is None
