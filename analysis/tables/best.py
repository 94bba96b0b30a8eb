"""Configurations with a high accuracy, by two criteria and on two parts that are never mixed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.results.columns import (
    BOARD,
    CLAIMED,
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
from analysis.tables.score_models import claimed, scores_with_intervals

THRESHOLD = 0.82
"""Accuracy from which a configuration is listed in best.csv, where `retina report --accuracy` names no other."""

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

    First all rows with criterion=lower_bound: the lower bound that holds for all configurations of the list at once
    reaches the threshold, and so does that of the accuracy beyond the majority class reach more than 0. Then all rows
    with criterion=point_estimate, of which the estimates alone do; a row of the first list stands in the second too.
    Within a criterion first what was confirmed on the test split, then the trials on validation: `measured_on` and
    `split` say which, `configurations` among how many. Columns: criterion, measured_on, seeds, configurations and those
    of the leaderboard; rank, epoch and hyperparameters are those of the confirmed trial (in a study of folds, where it
    is another in each fold, they are missing), cost is that of its confirmations, and the objective's value on
    validation is not told beside what was measured on test.
    board, four_way: leaderboard(study) and four_way(study), where they are at hand.
    """
    board = arm_comparison.leaderboard(study) if board is None else board
    four_way = arm_comparison.four_way(study, board=board) if four_way is None else four_way
    tested = _tested_rows(study, board, four_way)
    trials = board.assign(measured_on=VALIDATION, seeds=1, configurations=int(board["n"].notna().sum()))
    every = pd.concat([one for one in (tested, trials) if len(one)] or [trials], ignore_index=True)
    every = every.sort_values("accuracy", ascending=False, kind="stable")
    every = every.sort_values("measured_on", key=lambda column: column == VALIDATION, kind="stable")
    bounded = (every["accuracy_claimed"] >= threshold) & (every["gain_over_majority_claimed"] > 0)
    estimated = (every["accuracy"] >= threshold) & (every["gain_over_majority"] > 0)
    lists = [
        every[chosen].assign(criterion=criterion)
        for criterion, chosen in zip(CRITERIA, (bounded, estimated), strict=True)
    ]
    columns = ["criterion", "measured_on", "seeds", "configurations", *board.columns]
    return pd.concat(lists, ignore_index=True)[columns]


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
        _add_predicted(study, board, found, str(found[0]["measured_on"]))
    known, runs = board.set_index("trial"), study.confirmations
    rows = []
    for one in found:
        own = known.loc[one["trial"]].to_dict() if one["trial"] in known.index else {}
        spent = runs[runs["trial"].isin(str(one["trial"]).split(", ")) & runs["arm"].eq(one["arm"]) & ~runs["baseline"]]
        cost = {name: float(spent[name].sum()) for name in ("images_seen", "seconds")}
        not_here = dict.fromkeys(("objective_value", *REPEATED, *CLAIMED, *CORRECTED), np.nan)
        rows.append(
            own | not_here | cost | {"epochs_run": spent["epochs_run"].max(), "configurations": len(found)} | one
        )
    return pd.DataFrame(rows, columns=[*board.columns, "measured_on", "seeds", "configurations"])


def _add_predicted(study: StudyRuns, board: pd.DataFrame, found: list[dict[str, Any]], measured_on: str) -> None:
    """Add what stands for no arm (the second best of one, and so on), and the lower bounds of all, to the rows."""
    models = {}
    for arm, one in every_confirmed(study, board):
        models[arm, one.trial] = one.only(one.new_patients) if measured_on == NEW_PATIENTS else one
    there = {(row["arm"], row["trial"]) for row in found}
    for (arm, trial), one in models.items():
        if (arm, trial) not in there and one.row.size:
            added: dict[str, Any] = {"trial": trial, "arm": arm, "measured_on": measured_on}
            added |= {"split": split_text(measured_on), "seeds": len(one.seeds)}
            measures = scores_with_intervals(one)
            found.append(added | {name: measures.get(name, np.nan) for name in BOARD})
    for row in found:
        if (row["arm"], row["trial"]) in models:
            row |= claimed(models[row["arm"], row["trial"]].counts(), 1 - 0.05 / len(found))
