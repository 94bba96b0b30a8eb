import os
import pickle
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from analysis import records
from study.ledger import read_events, study_state
from study.search import _Asker, _Teller
from tests.faults.fixture import Study, kill_at_random, suggested
from tests.study_fixture import small_data


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
