"""The logic of the pretended cluster, with few trials."""

from __future__ import annotations

from pathlib import Path

from study.storage.events import EpochFinished, TrialFinished, TrialStarted
from study.storage.ledger import read_events
from tests.benchmarks.simulated_cluster import Fed, feed


def test_every_trial_runs_all_its_epochs_on_the_slots_that_there_are(tmp_path: Path) -> None:
    fed = feed(tmp_path, trials=7, epochs=3, slots=4, sent=1)
    events = read_events(tmp_path / "ledger.jsonl")[0]
    kinds = [type(event) for event in events]
    assert [kinds.count(kind) for kind in (TrialStarted, EpochFinished, TrialFinished)] == [7, 21, 7]
    assert (fed.events, fed.most_running) == (len(events), 4)
    assert fed.sent_seconds > 0 and fed.seconds > 0


def test_slots_follow_from_what_an_epoch_costs_the_driver() -> None:
    fed = Fed(trials=100, epochs=10, events=1201, seconds=20.0, sent_seconds=0.5, bytes=0, most_running=8)
    assert fed.slots(60.0) == 3000  # 0.02 s of the driver for each epoch of a minute
    assert fed.events_per_second == 1201 / 20
