"""MLflow's own store on this machine, one file of SQLite: made whole or not at all.

MLflow makes it in some fifty migrations, each statement on the disk at once. A process that is killed within one leaves
a file that MLflow can neither use nor go on with, so it is made beside its place, by one process at a time.

The one place that touches MLflow's private attributes: to make a store, and to purge what `mlflow gc` would.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

from mlflow import MlflowClient
from mlflow.store.db import utils
from sqlalchemy import event

from analysis.artifact_place import artifact_folder, checked_folder
from analysis.errors import RunsError
from retina_data.gate import plain
from study.errors import StudyError
from study.storage.home import study_folders
from study.tracking.sync_marker import SYNCED

SIDE_FILES = ("-journal", "-wal", "-shm")

WAIT_SECONDS = 20.0  # for a database that another process holds, as long as MLflow itself waits

VERSION = "alembic_version"

OWN_ROWS = {VERSION: "0", "workspaces": "name != 'default'", "experiments": "experiment_id != 0"}
"""Of the tables that hold something in each new store, the rows that are a user's."""


class StoreError(StudyError):
    """The file cannot be used as MLflow's store; the message is one line."""


class CheckedClient(MlflowClient):
    """A client that writes files where they may lie alone: never into a folder that a server or another store names."""

    def __init__(self, uri: str, root: Path | None) -> None:
        super().__init__(uri)
        self._root, self._checked = root, set[str]()

    def log_artifact(self, run_id: str, local_path: str, artifact_path: str | None = None) -> None:
        """As MLflow's, once the run's place is checked; raises StoreError."""
        self._check(run_id)
        super().log_artifact(run_id, local_path, artifact_path)

    def log_artifacts(self, run_id: str, local_dir: str, artifact_path: str | None = None) -> None:
        """As MLflow's, once the run's place is checked; raises StoreError."""
        self._check(run_id)
        super().log_artifacts(run_id, local_dir, artifact_path)

    def check_place(self, artifact_uri: str) -> None:
        """Raise StoreError unless files may be written there."""
        try:
            checked_folder(artifact_uri, self.tracking_uri, self._root)
        except RunsError as error:
            raise StoreError(str(error)) from None

    def _check(self, run_id: str) -> None:
        if run_id not in self._checked:
            place = self.get_run(run_id).info.artifact_uri
            self.check_place(place)
            # MLflow writes to the address as it is stored, not to the folder of today that our code takes it for.
            if artifact_folder(place, None) != artifact_folder(place, self._root):
                raise StoreError(f"artifacts must lie in {self._root}, but MLflow names {plain(place)[:200]}")
            self._checked.add(run_id)


def open_client(uri: str, root: Path | None = None) -> CheckedClient:
    """A client of the store at `uri`; one of SQLite is made first where there is none, or a half-made one without rows.

    root: the folder below which it may write files, where it keeps them on this machine.
    Raises StoreError where there is a file that MLflow cannot use.
    """
    for logger in ("mlflow", "alembic"):  # a new store is not news, and what fails is raised, and told in one line
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    file = _file(uri)
    if file is None:
        return CheckedClient(uri, root)
    if _found(file) == "nothing":
        file.parent.mkdir(parents=True, exist_ok=True)
        with _only_maker(file):
            if _found(file) == "nothing":
                _make(file)
    try:
        return CheckedClient(uri, root)
    except Exception as error:
        if _found(file) == "whole":
            raise  # what fails is not the file's shape
        raise _unusable(file, str(error)) from error


def purge_run(client: MlflowClient, run_id: str) -> None:
    """Delete a run from the database for good; a client has no method for it."""
    client._tracking_client.store._hard_delete_run(run_id)


def purge_experiment(client: MlflowClient, experiment_id: str) -> None:
    """Delete a deleted experiment from the database for good."""
    client._tracking_client.store._hard_delete_experiment(experiment_id)


def _file(uri: str) -> Path | None:
    path = uri.removeprefix("sqlite:///")
    return None if path == uri or path in ("", ":memory:") or "?" in path else Path(path)


def _found(file: Path) -> Literal["whole", "nothing", "other"]:
    """What stands there: a store of this MLflow; nothing, or a part of one without a row; or something else.

    Something else is a store of another MLflow, which this one may renew, or one that was hurt while it was renewed.
    """
    if not file.exists():
        return "nothing"
    # Not made by being looked at.
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", timeout=WAIT_SECONDS, uri=True)) as database:
        try:
            tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            latest = utils._get_latest_schema_revision()  # type: ignore[no-untyped-call]
            if VERSION in tables and _revisions(database) == [(latest,)]:
                return "whole"
            return "other" if any(_has_rows(database, table) for table in tables) else "nothing"
        except sqlite3.OperationalError:
            raise  # locked, or a disk that does not answer: it says nothing of the file
        except sqlite3.DatabaseError as error:
            raise _unusable(file, str(error)) from error


def _revisions(database: sqlite3.Connection) -> list[tuple[str]]:
    return database.execute(f"SELECT version_num FROM {VERSION}").fetchall()  # noqa: S608


def _has_rows(database: sqlite3.Connection, table: str) -> bool:
    name, rows = table.replace('"', '""'), OWN_ROWS.get(table.removeprefix("_alembic_tmp_"), "1")
    return bool(database.execute(f'SELECT EXISTS(SELECT 1 FROM "{name}" WHERE {rows})').fetchone()[0])  # noqa: S608


@contextmanager
def _only_maker(file: Path) -> Iterator[None]:
    """Wait until nobody else makes this store; the kernel drops the lock of a process that dies."""
    with file.with_name(f".{file.name}.lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _make(file: Path) -> None:
    """Make the store; the caller is its only maker, so what lies beside it is left of processes that were killed."""
    temporary = file.with_name(f".{file.name}.new")
    _remove(temporary)
    try:
        engine = utils.create_sqlalchemy_engine(f"sqlite:///{temporary}")  # type: ignore[no-untyped-call]
        # The disk is asked once, for the whole file, and not for each migration.
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
        try:
            utils._initialize_tables(engine)  # type: ignore[no-untyped-call]
        finally:
            engine.dispose()
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        for folder in study_folders(file.parent):
            (folder / SYNCED).unlink(missing_ok=True)  # the new store has no study, so each is sent again
        _remove(file)  # a journal of the old file would be played into the new one
        temporary.replace(file)
    finally:
        _remove(temporary)


def _remove(file: Path) -> None:
    for path in (file, *(file.with_name(f"{file.name}{end}") for end in SIDE_FILES)):
        path.unlink(missing_ok=True)


def _unusable(file: Path, detail: str) -> StoreError:
    return StoreError(
        f"MLflow's store must be whole and of this MLflow's release, but {file} is not "
        f"({' '.join(detail.split())[:200]}); move it away, and the next `retina status` makes a new one and sends it "
        "every study from its ledger"
    )
