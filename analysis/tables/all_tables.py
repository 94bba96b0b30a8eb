"""All tables of a study: made once, written as CSV, and as Markdown and LaTeX with what a reader needs of them."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analysis.results.predictions import primary_predictions
from analysis.results.study_runs import StudyRuns, objective
from analysis.tables import arm_comparison, best, endpoint, ensembles, finalists, pairwise


@dataclass(frozen=True)
class TableSet:
    """board: arm_comparison.leaderboard, four_way: arm_comparison.four_way, the others by their own names."""

    endpoint: pd.DataFrame
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


def make_tables(study: StudyRuns, threshold: float = best.THRESHOLD) -> TableSet:
    """Every table of a study, of any state; threshold: accuracy from which a configuration stands in `best`."""
    board = arm_comparison.leaderboard(study)
    four_way = arm_comparison.four_way(study, board=board)
    return TableSet(
        endpoint=endpoint.endpoint(study, board, four_way),
        board=board,
        four_way=four_way,
        best=best.best(study, threshold, board=board, four_way=four_way),
        best_by_accuracy=best.best_by_accuracy(study, board=board),
        pairs=pairwise.pairs(study, board),
        seeds=pairwise.seed_values(study, board),
        finalists=finalists.finalists(study, board),
        drop=finalists.drop(study, board, four_way, objective(study)),
        gain=endpoint.gain(study, board),
        ensembles=ensembles.ensembles(study, *primary_predictions(study, board)),
        failures=arm_comparison.failures(study),
    )
