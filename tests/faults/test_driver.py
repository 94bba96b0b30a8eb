"""The driver: killed at random moments, told to stop, started twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from analysis import schema
from tests.faults.conftest import Row
from tests.faults.fixture import PATIENCE, SMALL, Study, kill_at_random, suggested

pytestmark = pytest.mark.faults

KILLS, TRIALS = 14, 8  # few enough trials that the last kills come among the finalists
# Weak trials are stopped; on so few photographs kappa is 0 in nearly every epoch, and ties stop nobody.
STOPPED = ("--early-stopping", "halving", "--objective", "accuracy")
# Several times what an idle machine needs: another search runs beside this one, and others may use the machine.
STOPS_WITHIN, STOPS_AT_ONCE, REFUSED_WITHIN = 30.0, 10.0, 6.0
LONG = ("--epochs", "9", "--image-size", "256", "--architecture", "resnet50", "--no-pretrained")  # epochs


@pytest.mark.timeout(1500)
def test_the_driver_is_killed(tmp_path: Path, data: Path, row: Row) -> None:
    row.fault = "SIGKILL of the driver"
    study = Study(tmp_path / "killed", data)
    row.tries = kill_at_random(study, KILLS, TRIALS, random.Random(20261124), *STOPPED)
    assert row.tries == KILLS, "the study ended before it was killed often enough"
    row.lost, row.doubled = study.missing_and_doubled(TRIALS)
    assert (row.lost, row.doubled) == (0, 0)
    unbroken = Study(tmp_path / "unbroken", data)
    unbroken.finish("--trials", str(TRIALS), *STOPPED)
    assert suggested(study.state()) == suggested(unbroken.state())
    stopped = sum(1 for r in study.state().trials.values() if r.state == schema.STATE_PRUNED)
    assert 0 < stopped < TRIALS
    finalists = len(study.state().finalists)
    assert finalists
    row.note = f"{row.tries} of {KILLS} kills; {TRIALS} trials, {stopped} stopped early, and {finalists} finalists, "
    row.note += "all as in the unbroken run"


@pytest.mark.parametrize(
    ("number", "code", "flags"), [(signal.SIGINT, 130, LONG), (signal.SIGTERM, 143, (*SMALL, "--epochs", "500"))]
)
def test_a_signal(
    tmp_path: Path, data: Path, row: Row, number: signal.Signals, code: int, flags: tuple[str, ...]
) -> None:
    row.fault = f"{number.name} in a {'long' if flags == LONG else 'short'} epoch, once; then twice"
    row.tries = 2
    study = Study(tmp_path, data)
    search = study.begin("--trials", "2", *flags, small=False)
    search.until_epochs(1)
    time.sleep(1)
    told = study.count("epoch")
    search.process.send_signal(number)
    started = time.monotonic()
    assert search.end(60) == code, search.output()
    once = time.monotonic() - started
    assert flags != LONG or study.count("epoch") == told, "it waited for the epoch"
    assert {run.info.status for run in study.runs()} == {"KILLED"}
    assert study.state_closed() == schema.STATE_INTERRUPTED
    before = study.state().trials["0000"].epochs
    search = study.begin()
    search.until_epochs(len(before) + 1)
    search.process.send_signal(number)
    time.sleep(0.5)
    search.process.send_signal(number)
    started = time.monotonic()
    ends = {code, -number} if number == signal.SIGTERM else {code}  # while Ray ends it may be nobody's: 143 to a shell
    assert search.end(60) in ends, search.output()
    twice = time.monotonic() - started
    assert study.retina("status", "s").returncode == 0
    assert {run.info.status for run in study.runs()} == {"KILLED"}
    assert study.state().trials["0000"].epochs[: len(before)] == before
    search = study.begin()
    search.until_epochs(study.count("epoch") + 1)
    search.kill()
    row.note = f"once {once:.1f} s, twice {twice:.1f} s; epochs of {before[0].seconds:.1f} s"
    assert once <= STOPS_WITHIN and twice <= STOPS_AT_ONCE


DEFAULT = ("env", "--default-signal=HUP")  # also where these tests themselves are under nohup


@pytest.mark.parametrize("prefix", [DEFAULT, ("nohup",)], ids=["alone", "nohup"])
def test_the_terminal_goes_away(tmp_path: Path, data: Path, row: Row, prefix: tuple[str, ...]) -> None:
    """SIGHUP goes to every process that was begun from it, Ray's among them."""
    ignored = prefix != DEFAULT
    row.fault = f"the terminal goes away{' under nohup' if ignored else ''}"
    study = Study(tmp_path, data)
    arguments = ["search", "s", "--data", str(data), "--trials", "2", *SMALL, "--epochs", "500"]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "study", *arguments],
            env=study.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    try:
        _until_epochs(study, process, 1)
        time.sleep(1)
        os.killpg(process.pid, signal.SIGHUP)
        if ignored:
            _until_epochs(study, process, study.count("epoch") + 3)
            process.terminate()
        assert process.wait(60) == (143 if ignored else 129), (tmp_path / "log").read_text()
    finally:
        process.kill()
    assert study.state_closed() == schema.STATE_INTERRUPTED
    assert {run.info.status for run in study.runs()} == {"KILLED"}
    before = study.state().trials["0000"].epochs
    search = study.begin()
    search.until_epochs(len(before) + 1)
    search.kill()
    assert study.state().trials["0000"].epochs[: len(before)] == before


def _until_epochs(study: Study, process: subprocess.Popen[bytes], count: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while study.count("epoch") < count:
        assert process.poll() is None and time.monotonic() < deadline, (study.folder / "log").read_text()
        time.sleep(0.05)


def test_a_second_search_is_refused(tmp_path: Path, data: Path, row: Row) -> None:
    row.fault, row.tries = "a second search of a study that one is writing", 3
    study = Study(tmp_path, data)
    search = study.begin("--trials", "1", "--epochs", "2000")
    search.until_epochs(1)
    waited = []
    for _ in range(row.tries):
        second = study.begin()
        assert second.end() == 75
        waited.append(time.monotonic() - second.started)
        assert f"being written by process {search.process.pid}" in second.output()
    search.kill()
    third = study.begin()  # the owner is dead: its lock is in nobody's way
    third.until_epochs(study.count("epoch") + 1)
    third.process.send_signal(signal.SIGINT)
    assert third.end() == 130
    row.note = f"refused after {min(waited):.1f} to {max(waited):.1f} s"
    assert min(waited) <= REFUSED_WITHIN
