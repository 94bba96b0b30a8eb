"""Configurations with a high accuracy, by two criteria and on two parts that are never mixed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.results.columns import (
    BOARD,
    CORRECTED,
    NEW_PATIENTS,
    REPEATED,
    RUN,
    VALIDATION,
    primary_endpoint,
    split_text,
)
from analysis.results.predictions import every_confirmed
from analysis.results.study_runs import StudyRuns
from analysis.tables import arm_comparison
from analysis.tables.score_models import TEST_RESAMPLES, scores_with_intervals

THRESHOLD = 0.82
"""Accuracy from which a configuration is listed in best.csv."""

CRITERIA = ("lower_bound", "point_estimate")

_TESTED = ("trial", "arm", *BOARD, "split", "measured_on", "seeds")


def best(
    study: StudyRuns,
    threshold: float = THRESHOLD,
    *,
    board: pd.DataFrame | None = None,
    four_way: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Configurations with an accuracy of `threshold` or more, by two criteria that are kept apart.

    First all rows with criterion=lower_bound (the interval's lower bound reaches the threshold), then all rows with
    criterion=point_estimate (only the estimate must reach it); a row of the first list stands in the second too. Within
    a criterion first what was confirmed on the test split, then the trials on validation: `measured_on` and `split` say
    which. Columns: criterion, measured_on, seeds and those of the leaderboard; rank, epoch and hyperparameters are
    those of the confirmed trial (in a study of folds, where it is another in each fold, they are missing), cost is that
    of its confirmations, and the objective's value on validation is not told beside what was measured on test.
    board, four_way: leaderboard(study) and four_way(study), where they are at hand.
    """
    board = arm_comparison.leaderboard(study) if board is None else board
    four_way = arm_comparison.four_way(study, board=board) if four_way is None else four_way
    every = pd.concat(
        [_tested_rows(study, board, four_way), board.assign(measured_on=VALIDATION, seeds=1)], ignore_index=True
    )
    every = every.sort_values("accuracy", ascending=False, kind="stable")
    every = every.sort_values("measured_on", key=lambda column: column == VALIDATION, kind="stable")
    lists = [
        every[every[column] >= threshold].assign(criterion=criterion)
        for criterion, column in zip(CRITERIA, ("accuracy_low", "accuracy"), strict=True)
    ]
    return pd.concat(lists, ignore_index=True)[["criterion", "measured_on", "seeds", *board.columns]]


def best_by_accuracy(study: StudyRuns, *, board: pd.DataFrame | None = None) -> pd.DataFrame:
    """The leaderboard's trials by accuracy alone, at the same selected epoch; `rank` stays that of the objective."""
    board = arm_comparison.leaderboard(study) if board is None else board
    return board.sort_values(["accuracy", "trial"], ascending=[False, True], na_position="last", ignore_index=True)


def _tested_rows(study: StudyRuns, board: pd.DataFrame, four_way: pd.DataFrame) -> pd.DataFrame:
    """A row like those of the board for each configuration that was confirmed, with what was measured on the test
    split.

    What it cost is that of its confirmations; what it scored on validation is not here.
    """
    confirmed = primary_endpoint(four_way)
    confirmed = confirmed[(confirmed["status"] == RUN) & (confirmed["measured_on"] != VALIDATION)]
    found = [{name: row[name] for name in _TESTED} for row in confirmed.to_dict("records")]
    if found:
        found += _beside(study, board, set(confirmed["trial"]), str(found[0]["measured_on"]))
    known, runs = board.set_index("trial"), study.confirmations
    rows = []
    for one in found:
        own = known.loc[one["trial"]].to_dict() if one["trial"] in known.index else {}
        spent = runs[runs["trial"].isin(str(one["trial"]).split(", ")) & runs["arm"].eq(one["arm"]) & ~runs["baseline"]]
        cost = {name: float(spent[name].sum()) for name in ("images_seen", "seconds")}
        not_here = dict.fromkeys(("objective_value", *REPEATED, *CORRECTED), np.nan)
        rows.append(own | not_here | cost | {"epochs_run": spent["epochs_run"].max()} | one)
    return pd.DataFrame(rows, columns=[*board.columns, "measured_on", "seeds"])


def _beside(study: StudyRuns, board: pd.DataFrame, confirmed: set[str], measured_on: str) -> list[dict[str, Any]]:
    """What was measured of confirmed configurations that stand for no arm: second best of an arm and so on."""
    found = []
    for arm, models in every_confirmed(study, board):
        one = models.only(models.new_patients) if measured_on == NEW_PATIENTS else models
        if models.trial in confirmed or not one.row.size:
            continue
        row = {"trial": models.trial, "arm": arm, "split": split_text(measured_on), "measured_on": measured_on}
        measures = scores_with_intervals(one, TEST_RESAMPLES)
        found.append(row | {"seeds": len(models.seeds)} | {name: measures.get(name, np.nan) for name in BOARD})
    return found
