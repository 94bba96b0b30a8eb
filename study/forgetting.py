"""How a study leaves MLflow: for good from a database, out of sight from a server. Imports mlflow, as tracking does."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

from mlflow import MlflowClient
from mlflow.entities import Experiment, Run, ViewType
from mlflow.exceptions import MlflowException

from analysis import records
from study.feed import TrackingError, one_line
from study.reach import shown

if TYPE_CHECKING:
    from study.place import Place

PAGE = 1000


@dataclass(frozen=True)
class Stored:
    """An experiment that goes: its runs, and the folder of their artifacts where that is ours to remove."""

    experiment: str
    name: str
    runs: int
    artifacts: Path | None


def find_stored(here: Place, ids: Mapping[str, str]) -> tuple[list[Stored], list[str]]:
    """Experiments of studies (name -> id, "" where the ledger does not tell), and notes on those that are others'."""
    if here.store_missing():
        return [], []
    client, found, notes = MlflowClient(here.tracking_uri), [], []
    for name, study_id in ids.items():
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            continue
        runs = _runs(client, experiment)
        here_made = experiment.artifact_location == here.artifacts_of(name)
        if not _is_ours(runs, study_id, here_made):
            notes.append(f"MLflow's experiment {name}, which holds another study of that name")
            continue
        artifacts = _folder(experiment) if here_made else None
        if not here_made and here.artifacts:
            notes.append(f"the artifacts of {name}, which do not lie in this home")
        found.append(Stored(experiment.experiment_id, name, len(runs), artifacts))
    return found, notes


def _is_ours(runs: list[Run], study_id: str, here_made: bool) -> bool:
    """Whether the runs are of the study with this id; one without an id, or without runs, by where its files lie."""
    told = {run.data.tags.get(records.TAG_STUDY_ID, "") for run in runs} - {""}
    return told == {study_id} if study_id and told else here_made


def forget(here: Place, stored: Stored) -> list[str]:
    """Take an experiment out of MLflow, so that its name can be used again; returns what is to be said.

    Raises TrackingError where MLflow does not do it.
    """
    client = MlflowClient(here.tracking_uri)
    try:
        if here.artifacts is None:
            return _hide(client, stored)
        _erase(client, stored)
    except MlflowException as error:
        raise TrackingError(f"MLflow at {shown(here.tracking_uri)}: {one_line(error)}") from error
    if stored.artifacts and stored.artifacts.is_dir():
        shutil.rmtree(stored.artifacts)
    return []


def _erase(client: MlflowClient, stored: Stored) -> None:
    """Runs and experiment leave the database, by what `mlflow gc` calls; a client has no method for it."""
    store = client._tracking_client.store
    experiment = client.get_experiment(stored.experiment)
    for run in _runs(client, experiment):
        store._hard_delete_run(run.info.run_id)
    if experiment.lifecycle_stage == "active":
        client.delete_experiment(stored.experiment)
    store._hard_delete_experiment(stored.experiment)


def _hide(client: MlflowClient, stored: Stored) -> list[str]:
    """A server deletes for good only by its own `mlflow gc`: the experiment is renamed, so that its name is free."""
    name = f"{stored.name} deleted {time.strftime('%Y-%m-%d %H:%M:%S')}"
    if client.get_experiment(stored.experiment).lifecycle_stage != "active":
        client.restore_experiment(stored.experiment)
    client.rename_experiment(stored.experiment, name)
    client.delete_experiment(stored.experiment)
    return [
        f"MLflow's server keeps the runs of {stored.name} as deleted experiment {name!r}, and their artifacts; "
        "`mlflow gc` on the server removes them for good"
    ]


def _runs(client: MlflowClient, experiment: Experiment) -> list[Run]:
    runs: list[Run] = []
    token: str | None = None
    while True:
        page = client.search_runs(
            [experiment.experiment_id], run_view_type=ViewType.ALL, max_results=PAGE, page_token=token
        )
        runs.extend(page)
        token = page.token
        if not token:
            return runs


def _folder(experiment: Experiment) -> Path:
    return Path(unquote(urlparse(experiment.artifact_location).path))
