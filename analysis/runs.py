"""MLflow -> checked tables of one study; the only module here that imports mlflow.

The runs of a study are found by one search, the histories of a metric by one query for many runs where the store can
do that (a database), and predictions are read from their files when they are asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

import numpy as np
import pandas as pd

from analysis import records
from analysis.scores import CLASSES, Ints

if TYPE_CHECKING:  # importing mlflow takes seconds; who only handles StudyRuns shall not wait for it
    from mlflow import MlflowClient
    from mlflow.entities import Run

PREDICTION_COLUMNS = ("row", "patient", "grade", *(f"p{grade}" for grade in records.GRADES))
ENDED = (records.STATE_COMPLETE, records.STATE_STOPPED)
"""States of a trial that has ended in order, so that its selected epoch is final."""

FIRST_PARAMS = ("architecture", "pretrained", "lr", "batch_size", "imbalance")
RUNS_PER_QUERY = 100
PAGE = 1000


class RunsError(ValueError):
    """What the tracking store holds breaks a rule; the message names rule, value, place and remedy."""


@dataclass(frozen=True)
class StudyRuns:
    """All recorded runs of one study.

    trials       one row for each trial: trial, run_id, arm, state, reason, weights_digest, device, threads, every
                 hyperparameter (as number or bool where all values are), best_epoch, best_val_<score>, images_seen,
                 seconds, epochs_run; sorted by trial; NaN or "" where it was not recorded
    epochs       one row for each trial and epoch: trial, epoch (from 1), every name of records.EPOCH_METRICS
    predictions  trial -> table of PREDICTION_COLUMNS at the selected epoch; read from the store at each access
    confusions   trial -> (5, 5) counts at the selected epoch, rows = truth
    study        study.json of the parent run, {} when it is not there
    tags         tags of the parent run
    """

    name: str
    trials: pd.DataFrame
    epochs: pd.DataFrame
    predictions: Mapping[str, pd.DataFrame]
    confusions: dict[str, Ints]
    study: dict[str, Any]
    tags: dict[str, str]
    hyperparameters: tuple[str, ...]


class Predictions(Mapping[str, pd.DataFrame]):
    """Trial -> checked table of predictions, read at each access: a thousand of them would fill the memory."""

    def __init__(self, trials: tuple[str, ...], read: Callable[[str], bytes | None]) -> None:
        self._trials, self._read = trials, read

    def __getitem__(self, trial: str) -> pd.DataFrame:
        data = self._read(trial) if trial in self._trials else None
        if data is None:
            raise KeyError(trial)
        return _checked_predictions(data, trial)

    def __iter__(self) -> Iterator[str]:
        return iter(self._trials)

    def __len__(self) -> int:
        return len(self._trials)


def read_study(tracking_uri: str, name: str) -> StudyRuns:
    """Everything that MLflow holds of the study `name`.

    A store that does not exist yet is not made. Raises RunsError for an unknown study or runs that break a rule.
    """
    database = tracking_uri.removeprefix("sqlite:///")
    if database != tracking_uri and not Path(database).exists():
        raise RunsError(f"the tracking store {database} must exist, but it does not; run `retina search` first")
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=tracking_uri)
    runs = _search(client, name)
    parents = [run for run in runs if run.data.tags.get(records.TAG_KIND) == records.KIND_STUDY]
    if len(parents) != 1:
        raise RunsError(f"study {name} must have one run with tag kind=study, but has {len(parents)}; search it again")
    by_trial = _by_trial(runs, name)
    epochs = _epoch_table(client, by_trial)
    trials, hyperparameters = _trial_table(by_trial, epochs)
    saved = _read_artifact(client, parents[0], records.ARTIFACT_STUDY)
    confusions = {}
    for trial, run in by_trial.items():
        if records.BEST_EPOCH not in run.data.metrics:
            continue
        if data := _read_artifact(client, run, records.ARTIFACT_CONFUSION):
            confusions[trial] = _checked_confusion(data, trial)

    def read(trial: str) -> bytes | None:
        return _read_artifact(client, by_trial[trial], records.ARTIFACT_PREDICTIONS)

    return StudyRuns(
        name=name,
        trials=trials,
        epochs=epochs,
        predictions=Predictions(tuple(confusions), read),
        confusions=confusions,
        study=json.loads(saved) if saved else {},
        tags=dict(parents[0].data.tags),
        hyperparameters=hyperparameters,
    )


def _search(client: MlflowClient, name: str) -> list[Run]:
    """All runs of the experiment `name`, page by page. Raises RunsError naming the studies there are."""
    experiment = client.get_experiment_by_name(name)
    if experiment is None or experiment.lifecycle_stage != "active":
        there = sorted(one.name for one in client.search_experiments() if one.name != "Default")
        raise RunsError(f"study {name} must exist, but it does not; there are: {', '.join(there) or 'none yet'}")
    runs: list[Run] = []
    token: str | None = None
    while True:
        page = client.search_runs([experiment.experiment_id], max_results=PAGE, page_token=token)
        runs.extend(page)
        token = page.token
        if not token:
            return runs


def _by_trial(runs: list[Run], name: str) -> dict[str, Run]:
    """Trial tag -> its run, sorted. Raises RunsError for a missing or doubled trial tag or an unknown arm."""
    found: dict[str, Run] = {}
    for run in runs:
        tags = run.data.tags
        if tags.get(records.TAG_KIND) != records.KIND_TRIAL:
            continue
        trial = tags.get(records.TAG_TRIAL, "")
        if not trial or trial in found:
            what = f"run {found[trial].info.run_id} has it too" if trial else "it is missing"
            raise RunsError(
                f"the tag `trial` must be there once for each run, but for trial={trial!r} of run {run.info.run_id} "
                f"({name}) {what}; delete the run that is too many in MLflow"
            )
        if tags.get(records.TAG_ARM) not in records.ARM_LABELS:
            raise RunsError(
                f"the tag `arm` must be one of {', '.join(records.ARM_LABELS)}, but trial {trial} of {name} has "
                f"{tags.get(records.TAG_ARM)!r}; correct the tag in MLflow"
            )
        found[trial] = run
    return dict(sorted(found.items()))


def _trial_table(by_trial: dict[str, Run], epochs: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Table of trials and the names of its hyperparameters, the five searched axes first."""
    named = {key for run in by_trial.values() for key in run.data.params}
    params = (*(name for name in FIRST_PARAMS if name in named), *sorted(named.difference(FIRST_PARAMS)))
    plain = {
        "arm": records.TAG_ARM,
        "state": records.TAG_STATE,
        "reason": records.TAG_REASON,
        "weights_digest": records.TAG_WEIGHTS,
        "device": records.TAG_DEVICE,
        "threads": records.TAG_THREADS,
    }
    measured = {
        "best_epoch": records.BEST_EPOCH,
        **{name.replace("/", "_"): name for name in records.BEST_METRICS},
        "images_seen": records.IMAGES_SEEN,
        "seconds": records.SECONDS,
    }
    rows = [
        {"trial": trial, "run_id": run.info.run_id}
        | {column: run.data.tags.get(tag, "") for column, tag in plain.items()}
        | {name: run.data.params.get(name, "") for name in params}
        | {column: run.data.metrics.get(metric, float("nan")) for column, metric in measured.items()}
        for trial, run in by_trial.items()
    ]
    table = pd.DataFrame(rows, columns=["trial", "run_id", *plain, *params, *measured])
    for name in params:
        table[name] = _typed(table[name])
    ran = epochs.groupby("trial")["epoch"].max() if len(epochs) else pd.Series(dtype="int64")
    table["epochs_run"] = table["trial"].map(ran).fillna(0).astype("int64")
    return table, params


