"""The report of a study: tables, figures and one HTML page."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retina_data.gate import below, check_links
from study.storage.home import fold_studies, folds_of, study_id

if TYPE_CHECKING:
    from study.storage.home import Home

log = logging.getLogger(__name__)


def write_study_report(name: str, here: Home, accuracy: float | None = None) -> Path:
    """Tables, figures and page of a study in its folder, and beside its parent run; returns the folder.

    MLflow is compared with the ledger first. Raises RefusedError where it has another study of that name, or does not
    take a copy of the report, and TrackingError where it does not answer.
    accuracy: from which configurations are listed; that of analysis.tables.best without it.
    """
    from analysis.report.html import ANSWER, write_report
    from analysis.results.mlflow_reader import read_study
    from analysis.tables.best import THRESHOLD
    from study.tracking.sync import compared, tracking_error

    started = [fold for fold in fold_studies(here.home, name) if (here.home / fold / "ledger.jsonl").exists()]
    experiments = compared(here, name)
    folder = below(here.home, name, "report")
    if folder.exists():
        check_links(folder)
    explained = _mistakes(name, here, folder)
    study = read_study(here.tracking_uri, name, experiments, here.artifact_root)
    known = _temperatures(here, name, list(study.confirmations["confirm"]))
    write_report(replace(study, explained=explained, temperatures=known), folder, accuracy or THRESHOLD)
    try:
        _send(name, here, started, folder, (folder / ANSWER).read_text("utf-8"))
    except Exception as error:  # MLflow's and its server's, of any class
        log.warning(f"the report is in {folder}, and MLflow has no copy of it")
        raise tracking_error(error, here.tracking_uri) from error
    return folder


def _send(name: str, here: Home, started: list[str], folder: Path, answer: str) -> None:
    """Put the report beside each study's own run. A study that MLflow alone has is another home's: not started here."""
    from study.tracking.mlflow_tracker import Tracking

    for fold in started:
        own = here.home / fold
        tracking = Tracking(here.tracking_uri, fold, own, here.artifacts_of(fold), study_id(own))
        if folds_of(here.home, name):  # the whole has no run of its own
            tracking.send_answer(answer, name)
        else:
            tracking.send_report(folder, answer)


def _temperatures(here: Home, name: str, confirmations: list[str]) -> dict[str, float]:
    """Confirmation (in a study of folds "1/c0000") -> the temperature that export would give it; those that are known.

    They are fitted as export does it, on validation predicted with all views.
    """
    from analysis.errors import RunsError
    from analysis.results.run_artifacts import PREDICTION_COLUMNS, checked_predictions
    from analysis.stats.calibration import fit_temperature
    from study.inference.calibration_data import arrays
    from study.training.checkpoints import CALIBRATION

    found = {}
    folds = fold_studies(here.home, name)
    for confirm in confirmations:
        fold, _, own = confirm.rpartition("/")
        file = here.home / (folds[int(fold) - 1] if fold else name) / "checkpoints" / own / CALIBRATION
        with suppress(OSError, ValueError, RunsError):  # gone or damaged: its probabilities are shown as they are
            table = checked_predictions(file.read_bytes(), own, CALIBRATION, PREDICTION_COLUMNS)
            found[confirm] = fit_temperature(*arrays(table)).value
    return found


def _mistakes(name: str, here: Home, folder: Path) -> tuple[tuple[bytes, dict[str, Any]], ...]:
    """What the winner (of each fold) gets most wrong, made below the report's folder, or as it was made before."""
    from study.inference.worst_errors import EXPLAINED, MOST, explain_mistakes, read_explained

    folds = fold_studies(here.home, name)
    found = []
    for fold in folds:
        pictures = folder / EXPLAINED / fold
        if (here.home / fold / "ledger.jsonl").exists():  # else MLflow alone has it, or nobody
            explain_mistakes(here.home, fold, pictures, max(1, MOST // len(folds)))
        found += read_explained(pictures)
    return tuple(found)
