"""Events on their way to MLflow, from a thread of their own: a search never waits for its tracking."""

from __future__ import annotations

import queue
import threading
import time
from pathlib import Path

from study.ledger import Event, read_events
from study.synced import mark_synced
from study.tracking import Tracking

RETRY_SECONDS = 2.0
CLOSE_SECONDS = 60.0


class Feed:
    """Sends a backlog, then whatever is put, in order; keeps trying while MLflow does not answer."""

    def __init__(self, tracking: Tracking, backlog: list[Event]) -> None:
        self._tracking = tracking
        self._queue: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._deadline: float | None = None
        self.problem = ""
        self.unsent = 0
        for event in backlog:
            self._queue.put(event)
        self._thread = threading.Thread(target=self._run, name="mlflow-feed", daemon=True)
        self._thread.start()

    def put(self, event: Event) -> None:
        """Hand over one event; returns at once."""
        self._queue.put(event)

    def close(self) -> bool:
        """Wait until all is sent, at most CLOSE_SECONDS while MLflow does not answer; whether all was sent."""
        self._deadline = time.monotonic() + CLOSE_SECONDS
        self._queue.put(None)
        self._thread.join()
        return self.unsent == 0

    def _run(self) -> None:
        while (event := self._queue.get()) is not None:
            if self.unsent or not self._delivered(event):
                self.unsent += 1

    def _delivered(self, event: Event) -> bool:
        if not self._tracking.note(event):
            return True
        while True:
            try:
                self._tracking.send(event)
                return True
            except Exception as error:  # MLflow has no class for "not reachable"; what is ours is a bug either way
                self.problem = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            if self._deadline is not None and time.monotonic() > self._deadline:
                return False
            time.sleep(RETRY_SECONDS)
            try:
                self._tracking.refresh()  # a run may have been made though its answer was lost
            except Exception as error:
                self.problem = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def sync(folder: Path, uri: str, artifacts: str | None) -> None:
    """Send what MLflow lacks of a study that nobody is writing; its unfinished runs become KILLED."""
    events, _ = read_events(folder / "ledger.jsonl")
    tracking = Tracking(uri, folder.name, folder, artifacts)
    for event in events:
        if tracking.note(event):
            tracking.send(event)
    if events and events[-1]["event"] != "close":
        tracking.close_interrupted()
    mark_synced(folder)
