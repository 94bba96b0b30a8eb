"""Whole calls of `retina confirm`: refused, killed, gone on with, and typed once too often."""

import shutil
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch
from mlflow import MlflowClient

from analysis import schema
from retina_models.weights import read_safetensors
from study.storage.state import StudyState, study_state
from study.training.checkpoints import BEST, TEST_PREDICTIONS
from study.tuning.confirmation import ConfirmationConfig, Confirmations
from study.workflows.confirm import Confirm, _read_elsewhere
from tests.faults.fixture import Search, Study
from tests.fixtures.command import refused
from tests.fixtures.study import (
    close_event,
    end_event,
    epoch_event,
    evaluation_event,
    small_data,
    study_event,
    trial_event,
    write_ledger,
)  # fmt: skip

SEEDS = 3
FELLOWS = 6
PARTS = ("train", "test")


def test_a_study_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "there is no study s" in refused(tmp_path, "confirm", "s")


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study that has ended its search."""
    folder = tmp_path_factory.mktemp("confirming")
    study = Study(folder, _with_fellows(small_data(folder / "data", patients=24)))
    study.finish("--trials", "2", "--epochs", "4", "--early-stopping", "none")
    return study


def _with_fellows(data: Path) -> Path:
    """The last right eyes of the training list go into the test list: the lab's own way of splitting."""
    lists = {part: [(data / f"{part}_{kind}.csv").read_text().split() for kind in ("img", "label")] for part in PARTS}
    rights = [row for row in zip(*lists["train"], strict=True) if row[0].endswith("_right")][-FELLOWS:]
    lefts = [row for row in zip(*lists["train"], strict=True) if row not in rights]
    for part, rows in (("train", lefts), ("test", [*zip(*lists["test"], strict=True), *rights])):
        for column, kind in enumerate(("img", "label")):
            (data / f"{part}_{kind}.csv").write_text("".join(f"{row[column]}\n" for row in rows))
    return data


def _copy(searched: Study, folder: Path) -> Study:
    """The study in another home, with an MLflow of its own, which gets all from the ledger."""
    study = Study(folder, searched.data)
    shutil.copytree(searched.home / "cache", study.home / "cache")
    shutil.copytree(searched.home / "s", study.home / "s")
    return study


def _confirm(study: Study, *flags: str) -> Search:
    return Search(study, ["confirm", "s", *flags], study.environment)


def _numbers(state: StudyState) -> dict[str, Any]:
    """All that is computed in confirmations, without what clocks tell."""

    def timeless(values: Any) -> dict[str, Any]:
        return {k: v for k, v in values.items() if k not in ("images_per_second", "time")}

    return {
        name: (
            record.config,
            [(timeless(epoch.scores), epoch.confusion) for epoch in record.epochs],
            record.test and replace(record.test, time=0.0),
            record.state,
        )
        for name, record in state.confirmations.items()
    }


@pytest.mark.slow
def test_kills_lose_and_double_nothing_and_give_the_numbers_of_an_unbroken_call(
    searched: Study, tmp_path: Path
) -> None:
    killed, unbroken = _copy(searched, tmp_path / "killed"), _copy(searched, tmp_path / "unbroken")
    for event, count in (("confirmation_started", 1), ("test_evaluation", 1)):
        call = _confirm(killed, "--seeds", str(SEEDS))
        before = killed.count(event)
        call.until(lambda e=event, n=before + count: killed.count(e) >= n, f"a {event}")  # type: ignore[misc]
        time.sleep(0.05)
        call.kill()
    for study in (killed, unbroken):
        call = _confirm(study, "--seeds", str(SEEDS))
        assert call.end() == 0, call.output()
    state = killed.state()
    assert sorted(state.confirmations) == [f"c{number:04d}" for number in range(SEEDS)]
    assert _numbers(state) == _numbers(unbroken.state())
    names = ("confirm", "trial", "epoch")
    kinds = ("confirmation_started", "epoch", "test_evaluation", "trial_finished")
    told = Counter((e.kind, *(getattr(e, name, None) for name in names)) for e in killed.events() if e.kind in kinds)
    assert set(told.values()) == {1}
    for record in state.confirmations.values():
        assert (len(record.epochs), record.state) == (record.last_epoch, schema.STATE_COMPLETE)
        files = [study.home / "s" / "checkpoints" / record.trial for study in (killed, unbroken)]
        pd.testing.assert_frame_equal(*(pd.read_parquet(file / TEST_PREDICTIONS) for file in files))
        mine, theirs = (read_safetensors(file / BEST) for file in files)  # the files' own order of metadata is chance
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)
        assert record.test is not None
        assert record.test.n - record.test.n_new_patients == FELLOWS
        assert "test_new_patients/accuracy" in record.test.scores
    _check_mlflow(killed, state)
    whole = killed.ledger.read_text()
    killed.ledger.write_text(whole[: whole.rindex('{"event":"study_closed"')])  # as if killed before its close
    again = _confirm(killed, "--seeds", str(SEEDS))
    assert again.end() == 0
    assert "has all confirmations that were asked for (3 complete); the test split was read 3 times" in again.output()
    assert killed.count("test_evaluation") == SEEDS
    assert killed.state_closed() == schema.STATE_COMPLETE


