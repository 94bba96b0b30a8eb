"""The report of a study: tables, figures and one HTML page."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from study.storage.home import fold_studies, folds_of

if TYPE_CHECKING:
    from study.storage.home import Home


def write_study_report(name: str, here: Home) -> Path:
    """Tables, figures and page of a study in its folder, and beside its parent run; returns the folder."""
    from analysis.report.html import ANSWER, write_report
    from analysis.results.mlflow_reader import read_study
    from study.tracking.mlflow_tracker import Tracking

    folder = here.home / name / "report"
    _send_mistakes(name, here)
    write_report(read_study(here.tracking_uri, name), folder)
    answer, folds = (folder / ANSWER).read_text("utf-8"), bool(folds_of(here.home, name))
    for fold in fold_studies(here.home, name):
        if folds and not (here.home / fold / "ledger.jsonl").exists():
            continue  # not begun: it gets no experiment from a report
        tracking = Tracking(here.tracking_uri, fold, here.home / fold, here.artifacts_of(fold))
        if folds:  # the whole has no run of its own
            tracking.send_answer(answer, name)
        else:
            tracking.send_report(folder, answer)
    return folder


def _send_mistakes(name: str, here: Home) -> None:
    """Pictures of what the winner (of each fold) gets most wrong, beside the study's run."""
    from study.inference.worst_errors import MOST, explain_mistakes
    from study.tracking.mlflow_tracker import Tracking

    folds = fold_studies(here.home, name)
    for fold in folds:
        if not (here.home / fold / "ledger.jsonl").exists():
            continue  # what MLflow alone has, or nobody, is told of by the report itself
        with TemporaryDirectory() as temporary:
            if explain_mistakes(here.home, fold, Path(temporary), max(1, MOST // len(folds))):
                tracking = Tracking(here.tracking_uri, fold, here.home / fold, here.artifacts_of(fold))
                tracking.send_explained(Path(temporary))
