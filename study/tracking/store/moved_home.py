"""A home that was moved or copied: the old addresses of its artifacts in its own store become those of today.

Our code resolves each place by itself (`analysis.artifact_place`); MLflow's own page goes by what its store holds.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.artifact_place import artifact_folder
from study.storage.lock import is_locked

if TYPE_CHECKING:
    from study.storage.home import Home

log = logging.getLogger(__name__)

WAIT_SECONDS = 20.0  # for a database that another process holds, as long as MLflow itself waits

COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
    ("model_versions", "source"),
)
"""Tables and columns of MLflow's store that hold an address of artifacts; tests/study/tracking/store holds the list."""


def settle_place(here: Home) -> None:
    """Rewrite the addresses of a home that was found to have moved, in one transaction, and say so.

    Nothing is done while a study of the home is written, nor in a store that is not the home's own.
    """
    file = here.own_store
    if file is None or not file.exists():
        return
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", timeout=WAIT_SECONDS, uri=True)) as database:
        try:
            moved = _moved(database, here)
            if not moved or any(is_locked(ledger.parent) for ledger in here.home.glob("*/ledger.jsonl")):
                return
            with database:  # one transaction
                database.execute("BEGIN IMMEDIATE")
                for old, new in moved.items():
                    _rewrite(database, old, new)
        except sqlite3.DatabaseError:
            return  # no store of MLflow's, or one that may not be written: opening it tells
    before = Path(next(iter(moved))).parent
    log.info(f"this home was found to have moved: MLflow's artifacts lay in {before}, and are in {here.home} now")


def _moved(database: sqlite3.Connection, here: Home) -> dict[str, str]:
    """Old folder of artifacts -> that of today, of each experiment of this home whose address is another one.

    One that has neither a study nor artifacts here is another home's, which uses this store too.
    """
    root, found = here.artifact_root, dict[str, str]()
    for (location,) in database.execute("SELECT artifact_location FROM experiments").fetchall():
        old, new = artifact_folder(location or "", None), artifact_folder(location or "", root)
        if old is None or new is None or old == new:
            continue
        if new.parent == root and (new.is_dir() or (here.home / new.name / "ledger.jsonl").exists()):
            found[str(old)] = str(new)
    return found


def _rewrite(database: sqlite3.Connection, old: str, new: str) -> None:
    """Addresses below `old`, as paths and as file: URIs, become the same ones below `new`."""
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for before, after in ((old, new), (Path(old).as_uri(), Path(new).as_uri())):
        for table, column in COLUMNS:
            if table in tables:
                database.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608
                    f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                    (after, len(before) + 1, before, len(before) + 1, f"{before}/"),
                )
