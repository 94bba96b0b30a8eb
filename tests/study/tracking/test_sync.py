import sqlite3
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from mlflow.store.db import utils
from sqlalchemy import sql

from study.storage.events import Event
from study.storage.ledger import Ledger, LedgerError
from study.tracking import sync as module
from study.tracking.store.refusals import RefusedError
from study.tracking.sync import BackgroundSync, TrackingError, open_tracking, sync
from study.tracking.sync_marker import mark_synced, stale_studies
from tests.fixtures.mlflow import client, store
from tests.fixtures.study import close_event, end_event, epoch_event, study_event, trial_event, write_ledger


class Unreliable:
    """Stands for MLflow: answers after `failures` errors, keeps what it was sent."""

    def __init__(self, failures: int) -> None:
        self.failures, self.sent, self.refreshed = failures, [], 0
        self.applied: list[Event] = []
        self.error: Exception = ConnectionError("no answer")

    def apply(self, event: Event) -> bool:
        self.applied.append(event)
        return True

    def send(self, event: Event) -> None:
        if self.failures:
            self.failures -= 1
            raise self.error
        self.sent.append(event)

    def refresh(self) -> None:
        self.refreshed += 1


def test_events_arrive_in_order_once_each_though_mlflow_was_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    tracking = Unreliable(failures=3)
    events: list[Event] = [epoch_event(0, number, 0.5) for number in range(1, 6)]
    sender = BackgroundSync(tracking, events[:2])  # type: ignore[arg-type]
    for event in events[2:]:
        sender.put(event)
    assert sender.close(60)
    assert tracking.sent == events
    assert tracking.applied == events
    assert tracking.refreshed == 3


def test_what_cannot_be_sent_is_counted_and_does_not_hold_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    sender = BackgroundSync(Unreliable(failures=10**9), [study_event(), trial_event(0)])  # type: ignore[arg-type]
    assert not sender.close(0.05)
    assert sender.unsent == 2
    assert "ConnectionError: no answer" in sender.last_error


def test_a_disk_without_room_is_told_once_and_not_waited_for() -> None:
    tracking, told = Unreliable(failures=10**9), []
    tracking.error = RuntimeError("(sqlite3.OperationalError) database or disk is full")
    sender = BackgroundSync(tracking, [study_event(), trial_event(0)], told.append)  # type: ignore[arg-type]
    assert not sender.close(60)
    assert told == ["disk is full; free some space first"]
    assert sender.unsent == 2


def test_a_feed_is_not_waited_for_longer_than_it_is_given() -> None:
    release = threading.Event()
    tracking = Unreliable(failures=0)
    tracking.send = lambda event: release.wait(60)  # type: ignore[assignment, method-assign]
    sender = BackgroundSync(tracking, [study_event()])  # type: ignore[arg-type]
    assert not sender.close(0.05, at_most=0.05)
    release.set()
    assert sender.close(60)


def test_a_store_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="MLflow at sqlite:////proc/none/mlflow.db: "):
        open_tracking("sqlite:////proc/none/mlflow.db", tmp_path, None, patience=0)


def test_a_database_that_another_process_holds_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than MLflow lets SQLite wait: here half a second, and its own 20 where tests/faults holds one for 35."""
    asked: list[str] = []

    def text(words: str) -> sql.elements.TextClause:
        asked.append(words)
        return sql.text(words.replace("busy_timeout = 20000", "busy_timeout = 500"))

    monkeypatch.setattr(utils, "sql", SimpleNamespace(text=text))
    uri, place = store()
    sender = BackgroundSync(open_tracking(uri, tmp_path / "feed-locked", (place / "feed-locked").as_uri()), [])
    held = sqlite3.connect(uri.removeprefix("sqlite:///"), timeout=60, isolation_level=None)
    held.execute("BEGIN EXCLUSIVE")
    for event in (study_event(), trial_event(0), epoch_event(0, 1, 0.3), epoch_event(0, 2, 0.4), end_event(0)):
        sender.put(event)
    deadline = time.monotonic() + 60
    while "locked" not in sender.last_error:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "PRAGMA busy_timeout = 20000;" in asked
    held.execute("ROLLBACK")
    held.close()
    assert sender.close(60)
    runs = client().search_runs([client().get_experiment_by_name("feed-locked").experiment_id])
    assert sorted(run.data.tags.get("trial", "study") for run in runs) == ["0000", "study"]
    trial = next(run for run in runs if "trial" in run.data.tags)
    history = client().get_metric_history(trial.info.run_id, "val/kappa")
    assert sorted((metric.step, metric.value) for metric in history) == [(1, 0.3), (2, 0.4)]


def test_a_killed_study_is_stale_until_it_was_sent(tmp_path: Path) -> None:
    folder = tmp_path / "feed-killed"
    folder.mkdir()
    ledger = Ledger(folder / "ledger.jsonl")
    for event in (replace(study_event(), id="d" * 32), trial_event(0), epoch_event(0, 1, 0.3)):
        ledger.append(event)
    ledger.close()
    assert stale_studies(tmp_path, store()[0]) == [folder]
    sync(folder, store()[0], (store()[1] / folder.name).as_uri())
    assert stale_studies(tmp_path, store()[0]) == []
    experiment = client().get_experiment_by_name("feed-killed")
    assert {run.info.status for run in client().search_runs([experiment.experiment_id])} == {"KILLED"}


def test_a_study_is_not_sent_into_another_one_of_its_name(tmp_path: Path) -> None:
    folders = [tmp_path / home / "feed-named" for home in ("here", "there")]
    for folder, study_id in zip(folders, ("6a", "6b"), strict=True):
        write_ledger(folder, replace(study_event(), id=study_id * 16))
    sync(folders[0], store()[0], (store()[1] / "feed-named").as_uri())
    with pytest.raises(RefusedError, match="^MLflow at sqlite:.* has another study of the name feed-named"):
        sync(folders[1], store()[0], None)


def test_events_that_do_not_follow_from_each_other_are_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "feed-lost"
    write_ledger(folder, replace(study_event(), id="e" * 32), epoch_event(0, 1, 0.5), close_event())
    with pytest.raises(LedgerError, match="one of 0000 does not"):
        sync(folder, store()[0], (store()[1] / folder.name).as_uri())


def test_a_ledger_that_grew_is_stale_again(tmp_path: Path) -> None:
    folder = tmp_path / "grown"
    write_ledger(folder, study_event())
    mark_synced(folder, store()[0])
    assert stale_studies(tmp_path, store()[0]) == []
    write_ledger(folder, study_event(), close_event())
    assert stale_studies(tmp_path, store()[0]) == [folder]


def test_what_a_slow_server_made_twice_is_looked_for_before_the_close(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    slow, quick = Unreliable(failures=1), Unreliable(failures=0)
    for tracking in (slow, quick):
        assert BackgroundSync(tracking, [epoch_event(0, 1, 0.5), close_event()]).close(60)  # type: ignore[arg-type]
    assert (slow.refreshed, quick.refreshed) == (2, 0)
