"""The same with MLflow on a server: one on SQLite, and one on PostgreSQL that asks for user and password."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from analysis import schema
from tests.homes.conftest import Prepared
from tests.homes.place import NAME, Place
from tests.homes.servers import ADMIN, PASSWORD, free_port, missing_for_postgresql, postgresql, reverse_proxy, server
from tests.homes.test_homes import (
    AGAIN,
    CONFIRM,
    DELETE,
    REPORT,
    SEARCH,
    STATUS,
    SYNC,
    Row,
    all_runs_deleted,
    assert_row,
    moved,
    nothing,
    own_run_deleted,
    run_deleted,
)

pytestmark = pytest.mark.slow

AGAIN = AGAIN.replace("study s:", r"study s-\w+:")
OTHERS = r"another study of the name s-\w+"


def sent(change: Callable[[Place], None]) -> Callable[[Place], None]:
    """The study is on the server, then something happens."""

    def done(place: Place) -> None:
        found = place.retina("status", place.name, "--sync")
        assert found.returncode == 0, found.stdout + found.stderr
        change(place)

    return done


def renamed(place: Place) -> None:
    client = place.client
    client.rename_experiment(client.get_experiment_by_name(place.name).experiment_id, f"{place.name}, my best")


def namesake(place: Place) -> None:
    """Another home has begun a study of this name there."""
    key = place.client.create_experiment(place.name, tags={schema.TAG_STUDY_ID: "f" * 32})
    tags = {schema.TAG_KIND: schema.KIND_STUDY, schema.TAG_STUDY: place.name, schema.TAG_STUDY_ID: "f" * 32}
    place.client.set_terminated(place.client.create_run(key, tags=tags).info.run_id)


def deleted(place: Place) -> None:
    place.client.delete_experiment(place.client.get_experiment_by_name(place.name).experiment_id)


def away(place: Place) -> None:
    place.uri = f"http://127.0.0.1:{free_port()}"


def behind_a_proxy(place: Place) -> None:
    """The environment names a proxy, as in many a hospital, and the server is on this machine."""
    place.environment |= {name: f"http://127.0.0.1:{free_port()}" for name in ("HTTP_PROXY", "http_proxy")}
    place.environment |= {"NO_PROXY": "", "no_proxy": ""}


def without_driver(place: Place) -> None:
    """Something listens at the database's address; what speaks with it is not installed here."""
    place.uri = place.uri.replace("http://", "mysql+pymysql://anna:secret@") + "/mlflow"


NEW = ("search", "new-one", "--data", "DATA")

# fmt: off
ROWS = [
    Row("sent to a server", sent(nothing), ((REPORT, 0, ""), (SYNC, 0, ""), (SEARCH, 0, "has all its"))),
    Row("sent by the report itself", nothing, ((REPORT, 0, AGAIN + "the study's own run was missing"),)),
    Row("a trial's run deleted", sent(run_deleted), ((REPORT, 0, AGAIN + "0001 was missing"),)),
    Row("the study's own run deleted", sent(own_run_deleted), ((REPORT, 0, AGAIN + "the study's own run was mis"),)),
    Row("all runs deleted", sent(all_runs_deleted), ((SYNC, 0, AGAIN), (REPORT, 0, ""))),
    Row("the experiment renamed", sent(renamed), ((REPORT, 0, ""), (SYNC, 0, ""))),
    Row("the home moved", sent(moved), ((REPORT, 0, ""),)),
    Row("the experiment deleted", sent(deleted), (
        (REPORT, 2, "was deleted there; restore it"), (SYNC, 2, "was deleted there"), (CONFIRM, 2, "was deleted")),
        tables=""),
    Row("another home's study of the name", namesake, (
        (REPORT, 2, OTHERS), (SYNC, 2, OTHERS), (SEARCH, 2, OTHERS), (CONFIRM, 2, OTHERS),
        (DELETE, 0, "stays: MLflow's experiment .*, which holds another study of that name")), tables=""),
    Row("the server is away", away, (
        (STATUS, 0, "what it lacks is sent later"), (SYNC, 1, "sent later"), (REPORT, 2, "must answer"),
        (NEW, 2, "must answer")), tables=""),
    Row("a proxy in the way of 127.0.0.1", behind_a_proxy, (
        (REPORT, 2, "HTTP_PROXY sends 127.0.0.1 to a proxy; set NO_PROXY=127.0.0.1"), (NEW, 2, "NO_PROXY=127.0.0.1")),
        tables=""),
    Row("a database whose driver is not installed", without_driver, (
        (NEW, 2, "needs the driver pymysql: pip install 'pymysql'"), (REPORT, 2, "pip install 'pymysql'")), tables=""),
]


