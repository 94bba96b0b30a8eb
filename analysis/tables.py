"""One study -> leaderboard, best configurations, four-way comparison, failures.

Every accuracy stands beside n, its interval, the majority class and the part it was measured on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis import records
from analysis.board import measured
from analysis.cells import Models, confirmed, every_confirmed, has_clean_part, judged, validated
from analysis.cleaned import without_folders
from analysis.columns import (
    BOARD,
    CLEAN,
    CORRECTED,
    FAILURES,
    FOUR_WAY,
    MEASURES,
    NO_RESULT,
    NOT_CONFIRMED,
    NOT_RUN,
    RUN,
    TEST,
    VALIDATION,
    headline,
    part_text,
)
from analysis.measure import RESAMPLES, SEED, TEST_RESAMPLES, counted, measure
from analysis.runs import ENDED, StudyRuns
from analysis.tablefiles import csv_text, write_csv, write_whole

__all__ = [
    "CRITERIA", "NOT_CONFIRMED", "NOT_RUN", "NO_RESULT", "RESAMPLES", "RUN", "SEED", "THRESHOLD", "best",
    "best_by_accuracy", "csv_text", "failures", "four_way", "leaderboard", "not_run", "objective", "part",
    "with_interval", "write_csv", "write_whole",
]  # fmt: skip

THRESHOLD = 0.82
"""Accuracy from which a configuration is listed in best.csv."""

CRITERIA = ("lower_bound", "point_estimate")

_TESTED = ("trial", "arm", *BOARD, "part", "measured_on", "seeds")


def leaderboard(study: StudyRuns) -> pd.DataFrame:
    """All ended trials that have a best epoch, best objective first, each measured at its selected epoch.

    Columns: rank (from 1), trial, arm, state, objective_value, columns.BOARD, CORRECTED (of each cell's best trial; of
    folds: of each fold's), best_epoch, every hyperparameter, epochs_run, images_seen, seconds, part. A trial whose
    objective is undefined stands last.
    """
    score = objective(study)
    ended = study.trials[study.trials["state"].isin(ENDED) & study.trials["best_epoch"].notna()]
    ended = ended.assign(objective_value=ended[f"best_val_{score}"])
    ended = ended.sort_values(["objective_value", "trial"], ascending=[False, True], na_position="last")
    board = ended.merge(measured(study, ended, score), on="trial", how="left")
    board["rank"] = np.arange(1, len(board) + 1)
    board["part"] = part(study)
    columns = ["rank", "trial", "arm", "state", "objective_value", *BOARD, *CORRECTED, "best_epoch"]
    return board[[*columns, *study.hyperparameters, "epochs_run", "images_seen", "seconds", "part"]]


def best(
    study: StudyRuns,
    threshold: float = THRESHOLD,
    *,
    board: pd.DataFrame | None = None,
    cells: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Configurations with an accuracy of `threshold` or more, by two criteria that are kept apart.

    First all rows with criterion=lower_bound (the interval's lower bound reaches the threshold), then all rows with
    criterion=point_estimate (only the estimate must reach it); a row of the first list stands in the second too. Within
    a criterion first what was confirmed on the test part, then the trials on validation: `measured_on` and `part` say
    which. Columns: criterion, measured_on, seeds and those of the leaderboard; rank, epoch and hyperparameters are
    those of the confirmed trial (in a study of folds, where it is another in each fold, they are missing), cost is that
    of its confirmations, and the objective's value on validation is not told beside what was measured on test.
    board, cells: leaderboard(study) and four_way(study), where they are at hand.
    """
    board = leaderboard(study) if board is None else board
    cells = four_way(study, board=board) if cells is None else cells
    every = pd.concat(
        [_tested_rows(study, board, cells), board.assign(measured_on=VALIDATION, seeds=1)], ignore_index=True
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
    board = leaderboard(study) if board is None else board
    return board.sort_values(["accuracy", "trial"], ascending=[False, True], na_position="last", ignore_index=True)


def four_way(study: StudyRuns, *, board: pd.DataFrame | None = None) -> pd.DataFrame:
    """Always the four cells in the order of records.ARM_LABELS, each by its best trial of the objective.

    Columns: columns.FOUR_WAY. In a study of folds the validation numbers are those of each fold's best trial over all
    folds' validation parts, and the test numbers are over all folds' test parts, each image once.
    """
    board = leaderboard(study) if board is None else board
    reasons, (judged_by, _) = not_run(study), judged(study, board)
    chosen, tested = validated(study, board), confirmed(study, board)
    copied = study.study.get("audit", {}).get("fellow_copy") or {}
    rows = []
    for arm, cell in records.ARM_LABELS.items():
        trials, ranked = study.trials[study.trials["arm"] == arm], board[board["arm"] == arm]
        row: dict[str, Any] = {"cell": cell, "arm": arm, "trial": "", "headline": judged_by}
        row |= {"trials": len(trials), "trials_ended": len(ranked), "part": part(study)}
        row |= {name: _spent(study, arm, name) for name in ("images_seen", "seconds")}
        row |= {"fellow_copy": copied.get("accuracy", np.nan), "fellow_copy_n": copied.get("n", np.nan)}
        row |= _confirmation(study, arm, tested.get(arm))
        if len(ranked):
            row |= {"status": RUN, "reason": ""} | _validation(ranked, chosen.get(arm))
        elif len(trials):
            states = ", ".join(
                f"{count} {state}" for state, count in trials["state"].value_counts().sort_index().items()
            )
            row |= {"status": NO_RESULT, "reason": f"no trial has ended with a score: {states}"}
        else:
            row |= {"status": NOT_RUN, "reason": reasons.get(arm, _not_begun(study, arm))}
        rows.append(row)
    return pd.DataFrame(rows, columns=list(FOUR_WAY))


def failures(study: StudyRuns) -> pd.DataFrame:
    """Trials and confirmations that did not end in order, columns.FAILURES; reasons without folders."""
    both = pd.concat(
        [
            study.trials.assign(kind=records.KIND_TRIAL),
            study.confirmations.drop(columns="trial").rename(columns={"confirm": "trial"}).assign(kind="confirmation"),
        ]
    )
    table = both.loc[~both["state"].isin(ENDED), list(FAILURES)].reset_index(drop=True)
    return table.assign(reason=table["reason"].map(without_folders))


def objective(study: StudyRuns) -> str:
    """Score that selects epoch and trial: kappa or accuracy."""
    return study.tags.get(records.TAG_OBJECTIVE) or "kappa"


def part(study: StudyRuns) -> str:
    """What every score of the search was measured on, with the warning that belongs to it."""
    return part_text(VALIDATION, study.tags.get(records.TAG_SELECTED_ON) or VALIDATION)


def not_run(study: StudyRuns) -> dict[str, str]:
    """Arm -> why it did not run, from the parent run's tag or its study.json."""
    tagged = json.loads(study.tags.get(records.TAG_ARMS_NOT_RUN) or "{}")
    return {arm: without_folders(str(why)) for arm, why in {**study.study.get("not_run", {}), **tagged}.items()}


def _not_begun(study: StudyRuns, arm: str) -> str:
    arms = [name for name in study.tags.get(records.TAG_ARMS, "").split(",") if name]
    return "the study leaves it out" if arms and arm not in arms else "no trial of this cell has been started"


def with_interval(row: Mapping[Any, Any], score: str) -> str:
    """A row's score in words: `0.925 (0.875 to 0.967)`, with three decimals; `undefined` for NaN."""
    value, low, high = (float(row[f"{score}{end}"]) for end in ("", "_low", "_high"))
    if np.isnan(value):
        return "undefined"
    return f"{value:.3f}" if np.isnan(low) else f"{value:.3f} ({low:.3f} to {high:.3f})"


def _spent(study: StudyRuns, arm: str, name: str) -> float:
    """images_seen or seconds of an arm; trials that broke off stand only in the budget of study.json."""
    of_trials = float(study.trials.loc[study.trials["arm"] == arm, name].sum())
    return max(of_trials, float(study.study.get("budget", {}).get(arm, {}).get(name, 0)))


def _validation(ranked: pd.DataFrame, models: Models | None) -> dict[str, Any]:
    """Validation columns of a cell; ranked: its rows of the board."""
    shared = ("trial", *BOARD, *CORRECTED, "best_epoch", "objective_value")
    row: dict[str, Any] = dict(zip(shared, ranked[list(shared)].iloc[0], strict=True))
    if models is None:  # counts alone
        return row | {f"above_majority{end}": row[f"accuracy{end}"] - row["majority"] for end in ("", "_low", "_high")}
    row |= {name: value for name, value in measure(models).items() if name in MEASURES}
    if models.folds() > 1:  # one trial for each fold
        best_of = ranked[ranked["trial"].isin(models.trial.split(", "))]
        row |= {name: np.nan for name in (*CORRECTED, "best_epoch")} | {"trial": models.trial}
        row |= {name: float(best_of[name].mean()) for name in ("objective_value", *_estimates())}
        row["chosen_among"] = int(best_of["chosen_among"].sum())
    return row


def _estimates() -> list[str]:
    return [name for name in CORRECTED if name.endswith("_corrected")]


def _confirmation(study: StudyRuns, arm: str, models: Models | None) -> dict[str, Any]:
    """Columns of a cell's confirmations: columns.CONFIRMED and those with the prefixes of the test part."""
    own = study.confirmations[study.confirmations["arm"] == arm]
    row: dict[str, Any] = {"confirmed_trial": "", "seeds": 0, "seed_numbers": "", "folds_tested": 0}
    row |= {f"confirm_{name}": float(own[name].sum()) for name in ("images_seen", "seconds")}
    if models is not None:
        row |= {"confirmed_trial": models.trial, "seeds": len(models.seeds), "seed_numbers": "; ".join(models.seeds)}
        row |= {"folds_tested": models.folds(), "clean_n": int(models.clean.sum())}
        row |= {f"{TEST}_{name}": value for name, value in measure(models, TEST_RESAMPLES).items()}
        if has_clean_part(models):
            clean = measure(models.only(models.clean), TEST_RESAMPLES)
            row |= {f"{CLEAN}_{name}": value for name, value in clean.items()}
        return row
    counts = own[own["confirm"].isin(list(study.test_confusions))]
    if len(counts) and not study.folds:
        counts = counts[counts["trial"] == counts["trial"].iloc[0]]
        found = counted([study.test_confusions[name] for name in counts["confirm"]])
        row |= {f"{TEST}_{name}": value for name, value in found.items()}
        row |= {"confirmed_trial": counts["trial"].iloc[0], "seeds": len(counts)}
        row["seed_numbers"] = "; ".join(counts["seed"])
    return row


def _tested_rows(study: StudyRuns, board: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """A row like those of the board for each configuration that was confirmed, with what was measured on the test part.

    What it cost is that of its confirmations; what it scored on validation is not here.
    """
    shown = headline(cells)
    shown = shown[(shown["status"] == RUN) & (shown["measured_on"] != VALIDATION)]
    found = [{name: cell[name] for name in _TESTED} for cell in shown.to_dict("records")]
    for measured_on in shown["measured_on"].unique():
        found += _beside(study, board, set(shown["trial"]), str(measured_on))
    known, runs = board.set_index("trial"), study.confirmations
    rows = []
    for one in found:
        own = known.loc[one["trial"]].to_dict() if one["trial"] in known.index else {}
        spent = runs[runs["trial"].isin(str(one["trial"]).split(", ")) & runs["arm"].eq(one["arm"])]
        cost = {name: float(spent[name].sum()) for name in ("images_seen", "seconds")}
        not_here = dict.fromkeys(("objective_value", *CORRECTED), np.nan)
        rows.append(own | not_here | cost | {"epochs_run": own.get("best_epoch", np.nan)} | one)
    return pd.DataFrame(rows, columns=[*board.columns, "measured_on", "seeds"])


def _beside(study: StudyRuns, board: pd.DataFrame, shown: set[str], measured_on: str) -> list[dict[str, Any]]:
    """What was measured of confirmed configurations that stand for no cell: second best of an arm and so on."""
    found = []
    for arm, models in every_confirmed(study, board):
        one = models.only(models.clean) if measured_on == CLEAN else models
        if models.trial in shown or not one.row.size:
            continue
        row = {"trial": models.trial, "arm": arm, "part": part_text(measured_on), "measured_on": measured_on}
        measures = measure(one, TEST_RESAMPLES)
        found.append(row | {"seeds": len(models.seeds)} | {name: measures.get(name, np.nan) for name in BOARD})
    return found
