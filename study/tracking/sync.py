"""Events on their way to MLflow, from a thread of their own: a search never waits for its tracking."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.schema import STATE_INTERRUPTED
from study.disk_space import disk_error_text, is_full
from study.errors import StudyError
from study.storage.events import Event, StudyClosed
from study.storage.home import fold_studies, is_copy, study_id
from study.storage.ledger import LedgerError, read_events
from study.storage.lock import LockedError, locked
from study.storage.state import study_state
from study.tracking.mlflow_tracker import Tracking
from study.tracking.server import redact_url
from study.tracking.sqlite_store import open_client
from study.tracking.store.experiment import FIRST, experiments_of, find_experiment, try_write
from study.tracking.store.refusals import RefusedError, refusal
from study.tracking.sync_marker import grown, mark_synced

if TYPE_CHECKING:
    from study.storage.home import Home

log = logging.getLogger(__name__)

RETRY_SECONDS = 2.0

LOCKED_SECONDS = 60.0


class TrackingError(StudyError):
    """MLflow cannot be used now; the message is one line."""


class BackgroundSync:
    """Sends a backlog, then whatever is put, in order; keeps trying while MLflow does not answer."""

    def __init__(
        self, tracking: Tracking, backlog: list[Event], full: Callable[[str], None] | None = None, uri: str = ""
    ) -> None:
        """`full` is called, once, from the feed's thread, when the disk of a store on this machine has no room.

        uri: MLflow's address. refused: why MLflow does not take what is sent, "" while it does, or does not answer.
        """
        self._tracking, self._full, self._uri = tracking, full, uri
        self._queue: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._deadline: float | None = None
        self.last_error = self.refused = self._said = ""
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
        attempt = 0
        while True:
            try:
                if isinstance(event, StudyClosed) and self.last_error:
                    self._tracking.refresh()  # what was slow may have come after all, and been made twice
                self._tracking.send(event)
                self.refused = ""
                return True
            except Exception as error:  # MLflow has no class for "not reachable"; what is ours is a bug either way
                attempt += 1
                self._note(error, attempt)
                if self._full and is_full(error):
                    self._full(disk_error_text(error))
                    return False
            if self._deadline is not None and (time.monotonic() > self._deadline or self.refused):
                return False
            time.sleep(RETRY_SECONDS)
            try:
                self._tracking.refresh()  # a run may have been made though its answer was lost, or been deleted
            except Exception as error:
                self.last_error = one_line(error)

    def _note(self, error: Exception, attempt: int) -> None:
        """Keep what went wrong; a refusal is said once, unless it goes away as soon as runs are looked up again."""
        self.last_error = one_line(error)
        text = refusal(error, self._uri)
        self.refused = text if attempt > 1 else ""
        if self.refused and self.refused != self._said:
            self._said = self.refused
            log.warning(f"MLflow does not take what this search sends: {text}; the search goes on without it")


def open_tracking(
    uri: str, folder: Path, artifacts: str | None, own: str | None = None, patience: float = LOCKED_SECONDS
) -> Tracking:
    """The MLflow side of a study; waits `patience` seconds for a database that another process holds.

    own: id of the study as `find_experiment` has it. Raises RefusedError where MLflow does not take it, and
    TrackingError where it cannot be had now, each in one line.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            tracking = Tracking(uri, folder.name, folder, artifacts, own)
            _check_no_copy(folder, own, tracking.known_as)
            return tracking
        except Exception as error:  # MLflow wraps whatever happened in one class
            if "database is locked" not in str(error) or time.monotonic() > deadline:
                raise tracking_error(error, uri) from error
        time.sleep(RETRY_SECONDS)


def _check_no_copy(folder: Path, own: str | None, known_as: str) -> None:
    """Raise RefusedError where a study's folder is a copy of another one's, which has its runs in MLflow."""
    if own and is_copy(folder, own, known_as):
        raise RefusedError(
            f"a study has one folder, but {folder.name} is a copy of {known_as}: both have the id {own[:8]}, and "
            f"MLflow has the runs of {known_as}; take one of the folders away"
        )


