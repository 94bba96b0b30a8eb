import pickle
from pathlib import Path
from typing import Any

import pytest

from analysis import schema
from study.storage.events import StudyClosed
from study.storage.ledger import read_events
from study.storage.state import study_state
from study.training.checkpoints import load_last
from study.tuning.ray_tune import LedgerScheduler, LedgerSearcher
from tests.fixtures.command import retina
from tests.fixtures.study import small_data


@pytest.mark.parametrize("bridge", [LedgerSearcher, LedgerScheduler])
def test_nothing_of_ours_goes_into_ray_s_pickles(bridge: Any) -> None:
    made = bridge(lambda: "cannot be pickled")
    assert made.__getstate__() == {}
    assert b"cannot be pickled" not in pickle.dumps(made.__getstate__())


@pytest.mark.slow
def test_a_time_budget_ends_the_call_with_everything_kept(tmp_path: Path) -> None:
    data = small_data(tmp_path / "data", patients=24)
    flags = ["--trials", "2", "--epochs", "2000", "--image-size", "32", "--architecture", "resnet18", "--no-pretrained"]
    # Its start counts, which takes 15 s and more on a busy machine; at least one epoch must come after it.
    done = retina(tmp_path / "home", "search", "short", "--data", data, *flags, "--time-budget", "35s", timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the time budget is used up" in done.stdout
    assert "go on with: retina search short" in done.stdout
    events = read_events(tmp_path / "home" / "short" / "ledger.jsonl")[0]
    assert isinstance(events[-1], StudyClosed) and events[-1].state == schema.STATE_INTERRUPTED
    started = study_state(events).trials
    assert started and not any(record.end for record in started.values())
    for trial, record in started.items():
        saved = load_last(tmp_path / "home" / "short" / "checkpoints" / trial)
        assert saved is not None and saved[1]["epoch"] >= len(record.epochs) > 0
