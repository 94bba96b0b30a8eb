"""Which experiment of MLflow is a study's: the one with its id, whatever it is called now."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from mlflow import MlflowClient
from mlflow.entities import Experiment, Run, ViewType

from analysis import schema
from analysis.redact import without_passwords as redact_url
from study.storage.home import fold_studies, study_id
from study.tracking.store.refusals import RefusedError

if TYPE_CHECKING:
    from study.storage.home import Home

ACTIVE = "active"

PAGE = 1000

FIRST = "0"
"""The experiment Default, which each store begins with."""

ASKED = "retina.asked"
"""Tag of an experiment, for a moment: whether it may be written, and which store a server shows."""


def find_experiment(client: MlflowClient, name: str, study_id: str | None, where: str) -> Experiment | None:
    """The experiment of the study `name`, or None.

    study_id: of its ledger; "" before it begins; None where no ledger is here, and whatever has the name is meant. One
    of another name is still it, where it has the id: a user may rename it on MLflow's page. where: MLflow's address for
    a message. Raises RefusedError where another study has the name, or where the experiment was deleted.
    """
    found = tagged_experiment(client, study_id or "") or client.get_experiment_by_name(name)
    if found is None:
        return None
    other = study_id_of(client, found)
    if study_id is not None and other not in ("", study_id):
        raise RefusedError(
            f"MLflow at {where} has another study of the name {name} (its id is {other[:8]}, here it is "
            f"{study_id[:8] or 'not begun'}), begun elsewhere or deleted here; choose another name, or delete that "
            f"experiment for good (`retina delete {name}` in its own home)"
        )
    if found.lifecycle_stage != ACTIVE:
        raise RefusedError(
            f"MLflow's experiment {found.name} at {where} must be active for study {name}, but was deleted there; "
            f"restore it (`mlflow experiments restore --experiment-id {found.experiment_id}`), delete it for good "
            "(`mlflow gc`), or choose another name"
        )
    return found


def experiments_of(client: MlflowClient, here: Home, name: str) -> dict[str, Experiment]:
    """Study -> its experiment, of the study `name` or of each of its outer folds; without those that MLflow lacks.

    A name whose ledger is not here is taken as it is: MLflow alone has that study. Raises RefusedError.
    """
    found, where = dict[str, Experiment](), redact_url(here.tracking_uri)
    for study in fold_studies(here.home, name):
        if experiment := find_experiment(client, study, study_id(here.home / study) or None, where):
            found[study] = experiment
    fold = 1
    while not study_id(here.home / schema.fold_name(name, 1)):
        experiment = find_experiment(client, study := schema.fold_name(name, fold), None, where)
        if experiment is None:
            break
        found[study], fold = experiment, fold + 1
    return found


def try_write(client: MlflowClient, experiment: str, study_id: str) -> None:
    """Write what leaves nothing new: the study's id once more, or a tag that is taken away again."""
    if study_id and experiment != FIRST:
        client.set_experiment_tag(experiment, schema.TAG_STUDY_ID, study_id)
        return
    client.set_experiment_tag(experiment, ASKED, "a write")
    client.delete_experiment_tag(experiment, ASKED)


def shows(client: MlflowClient, other: MlflowClient) -> bool:
    """Whether two addresses are of one store: what is written by one must be read by the other.

    A copy of a home holds the same experiments as the original.
    """
    value = uuid.uuid4().hex
    client.set_experiment_tag(FIRST, ASKED, value)
    try:
        return bool(other.get_experiment(FIRST).tags.get(ASKED) == value)
    finally:
        client.delete_experiment_tag(FIRST, ASKED)


def study_id_of(client: MlflowClient, experiment: Experiment) -> str:
    """The id of the study that has an experiment, as its tag or its own run says; "" where no study has it."""
    if known := experiment.tags.get(schema.TAG_STUDY_ID):
        return str(known)
    only_study = f"tags.{schema.TAG_KIND} = '{schema.KIND_STUDY}'"
    runs = client.search_runs([experiment.experiment_id], only_study, ViewType.ALL, max_results=10)
    ids = {run.data.tags.get(schema.TAG_STUDY_ID, "") for run in sorted(runs, key=lambda run: run.info.start_time)}
    return next((one for one in ids if one), "")


def all_runs(client: MlflowClient, experiment: str) -> list[Run]:
    """All active runs of an experiment, page by page."""
    found: list[Run] = []
    token: str | None = None
    while True:
        page = client.search_runs([experiment], max_results=PAGE, page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def tagged_experiment(client: MlflowClient, study_id: str) -> Experiment | None:
    """The experiment that holds the study with this id, an active one first; None where none does, or for ""."""
    if not study_id:
        return None
    tagged = f"tags.{schema.TAG_STUDY_ID} = '{study_id}'"
    found = list(client.search_experiments(ViewType.ALL, filter_string=tagged))
    return min(found, key=lambda one: (one.lifecycle_stage != ACTIVE, one.experiment_id), default=None)