def tracking_error(error: Exception, uri: str) -> StudyError:
    """What MLflow raised, as one line: a refusal with its remedy, or that it cannot be had now."""
    if isinstance(error, (RefusedError, TrackingError)):
        return error
    if text := refusal(error, uri):
        return RefusedError(f"MLflow at {redact_url(uri)}: {text}")
    if is_full(error) or isinstance(error, StudyError):
        return TrackingError(disk_error_text(error) if is_full(error) else str(error))
    return TrackingError(f"MLflow at {redact_url(uri)}: {one_line(error)}")


def one_line(error: Exception) -> str:
    """What MLflow said, short enough for a terminal."""
    return f"{type(error).__name__}: {redact_url(' '.join(str(error).split()))[:200]}"


def sync(folder: Path, uri: str, artifacts: str | None, *, resend: bool = True) -> None:
    """Send what MLflow lacks of a study that nobody is writing; its unfinished runs become KILLED.

    What differs from the ledger is said first; not resend: where nothing differs, nothing is sent. Holds the study's
    lock: LockedError where somebody has begun to write. Raises TrackingError where MLflow cannot take it now, and
    RefusedError where it does not; a later call goes on.
    """
    with locked(folder):
        events, _ = read_events(folder / "ledger.jsonl")
        if not events:
            mark_synced(folder, uri)
            return
        state, last = study_state(events), events[-1]
        tracking = open_tracking(uri, folder, artifacts, state.study.id, patience=0)
        try:
            resend = resend or grown(folder, uri)
            found = tracking.compare(state, last.state if isinstance(last, StudyClosed) else STATE_INTERRUPTED)
            if found:
                log.info(found.line(folder.name))
            if found or resend:
                _send_all(tracking, events)
            mark_synced(folder, uri)
        except LedgerError:
            raise
        except Exception as error:  # as in BackgroundSync
            raise tracking_error(error, uri) from error


def _send_all(tracking: Tracking, events: list[Event]) -> None:
    for event in without_old_closes(events):
        if tracking.apply(event):
            tracking.send(event)
    if not isinstance(events[-1], StudyClosed):
        tracking.close_interrupted()


def compared(here: Home, name: str) -> dict[str, str]:
    """Compare MLflow with the ledger of a study, or of its folds, and send what differs; study -> its experiment.

    Raises RefusedError where MLflow has another study of that name, or does not take what is sent.
    """
    for study in fold_studies(here.home, name):
        if study_id(here.home / study):
            with suppress(LockedError):  # who writes it sends it
                sync(here.home / study, here.tracking_uri, here.artifacts_of(study), resend=False)
    if here.store_missing():
        return {}  # no study: who reads says so
    found = experiments_of(open_client(here.tracking_uri), here, name)
    return {study: experiment.experiment_id for study, experiment in found.items()}


def check_takes(here: Home, name: str) -> None:
    """Try one write, before the hours that come: raises RefusedError where MLflow does not take it.

    One that does not answer now is no refusal. A server's experiment of a new study is made here; the home's own store
    is made by the search.
    """
    if here.store_missing():
        return
    try:
        client = open_client(here.tracking_uri)
        study, where = study_id(here.home / name), redact_url(here.tracking_uri)
        experiment = find_experiment(client, name, study, where)
        if experiment is None and here.own_store is None:
            client.create_experiment(name, here.artifacts_of(name))
            return
        try_write(client, experiment.experiment_id if experiment else FIRST, study)
    except Exception as error:
        if isinstance(found := tracking_error(error, here.tracking_uri), RefusedError):
            raise found from error


def without_old_closes(events: list[Event]) -> list[Event]:
    """Events as they are to be sent: a search that ended and went on is not ended in between."""
    return [
        event for number, event in enumerate(events, 1) if not isinstance(event, StudyClosed) or number == len(events)
    ]
