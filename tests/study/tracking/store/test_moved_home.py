"""The addresses in a home's own store become those of today, once the home was moved or copied."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from study.storage.home import Home
from study.storage.lock import locked
from study.tracking.store import moved_home
from study.tracking.store.moved_home import COLUMNS, settle_place
from tests.fixtures.study import study_event, write_ledger


def home_at(folder: Path) -> Home:
    return Home(folder, f"sqlite:///{folder / 'mlflow.db'}", (folder / "mlartifacts").as_uri())


def addresses(here: Home) -> set[str]:
    with closing(sqlite3.connect(here.home / "mlflow.db")) as database:
        columns = [database.execute(f"SELECT {column} FROM {table}") for table, column in COLUMNS]
        return {value for rows in columns for (value,) in rows if value and "mlruns" not in value}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a study's run, a logged model and a registered one, and an experiment of another home."""
    here = home_at(tmp_path_factory.mktemp("then") / "a home")
    write_ledger(here.home / "s", study_event())
    client = MlflowClient(here.tracking_uri)
    key = client.create_experiment("s", here.artifacts_of("s"))
    run = client.create_run(key)
    client.log_text(run.info.run_id, "x", "a.txt")
    client.create_logged_model(key)
    client.create_registered_model("m")
    client.create_model_version("m", f"{run.info.artifact_uri}/model", run.info.run_id)
    client.create_experiment("theirs", "file:///elsewhere/mlartifacts/theirs")
    return here


def test_a_moved_home_names_its_new_place_and_nothing_else(made: Home, tmp_path: Path, caplog) -> None:  # type: ignore[no-untyped-def]
    now = home_at(tmp_path / "a new home")
    shutil.copytree(made.home, now.home)
    before = addresses(now)
    with locked(now.home / "s"):
        settle_place(now)
    assert addresses(now) == before, "a study is being written"
    settle_place(now)
    assert caplog.messages == [
        f"this home was found to have moved: MLflow's artifacts lay in {made.home / 'mlartifacts'}, "
        f"and are in {now.home} now"
    ]
    after = {one for one in addresses(now) if "theirs" not in one}
    assert len(after) >= 4 and all(one.startswith((now.home / "mlartifacts" / "s").as_uri()) for one in after)
    assert "file:///elsewhere/mlartifacts/theirs" in addresses(now)
    assert addresses(made) == before, "the original is as it was"
    settle_place(now)
    assert len(caplog.messages) == 1
    (run,) = MlflowClient(now.tracking_uri).search_runs(["1"])
    assert MlflowClient(now.tracking_uri).download_artifacts(run.info.run_id, "a.txt", str(tmp_path)).endswith("a.txt")


@pytest.mark.parametrize("store", ["none", "other", "no database"])
def test_no_store_of_the_home_is_left_alone(made: Home, tmp_path: Path, store: str) -> None:
    here = home_at(tmp_path / "home")
    if store == "other":
        shutil.copytree(made.home, here.home)
        here = Home(here.home, made.tracking_uri, here.artifacts)
    if store == "no database":
        here.home.mkdir()
        (here.home / "mlflow.db").write_text("no database, and longer than its header would be")
    before = addresses(made)
    settle_place(here)
    assert addresses(made) == before
    assert (here.home / "mlflow.db").exists() == (store != "none")


def test_every_column_with_an_address_is_known() -> None:
    """A release of MLflow that keeps one in another place fails here first."""
    from mlflow.store.model_registry.dbmodels import models as registry
    from mlflow.store.tracking.dbmodels import models as tracking

    words = ("artifact_location", "artifact_uri", "storage_location")
    tables = {**tracking.Base.metadata.tables, **registry.Base.metadata.tables}
    found = {(table, column.name) for table, one in tables.items() for column in one.columns if column.name in words}
    assert found == {pair for pair in COLUMNS if pair[1] in words}
    assert moved_home.WAIT_SECONDS >= 20
