import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest

from analysis import records
from study.ledger import read_events, study_state
from study.search import Stop, _Asker, _Teller, signals
from tests.faults.fixture import Study, kill_at_random, suggested
from tests.study_fixture import small_data


def test_a_search_stops_for_a_signal_a_reason_or_its_time() -> None:
    assert not Stop().stop_all()
    for field, value in (("signal", 2), ("reason", "no point"), ("deadline", time.monotonic() - 1)):
        stop = Stop()
        setattr(stop, field, value)
        assert stop.stop_all()
    later = Stop()
    later.deadline = time.monotonic() + 60
    assert not later.stop_all()


def test_the_handlers_are_put_back_where_no_signal_came() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with signals() as stop:
        assert signal.getsignal(signal.SIGTERM) is not before
    assert not stop.stop_all()
    assert signal.getsignal(signal.SIGTERM) is before


TWICE = """
import os, signal, time
from study.search import signals
with signals() as stop:
    os.kill(os.getpid(), signal.SIGTERM)
    assert stop.stop_all() and stop.signal == signal.SIGTERM and "SIGTERM" in stop.reason
os.kill(os.getpid(), signal.SIGTERM)  # while it closes
time.sleep(60)
"""


def test_a_signal_is_noted_and_a_second_one_ends_the_process_also_while_it_closes() -> None:
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", TWICE], timeout=60).returncode == 143


@pytest.mark.parametrize("bridge", [_Asker, _Teller])
def test_nothing_of_ours_goes_into_ray_s_pickles(bridge: Any) -> None:
    made = bridge(lambda: "cannot be pickled")
    assert made.__getstate__() == {}
    assert b"cannot be pickled" not in pickle.dumps(made.__getstate__())


@pytest.mark.slow
def test_a_time_budget_ends_the_call_with_everything_kept(tmp_path: Path) -> None:
    data = small_data(tmp_path / "data", patients=24)
    environment = {k: v for k, v in os.environ.items() if k not in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS")}
    environment |= {"RETINA_HOME": str(tmp_path / "home")}
    flags = ["--trials", "2", "--epochs", "200", "--image-size", "32", "--architecture", "resnet18", "--no-pretrained"]
    command = [sys.executable, "-m", "study", "search", "short", "--data", str(data), *flags, "--time-budget", "15s"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the time budget is used up" in done.stdout
    assert "go on with: retina search short" in done.stdout
    events = read_events(tmp_path / "home" / "short" / "ledger.jsonl")[0]
    assert (events[-1]["event"], events[-1]["state"]) == ("close", records.STATE_INTERRUPTED)
    assert not any(record.end for record in study_state(events).trials.values())


@pytest.mark.slow
def test_three_kills_leave_nothing_lost_doubled_or_decided_otherwise(tmp_path: Path) -> None:
    """The short form of the twenty in tests/faults."""
    data = small_data(tmp_path / "data", patients=24)
    study, unbroken = Study(tmp_path / "killed", data), Study(tmp_path / "unbroken", data)
    assert kill_at_random(study, 3, 6, Random(7)) == 3
    study.finish()
    assert study.missing_and_doubled(6) == (0, 0)
    unbroken.finish("--trials", "6")
    assert suggested(study.state()) == suggested(unbroken.state())
