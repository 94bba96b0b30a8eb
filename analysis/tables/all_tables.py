"""All tables of a study: made once, written as CSV, and as Markdown and LaTeX with what a reader needs of them."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analysis.results.predictions import primary_predictions
from analysis.results.study_runs import StudyRuns
from analysis.tables import arm_comparison, best, ensembles, finalists, gain, pairwise


@dataclass(frozen=True)
class TableSet:
    """board: arm_comparison.leaderboard, four_way: arm_comparison.four_way, the others by their own names."""

    board: pd.DataFrame
    four_way: pd.DataFrame
    best: pd.DataFrame
    best_by_accuracy: pd.DataFrame
    pairs: pd.DataFrame
    seeds: pd.DataFrame
    finalists: pd.DataFrame
    drop: pd.DataFrame
    gain: pd.DataFrame
    ensembles: pd.DataFrame
    failures: pd.DataFrame


def make_tables(study: StudyRuns) -> TableSet:
    """Every table of a study, of any state."""
    board = arm_comparison.leaderboard(study)
    four_way = arm_comparison.four_way(study, board=board)
    return TableSet(
        board=board,
        four_way=four_way,
        best=best.best(study, board=board, four_way=four_way),
        best_by_accuracy=best.best_by_accuracy(study, board=board),
        pairs=pairwise.pairs(study, board),
        seeds=pairwise.seed_values(study, board),
        finalists=finalists.finalists(study, board),
        drop=finalists.drop(study, board, four_way, arm_comparison.objective(study)),
        gain=gain.gain(study, board),
        ensembles=ensembles.ensembles(study, *primary_predictions(study, board)),
        failures=arm_comparison.failures(study),
    )
