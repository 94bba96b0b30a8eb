"""MLflow -> checked tables of one study; the only module here that imports mlflow.

The runs of a study are found by one search, the histories of their metrics by one query for hundreds of runs where the
store is a database, and predictions are read from their files when they are asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis import schema
from analysis.artifact_place import checked_folder
from analysis.errors import RunsError
from analysis.redact import shareable, without_passwords
from analysis.results import run_artifacts, run_tables
from analysis.results.run_artifacts import PREDICTION_COLUMNS, TEST_COLUMNS
from analysis.results.run_tables import Record
from analysis.results.study_runs import Predictions, StudyRuns
from analysis.stats.metrics import Ints
from retina_data.gate import below, read_file

if TYPE_CHECKING:  # importing mlflow takes seconds; who only handles StudyRuns shall not wait for it
    from mlflow import MlflowClient

RUNS_PER_QUERY = 500

PAGE = 1000

MOST_BYTES = 2_000_000_000  # of an artifact

Read = Callable[[Record, str], bytes | None]


def read_study(
    tracking_uri: str, name: str, experiments: Mapping[str, str] | None = None, root: Path | None = None
) -> StudyRuns:
    """Everything that MLflow holds of the study `name`; where that is a study of folds, of all of them.

    experiments: study -> number of its experiment, where that is known by more than the name. root: the home's folder
    of artifacts, below which they must lie (`analysis.artifact_place`).
    A store that does not exist yet is not made. Raises RunsError for an unknown study or runs that break a rule.
    """
    database = tracking_uri.removeprefix("sqlite:///")
    if database != tracking_uri and not Path(database).exists():
        raise RunsError(f"the tracking store {database} must exist, but it does not; run `retina search` first")
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=tracking_uri)
    read = partial(_read_artifact, client, root=root)
    runs, parents = _runs_and_parents(client, name, experiments or {})
    trials = run_tables.by_name(runs, schema.KIND_TRIAL, schema.TAG_TRIAL, name)
    confirmations = run_tables.by_name(runs, schema.KIND_CONFIRM, schema.TAG_CONFIRM, name)
    finalists = run_tables.by_name(runs, schema.KIND_FINALIST, schema.TAG_FINALIST, name)
    epochs, confirm_epochs = _epochs(client, trials, "trial"), _epochs(client, confirmations, "confirm")
    table, hyperparameters = run_tables.trial_table(trials, epochs)
    chosen = {trial: one for trial, one in trials.items() if schema.BEST_EPOCH in one.metrics}
    confusions = _confusions(read, chosen, "trial", schema.ARTIFACT_CONFUSION)
    tested = _confusions(read, confirmations, "confirmation", schema.ARTIFACT_TEST_CONFUSION)

    def validation(trial: str) -> pd.DataFrame | None:
        data = read(trials[trial], schema.ARTIFACT_PREDICTIONS)
        where = f"trial {trial}", schema.ARTIFACT_PREDICTIONS, PREDICTION_COLUMNS
        return None if data is None else run_artifacts.checked_predictions(data, *where)

    def test(confirm: str) -> pd.DataFrame | None:
        data = read(confirmations[confirm], schema.ARTIFACT_TEST_PREDICTIONS)
        where = f"confirmation {confirm}", schema.ARTIFACT_TEST_PREDICTIONS, TEST_COLUMNS
        return None if data is None else run_artifacts.checked_predictions(data, *where)

    with_test = _having(client, root, confirmations, tested, schema.ARTIFACT_TEST_PREDICTIONS)
    saved = [read(parent, schema.ARTIFACT_STUDY) for parent in parents]
    folds = _folds_of(parents[0])[1] if parents[0].fold else 0
    return StudyRuns(
        name=name,
        trials=table,
        epochs=epochs,
        predictions=Predictions(tuple(confusions), validation),
        confusions=confusions,
        finalists=run_tables.finalist_table(finalists, _epochs(client, finalists, "finalist")),
        confirmations=run_tables.confirmation_table(confirmations, confirm_epochs),
        confirm_epochs=confirm_epochs,
        test_predictions=Predictions(with_test, test),
        test_confusions=tested,
        study=run_tables.joined_study([shareable(_json(data)) if data else {} for data in saved]),
        tags=run_tables.joined_tags([parent.tags for parent in parents]) if folds else dict(parents[0].tags),
        hyperparameters=hyperparameters,
        folds=folds,
        folds_begun=tuple(parent.fold for parent in parents if folds),
    )


def _runs_and_parents(
    client: MlflowClient, name: str, experiments: Mapping[str, str]
) -> tuple[list[Record], list[Record]]:
    """All runs of the study, and its parent run; in a study of folds those of all that have begun, in order.

    Raises RunsError naming the studies there are, or for a study with no parent run or several.
    """
    experiment = experiments.get(name) or _experiment(client, name)
    if experiment is not None:
        runs = _search(client, experiment, 0)
        parent = _parent(runs, name)
        return _own(runs, parent), [parent]
    runs, parents = list[Record](), list[Record]()
    fold = folds = 1
    while fold <= folds:
        fold_study = schema.fold_name(name, fold)
        experiment = experiments.get(fold_study) or _experiment(client, fold_study)
        if experiment is not None:
            here = _search(client, experiment, fold)
            parent = _parent(here, fold_study)
            if parent.tags.get(schema.TAG_FOLD_OF) == name:
                runs, parents = runs + _own(here, parent), [*parents, parent]
                folds = _folds_of(parent)[1]
        fold += 1
    if not parents:
        there = sorted(one.name for one in client.search_experiments() if one.name != "Default")
        raise RunsError(f"study {name} must exist, but it does not; there are: {', '.join(there) or 'none yet'}")
    return runs, parents


def _own(runs: list[Record], parent: Record) -> list[Record]:
    """Without the runs that say they are of another study."""
    mine = parent.tags.get(schema.TAG_STUDY_ID)
    return [run for run in runs if not mine or run.tags.get(schema.TAG_STUDY_ID, mine) == mine]


def _json(data: bytes) -> Any:
    """What study.json holds; nothing where it is none, as of an older release."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _folds_of(parent: Record) -> tuple[int, int]:
    try:
        return schema.fold_of(parent.tags.get(schema.TAG_FOLD, ""))
    except ValueError as error:
        raise RunsError(f"{error} (MLflow's tag {schema.TAG_FOLD} of run {parent.run_id}); search it again") from None


