"""A store is made whole or not at all: makers are killed for real, each in a process of its own."""

import multiprocessing
import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType
from mlflow.store.db import utils
from sqlalchemy import event
from sqlalchemy.engine import Engine

from study.tracking import sqlite_store
from study.tracking.sqlite_store import StoreError, open_client, purge_experiment, purge_run
from study.tracking.sync import TrackingError, open_tracking
from tests.fixtures import new_store

COLUMN = "ALTER TABLE experiments ADD COLUMN creation_time"  # of a migration that adds two
PROCESSES = multiprocessing.get_context("forkserver")  # MLflow is imported once, and not for each that is killed
PROCESSES.set_forkserver_preload(["tests.study.tracking.test_sqlite_store"])


@pytest.fixture(autouse=True)
def _made_by_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not copied, as in all other tests."""
    monkeypatch.setattr(utils, "_initialize_tables", new_store.initialize_tables)
    monkeypatch.setattr(utils, "_get_latest_schema_revision", new_store.latest_schema_revision)


def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _open(uri: str, moment: int | str, ours: bool) -> None:
    """Open a store, our way or MLflow's, and be killed at a statement, after the one of a text, or at the fsync."""
    before: list[str] = []

    @event.listens_for(Engine, "before_cursor_execute")
    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if len(before) == moment or (before and str(moment) == before[-1][: len(str(moment))]):
            _die()
        before.append(statement)

    if moment == "fsync":
        sqlite_store.os.fsync = _die  # type: ignore[attr-defined, assignment]
    open_client(uri) if ours else MlflowClient(uri)


def _begin(uri: str, moment: int | str = "never", ours: bool = True) -> multiprocessing.process.BaseProcess:
    process = PROCESSES.Process(target=_open, args=(uri, moment, ours))
    process.start()
    return process


def _kill(uri: str, moment: int | str, ours: bool = True) -> None:
    process = _begin(uri, moment, ours)
    process.join(120)
    assert process.exitcode == -signal.SIGKILL


def _sql(file: Path, *statements: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as database, database:
        return [row for statement in statements for row in database.execute(statement)]


def _journal(folder: Path) -> bytes:
    """What a writer that was killed leaves beside its database: pages that the next reader puts back."""
    file = folder / "written.db"
    _sql(file, "CREATE TABLE t (x)", "INSERT INTO t VALUES (1)")
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA cache_size = 1")
        database.executemany("INSERT INTO t VALUES (?)", (("x" * 4000,) for _ in range(99)))
        return file.with_name("written.db-journal").read_bytes()


@pytest.mark.slow
def test_a_store_whose_maker_was_killed_is_made_by_the_next(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path / "mlflow.db"
    for moment in (40, COLUMN, 900, "fsync"):
        _kill(f"sqlite:///{file}", moment)
        assert not file.exists()
        assert (tmp_path / ".mlflow.db.new").exists()
    (tmp_path / "mlflow.db-journal").write_bytes(_journal(tmp_path_factory.mktemp("journal")))
    open_client(f"sqlite:///{file}").create_experiment("one")
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db", ".mlflow.db.lock"}
    assert _sql(file, "PRAGMA integrity_check", "SELECT name FROM experiments") == [("ok",), ("Default",), ("one",)]
    assert not _sql(file, "SELECT name FROM sqlite_master WHERE name = 't'"), "a journal was played into the new store"


def test_a_half_made_store_is_made_anew_where_it_holds_nothing_else_it_is_named(tmp_path: Path) -> None:
    file, mark = tmp_path / "mlflow.db", tmp_path / "eyes" / "synced"
    _kill(f"sqlite:///{file}", COLUMN, ours=False)
    mark.parent.mkdir()
    mark.write_text("10 x\n")
    mark.with_name("ledger.jsonl").touch()
    foreign = tmp_path / "foreign" / "synced"
    foreign.parent.mkdir()
    foreign.touch()
    half = file.read_bytes()
    run = "INSERT INTO runs (run_uuid, experiment_id) VALUES ('r', 1)"
    _sql(file, "INSERT INTO experiments (experiment_id, name) VALUES (1, 'eyes')", run)
    with pytest.raises(StoreError, match="duplicate column name.*move it away, and the next `retina status`"):
        open_client(f"sqlite:///{file}")
    with pytest.raises(TrackingError, match=f"^MLflow's store must be whole .* {file} is not"):
        open_tracking(f"sqlite:///{file}", mark.parent, None, patience=0)
    assert _sql(file, "SELECT count(*) FROM runs") == [(1,)]
    assert mark.exists()
    other = tmp_path / "other.db"
    other.write_bytes(half)
    assert [one.name for one in open_client(f"sqlite:///{other}").search_experiments()] == ["Default"]
    assert not mark.exists(), "a new store has no study, whatever was remembered of the old one"
    assert foreign.exists()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    file.write_text("something else altogether " * 9)
    with pytest.raises(StoreError, match="file is not a database.; move it away"):
        open_client(f"sqlite:///{file}")
    assert file.read_text().startswith("something else")


def test_two_processes_make_one_store(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "mlflow.db"
    makers = [_begin(f"sqlite:///{file}") for _ in range(2)]
    for maker in makers:
        maker.join(120)
    assert [maker.exitcode for maker in makers] == [0, 0]
    assert {path.name for path in file.parent.iterdir()} == {"mlflow.db", ".mlflow.db.lock"}


def test_what_is_no_file_is_left_to_mlflow() -> None:
    for uri in ("http://127.0.0.1:9", "sqlite://", "sqlite:///:memory:", "sqlite:///x.db?timeout=3"):
        assert sqlite_store._file(uri) is None
    assert sqlite_store._file("sqlite:////home/x/mlflow.db") == Path("/home/x/mlflow.db")


def test_purge_run_and_experiment(tmp_path: Path) -> None:
    """Fails first when MLflow changes what its own `mlflow gc` calls, or how it makes a store."""
    client = open_client(f"sqlite:///{tmp_path / 'mlflow.db'}")
    key = client.create_experiment("gone", artifact_location=tmp_path.as_uri())
    run = client.create_run(key).info.run_id
    purge_run(client, run)
    assert client.search_runs([key], run_view_type=ViewType.ALL) == []
    client.delete_experiment(key)
    purge_experiment(client, key)
    assert [one.name for one in client.search_experiments(view_type=ViewType.ALL)] == ["Default"]
