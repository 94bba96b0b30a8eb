"""How a study leaves MLflow: for good from a database, out of sight from a server. Imports mlflow, as tracking does.

Only its own runs go. Where others have runs in its experiment, the experiment stays with them, under another name.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow import MlflowClient
from mlflow.entities import Experiment, Run, ViewType
from mlflow.exceptions import MlflowException

from analysis import schema
from analysis.artifact_place import artifact_folder
from retina_data.gate import below
from study.storage.gate.removal import remove_tree
from study.storage.home import is_copy
from study.tracking.experiment_page import NOTE
from study.tracking.saved_view import VIEW_TAG
from study.tracking.server import redact_url
from study.tracking.sqlite_store import purge_experiment, purge_run
from study.tracking.store.experiment import tagged_experiment
from study.tracking.sync import TrackingError, one_line

if TYPE_CHECKING:
    from study.storage.home import Home


PAGE = 1000

KINDS = (schema.KIND_STUDY, schema.KIND_TRIAL, schema.KIND_CONFIRM)


@dataclass(frozen=True)
class Stored:
    """What goes with a study's experiment: its runs, and the folders of their artifacts where those are ours to remove.

    study_id: "" where the ledger does not tell. others: number of runs in the experiment that stay.
    """

    experiment: str
    name: str
    study_id: str
    runs: int
    others: int
    artifacts: tuple[Path, ...]


def find_stored(here: Home, ids: Mapping[str, str]) -> tuple[list[Stored], list[str]]:
    """Experiments of studies (name -> id, "" where the ledger does not tell), and notes on those that are others'."""
    if here.store_missing():
        return [], []
    client, found, notes = MlflowClient(here.tracking_uri), [], []
    for name, study_id in ids.items():
        experiment = tagged_experiment(client, study_id) or client.get_experiment_by_name(name)
        if experiment is None:
            continue
        runs = _runs(client, experiment)
        if original := _copied(here, name, study_id, runs):
            notes.append(
                f"MLflow's experiment {experiment.name}, which study {original} has, of which {name} is a copy"
            )
            continue
        here_made = _is_here_made(here, experiment)
        if not _is_ours(runs, study_id, here_made):
            notes.append(f"MLflow's experiment {name}, which holds another study of that name")
            continue
        if not here_made and here.artifacts:
            notes.append(f"the artifacts of {name}, which do not lie in this home")
        own, others = _parted(runs, name, study_id)
        if others:
            notes.append(f"{_count(others)} of others in MLflow's experiment {name}, which gets another name")
        artifacts = tuple(_artifacts(here, experiment, own))
        found.append(Stored(experiment.experiment_id, name, study_id, len(own), others, artifacts))
    return found, notes


def _copied(here: Home, name: str, study_id: str, runs: list[Run]) -> str:
    """The study of this home that has the runs, where the folder of `name` is a copy of its; else ""."""
    tags = [run.data.tags for run in runs if run.data.tags.get(schema.TAG_KIND) == schema.KIND_STUDY]
    known = sorted({one.get(schema.TAG_STUDY, "") for one in tags if one.get(schema.TAG_STUDY_ID) == study_id})
    if not study_id or name in known:
        return ""
    return next((one for one in known if is_copy(here.home / name, study_id, one)), "")


def _is_ours(runs: list[Run], study_id: str, here_made: bool) -> bool:
    """Whether some runs are of the study with this id; one without an id, or without runs, by where its files lie."""
    ids = {run.data.tags.get(schema.TAG_STUDY_ID, "") for run in runs} - {""}
    return study_id in ids if study_id and ids else here_made


def _parted(runs: list[Run], name: str, study_id: str) -> tuple[list[Run], int]:
    """The study's own runs, and how many others there are."""
    own = [run for run in runs if _is_of_study(run, name, study_id)]
    return own, len(runs) - len(own)


def _is_of_study(run: Run, name: str, study_id: str) -> bool:
    """Whether a run in the experiment is of the study; MLflow makes run and tags in one go, so none of its lacks them.

    Where run or ledger does not tell the id (older runs, a folder that is gone), by kind and name of the study.
    """
    tags = run.data.tags
    run_study_id = tags.get(schema.TAG_STUDY_ID, "")
    if study_id and run_study_id:
        return run_study_id == study_id
    return tags.get(schema.TAG_KIND) in KINDS and tags.get(schema.TAG_STUDY) == name