def _experiment(client: MlflowClient, name: str) -> str | None:
    """Number of the experiment of that name; None where there is none, or it was deleted."""
    found = client.get_experiment_by_name(name)
    return found.experiment_id if found is not None and found.lifecycle_stage == "active" else None


def _search(client: MlflowClient, experiment: str, fold: int) -> list[Record]:
    """All runs of an experiment, page by page."""
    runs: list[Record] = []
    token: str | None = None
    while True:
        page = client.search_runs([experiment], max_results=PAGE, page_token=token)
        for run in page:
            data, info, tags = run.data, run.info, shareable(run.data.tags)
            times = [float("nan") if time is None else float(time) for time in (info.start_time, info.end_time)]
            runs.append(Record(info.run_id, info.artifact_uri, tags, data.params, data.metrics, fold, *times))
        token = page.token
        if not token:
            return runs


def _parent(runs: list[Record], name: str) -> Record:
    parents = [run for run in runs if run.tags.get(schema.TAG_KIND) == schema.KIND_STUDY]
    if len(parents) != 1:
        raise RunsError(f"study {name} must have one run with tag kind=study, but has {len(parents)}; search it again")
    return parents[0]


def _epochs(client: MlflowClient, named: Mapping[str, Record], key: str) -> pd.DataFrame:
    """Metrics of every epoch, one row for (name, epoch); of a value that was sent twice the later one counts."""
    name_of = {one.run_id: name for name, one in named.items()}
    store = client._tracking_client.store
    histories = _from_database if hasattr(store, "ManagedSessionMaker") else _from_server
    rows = [
        (name_of[run_id], step, metric, value)
        for start in range(0, len(name_of), RUNS_PER_QUERY)
        for run_id, metric, step, value in histories(client, [*named.values()][start : start + RUNS_PER_QUERY])
    ]
    return run_tables.epoch_table(key, rows)


