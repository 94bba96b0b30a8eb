"""All figures of a study, in the order in which a reader meets them, and their writing."""

from __future__ import annotations

from pathlib import Path

from analysis.figures import (
    calibration,
    clinical,
    comparison,
    curves,
    hyperparameters,
    importance,
    search,
    worst_errors,
)
from analysis.figures.drawing.figure_files import FigureFiles, FigureSpec, SkippedFigure, write_picture
from analysis.results.columns import primary_endpoint
from analysis.results.predictions import primary_predictions
from analysis.results.study_runs import StudyRuns
from analysis.tables.all_tables import TableSet


def pictures(study: StudyRuns, made: TableSet) -> list[FigureSpec | SkippedFigure]:
    """Every figure, or why it has nothing to show; made: make_tables(study)."""
    by, (_, models) = primary_endpoint(made.four_way), primary_predictions(study, made.board)
    return [
        *comparison.pictures(made.four_way, by, made.seeds, made.pairs, made.finalists),
        *clinical.pictures(by, models),
        *curves.pictures(study, made.four_way, by, models),
        *calibration.pictures(by, models, study.temperatures),
        *worst_errors.pictures(study),
        *search.pictures(study),
        *hyperparameters.pictures(study),
        *importance.pictures(study),
    ]


def write_gallery(study: StudyRuns, made: TableSet, folder: Path) -> tuple[list[FigureFiles], list[SkippedFigure]]:
    """Write the figures of a study into the folder; returns the files, and what was left out."""
    found = pictures(study, made)
    drawn = [write_picture(one, folder) for one in found if isinstance(one, FigureSpec)]
    return drawn, [one for one in found if isinstance(one, SkippedFigure)]