def _check_mlflow(study: Study, state: StudyState) -> None:
    """One run for each confirmation, each value once, the test split's scores and artifacts."""
    client, runs = MlflowClient(study.uri), study.runs()
    parent = next(run for run in runs if run.data.tags["kind"] == schema.KIND_STUDY)
    confirmations = [run for run in runs if run.data.tags["kind"] == schema.KIND_CONFIRM]
    assert sorted(run.data.tags[schema.TAG_CONFIRM] for run in confirmations) == sorted(state.confirmations)
    assert parent.data.tags[schema.TAG_TEST_EVALUATIONS] == str(SEEDS)
    assert {run.info.status for run in confirmations} == {"FINISHED"}
    for run in confirmations:
        record = state.confirmations[run.data.tags[schema.TAG_CONFIRM]]
        assert record.confirm is not None
        assert record.test is not None
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.data.tags[schema.TAG_CONFIRMED_TRIAL] == record.confirm.trial
        assert {k: v for k, v in run.data.metrics.items() if k.startswith("test")} == record.test.scores
        history = client.get_metric_history(run.info.run_id, "val/accuracy")
        assert sorted((m.step, m.value) for m in history) == [
            (e.epoch, e.scores["val/accuracy"]) for e in record.epochs
        ]
        assert [m.step for m in client.get_metric_history(run.info.run_id, "test/accuracy")] == [record.last_epoch]
        found = {
            item.path for part in ("confusion", "predictions") for item in client.list_artifacts(run.info.run_id, part)
        }
        assert found >= {
            schema.ARTIFACT_CONFUSION,
            schema.ARTIFACT_PREDICTIONS,
            schema.ARTIFACT_TEST_CONFUSION,
            schema.ARTIFACT_TEST_CONFUSION_PNG,
            schema.ARTIFACT_TEST_PREDICTIONS,
        }


@pytest.mark.slow
def test_more_seeds_add_and_say_how_often_the_part_was_read_and_no_search_sees_them(
    searched: Study, tmp_path: Path
) -> None:
    study = _copy(searched, tmp_path / "more")
    first = _confirm(study, "--seeds", "1")
    assert first.end() == 0, first.output()
    assert "fewer than 3 seeds" in first.output()
    second = _confirm(study, "--seeds", "2")
    assert second.end() == 0, second.output()
    assert "the test split of s was read once before" in second.output()
    assert [read.earlier for read in study.state().test_evaluations] == [0, 1]
    longer = study.finish("--trials", "3")
    assert "2 of 3 trials ended" in longer
    state = study.state()
    assert sorted(state.trials) == ["0000", "0001", "0002"]
    assert sorted(state.confirmations) == ["c0000", "c0001"]
    refused_once = study.retina("confirm", "s", "--exclude-test-patients")
    assert refused_once.returncode == 2
    assert "were without --exclude-test-patients" in refused_once.stderr
    told = study.retina("train", "--reproduce", "s/c0000", "--out", str(tmp_path / "out"))
    assert told.returncode == 2
    assert "c0000 is a confirmation" in told.stderr


@pytest.mark.slow
def test_fellows_are_taken_out_of_training_and_all_test_images_are_clean(searched: Study, tmp_path: Path) -> None:
    study = _copy(searched, tmp_path / "dropped")
    call = _confirm(study, "--seeds", "1", "--exclude-test-patients")
    assert call.end() == 0, call.output()
    state = study.state()
    record = state.confirmations["c0000"]
    assert record.test is not None
    assert record.test.n == record.test.n_new_patients == state.study.splits["test"]
    assert record.epochs[0].images_seen < state.trials["0000"].epochs[0].images_seen
    again = _confirm(study, "--seeds", "1")
    assert again.end() == 2
    assert "must all be trained alike" in again.output()


def test_confirmations_that_all_failed_are_not_told_to_go_on() -> None:
    events = [study_event(), trial_event(0, epochs=1), epoch_event(0, 1, 0.5), end_event(0)]
    state = study_state([*events, close_event()])
    spec = Confirm(SimpleNamespace(name="s", parent_study="s"), ConfirmationConfig(seeds=2), state, 9)  # type: ignore[arg-type]
    assert spec.failure_hint(state, "") == ""
    for name in ("c0000", "c0001"):
        state.apply(Confirmations(state, spec.config).suggest())
        assert spec.failure_hint(state, "") == ""
        state.apply(end_event(name, schema.STATE_FAILED))
    assert spec.failure_hint(state, " --home X") == (
        "`retina status s --home X` names the failures; mend their cause and give a larger --seeds"
    )


def test_another_study_that_has_read_the_same_photographs_is_said(tmp_path: Path) -> None:
    searched = [study_event(trials=1), trial_event(0, epochs=1), epoch_event(0, 1, 0.3), end_event(0)]
    started = Confirmations(study_state(searched), ConfirmationConfig()).suggest()
    confirmed = [*searched, started, evaluation_event(started.confirm, 5)]
    plan = SimpleNamespace(
        home=tmp_path, parent_study="mine", prepared=SimpleNamespace(cache=SimpleNamespace(digest="d" * 64))
    )
    other = replace(study_event(trials=1), identity={"data_digest": "o" * 64})
    for name, events in {
        "mine": confirmed, "earlier": confirmed, "unread": searched, "of-other-data": [other, *confirmed[1:]],
    }.items():  # fmt: skip
        write_ledger(tmp_path / name, *events)
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "ledger.jsonl").write_text("no ledger\n{}\n")
    assert _read_elsewhere(plan) == [("earlier", 1)]  # type: ignore[arg-type]
