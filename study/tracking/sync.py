"""Events on their way to MLflow, from a thread of their own: a search never waits for its tracking."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

from study.disk_space import disk_error_text, is_full
from study.errors import StudyError
from study.storage.events import Event, StudyClosed
from study.storage.ledger import LedgerError, read_events
from study.storage.lock import locked
from study.storage.state import StudyState, study_state
from study.tracking.mlflow_tracker import Tracking
from study.tracking.server import redact_url
from study.tracking.sqlite_store import StoreError
from study.tracking.sync_marker import mark_synced

RETRY_SECONDS = 2.0

LOCKED_SECONDS = 60.0


class TrackingError(StudyError):
    """MLflow cannot be used now; the message is one line."""


class BackgroundSync:
    """Sends a backlog, then whatever is put, in order; keeps trying while MLflow does not answer."""

    def __init__(self, tracking: Tracking, backlog: list[Event], full: Callable[[str], None] | None = None) -> None:
        """`full` is called, once, from the feed's thread, when the disk of a store on this machine has no room."""
        self._tracking, self._full = tracking, full
        self._queue: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._deadline: float | None = None
        self.last_error = ""
        self.unsent = 0
        for event in backlog:
            self._queue.put(event)
        self._thread = threading.Thread(target=self._run, name="mlflow-feed", daemon=True)
        self._thread.start()

    def put(self, event: Event) -> None:
        """Hand over one event; returns at once."""
        self._queue.put(event)

    def close(self, seconds: float, at_most: float | None = None) -> bool:
        """Wait until all is sent, at most `seconds` while MLflow does not answer; whether all was sent.

        at_most: seconds after which it is not waited for, even if MLflow answers.
        """
        self._deadline = time.monotonic() + seconds
        self._queue.put(None)
        self._thread.join(at_most)
        return self.unsent == 0 and not self._thread.is_alive()

    def _run(self) -> None:
        while (event := self._queue.get()) is not None:
            if self.unsent or not self._delivered(event):
                self.unsent += 1

    def _delivered(self, event: Event) -> bool:
        if not self._tracking.apply(event):
            return True
        while True:
            try:
                if isinstance(event, StudyClosed) and self.last_error:
                    self._tracking.refresh()  # what was slow may have come after all, and been made twice
                self._tracking.send(event)
                return True
            except Exception as error:  # MLflow has no class for "not reachable"; what is ours is a bug either way
                self.last_error = one_line(error)
                if self._full and is_full(error):
                    self._full(disk_error_text(error))
                    return False
            if self._deadline is not None and time.monotonic() > self._deadline:
                return False
            time.sleep(RETRY_SECONDS)
            try:
                self._tracking.refresh()  # a run may have been made though its answer was lost
            except Exception as error:
                self.last_error = one_line(error)


def open_tracking(uri: str, folder: Path, artifacts: str | None, patience: float = LOCKED_SECONDS) -> Tracking:
    """The MLflow side of a study; waits `patience` seconds for a database that another process holds.

    Raises TrackingError, in one line, where it cannot be had.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            return Tracking(uri, folder.name, folder, artifacts)
        except Exception as error:  # MLflow wraps whatever happened in one class
            if "database is locked" not in str(error) or time.monotonic() > deadline:
                parent_study = (
                    disk_error_text(error) if is_full(error) else str(error) if isinstance(error, StoreError) else ""
                )
                raise TrackingError(parent_study or f"MLflow at {redact_url(uri)}: {one_line(error)}") from error
        time.sleep(RETRY_SECONDS)


def one_line(error: Exception) -> str:
    """What MLflow said, short enough for a terminal."""
    return f"{type(error).__name__}: {redact_url(' '.join(str(error).split()))[:200]}"


def sync(folder: Path, uri: str, artifacts: str | None) -> None:
    """Send what MLflow lacks of a study that nobody is writing; its unfinished runs become KILLED.

    Holds the study's lock: LockedError where somebody has begun to write. Raises TrackingError where MLflow does not
    take it; a later call goes on.
    """
    with locked(folder):
        events, _ = read_events(folder / "ledger.jsonl")
        tracking = open_tracking(uri, folder, artifacts, patience=0)
        try:
            check_id(tracking, study_state(events) if events else None, folder.name, uri)
            for event in without_old_closes(events):
                if tracking.apply(event):
                    tracking.send(event)
            if events and not isinstance(events[-1], StudyClosed):
                tracking.close_interrupted()
            mark_synced(folder, uri)
        except (LedgerError, TrackingError):
            raise
        except Exception as error:  # as in BackgroundSync
            raise TrackingError(one_line(error)) from error


def check_id(tracking: Tracking, state: StudyState | None, name: str, uri: str) -> None:
    """Refuse to write into another study that has the same name; raises TrackingError."""
    mine = state.study.id if state else ""
    if tracking.study_id not in ("", mine):
        raise TrackingError(
            f"MLflow at {redact_url(uri)} has another study of the name {name}, begun elsewhere or deleted here; "
            "choose another name, or delete that experiment for good"
        )


def without_old_closes(events: list[Event]) -> list[Event]:
    """Events as they are to be sent: a search that ended and went on is not ended in between."""
    return [
        event for number, event in enumerate(events, 1) if not isinstance(event, StudyClosed) or number == len(events)
    ]
