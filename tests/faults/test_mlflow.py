"""MLflow that does not answer: a server that is down, a database that another process holds."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.faults.conftest import Row
from tests.faults.fixture import Study
from tests.faults.server import Server

pytestmark = pytest.mark.faults

SAID_WITHIN, AWAY, LOCKED = 20.0, 60.0, 35.0
FLAGS = ("--trials", "2", "--early-stopping", "none")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "server")
    yield made
    made.stop()


def test_the_server_is_down_at_the_start(tmp_path: Path, data: Path, server: Server, row: Row) -> None:
    row.fault = "MLflow's server down at the start"
    study = Study(tmp_path / "study", data, uri=server.uri)
    search = study.begin(*FLAGS)
    assert search.end() == 2
    waited = time.monotonic() - search.started
    assert f"MLflow's server must answer at {server.uri}" in search.output()
    assert "start it" in search.output()
    assert not study.home.exists()
    row.note = f"said after {waited:.1f} s"
    assert waited <= SAID_WITHIN


def test_the_server_is_down_in_the_middle(tmp_path: Path, data: Path, server: Server, row: Row) -> None:
    row.fault = f"MLflow's server down for {AWAY:.0f} s in the middle"
    server.start()
    study = Study(tmp_path / "study", data, uri=server.uri)
    search = study.begin("--trials", "2", "--epochs", "200", "--early-stopping", "none")
    search.until_epochs(2)
    server.stop()
    away, before = time.monotonic(), study.count("epoch")
    search.until_epochs(before + 3)  # the search does not wait for its tracking
    went_on = study.count("epoch")
    if search.process.poll() is None:
        time.sleep(max(0.0, AWAY - (time.monotonic() - away)))
    server.start()
    search.process.send_signal(signal.SIGINT)
    assert search.end() in (0, 130), search.output()
    assert went_on >= before + 3
    assert study.retina("status", "s").returncode == 0
    ended = sum(1 for record in study.state().trials.values() if record.end)
    row.lost, row.doubled = study.missing_and_doubled(ended)
    row.note = f"{study.count('epoch')} epochs"
    assert (row.lost, row.doubled) == (0, 0)


def test_the_server_is_down_at_the_end(tmp_path: Path, data: Path, server: Server, row: Row) -> None:
    row.fault = "MLflow's server down at the end"
    server.start()
    study = Study(tmp_path / "study", data, uri=server.uri)
    search = study.begin(*FLAGS)
    search.until(lambda: study.count("trial_finished") == 1, "the first trial's end")
    server.stop()
    assert search.end() == 0, search.output()
    assert "MLflow did not answer" in search.output()
    told = study.retina("status", "s")  # says so, and tells all the same
    assert told.returncode == 0 and "MLflow does not answer" in told.stderr and "2/2" in told.stdout
    assert study.retina("status", "s", "--sync").returncode == 1
    server.start()
    assert study.retina("status", "s", "--sync").returncode == 0
    row.lost, row.doubled = study.missing_and_doubled(2)
    assert (row.lost, row.doubled) == (0, 0)
    assert study.retina("status", "s", "--sync").returncode == 0  # once more: nothing is doubled
    assert study.missing_and_doubled(2) == (0, 0)


def test_the_run_of_a_trial_is_deleted_while_it_runs(tmp_path: Path, data: Path, row: Row) -> None:
    row.fault = "a trial's run deleted while it runs"
    study = Study(tmp_path, data)
    search = study.begin("--trials", "2", "--epochs", "200", "--early-stopping", "none")
    run = search.until(lambda: next((one for one in study.runs() if "trial" in one.data.tags), None), "a run")
    search.until_epochs(3)
    MlflowClient(study.uri).delete_run(run.info.run_id)
    search.until(lambda: "MLflow has no run of 0000 any more" in search.output(), "the notice")
    search.until_epochs(study.count("epoch") + 2)
    search.process.send_signal(signal.SIGINT)
    assert search.end() == 130, search.output()
    assert "MLflow does not take" not in search.output() and "KeyError" not in search.output()
    assert study.retina("status", "s").returncode == 0
    ended = sum(1 for record in study.state().trials.values() if record.end)
    row.lost, row.doubled = study.missing_and_doubled(ended)
    assert (row.lost, row.doubled) == (0, 0)


def test_the_experiment_is_deleted_in_the_middle(tmp_path: Path, data: Path, row: Row) -> None:
    row.fault = "the experiment deleted in the middle"
    study = Study(tmp_path, data)
    search = study.begin("--trials", "2", "--epochs", "12", "--early-stopping", "none")
    search.until_epochs(2)
    key = search.until(study.runs, "a run")[0].info.experiment_id
    MlflowClient(study.uri).delete_experiment(key)
    assert search.end() == 1, search.output()
    said = search.output()
    assert said.count("MLflow does not take what this search sends") == 1 and "then `retina status s --sync" in said
    assert study.retina("report", "s").returncode == 2
    MlflowClient(study.uri).restore_experiment(key)
    assert study.retina("status", "s", "--sync").returncode == 0
    row.lost, row.doubled = study.missing_and_doubled(2)
    assert (row.lost, row.doubled) == (0, 0)


def test_the_database_is_locked(tmp_path: Path, data: Path, row: Row) -> None:
    row.fault, row.tries = f"SQLite locked for {LOCKED:.0f} s, in the middle and at the start", 2
    study = Study(tmp_path, data)
    search = study.begin("--trials", "2", "--epochs", "30", "--early-stopping", "none")
    search.until_epochs(2)
    before = study.count("epoch")
    _lock(study, LOCKED)
    assert study.count("epoch") > before, "the search waited for its tracking"
    search.kill()
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(study.home / "mlflow.db"), str(LOCKED)])
    search = study.begin()
    assert search.end() == 0, search.output()
    assert holder.wait() == 0
    assert study.retina("status", "s").returncode == 0  # on a fast machine all was done before the lock was gone
    row.lost, row.doubled = study.missing_and_doubled(2)
    assert (row.lost, row.doubled) == (0, 0)


HOLD = """
import sqlite3, sys, time
held = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
held.execute("BEGIN EXCLUSIVE")
time.sleep(float(sys.argv[2]))
held.execute("ROLLBACK")
"""


def _lock(study: Study, seconds: float) -> None:
    held = sqlite3.connect(study.home / "mlflow.db", timeout=60, isolation_level=None)
    held.execute("BEGIN EXCLUSIVE")
    time.sleep(seconds)
    held.execute("ROLLBACK")
    held.close()
