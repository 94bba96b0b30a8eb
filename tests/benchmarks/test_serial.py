"""The search without Ray that the benches of quality drive."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from study.config.study import StudyConfig, make_study_config
from study.storage.state import StudyState, TrialRecord
from tests.benchmarks.quality import Plan, cost, source_images, study_config
from tests.benchmarks.serial import Runs, WithoutKnownGood, report_of, search

EPOCHS = 3


def study(trials: int = 4) -> StudyConfig:
    """A search of one arm with finalists, over the learning rate alone."""
    fixed = {"epochs": EPOCHS, "architecture": "resnet18", "pretrained": False}
    space = {"lr": {"low": 1e-4, "high": 1e-2, "log": True}}
    return make_study_config({"trials": trials, "finalists": 2, "fixed": fixed, "space": space}, {})


def runs(most: int = 10**6) -> Runs:
    """A higher learning rate scores higher; dies after so many epochs."""
    left = [most]

    def made(record: TrialRecord) -> Iterator[dict[str, Any]]:
        for epoch in range(1, EPOCHS + 1):
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            yield report_of(epoch, {"val/kappa": 50 * record.config["lr"] + epoch / 100}, None, record.config)

    return made


def told(state: StudyState) -> list[tuple[str, list[float], str]]:
    """Each run with its scores and its end."""
    return [(r.trial, [e.scores["val/kappa"] for e in r.epochs], r.state) for r in state.runs().values()]


def test_trials_then_finalists_on_splits_of_their_own(tmp_path: Path) -> None:
    state = search(tmp_path, study(), runs())
    assert [len(state.trials), len(state.finalists)] == [4, 4]
    splits = [record.finalist.split_seed for record in state.finalists.values() if record.finalist]
    assert splits[0] == splits[1] != splits[2] == splits[3]


@pytest.mark.parametrize("died", [0, 1, 3, 7, 14, 20])
def test_a_search_that_was_cut_off_goes_on_and_is_the_same(tmp_path: Path, died: int) -> None:
    whole = search(tmp_path / "whole", study(), runs())
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "cut", study(), runs(died))
    assert told(search(tmp_path / "cut", study(), runs())) == told(whole)


def test_the_present_method_begins_at_random(tmp_path: Path) -> None:
    rates = [
        search(tmp_path / name, study(1), runs(), arms).trials["0000"].config["lr"]
        for name, arms in (("present", WithoutKnownGood), ("new", WithoutKnownGood.__base__))
    ]
    assert rates[0] != rates[1] == 0.001


def test_a_peak_is_what_is_told_where_peaks_are_selected() -> None:
    config = {"objective": "kappa", "select_epoch": "best"}
    assert report_of(2, {"val/kappa": 0.1}, 0.3, config)["best"] == 0.3
    assert report_of(2, {"val/kappa": 0.1}, 0.3, config | {"select_epoch": "last"})["best"] == 0.1


def test_the_two_methods_differ_in_what_the_table_says() -> None:
    present, new = (study_config(Plan(), one) for one in (True, False))
    assert (present.fixed["select_epoch"], present.fixed["decision"], present.finalists) == ("best", "most_probable", 0)
    assert (new.fixed["decision"], new.finalists, "select_epoch" in new.fixed) == ("median", 2, False)
    assert present.trials == new.trials


def test_the_control_sees_as_many_photographs_as_the_source() -> None:
    assert source_images(Plan(source_patients=450, source_epochs=8)) == 810 * 8
    assert cost(Plan(), []) == 0
