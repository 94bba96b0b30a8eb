"""A study taken out of MLflow's server, which only hides it; of a database: tests/study/workflows/test_delete.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType

from study.storage.home import Home
from study.tracking.delete_runs import Stored, find_stored, forget
from study.tracking.sync import TrackingError
from study.workflows.delete import find, remove
from tests.faults.test_mlflow import Server
from tests.study.workflows.test_delete import write_home_study

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("forgetting")
    server = Server(folder / "server")
    server.start()
    yield Home(folder / "home", server.uri, None)
    server.stop()


def test_a_server_hides_the_study_and_its_name_is_free(here: Home) -> None:
    folder = write_home_study(here, "eyes")
    said = remove(find("eyes", here), here)
    assert not folder.exists()
    assert "server keeps the runs of eyes as deleted experiment" in said[0] and "mlflow gc" in said[0]
    client = MlflowClient(here.tracking_uri)
    assert client.get_experiment_by_name("eyes") is None
    (hidden,) = client.search_experiments(view_type=ViewType.DELETED_ONLY)
    assert hidden.name.startswith("eyes deleted 20")
    write_home_study(here, "eyes", study_id="b" * 32)
    assert client.get_experiment_by_name("eyes").lifecycle_stage == "active"


def test_a_server_keeps_the_runs_of_others_in_sight_and_the_name_is_free(here: Home) -> None:
    write_home_study(here, "mixed")
    client = MlflowClient(here.tracking_uri)
    key = client.get_experiment_by_name("mixed").experiment_id
    by_hand = client.create_run(key).info.run_id
    found = find("mixed", here)
    assert found.notes == ("1 run of others in MLflow's experiment mixed, which gets another name",)
    said = remove(found, here)
    assert "held 1 run of others, which stay in 'mixed runs of others 20" in said[0]
    assert "keeps 2 runs of mixed as deleted, in" in said[1] and "mlflow gc" in said[1]
    assert client.get_experiment_by_name("mixed") is None
    assert client.get_experiment(key).lifecycle_stage == "active"
    assert [run.info.run_id for run in client.search_runs([key])] == [by_hand]
    assert len(client.search_runs([key], run_view_type=ViewType.DELETED_ONLY)) == 2


def test_a_study_of_the_name_from_another_home_stays(here: Home, tmp_path: Path) -> None:
    write_home_study(here, "common")
    other = Home(tmp_path / "home", here.tracking_uri, None)
    found, notes = find_stored(other, {"common": "9" * 32})
    assert found == [] and "another study of that name" in notes[0]
    assert find_stored(other, {"common": ""})[0] == []  # a folder that does not tell its id proves nothing


def test_what_mlflow_does_not_do_is_one_line(here: Home) -> None:
    with pytest.raises(TrackingError, match=f"MLflow at {here.tracking_uri}"):
        forget(here, Stored("987654", "gone", "", 0, 0, ()))
