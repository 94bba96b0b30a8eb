"""Arms, ledger and tracking at 10,000 trials with made-up curves: no trial may cost more because others came before.

Without Ray: what is measured is ours. Seconds are printed, ratios are asserted.
"""

import json
import resource
import statistics
import time
from pathlib import Path

import pytest

from study.arms import Arms, groups_of
from study.config import make_study_config
from study.ledger import Ledger, read_events, study_state
from study.recorder import Recorder
from tests.study_fixture import epoch_event, study_event

TRIALS, EPOCHS, WINDOW = 10_000, 3, 100
CONFIG = make_study_config({}, {"epochs": EPOCHS, "trials": TRIALS, "sampler": "random"})
LIMIT_MB = 1024
START_SECONDS = 30


def _recorder(folder: Path) -> tuple[Ledger, Recorder, Arms]:
    ledger = Ledger(folder / "ledger.jsonl")
    state = study_state(ledger.events)
    arms = Arms(CONFIG, groups_of(CONFIG, CONFIG.cells()), state)
    return ledger, Recorder(ledger, state, arms, folder / "checkpoints", lambda event: None), arms


def _trial(recorder: Recorder, arms: Arms, index: int) -> None:
    trial = recorder.begin(arms.ask(index)).trial
    for epoch in range(1, EPOCHS + 1):
        kappa = (index * 37 % 101) / 101 + epoch / 100
        report = {
            k: v
            for k, v in epoch_event(0, epoch, kappa).items()
            if k not in ("event", "time", "trial", "stop", "rungs")
        }
        if recorder.epoch(trial, {**report, "best": kappa}):
            recorder.end(trial, "stopped")
            return
    recorder.end(trial, "complete")


@pytest.mark.timeout(1800)
def test_the_last_hundred_trials_cost_at_most_twice_the_first(tmp_path: Path) -> None:
    ledger, recorder, arms = _recorder(tmp_path)
    ledger.append(**{key: value for key, value in study_event(trials=TRIALS).items() if key != "time"})
    seconds = []
    for index in range(TRIALS):
        begun = time.perf_counter()
        _trial(recorder, arms, index)
        seconds.append(time.perf_counter() - begun)
    ledger.close()
    first, last = statistics.median(seconds[WINDOW : 2 * WINDOW]), statistics.median(seconds[-WINDOW:])
    print(f"\n{TRIALS} trials in {sum(seconds):.0f} s; one of the second hundred {first * 1e3:.1f} ms, ", end="")
    print(f"one of the last hundred {last * 1e3:.1f} ms")
    begun = time.perf_counter()
    again, _, rebuilt = _recorder(tmp_path)
    rebuilt.ask(TRIALS)
    again.close()
    start = time.perf_counter() - begun
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = (tmp_path / "ledger.jsonl").stat().st_size / 1e6
    print(
        f"going on with {TRIALS} finished trials: {start:.1f} s; ledger {size:.0f} MB; memory {memory:.0f} MB at most"
    )
    print(json.dumps({"ratio": round(last / first, 2), "events": len(read_events(tmp_path / "ledger.jsonl")[0])}))
    assert last / first <= 2
    assert start <= START_SECONDS
    assert memory <= LIMIT_MB
