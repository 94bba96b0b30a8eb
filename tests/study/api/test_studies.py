"""A study loaded from its ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study import load_study
from study.errors import ConfigError
from study.storage.events import Event
from study.storage.lock import locked
from tests.fixtures.study import end_event, epoch_event, study_event, trial_event, write_ledger


def _four_trials(home: Path, **settings: Any) -> None:
    """0000 complete, 0001 complete and better, 0002 pruned, 0003 unfinished."""
    events: list[Event] = [study_event(4, finalists=0, **settings)]
    for number, kappa in enumerate((0.2, 0.5, 0.9, 0.1)):
        whole = number < 2
        events += [trial_event(number, lr=0.001 * (number + 1)), epoch_event(number, 1, kappa - 0.1)]
        events += [epoch_event(number, 2, kappa)] * whole
        events += [end_event(number, "complete" if whole else "pruned")] * (number < 3)
    write_ledger(home / "made", *events)


def test_trials_dataframe_has_optunas_columns_and_a_row_for_each_trial(tmp_path: Path) -> None:
    _four_trials(tmp_path)
    table = load_study("made", home=tmp_path).trials_dataframe()
    assert list(table["number"]) == [0, 1, 2, 3]
    assert list(table["state"]) == ["COMPLETE", "COMPLETE", "PRUNED", "INTERRUPTED"]
    np.testing.assert_array_equal(table["value"], [0.2, 0.5, np.nan, np.nan])
    np.testing.assert_allclose(table["params_lr"], [0.001, 0.002, 0.003, 0.004])
    assert set(table["user_attrs_arm"]) == {"resnet18-scratch"}
    assert list(table["user_attrs_epochs"]) == [2, 2, 1, 1]
    assert table["duration"][0].total_seconds() == 1010.0 - 1001.0
    for column in ("datetime_start", "datetime_complete", "params_optimizer", "params_batch_size"):
        assert column in table
    assert "params_epochs" not in table  # it is fixed


def test_trials_dataframe_calls_an_unfinished_trial_running_while_the_study_is_written(tmp_path: Path) -> None:
    _four_trials(tmp_path)
    with locked(tmp_path / "made"):
        study = load_study("made", home=tmp_path)
        assert study.state == "running"
        assert study.trials_dataframe()["state"][3] == "RUNNING"
    assert load_study("made", home=tmp_path).state == "interrupted"


def test_best_config_is_the_winner_of_all_or_of_an_arm(tmp_path: Path) -> None:
    _four_trials(tmp_path)
    study = load_study("made", home=tmp_path)
    assert study.best_config().lr == 0.002
    assert study.best_config("resnet18-scratch") == study.best_config()
    with pytest.raises(ConfigError, match="it has resnet18-scratch"):
        study.best_config("resnet50-scratch")


def test_best_config_needs_a_trial_with_a_score(tmp_path: Path) -> None:
    write_ledger(tmp_path / "made", study_event(4))
    study = load_study("made", home=tmp_path)
    assert study.trials_dataframe().empty and "params_lr" in study.trials_dataframe()
    with pytest.raises(ConfigError, match="must have a score"):
        study.best_config()


def test_load_study_names_what_there_is(tmp_path: Path) -> None:
    _four_trials(tmp_path)
    with pytest.raises(ConfigError, match="study other must exist .*: made"):
        load_study("other", home=tmp_path)
    with pytest.raises(ConfigError, match="study's name"):
        load_study("../made", home=tmp_path)


def test_load_study_of_folds_names_them(tmp_path: Path) -> None:
    for fold in (1, 2):
        began = study_event(4)
        began.config["fold"] = f"{fold}/2"
        write_ledger(tmp_path / f"whole-fold{fold}", began)
    with pytest.raises(ConfigError, match="2 folds; load one of them: whole-fold1, whole-fold2"):
        load_study("whole", home=tmp_path)
    assert load_study("whole-fold1", home=tmp_path).config.fold == "1/2"
