"""What MLflow's page says of a study: data, study.json, note, saved view; and links to it. Imports mlflow."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, Experiment, InputTag, Run
from mlflow.exceptions import MlflowException
from PIL import Image

from analysis import schema
from study.storage.events import StudyStarted
from study.storage.state import StudyState
from study.storage.test_reads import reading_note
from study.tracking.saved_view import ONLY_TRIALS, VIEW_TAG, image_file, plain_link, saved_view, view_link
from study.tracking.store.experiment import experiments_of, shows

if TYPE_CHECKING:
    from study.storage.home import Home

NOTE = "mlflow.note.content"

DATA_NAME = "retina-data"

DIGEST_LENGTH = 36  # of a data set's digest in MLflow; ours are longer and stand whole beside it

THUMBNAIL = 260  # pixels; what a chart shows before a picture is opened

LOOKED_AT = 500  # trials that are asked which hyperparameters differ

LEFT_OUT = ("seed", "epochs", "objective", "image_size", "precision")
"""Parameters that are no axis of a chart: alike in a study, or the trial's own number."""


def log_data(client: MlflowClient, run_id: str, study: StudyStarted) -> None:
    """Tell a run its data set, by digests and counts: no path and no name."""
    identity = study.identity
    source = {"data_digest": identity["data_digest"], "split_digest": identity["split_digest"]}
    profile = {"num_rows": sum(study.splits.values()), **study.splits}
    data = Dataset(
        name=DATA_NAME,
        digest=identity["data_digest"][:DIGEST_LENGTH],
        source_type="retina",
        source=json.dumps(source),
        profile=json.dumps(profile),
    )
    client.log_inputs(run_id, [DatasetInput(data, [InputTag("mlflow.data.context", "search")])])


def study_json(state: StudyState) -> dict[str, Any]:
    """What study.json holds (`schema.ARTIFACT_STUDY`)."""
    budget: dict[str, dict[str, float]] = {}
    for record in (*state.trials.values(), *state.finalists.values()):
        spent = budget.setdefault(record.arm, {"trials": 0, "epochs": 0, "images_seen": 0, "seconds": 0.0})
        spent["trials"] += record.finalist is None
        spent["epochs"] += len(record.epochs)
        spent["images_seen"] += sum(epoch.images_seen for epoch in record.epochs)
        spent["seconds"] = round(spent["seconds"] + sum(epoch.seconds for epoch in record.epochs), 3)
    keys = ("config", "audit", "not_run", "weights", "commands", "versions", "notes")
    study, reads = state.study, state.test_evaluations
    test = {
        "n": reads[0].n if reads else study.splits.get("test", 0),
        "n_new_patients": reads[0].n_new_patients if reads else None,
        "exclude_test_patients": any(
            one.confirm.exclude_test_patients for one in state.confirmations.values() if one.confirm
        ),
        "reads": len(reads),
        "ensemble": bool(study.ensemble),  # declared before a reading
        "note": reading_note(state),
    }
    found = {**{key: getattr(study, key) for key in keys}, "budget": budget, "test": test}
    return found | ({"forgotten": sorted(state.forgotten)} if state.forgotten else {})


def picture_files(png: Path, folder: Path, moment: int, run_id: str) -> None:
    """Lay a picture and its thumbnail below an artifact folder where MLflow's image charts look for them."""
    target = folder / image_file(moment, run_id, ".png")
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(png.read_bytes())
    with Image.open(png) as picture:
        picture.thumbnail((THUMBNAIL, THUMBNAIL))
        picture.convert("RGB").save(folder / image_file(moment, run_id, "+compressed.webp"))


def write_note(client: MlflowClient, experiment: str, parent: str, text: str) -> None:
    """Let experiment and study's run begin with what was found."""
    client.set_experiment_tag(experiment, NOTE, text)
    client.set_tag(parent, NOTE, text)


def write_view(client: MlflowClient, experiment: Experiment) -> None:
    """Write the saved view of a study's trials, or leave it as it is where it says the same."""
    before = experiment.tags.get(VIEW_TAG)
    found = client.search_runs([experiment.experiment_id], ONLY_TRIALS, max_results=LOOKED_AT)
    view = saved_view(_objective(client, experiment), axes_of(list(found)), int(time.time() * 1000), before)
    if view != before:
        client.set_experiment_tag(experiment.experiment_id, VIEW_TAG, view)


def axes_of(trials: list[Run]) -> list[str]:
    """Hyperparameters that differ between trials, in the order of their names."""
    values: dict[str, set[str]] = {}
    for run in trials:
        for name, value in run.data.params.items():
            values.setdefault(name, set()).add(value)
    return sorted(name for name, found in values.items() if len(found) > 1 and name not in LEFT_OUT)


def links(here: Home, name: str, server: str) -> list[str]:
    """Links to a study's trials at `server`, one for each of its folds; none where MLflow does not have it.

    The saved view where the store takes it, else the plain list, best first. Raises RefusedError where another study
    has the name.
    """
    client = MlflowClient(here.tracking_uri)
    found = []
    for experiment in experiments_of(client, here, name).values():
        try:
            write_view(client, experiment)
            found.append(view_link(server, experiment.experiment_id))
        except MlflowException:
            found.append(plain_link(server, experiment.experiment_id, _objective(client, experiment)))
    return found


def serves(server: str, uri: str) -> bool:
    """Whether MLflow's server at an address shows the store at `uri`."""
    try:
        return shows(MlflowClient(uri), MlflowClient(server))
    except MlflowException:
        return False


def _objective(client: MlflowClient, experiment: Experiment) -> str:
    only_study = f"tags.{schema.TAG_KIND} = '{schema.KIND_STUDY}'"
    parents = client.search_runs([experiment.experiment_id], only_study, max_results=1)
    return parents[0].data.tags.get(schema.TAG_OBJECTIVE, "kappa") if parents else "kappa"
