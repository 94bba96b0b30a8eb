"""A short form of the rows of tests/faults that need a whole search; tests/faults itself is `make test-faults`.

Elsewhere: three kills of the driver (test_search.py), signals once (test_session.py), a second search (test_cli.py),
changed input (test_contract.py, test_plan.py), torn ledgers and damaged checkpoints (test_ledger.py,
test_checkpoints.py), a locked database (test_feed.py), full disks (test_disk.py), losses that are not finite
(test_trainable.py), wrong clocks (test_ledger.py).
"""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from analysis import schema
from tests.faults.fixture import Study, out_of_memory
from tests.faults.server import Server
from tests.fixtures.study import small_data

pytestmark = pytest.mark.slow
LONG = ("--trials", "2", "--epochs", "200", "--early-stopping", "none")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_data(tmp_path_factory.mktemp("short") / "data", patients=24)


def test_a_trials_process_dies_then_the_head_then_two_signals_come(tmp_path: Path, data: Path) -> None:
    study = Study(tmp_path, data)
    search = study.begin(*LONG)
    search.until_epochs(2)
    [told] = json.loads(study.retina("status", "s", "--json").stdout)
    assert (told["state"], told["states"], told["ended"]) == ("running", {"running": 1}, 0)
    [pid] = search.children("ray::TrialActor", "ray::ResourceTrainable")[:1]
    os.kill(pid, signal.SIGKILL)
    before = study.count("epoch")
    search.until_epochs(before + 1)
    [raylet] = search.children("raylet/raylet")
    os.kill(raylet, signal.SIGKILL)
    search.until_closed(10)
    assert search.end(60) == 1
    assert "Ray's raylet at " in search.output() and "go on with: retina search s" in search.output()
    assert study.count("trial_finished") == 0
    with study.ledger.open("ab") as ledger:
        ledger.write(b'{"event":"epoch","ti')  # as a writer leaves it that dies within a line
    [told] = json.loads(study.retina("status", "s", "--json").stdout)
    assert (told["state"], told["states"]) == ("failed", {"interrupted": 1})
    assert told["arms"]["resnet18-scratch"]["epochs"] == study.count("epoch")
    search = study.begin()
    search.until_epochs(study.count("epoch") + 1)
    search.process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    search.process.send_signal(signal.SIGINT)
    started = time.monotonic()
    assert search.end() == 130, search.output()
    assert time.monotonic() - started <= 3
    assert study.retina("status", "s").returncode == 0
    assert {run.info.status for run in study.runs()} == {"KILLED"}
    assert study.missing_and_doubled(0) == (0, 0)


def test_trials_that_all_run_out_of_memory_end_the_search(tmp_path: Path, data: Path) -> None:
    study = Study(tmp_path, data)
    flags = ("--trials", "9", "--label-smoothing", "0.1")
    output = study.finish(*flags, code=1, environment=out_of_memory(tmp_path))
    assert "trials failed alike, one after the other: out of memory" in output
    assert (tmp_path / "tried").read_text().split() == ["0", "1", "2"]  # none was retried
    assert {record.state for record in study.state().trials.values()} == {schema.STATE_FAILED}
    assert {run.info.status for run in study.runs()} == {"FAILED"}


def test_mlflow_s_server_goes_and_what_it_lacks_is_sent_later(tmp_path: Path, data: Path) -> None:
    server = Server(tmp_path / "server")
    study = Study(tmp_path / "study", data, uri=server.uri)
    refused = study.begin(*LONG)
    assert refused.end() == 2
    assert "start it" in refused.output() and not study.home.exists()
    server.start()
    try:
        search = study.begin(*LONG)
        search.until_epochs(1)
        server.stop()
        search.until_epochs(study.count("epoch") + 3)
        search.process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        assert search.end() == 143, search.output()
        assert time.monotonic() - started <= 15
        assert "`retina status` sends the rest later" in search.output()
        server.start()
        assert study.retina("status", "s", "--sync").returncode == 0
        assert study.missing_and_doubled(0) == (0, 0)
    finally:
        server.stop()
