"""What goes wrong within trials, in their files, in what is asked for, and with the clock."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml
from optuna.trial import TrialState

from analysis import schema
from study.config.arms import groups_of
from study.config.study import make_study_config
from study.training.checkpoints import LAST, PREVIOUS, load_last
from study.tuning.ask_tell import Arms
from tests.faults.conftest import Row
from tests.faults.fixture import Study, out_of_memory
from tests.fixtures.study import small_data

pytestmark = pytest.mark.faults


def _file(folder: Path, space: dict[str, object], **values: object) -> list[str]:
    fixed = {"epochs": 3, "image_size": 32, "architecture": "resnet18", "pretrained": False}
    config = {"sampler": "random", "early_stopping": "none", **values, "fixed": fixed, "space": space}
    (folder / "study-config.yaml").write_text(yaml.safe_dump(config))
    return ["--config", str(folder / "study-config.yaml")]


def _check_failures(study: Study, reason: str, failing: dict[str, object]) -> int:
    """Ledger, Optuna and MLflow agree on which trials failed, and why; returns how many did."""
    failed, optuna = 0, _optuna_states(study)
    for record in study.state().trials.values():
        fails = all(record.config[name] == value for name, value in failing.items())
        assert record.end and (record.end.state == schema.STATE_FAILED) == fails
        assert (reason in record.end.reason) == fails
        failed += fails
    runs = {run.data.tags.get(schema.TAG_TRIAL): run for run in study.runs()}
    for trial, record in study.state().trials.items():
        assert (optuna[trial] == TrialState.FAIL) == (record.state == schema.STATE_FAILED)
        assert (runs[trial].info.status == "FAILED") == (record.state == schema.STATE_FAILED)
        assert (reason in runs[trial].data.tags.get(schema.TAG_REASON, "")) == (record.state == schema.STATE_FAILED)
    best = json.loads(study.retina("status", "s", "--json").stdout)[0]["best"]
    names = [trial for trial, record in study.state().trials.items() if record.state == schema.STATE_FAILED]
    assert best and not any(f"trial {trial}" in best for trial in names)
    return failed


def _optuna_states(study: Study) -> dict[str, TrialState]:
    """What the samplers are told of each trial when the study goes on."""
    state = study.state()
    config = make_study_config(state.study.config, {})
    arms = Arms(config, groups_of(config, config.arm_specs()), state)
    told = {group: arms._studies[group].get_trials(deepcopy=False) for group in arms._studies}
    return {trial: told[record.group][record.number].state for trial, record in state.trials.items()}


def test_a_loss_that_is_not_finite(tmp_path: Path, data: Path, row: Row) -> None:
    row.fault = "NaN loss"
    # With this weight decay a step at lr=10 multiplies the weights by -9.
    space = {"lr": [0.001, 10.0], "weight_decay": [1.0], "schedule": ["constant"], "batch_size": [4]}
    study = Study(tmp_path, data)
    search = study.begin(*_file(tmp_path, space), "--trials", "5", "--epochs", "8", small=False)
    assert search.end() == 0, search.output()
    row.tries = _check_failures(study, "finite", {"lr": 10.0})
    assert 0 < row.tries < 5
    row.lost, row.doubled = study.missing_and_doubled(5)
    assert (row.lost, row.doubled) == (0, 0)


def test_out_of_memory(tmp_path: Path, data: Path, row: Row) -> None:
    row.fault = "out of memory (an allocation that must fail)"
    space = {"label_smoothing": [0.0, 0.1]}
    study = Study(tmp_path, data)
    search = study.begin(*_file(tmp_path, space), "--trials", "6", small=False, environment=out_of_memory(tmp_path))
    assert search.end() == 0, search.output()
    row.tries = _check_failures(study, "out of memory: ", {"label_smoothing": 0.1})
    assert 0 < row.tries < 6
    tried = (tmp_path / "tried").read_text().split()
    for trial, record in study.state().trials.items():
        assert tried.count(str(int(trial))) == (1 if record.state == schema.STATE_FAILED else 3), (
            "a failure was retried"
        )
    row.lost, row.doubled = study.missing_and_doubled(6)
    assert (row.lost, row.doubled) == (0, 0)


def test_every_trial_fails_the_same_way(tmp_path: Path, data: Path, row: Row) -> None:
    row.fault, row.tries = "every trial fails the same way", 3
    study = Study(tmp_path, data)
    output = study.finish("--trials", "9", "--label-smoothing", "0.1", code=1, environment=out_of_memory(tmp_path))
    assert "trials failed alike, one after the other: out of memory" in output
    assert study.count("trial_finished") == 3 and study.state_closed() == schema.STATE_FAILED
    assert "RUNNING" not in {run.info.status for run in study.runs()}


def test_what_the_study_began_with_changes(tmp_path: Path, data: Path, row: Row) -> None:
    row.fault = "data, split, space, seed changed since the ledger began"
    study = Study(tmp_path, data)
    search = study.begin("--trials", "2")
    search.until_epochs(1)
    search.kill()
    before = study.events()
    other = small_data(tmp_path / "other", patients=25)
    known = yaml.safe_load((study.home / "s" / "study.yaml").read_text())["config"]
    known["space"]["batch_size"] = [8, 16]
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(known))
    changes = [
        (["--data", str(other)], "data_digest"),
        (["--config", str(tmp_path / "other.yaml")], "space.batch_size"),
        (["--val-fraction", "0.3"], "val_fraction"),
        (["--lr", "0.1"], "fixed.lr"),
        (["--seed", "1"], "seed"),
    ]
    row.tries = len(changes)
    for flags, field in changes:
        done = study.retina("search", "s", *flags)
        assert done.returncode == 2 and f"`{field}` must stay what study s began with" in done.stderr, done.stderr
        assert study.events() == before
    study.finish("--trials", "3", "--time-budget", "10m")  # these may grow
    row.lost, row.doubled = study.missing_and_doubled(3)
    assert (row.lost, row.doubled) == (0, 0)


def test_ledger_torn_and_checkpoints_damaged(tmp_path: Path, data: Path, row: Row) -> None:
    row.fault, row.tries = "ledger's last line torn; checkpoint cut short; one bit flipped", 3
    study = Study(tmp_path, data)
    search = study.begin("--trials", "1", "--epochs", "14")
    checkpoints = study.home / "s" / "checkpoints" / "0000"
    file = checkpoints / LAST
    for damage in ("torn line", "cut short", "bit flipped"):
        search.until_epochs(study.count("epoch") + 3)
        search.until(lambda: file.exists() and (checkpoints / PREVIOUS).exists(), "both checkpoints")
        search.kill_and_wait_for_trials()
        before = study.state().trials["0000"].epochs
        saved = load_last(checkpoints)
        # A report leaves once its checkpoint is on the disk, and the next epoch begins once its report is taken: no
        # epoch of the ledger is computed again, and of those that are not in it at most one was.
        assert saved and len(before) <= saved[1]["epoch"] <= len(before) + 1
        if damage == "torn line":
            with study.ledger.open("ab") as ledger:
                ledger.write(study.ledger.read_bytes().splitlines()[-1][:40])
        elif damage == "cut short":
            os.truncate(file, file.stat().st_size // 2)
        else:
            content = bytearray(file.read_bytes())
            content[len(content) // 3] ^= 1
            file.write_bytes(content)
        if damage != "torn line":
            one_before = load_last(checkpoints)
            assert saved and one_before and one_before[1]["epoch"] == saved[1]["epoch"] - 1
        search = study.begin()
        search.until_epochs(len(before) + 1)
        assert study.state().trials["0000"].epochs[: len(before)] == before
        if damage == "torn line":
            assert "the ledger's last line was truncated, never counted, and is dropped" in search.output()
        else:
            assert f"trial 0000: {LAST} is damaged" in search.output()
    assert search.end() == 0, search.output()
    row.lost, row.doubled = study.missing_and_doubled(1)
    assert (row.lost, row.doubled) == (0, 0)
    unbroken = Study(tmp_path / "unbroken", data)
    unbroken.finish("--trials", "1", "--epochs", "14")
    for broken, whole in zip(_scores(study), _scores(unbroken), strict=True):
        assert broken == whole  # what was computed again came out the same


def _scores(study: Study) -> list[dict[str, float]]:
    epochs = study.state().trials["0000"].epochs
    return [{k: v for k, v in epoch.scores.items() if k != "images_per_second"} for epoch in epochs]


# libfaketime 0.9.10 breaks the call that Python's sleep makes for a monotonic clock that is left as it is.
SLEEP = "import select, time; time.sleep = lambda seconds: select.select([], [], [], seconds)[3:]"
LIBFAKETIME = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)


@pytest.mark.skipif(LIBFAKETIME is None, reason="libfaketime is not here: apt-get install faketime")
def test_the_clock_is_a_year_off(tmp_path: Path, data: Path, row: Row) -> None:
    row.fault, row.tries = "clock a year behind, a year ahead", 2
    study = Study(tmp_path, data)
    study.finish("--trials", "1")
    (tmp_path / "sitecustomize.py").write_text(SLEEP)
    clock = {"LD_PRELOAD": str(LIBFAKETIME), "FAKETIME_DONT_FAKE_MONOTONIC": "1", "PYTHONPATH": str(tmp_path)}
    for trials, days in ((2, -365), (3, 365)):
        fake = clock | {"FAKETIME": f"{days:+d}d"}
        before = study.state()
        search = study.begin("--trials", str(trials), "--epochs", "3", environment=fake)
        search.until(lambda t=trials: len(study.state().trials) == t, "the next trial")  # type: ignore[misc]
        search.kill()
        study.finish(environment=fake)
        after = study.state()
        assert all(after.trials[trial] == record for trial, record in before.trials.items()), "a trial ran again"
        assert len(after.trials) == trials
        moved = after.trials[f"{trials - 1:04d}"].started - before.trials["0000"].started
        assert abs(moved - days * 86400) < 86400, "the clock was not wrong"
    row.lost, row.doubled = study.missing_and_doubled(3)
    assert (row.lost, row.doubled) == (0, 0)