def _from_database(client: MlflowClient, chunk: list[Record]) -> Iterator[tuple[str, str, int, float]]:
    """(run, metric, step, value) of all epoch metrics in the order of time, by one query.

    MLflow's client offers no history of many runs or metrics at once, and its store makes an object of each value,
    which takes five times as long as reading it; so the columns are read as they are.
    """
    from mlflow.store.tracking.dbmodels.models import SqlMetric

    columns = SqlMetric.run_uuid, SqlMetric.key, SqlMetric.step, SqlMetric.value, SqlMetric.is_nan
    wanted = SqlMetric.run_uuid.in_([one.run_id for one in chunk]), SqlMetric.key.in_(schema.EPOCH_METRICS)
    with client._tracking_client.store.ManagedSessionMaker() as session:
        for run_id, metric, step, value, is_nan in (
            session.query(*columns).filter(*wanted).order_by(SqlMetric.timestamp)
        ):
            yield run_id, metric, step, float("nan") if is_nan else value


def _from_server(client: MlflowClient, chunk: list[Record]) -> Iterator[tuple[str, str, int, float]]:
    """The same from a tracking server, which is asked for one run and metric after the other."""
    for one in chunk:
        for metric in schema.EPOCH_METRICS:
            if metric in one.metrics:
                for entry in sorted(client.get_metric_history(one.run_id, metric), key=lambda value: value.timestamp):
                    yield one.run_id, metric, entry.step, entry.value


def _confusions(read: Read, named: Mapping[str, Record], what: str, artifact: str) -> dict[str, Ints]:
    """Name -> counts (5, 5), of those that have the artifact."""
    found = {}
    for name, one in named.items():
        if data := read(one, artifact):
            found[name] = run_artifacts.checked_confusion(data, f"{what} {name}", artifact)
    return found


def _having(
    client: MlflowClient, root: Path | None, named: Mapping[str, Record], names: Iterable[str], artifact: str
) -> tuple[str, ...]:
    """Those of the names whose run has the artifact, or cannot tell."""
    found = []
    for name in names:
        place = checked_folder(named[name].place, client.tracking_uri, root)
        if _has_artifact(client, named[name], artifact) if place is None else (place / artifact).is_file():
            found.append(name)
    return tuple(found)


def _read_artifact(client: MlflowClient, one: Record, name: str, root: Path | None = None) -> bytes | None:
    """Content of an artifact, None when the run has none of that name.

    Raises RunsError where it is there and cannot be read: a conclusion must not hang on what did not answer.
    """
    folder = checked_folder(one.place, client.tracking_uri, root)
    if folder is not None:
        path = below(folder, *name.split("/"))
        return read_file(path, MOST_BYTES) if path.exists() else None
    from mlflow.exceptions import MlflowException

    with TemporaryDirectory() as temporary:
        try:
            return Path(client.download_artifacts(one.run_id, name, temporary)).read_bytes()
        except (MlflowException, OSError) as error:
            if not _has_artifact(client, one, name):
                return None
            reason = without_passwords(" ".join(str(error).split()))
            raise RunsError(
                f"the artifact {name} of run {one.run_id} must be readable, but is not ({reason}); try again once the "
                "artifact store answers"
            ) from error


def _has_artifact(client: MlflowClient, one: Record, name: str) -> bool:
    """Whether a run lists an artifact, or cannot tell."""
    from mlflow.exceptions import MlflowException

    try:
        listed = client.list_artifacts(one.run_id, name.rpartition("/")[0] or None)
    except (MlflowException, OSError):
        return True
    return name in {entry.path for entry in listed}