def forget(here: Home, stored: Stored) -> list[str]:
    """Take a study out of MLflow, so that its name can be used again; returns what is to be said.

    Raises TrackingError where MLflow does not do it.
    """
    client = MlflowClient(here.tracking_uri)
    try:
        # Looked up once more: time has passed since the user was asked.
        experiment = client.get_experiment(stored.experiment)
        own, others = _parted(_runs(client, experiment), stored.name, stored.study_id)
        if others:
            return _leave(here, client, experiment, own, others)
        if here.artifacts is None:
            return _hide(client, stored)
        _erase(here, client, experiment, own)
        if experiment.lifecycle_stage == "active":
            client.delete_experiment(stored.experiment)
        purge_experiment(client, stored.experiment)
    except MlflowException as error:
        raise TrackingError(f"MLflow at {redact_url(here.tracking_uri)}: {one_line(error)}") from error
    return []


def _erase(here: Home, client: MlflowClient, experiment: Experiment, runs: list[Run]) -> None:
    """Artifacts go, then the runs leave the database, by what `mlflow gc` calls; a client has no method for it.

    In this order, so that whoever is killed in between finds the rest again.
    """
    for run in runs:
        for folder in _artifacts(here, experiment, [run]):
            if folder.is_dir():
                remove_tree(here.home, folder)
        purge_run(client, run.info.run_id)
    folder = _folder(experiment)
    if _is_here_made(here, experiment) and folder.is_dir() and all(path.is_dir() for path in folder.rglob("*")):
        remove_tree(here.home, folder)  # it is empty


def _leave(here: Home, client: MlflowClient, experiment: Experiment, own: list[Run], others: int) -> list[str]:
    """The study's runs go, and what it wrote on the experiment, which stays with the others' under another name."""
    was_active, key = experiment.lifecycle_stage == "active", experiment.experiment_id
    if not was_active:
        client.restore_experiment(key)  # MLflow renames no other
    notes = {run.data.tags.get(NOTE) for run in own}
    for tag, goes in (
        (VIEW_TAG, True),
        (schema.TAG_STUDY_ID, True),
        (NOTE, experiment.tags.get(NOTE) in notes),
    ):  # a note of the user's stays
        if goes and tag in experiment.tags:
            client.delete_experiment_tag(key, tag)
    name = f"{experiment.name} runs of others {_now()}"
    lines = [f"MLflow's experiment {experiment.name} held {_count(others)} of others, which stay in {name!r}"]
    if here.artifacts is not None:
        _erase(here, client, experiment, own)
    elif own:
        for run in own:
            client.delete_run(run.info.run_id)
        lines.append(_kept(f"{_count(len(own))} of {experiment.name} as deleted, in {name!r}"))
    # Last, so that whoever is killed before finds the experiment again.
    client.rename_experiment(key, name)
    if not was_active:
        client.delete_experiment(key)
    return lines


def _hide(client: MlflowClient, stored: Stored) -> list[str]:
    """A server deletes for good only by its own `mlflow gc`: the experiment is renamed, so that its name is free."""
    name = f"{stored.name} deleted {_now()}"
    if client.get_experiment(stored.experiment).lifecycle_stage != "active":
        client.restore_experiment(stored.experiment)
    client.rename_experiment(stored.experiment, name)
    client.delete_experiment(stored.experiment)
    return [_kept(f"the runs of {stored.name} as deleted experiment {name!r}")]


def _kept(kept: str) -> str:
    return f"MLflow's server keeps {kept}, and their artifacts; `mlflow gc` on the server removes them for good"


def _count(runs: int) -> str:
    return f"{runs} run{'s' if runs != 1 else ''}"


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S")


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


def _is_here_made(here: Home, experiment: Experiment) -> bool:
    """Whether its artifacts lie below this home's; a user may have renamed it since."""
    folder = artifact_folder(experiment.artifact_location, None)
    return here.artifact_root is not None and folder is not None and folder.parent == here.artifact_root


def _folder(experiment: Experiment) -> Path:
    """Where artifacts of an experiment that this home made lie; raises DataError where a link leads out."""
    folder = artifact_folder(experiment.artifact_location, None)
    assert folder is not None  # asked only where it is here
    return below(folder.parent, folder.name)


def _artifacts(here: Home, experiment: Experiment, runs: list[Run]) -> list[Path]:
    """Where artifacts of runs lie, if in this home: their folders, since an experiment of others may share its own."""
    if not _is_here_made(here, experiment):
        return []
    return [below(_folder(experiment), run.info.run_id) for run in runs]
