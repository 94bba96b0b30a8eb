"""One trial or confirmation as a run of MLflow: its beginning, each epoch, its end. mlflow_tracker says when.

All of it may be sent again: a value with the same step and time stamp is one value.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.utils.mlflow_tags import MLFLOW_LOGGED_IMAGES

from analysis import schema
from analysis.figures import trial_pictures
from retina_data.gate import below
from study.storage.events import EpochFinished, StudyStarted
from study.storage.state import TrialRecord
from study.tracking.experiment_page import log_data, picture_files
from study.tracking.store.artifacts import RunArtifacts
from study.training.checkpoints import PREDICTIONS, TEST_PREDICTIONS

PARENT = "mlflow.parentRunId"

MEGABYTE = 1e6


def milliseconds(seconds: float) -> int:
    """MLflow's time stamps."""
    return int(seconds * 1000)


def create_run(
    client: MlflowClient, experiment: str, parent: str, name: str, study: StudyStarted, record: TrialRecord
) -> str:
    """A new run below the study's; returns its id."""
    config = record.config
    weights = study.weights.get(config["architecture"], {}) if config["pretrained"] else {}
    if record.confirm:
        own = {
            schema.TAG_KIND: schema.KIND_CONFIRM,
            schema.TAG_CONFIRM: record.trial,
            schema.TAG_CONFIRMED_TRIAL: record.confirm.trial,
            schema.TAG_SEED_INDEX: str(record.confirm.seed_index),
            schema.TAG_BASELINE: str(record.confirm.baseline),
        }
    elif record.finalist:
        own = {
            schema.TAG_KIND: schema.KIND_FINALIST,
            schema.TAG_FINALIST: record.trial,
            schema.TAG_CONFIRMED_TRIAL: record.finalist.trial,
            schema.TAG_SEED_INDEX: str(record.finalist.seed_index),
            schema.TAG_SPLIT_SEED: str(record.finalist.split_seed),
            schema.TAG_BASELINE: str(record.finalist.baseline),
        }
    else:
        own = {
            schema.TAG_KIND: schema.KIND_TRIAL,
            schema.TAG_TRIAL: record.trial,
            schema.TAG_DUPLICATE_OF: record.duplicate_of,
        }
    run = client.create_run(
        experiment,
        start_time=milliseconds(record.started),
        run_name=f"{record.trial} {record.arm}",
        tags=own
        | {
            PARENT: parent,
            schema.TAG_STUDY: name,
            schema.TAG_ARM: record.arm,
            schema.TAG_STATE: schema.STATE_RUNNING,
            schema.TAG_SEED: str(config["seed"]),
            schema.TAG_PRECISION: config["precision"],
            schema.TAG_WEIGHTS: weights.get("digest", ""),
            schema.TAG_DATA: study.identity["data_digest"],
            schema.TAG_SPLIT: study.identity["split_digest"],
            schema.TAG_COMMIT: study.versions["retina_commit"],
            schema.TAG_VERSIONS: json.dumps(study.versions),
            schema.TAG_STUDY_ID: study.id,
        },
    )
    return str(run.info.run_id)


def describe_run(client: MlflowClient, run: str, study: StudyStarted, record: TrialRecord) -> None:
    """Its parameters, the numeric ones as metrics too, and its data."""
    config, stamp = record.config, milliseconds(record.started)
    numbers = {k: float(v) for k, v in config.items() if isinstance(v, int | float) and not isinstance(v, bool)}
    numbers["log10_lr"] = math.log10(config["lr"])
    client.log_batch(
        run,
        params=[Param(key, str(value)) for key, value in config.items()],
        metrics=[Metric(schema.hparam(key), value, stamp, 0) for key, value in numbers.items()],
    )
    log_data(client, run, study)


def send_epoch(client: MlflowClient, run: str, event: EpochFinished) -> None:
    """The scores of one epoch, and that it was sent."""
    tags: dict[str, int | str] = {schema.TAG_EPOCHS_RECORDED: event.epoch}
    if event.epoch == 1:
        tags |= {schema.TAG_DEVICE: event.device, schema.TAG_THREADS: event.threads}
    client.log_batch(
        run,
        metrics=[Metric(k, v, milliseconds(event.time), event.epoch) for k, v in event.scores.items()],
        tags=[RunTag(key, str(value)) for key, value in tags.items()],
    )