PROXIED = [
    (10**9, Row("below a path of a reverse proxy", sent(nothing), (
        (REPORT, 0, ""), (SYNC, 0, ""), (SEARCH, 0, "has all its")))),
    (10**4, Row("a reverse proxy that takes no large file", nothing, (
        (REPORT, 2, r"\(413\): a proxy before the server takes no file of this size: raise its limit"),
        (SYNC, 0, "")), tables="")),
]  # fmt: skip


def as_user(name: str, password: str = PASSWORD) -> Callable[[Place], None]:
    def done(place: Place) -> None:
        place.environment |= {"MLFLOW_TRACKING_USERNAME": name, "MLFLOW_TRACKING_PASSWORD": password}

    return done


def sent_then_a_reader(place: Place) -> None:
    """It was sent by one user, and goes on by another who may only read."""
    as_user(ADMIN)(place)
    sent(nothing)(place)
    reader = {"username": f"reader-{uuid.uuid4().hex[:6]}", "password": PASSWORD}
    answer = requests.post(f"{place.uri}/api/2.0/mlflow/users/create", json=reader, auth=(ADMIN, PASSWORD), timeout=20)
    assert answer.ok, answer.text
    as_user(reader["username"])(place)


GUARDED = [
    Row("PostgreSQL, with user and password", as_user(ADMIN), (
        (SYNC, 0, ""), (REPORT, 0, ""), (SEARCH, 0, "has all its"))),
    Row("PostgreSQL, without user and password", nothing, (
        (NEW, 2, r"\(401\): it wants a user: set MLFLOW_TRACKING_USERNAME"), (REPORT, 2, "401"), (SYNC, 2, "401"),
        (STATUS, 0, "cannot be sent to MLflow: .*401")), tables=""),
    Row("PostgreSQL, with a wrong password", as_user(ADMIN, "another of 12 letters"), (
        (NEW, 2, r"\(401\)"), (REPORT, 2, "401")), tables=""),
    Row("PostgreSQL, by a user who may only read", sent_then_a_reader, (
        (CONFIRM, 2, r"\(403\): this user may not write there"), (SYNC, 2, "403")), tables=""),
]
# fmt: on


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    with server(folder, f"sqlite:///{folder / 'server.db'}") as uri:
        yield uri


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    if missing := missing_for_postgresql():
        pytest.skip(missing)
    with postgresql() as uri:
        yield uri


@pytest.fixture(scope="module")
def guarded(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with server(tmp_path_factory.mktemp("guarded"), database, users=True) as uri:
        yield uri


def place_at(uri: str, prepared: Prepared, around: Path) -> Place:
    place = prepared.place(around, "confirmed")
    place.uri = uri
    place.become(f"{NAME}-{uuid.uuid4().hex[:6]}")
    (place.home / "mlflow.db").unlink()
    (place.home / "mlartifacts").rename(around / "not-here")
    return place


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.situation)
def test_server(row: Row, on_sqlite: str, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    place = place_at(on_sqlite, prepared, tmp_path)
    row.done(place)
    assert_row(row, place, prepared)
    assert not (place.home / "mlartifacts").exists() and not (place.home / "new-one").exists()


@pytest.mark.parametrize(("most", "row"), PROXIED, ids=[row.situation for _, row in PROXIED])
def test_server_behind_a_reverse_proxy(
    most: int, row: Row, on_sqlite: str, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with reverse_proxy(on_sqlite, most) as uri:
        place = place_at(uri, prepared, tmp_path)
        row.done(place)
        assert_row(row, place, prepared)


@pytest.mark.parametrize("row", GUARDED, ids=lambda row: row.situation)
def test_guarded_server(
    row: Row, guarded: str, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in (("USERNAME", ADMIN), ("PASSWORD", PASSWORD)):  # of the client that looks whether all is there
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", value)
    place = place_at(guarded, prepared, tmp_path)
    place.environment = {"MLFLOW_TRACKING_USERNAME": "", "MLFLOW_TRACKING_PASSWORD": ""}
    row.done(place)
    assert_row(row, place, prepared)


def test_a_database_without_a_server(
    database: str, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Artifacts are the home's then, wherever it is moved to."""
    monkeypatch.chdir(tmp_path)
    place = place_at(database, prepared, tmp_path)
    sent(moved)(place)
    assert_row(Row("", moved, ((REPORT, 0, ""), (SYNC, 0, ""))), place, prepared)


def test_every_row_is_there_once_and_rows_are_many() -> None:
    from tests.homes import test_homes

    tables = [test_homes.ROWS, [*ROWS, *GUARDED, *(row for _, row in PROXIED)]]
    assert all(len({row.situation for row in rows}) == len(rows) for rows in tables)
    assert sum(map(len, tables)) >= 30