def _typed(texts: pd.Series) -> pd.Series:
    """The same values as bool or number where all of them are one, else as they are."""
    if len(texts) and texts.isin(["True", "False"]).all():
        return texts == "True"
    numbers = pd.to_numeric(texts, errors="coerce")
    return texts if numbers.isna().any() or not len(texts) else numbers


def _epoch_table(client: MlflowClient, by_trial: dict[str, Run]) -> pd.DataFrame:
    """Metrics of every epoch, one row for (trial, epoch); of a value that was sent twice the later one counts."""
    trial_of = {run.info.run_id: trial for trial, run in by_trial.items()}
    found: dict[tuple[str, int], dict[str, float]] = {}
    for metric in records.EPOCH_METRICS:
        runs = [run.info.run_id for run in by_trial.values() if metric in run.data.metrics]
        for run_id, step, value in _histories(client, runs, metric):
            found.setdefault((trial_of[run_id], step), {})[metric] = value
    rows = [{"trial": trial, "epoch": epoch} | values for (trial, epoch), values in sorted(found.items())]
    return pd.DataFrame(rows, columns=["trial", "epoch", *records.EPOCH_METRICS])


def _histories(client: MlflowClient, run_ids: list[str], metric: str) -> Iterator[tuple[str, int, float]]:
    """(run, step, value) of one metric, for each run in the order of time.

    MLflow's client offers no history of many runs at once, but its database store does; a tracking server is asked
    for one run after the other.
    """
    in_bulk = getattr(client._tracking_client.store, "get_metric_history_bulk", None)
    for start in range(0, len(run_ids), RUNS_PER_QUERY):
        chunk = run_ids[start : start + RUNS_PER_QUERY]
        if in_bulk is not None:
            for one in in_bulk(chunk, metric, None):  # sorted by run and time, without a limit
                yield one.run_id, one.step, one.value
            continue
        for run_id in chunk:
            for entry in sorted(client.get_metric_history(run_id, metric), key=lambda value: value.timestamp):
                yield run_id, entry.step, entry.value