def end_run(
    client: MlflowClient, artifacts: RunArtifacts, run: str, study: StudyStarted, record: TrialRecord, folder: Path
) -> None:
    """Scores of the selected epoch and of the test split, artifacts (from `folder`), reason and state."""
    assert record.end is not None
    stamp, best = milliseconds(record.end.time), record.best()
    metrics, tags = [], {schema.TAG_STATE: record.end.state}
    final = best or (record.epochs[-1] if record.epochs else None)  # of one that was stopped, the epoch it came to
    if final:
        values = {
            schema.IMAGES_SEEN: float(sum(epoch.images_seen for epoch in record.epochs)),
            schema.SECONDS: sum(epoch.seconds for epoch in record.epochs),
            **resource_metrics(record.epochs),
        }
        if record.confirm:
            values |= record.test.scores if record.test else {}
        elif best:
            val = {name: value for name, value in best.scores.items() if name.startswith("val/")}
            values |= {f"best/{name.replace('/', '_')}": value for name, value in val.items()}
            values[schema.BEST_EPOCH] = float(best.epoch)
        metrics = [Metric(name, value, stamp, final.epoch) for name, value in values.items()]
        tags |= {schema.TAG_BEST_WEIGHTS: best.weights_digest if best else "", MLFLOW_LOGGED_IMAGES: "True"}
        _send_artifacts(artifacts, run, study, record, final, folder)
    if record.end.reason:
        tags[schema.TAG_REASON] = record.end.reason
    # One call: SQLite takes its time for each.
    client.log_batch(run, metrics=metrics, tags=[RunTag(key, value) for key, value in tags.items()])
    client.set_terminated(run, schema.MLFLOW_STATUS[record.end.state], end_time=stamp)


def _send_artifacts(
    artifacts: RunArtifacts, run: str, study: StudyStarted, record: TrialRecord, final: EpochFinished, folder: Path
) -> None:
    split = "test" if study.config["select_on"] == "test" else "validation"
    confusion = {"epoch": final.epoch, "split": split, "confusion": final.confusion}
    artifacts.add_json(run, confusion, schema.ARTIFACT_CONFUSION)
    title = f"{record.trial} {schema.label(record.arm, study.weights)}, epoch {final.epoch}"
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        (place / "confusion").mkdir()
        (place / "predictions").mkdir()
        _copy(below(folder, PREDICTIONS), place / schema.ARTIFACT_PREDICTIONS)
        curves, matrix = place / schema.ARTIFACT_CURVES, place / schema.ARTIFACT_CONFUSION_PNG
        trial_pictures.curves_png(curves, pd.DataFrame([{"epoch": e.epoch, **e.scores} for e in record.epochs]))
        trial_pictures.confusion_png(matrix, pd.DataFrame(final.confusion).to_numpy(), title)
        picture_files(matrix, place, milliseconds(final.time), run)
        if record.test:
            tested: dict[str, Any] = {"epoch": final.epoch, "split": "test", "confusion": record.test.confusion}
            tested["new_patients"] = record.test.new_patients
            (place / schema.ARTIFACT_TEST_CONFUSION).write_text(json.dumps(tested))
            _copy(below(folder, TEST_PREDICTIONS), place / schema.ARTIFACT_TEST_PREDICTIONS)
            counts = pd.DataFrame(record.test.confusion).to_numpy()
            trial_pictures.confusion_png(place / schema.ARTIFACT_TEST_CONFUSION_PNG, counts, f"{title}, test split")
        artifacts.add_files(run, place)


def resource_metrics(epochs: Sequence[EpochFinished]) -> dict[str, float]:
    """Highest memory of a trial's epochs, and shares of its time in which it computed; what is not known is missing."""
    found: dict[str, float] = {}
    for field, metric in (("peak_memory_bytes", schema.PEAK_MEMORY), ("peak_resident_bytes", schema.PEAK_RESIDENT)):
        if peaks := [peak for epoch in epochs if (peak := getattr(epoch, field)) is not None]:
            found[metric] = max(peaks) / MEGABYTE
    for field, metric in (("utilisation", schema.UTILISATION), ("cpu_utilisation", schema.CPU_UTILISATION)):
        known = [epoch for epoch in epochs if getattr(epoch, field) is not None]
        if seconds := sum(epoch.seconds for epoch in known):
            found[metric] = sum(getattr(epoch, field) * epoch.seconds for epoch in known) / seconds
    return found


def _copy(source: Path, target: Path) -> None:
    if source.exists():
        target.write_bytes(source.read_bytes())
