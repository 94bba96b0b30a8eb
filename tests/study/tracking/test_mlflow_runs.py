"""A confirmation as a run of MLflow; trials are in test_tracking.py."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from mlflow.entities import Run

from analysis import schema
from study.storage.events import Event
from study.storage.state import study_state
from study.tracking.mlflow_runs import resource_metrics
from study.tracking.mlflow_tracker import Tracking
from study.training.checkpoints import PREDICTIONS, TEST_PREDICTIONS, save_predictions
from study.tuning.confirmation import ConfirmationConfig, Confirmations
from tests.fixtures.mlflow import client, store
from tests.fixtures.study import (
    close_event,
    end_event,
    epoch_event,
    evaluation_event,
    predictions,
    study_event,
    trial_event,
)  # fmt: skip

NAMES = iter(f"tracking-run-{number}" for number in range(1000))
CONFUSION = [[2, 0, 0, 0, 0], *([[0] * 5] * 4)]


@pytest.fixture
def name() -> Iterator[str]:
    yield next(NAMES)


def _events(folder: Path) -> list[Event]:
    """A search of one trial, and its confirmation."""
    search: list[Event] = [study_event(trials=1), trial_event(0, epochs=1), epoch_event(0, 1, 0.6), end_event(0)]
    started = Confirmations(study_state(search), ConfirmationConfig(seeds=1)).suggest()
    scores = {"test/kappa": 0.3, "test_new_patients/kappa": 0.2}
    evaluation = evaluation_event(
        n=4, n_new_patients=2, confusion=CONFUSION, new_patients=CONFUSION, scores=scores, time=1022.0
    )
    place = folder / "checkpoints" / "c0000"
    save_predictions(place, predictions(), PREDICTIONS)
    save_predictions(place, predictions().assign(new_patients=True), TEST_PREDICTIONS)
    return [
        *search,
        replace(study_event(trials=1), confirmations=1),
        replace(started, time=1020.0),
        epoch_event("c0000", 1, 0.5, time=1021.0),
        evaluation,
        end_event("c0000"),
        close_event(),
    ]


def _send(name: str, folder: Path, events: list[Event]) -> Tracking:
    tracking = Tracking(store()[0], name, folder, (store()[1] / name).as_uri())
    for event in events:
        if tracking.apply(event):
            tracking.send(event)
    return tracking


def _runs(name: str) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {}
    for run in client().search_runs([client().get_experiment_by_name(name).experiment_id]):
        found.setdefault(run.data.tags[schema.TAG_KIND], []).append(run)
    return found


@pytest.mark.usefixtures("grey_pictures")
@pytest.mark.parametrize("cut", range(5, 11))
def test_a_confirmation_is_one_run_with_agreed_names_wherever_it_was_cut(name: str, tmp_path: Path, cut: int) -> None:
    events = _events(tmp_path)
    _send(name, tmp_path, events[:cut]).close_interrupted()
    assert "RUNNING" not in {run.info.status for runs in _runs(name).values() for run in runs}
    _send(name, tmp_path, events)
    _send(name, tmp_path, events)
    runs = _runs(name)
    assert {kind: len(found) for kind, found in runs.items()} == {"study": 1, "trial": 1, "confirm": 1}
    run, parent = runs["confirm"][0], runs["study"][0]
    tags = run.data.tags
    assert (tags[schema.TAG_CONFIRM], tags[schema.TAG_CONFIRMED_TRIAL], tags[schema.TAG_SEED_INDEX]) == (
        "c0000",
        "0000",
        "0",
    )
    assert schema.TAG_TRIAL not in tags
    assert tags[schema.TAG_BASELINE] == "False"
    assert (run.info.status, tags[schema.TAG_STATE]) == ("FINISHED", schema.STATE_COMPLETE)
    assert parent.data.tags[schema.TAG_TEST_EVALUATIONS] == "1"
    metrics = run.data.metrics
    assert (metrics["test/kappa"], metrics["test_new_patients/kappa"], metrics["val/kappa"]) == (0.3, 0.2, 0.5)
    assert not [metric for metric in metrics if metric.startswith("best/")]
    assert len(client().get_metric_history(run.info.run_id, "test/kappa")) == 1
    assert len(client().get_metric_history(run.info.run_id, "val/kappa")) == 1
    confusion = Path(client().download_artifacts(run.info.run_id, schema.ARTIFACT_TEST_CONFUSION, str(tmp_path)))
    assert json.loads(confusion.read_text()) == {
        "epoch": 1, "split": "test", "confusion": CONFUSION, "new_patients": CONFUSION
    }  # fmt: skip
    table = Path(client().download_artifacts(run.info.run_id, schema.ARTIFACT_TEST_PREDICTIONS, str(tmp_path)))
    assert "new_patients" in pd.read_parquet(table)
    study = Path(client().download_artifacts(parent.info.run_id, schema.ARTIFACT_STUDY, str(tmp_path)))
    told = json.loads(study.read_text())["test"]
    assert {key: told[key] for key in ("n", "n_new_patients", "reads", "exclude_test_patients")} == {
        "n": 4, "n_new_patients": 2, "reads": 1, "exclude_test_patients": False
    }  # fmt: skip
    assert json.loads(study.read_text())["budget"]["resnet18-scratch"]["trials"] == 1


def test_resource_metrics_highest_peaks_and_shares_of_all_the_time() -> None:
    none = replace(epoch_event(0, 1, 0.5), seconds=9.0, peak_resident_bytes=None, cpu_utilisation=None)
    epochs = [
        replace(none, seconds=1.0, peak_memory_bytes=2 * 10**9, utilisation=0.9, cpu_utilisation=0.5),
        replace(none, seconds=3.0, peak_memory_bytes=1 * 10**9, utilisation=0.1, cpu_utilisation=0.5),
        none,
    ]
    assert resource_metrics(epochs) == {
        schema.PEAK_MEMORY: 2000.0,
        schema.UTILISATION: pytest.approx(0.3),
        schema.CPU_UTILISATION: pytest.approx(0.5),
    }
    assert set(resource_metrics([replace(epochs[0], peak_resident_bytes=1)])) == set(schema.USE_METRICS)
    assert resource_metrics([none]) == {}
