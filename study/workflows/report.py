"""The report of a study: tables, figures and one HTML page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.storage.home import fold_studies, folds_of, study_id

if TYPE_CHECKING:
    from study.storage.home import Home


def write_study_report(name: str, here: Home) -> Path:
    """Tables, figures and page of a study in its folder, and beside its parent run; returns the folder.

    MLflow is compared with the ledger first. Raises RefusedError where it has another study of that name.
    """
    from analysis.report.html import ANSWER, write_report
    from analysis.results.mlflow_reader import read_study
    from study.tracking.mlflow_tracker import Tracking
    from study.tracking.sync import compared

    started = [fold for fold in fold_studies(here.home, name) if (here.home / fold / "ledger.jsonl").exists()]
    experiments = compared(here, name)
    folder = here.home / name / "report"
    explained = _mistakes(name, here, folder)
    runs = read_study(here.tracking_uri, name, experiments, here.artifact_root)
    write_report(replace(runs, explained=explained), folder)
    answer, folds = (folder / ANSWER).read_text("utf-8"), bool(folds_of(here.home, name))
    for fold in started:  # a study that MLflow alone has is another home's, and nothing is written to it
        own = here.home / fold
        tracking = Tracking(here.tracking_uri, fold, own, here.artifacts_of(fold), study_id(own))
        if folds:  # the whole has no run of its own
            tracking.send_answer(answer, name)
        else:
            tracking.send_report(folder, answer)
    return folder


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
