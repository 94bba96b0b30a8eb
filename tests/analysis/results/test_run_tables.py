"""Rows and checks of recorded runs, without any store."""

from __future__ import annotations

import pytest

from analysis import schema
from analysis.errors import RunsError
from analysis.results import run_tables
from analysis.results.run_tables import Record


def record(name: str, fold: int = 0, **metrics: float) -> Record:
    tags = {schema.TAG_KIND: schema.KIND_TRIAL, schema.TAG_TRIAL: name, schema.TAG_ARM: "resnet18-scratch"}
    return Record(f"run-{name}", "", tags, {"lr": "0.1"}, metrics, fold)


def test_names_of_folds_do_not_meet() -> None:
    found = run_tables.by_name([record("0000", 2), record("0000", 1)], schema.KIND_TRIAL, schema.TAG_TRIAL, "s")
    assert list(found) == ["1/0000", "2/0000"]
    with pytest.raises(RunsError, match="has it too"):
        run_tables.by_name([record("0000", 1), record("0000", 1)], schema.KIND_TRIAL, schema.TAG_TRIAL, "s")
    with pytest.raises(RunsError, match="it is missing"):
        run_tables.by_name([record("")], schema.KIND_TRIAL, schema.TAG_TRIAL, "s")


def test_a_trial_without_epochs_ran_none() -> None:
    trials = run_tables.by_name([record("0000"), record("0001")], schema.KIND_TRIAL, schema.TAG_TRIAL, "s")
    values = [("0001", 2, 0.5), ("0001", 1, 0.125), ("0001", 1, 0.25)]  # the later one counts
    epochs = run_tables.epoch_table("trial", [(name, epoch, "val/kappa", value) for name, epoch, value in values])
    assert list(epochs["val/kappa"]) == [0.25, 0.5]
    assert list(epochs.columns) == ["trial", "epoch", *schema.EPOCH_METRICS]
    assert list(run_tables.epoch_table("trial", []).columns) == list(epochs.columns)
    table, params = run_tables.trial_table(trials, epochs)
    assert list(table["epochs_run"]) == [0, 2]
    assert list(table["lr"]) == [0.1, 0.1]
    assert params == ("lr",)


def test_folds_sum_what_was_spent_and_keep_the_rest() -> None:
    one = {
        "budget": {"a": {"trials": 2}},
        "test": {"n": 5, "reads": 1, "note": "x"},
        "commands": ["c"],
        "audit": {1: 2},
    }
    two = {"budget": {"a": {"trials": 3}, "b": {"trials": 1}}, "test": {"n": 6, "reads": 2}, "commands": ["c", "d"]}
    whole = run_tables.joined_study([one, two])
    assert whole["budget"] == {"a": {"trials": 5}, "b": {"trials": 1}}
    assert whole["test"] == {"n": 11, "reads": 3, "note": "x"}
    assert whole["commands"] == ["c", "d"]
    assert whole["audit"] == {1: 2}
    assert run_tables.joined_study([{}]) == {}


def test_folds_share_a_state_or_the_whole_is_not_done() -> None:
    done, going = {"state": "complete", "test_evaluations": "2"}, {"state": "running"}
    assert run_tables.joined_tags([done, done]) == {"state": "complete", "test_evaluations": "4"}
    assert run_tables.joined_tags([done, going]) == {"state": "interrupted", "test_evaluations": "2"}