def _read_artifact(client: MlflowClient, run: Run, name: str) -> bytes | None:
    """Content of an artifact, None when the run has none of that name."""
    place = urlparse(run.info.artifact_uri)
    if place.scheme in ("", "file"):
        path = Path(unquote(place.path)) / name
        return path.read_bytes() if path.is_file() else None
    from mlflow.exceptions import MlflowException

    with TemporaryDirectory() as folder:
        try:
            return Path(client.download_artifacts(run.info.run_id, name, folder)).read_bytes()
        except (MlflowException, OSError):
            return None


def _checked_confusion(data: bytes, trial: str) -> Ints:
    counts = np.asarray(json.loads(data)["confusion"], dtype=np.int64)
    if counts.shape != (CLASSES, CLASSES) or counts.min() < 0:
        raise RunsError(
            f"{records.ARTIFACT_CONFUSION} must hold {CLASSES}x{CLASSES} counts, but that of trial {trial} has "
            f"shape {counts.shape}, minimum {counts.min()}; run the trial again"
        )
    return counts


def _checked_predictions(data: bytes, trial: str) -> pd.DataFrame:
    table = pd.read_parquet(BytesIO(data))
    wrong = ""
    if tuple(table.columns) != PREDICTION_COLUMNS:
        wrong = f"columns {', '.join(PREDICTION_COLUMNS)}, but got {', '.join(map(str, table.columns))}"
    elif not table["grade"].isin(records.GRADES).all():
        wrong = f"grades 0..{CLASSES - 1}, but got {table['grade'].min()} .. {table['grade'].max()}"
    elif not np.isfinite(table[[f"p{grade}" for grade in records.GRADES]].to_numpy()).all():
        wrong = "finite probabilities, but got NaN or infinity"
    elif table["row"].duplicated().any():
        wrong = f"each row once, but row {table.loc[table['row'].duplicated(), 'row'].iloc[0]} is there twice"
    if wrong:
        raise RunsError(f"{records.ARTIFACT_PREDICTIONS} of trial {trial} must hold {wrong}; run the trial again")
    return table
