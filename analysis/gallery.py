"""All figures of a study, in the order in which a reader meets them, and their writing."""

from __future__ import annotations

from pathlib import Path

from analysis import (
    figures_calibration,
    figures_clinical,
    figures_compare,
    figures_curves,
    figures_importance,
    figures_mistakes,
    figures_search,
)
from analysis.cells import judged
from analysis.columns import headline
from analysis.figures import FigureFiles, LeftOut, Picture, write_picture
from analysis.runs import StudyRuns
from analysis.tableset import TableSet


def pictures(study: StudyRuns, made: TableSet) -> list[Picture | LeftOut]:
    """Every figure, or why it has nothing to show; made: tableset.make_tables(study)."""
    by, (_, models) = headline(made.cells), judged(study, made.board)
    return [
        *figures_compare.pictures(made.cells, by, made.seeds, made.pairs, made.finalists),
        *figures_clinical.pictures(by, models),
        *figures_curves.pictures(study, made.cells, by, models),
        *figures_calibration.pictures(by, models),
        *figures_mistakes.pictures(study),
        *figures_search.pictures(study),
        *figures_importance.pictures(study),
    ]


def write_gallery(study: StudyRuns, made: TableSet, folder: Path) -> tuple[list[FigureFiles], list[LeftOut]]:
    """Write the figures of a study into the folder; returns the files, and what was left out."""
    found = pictures(study, made)
    drawn = [write_picture(one, folder) for one in found if isinstance(one, Picture)]
    return drawn, [one for one in found if isinstance(one, LeftOut)]
