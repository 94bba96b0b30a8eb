"""Processes of Ray that die: a trial's, the head's, a second machine's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from subprocess import PIPE

import pytest

from analysis import schema
from study.tuning.trial_dispatcher import PROCESS_RETRIES
from tests.faults.conftest import Row
from tests.faults.fixture import TRIAL, Study, command_line, descendants, wait_until_gone

pytestmark = pytest.mark.faults

NOTICED_WITHIN = 20.0  # 1.4 s where nothing else runs


def test_a_trials_process_is_killed(tmp_path: Path, data: Path, row: Row) -> None:
    row.fault, row.tries = "SIGKILL of a trial's process", 4
    study = Study(tmp_path, data)
    search = study.begin("--trials", "2", "--epochs", "24", "--early-stopping", "none")
    killed: set[int] = set()
    for number in range(row.tries):  # three deaths of the first trial, which are as many as it may have
        trial, epoch = (0, 5 * number + 1) if number < 3 else (1, 1)
        search.until(lambda t=trial, e=epoch: study.has(f"{t:04d}", e), f"trial {trial} epoch {epoch}")  # type: ignore[misc]
        pid = search.until(lambda: [p for p in search.children(*TRIAL) if p not in killed], "the trial's process")[0]
        os.kill(pid, signal.SIGKILL)
        killed.add(pid)
    assert search.end() == 0, search.output()
    states = {record.end.state for record in study.state().trials.values() if record.end}
    assert states == {schema.STATE_COMPLETE}
    assert all([e.epoch for e in r.epochs] == list(range(1, 25)) for r in study.state().trials.values())
    row.lost, row.doubled = study.missing_and_doubled(2)
    assert (row.lost, row.doubled) == (0, 0)


def test_a_trial_whose_process_always_dies_has_failed(tmp_path: Path, data: Path, row: Row) -> None:
    row.fault, row.tries = "SIGKILL of a trial's process, four times", 4
    study = Study(tmp_path, data)
    search = study.begin("--trials", "2", "--epochs", "200", "--early-stopping", "none")
    killed: set[int] = set()
    for _ in range(row.tries):
        before = study.count("epoch")
        search.until_epochs(before + 1)
        pid = search.until(lambda: [p for p in search.children(*TRIAL) if p not in killed], "the trial's process")[0]
        os.kill(pid, signal.SIGKILL)
        killed.add(pid)
    search.until(lambda: study.state().trials["0000"].end, "the trial's end")
    end = study.state().trials["0000"].end
    assert end and (end.state, end.reason) == (schema.STATE_FAILED, "its process died 4 times")
    search.until(lambda: study.has("0001", 1), "the next trial")
    search.process.send_signal(signal.SIGINT)
    assert search.end() == 130


@pytest.mark.parametrize(("name", "process"), [("raylet", "raylet/raylet"), ("GCS", "gcs/gcs_server")])
def test_the_head_is_killed(tmp_path: Path, data: Path, row: Row, name: str, process: str) -> None:
    row.fault, row.tries = f"SIGKILL of the head's {name}", 1
    study, slowest = Study(tmp_path, data), 0.0
    for _ in range(row.tries):
        search = study.begin("--trials", "3", "--epochs", "30", "--early-stopping", "none")
        search.until_epochs(study.count("epoch") + 2)
        below = descendants(search.process.pid)
        [pid] = search.children(process)
        killed = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        search.until_closed(NOTICED_WITHIN)
        noticed = time.monotonic() - killed
        assert search.end(60) == 1, search.output()
        slowest = max(slowest, noticed)
        assert noticed <= NOTICED_WITHIN
        assert f"Ray's {name} at " in search.output() and "go on with: retina search s" in search.output()
        assert study.state_closed() == schema.STATE_FAILED
        assert study.count("trial_finished") == 0, "what the node caused is not a trial's failure"
        assert {run.info.status for run in study.runs()} == {"KILLED", "FAILED"}  # the trial; the study
        wait_until_gone(below)
    row.note = f"noticed after {slowest:.1f} s"
    before = study.state().trials["0000"].epochs
    search = study.begin()
    search.until_epochs(len(before) + 1)
    search.process.send_signal(signal.SIGINT)
    assert search.end() == 130
    assert study.state().trials["0000"].epochs[: len(before)] == before
    row.lost, row.doubled = study.missing_and_doubled(0)
    assert (row.lost, row.doubled) == (0, 0)


CLUSTER = """
import sys
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
second = cluster.add_node(num_cpus=1)
cluster.wait_for_nodes()
[raylet] = second.all_processes["raylet"]
print(cluster.address, raylet.process.pid, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


def test_a_second_node_dies(tmp_path: Path, data: Path, row: Row) -> None:
    row.fault = "a second node dies, after three deaths of its trial's process"
    study = Study(tmp_path, data)
    machines = subprocess.Popen([sys.executable, "-c", CLUSTER], stdin=PIPE, stdout=PIPE, text=True)
    assert machines.stdout and machines.stdin
    try:
        address, raylet = machines.stdout.readline().split()
        flags = ["--trials", "2", "--epochs", "60", "--early-stopping", "none", "--cpus-per-trial", "1"]
        search = study.begin("--address", address, *flags)
        search.until(lambda: study.has("0000", 2) and study.has("0001", 2), "both trials' epochs")
        assert study.count("trial_finished") == 0
        killed: set[int] = set()
        for _ in range(
            PROCESS_RETRIES
        ):  # so many deaths are forgiven: were the node's counted too, the trial would fail
            [pid] = search.until(lambda: _at_work(int(raylet), killed), "the trial on the second node")
            time.sleep(1)
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        search.until(lambda: _at_work(int(raylet), killed), "the trial on the second node")
        node = [int(raylet), *descendants(int(raylet))]
        before = study.state()
        for pid in node:
            os.kill(pid, signal.SIGKILL)
        died = time.monotonic()
        assert search.end() == 0, search.output()
    finally:
        machines.stdin.close()
        machines.stdout.close()
        machines.wait(60)
    after = study.state()
    assert all(after.trials[t].epochs[: len(r.epochs)] == r.epochs for t, r in before.trials.items())
    assert all(len(record.epochs) == 60 and record.state == schema.STATE_COMPLETE for record in after.trials.values())
    row.note = f"all done {time.monotonic() - died:.0f} s later"
    row.lost, row.doubled = study.missing_and_doubled(2)
    assert (row.lost, row.doubled) == (0, 0)


def _at_work(raylet: int, but: set[int]) -> list[int]:
    """Processes of trials below a raylet that are in a step."""
    return [pid for pid in descendants(raylet) if command_line(pid).startswith(TRIAL[1]) and pid not in but]
