"""One study -> leaderboard, best configurations, four-way comparison, failures.

Every accuracy stands beside n, its interval, the majority class and the split it was measured on.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from analysis import schema
from analysis.results.columns import (
    BOARD,
    CLAIMED,
    CORRECTED,
    FAILURES,
    FOUR_WAY,
    MEASURES,
    NEW_PATIENTS,
    NO_RESULT,
    NOT_CONFIRMED,
    NOT_RUN,
    REPEATED,
    RUN,
    SEEDS_COUNTED,
    TEST,
    VALIDATION,
    split_text,
)
from analysis.results.labels import arm_labels, other_rule
from analysis.results.predictions import (
    PredictionSet,
    confirmed,
    has_new_patients,
    primary_predictions,
    validated,
    with_ranks,
)
from analysis.results.study_runs import ENDED, StudyRuns, objective
from analysis.stats.bootstrap import mean_over_seeds
from analysis.stats.metrics import accuracy_and_kappa
from analysis.table_files import csv_text, write_csv
from analysis.tables.finalists import repeated
from analysis.tables.leaderboard import trial_scores
from analysis.tables.score_models import RESAMPLES, SEED, counted, scores_with_intervals

__all__ = [
    "NOT_CONFIRMED", "NOT_RUN", "NO_RESULT", "RESAMPLES", "RUN", "SEED",
    "csv_text", "failures", "four_way", "leaderboard", "not_run", "objective", "selection_split_text", "unscored",
    "write_csv",
]  # fmt: skip


def leaderboard(study: StudyRuns) -> pd.DataFrame:
    """All ended trials that have a score, each measured at the epoch whose score it is, best first: configurations that
    were trained again by the mean of their complete repeats, in doubt behind the arm's first trial
    (analysis.stats.repeats), behind them the others by their own objective.

    Columns: rank (from 1), trial, arm, state, objective_value, columns.REPEATED, BOARD, CLAIMED, CORRECTED (of each
    arm's best trial; of folds: of each fold's; but not of one that was trained again), best_epoch, every
    hyperparameter, epochs_run, images_seen, seconds, part. A trial whose objective is undefined stands last.
    """
    score = objective(study)
    ended = study.trials[study.trials["state"].isin(ENDED) & study.trials["best_epoch"].notna()]
    ended = ended.assign(objective_value=ended[f"best_val_{score}"])
    ended = ended.merge(repeated(study, score), on="trial", how="left")
    ended = ended.assign(
        is_finalist=ended["finalist_mean"].notna(), by=ended["standing"].fillna(ended["objective_value"])
    )
    ended = ended.sort_values(["is_finalist", "by", "trial"], ascending=[False, False, True], na_position="last")
    board = ended.merge(trial_scores(study, ended, score), on="trial", how="left")
    board["rank"] = np.arange(1, len(board) + 1)
    board["split"] = selection_split_text(study)
    columns = [
        "rank",
        "trial",
        "arm",
        "state",
        "objective_value",
        *REPEATED,
        *BOARD,
        *CLAIMED,
        *CORRECTED,
        "best_epoch",
    ]
    return board[[*columns, *study.hyperparameters, "epochs_run", "images_seen", "seconds", "split"]]


def four_way(study: StudyRuns, *, board: pd.DataFrame | None = None) -> pd.DataFrame:
    """Always the four arms in the order of schema.ARM_LABELS, each by its first trial in the leaderboard.

    Columns: columns.FOUR_WAY. In a study of folds the validation numbers are those of each fold's best trial over all
    folds' validation splits, and the test numbers are over all folds' test splits, each image once.
    """
    board = leaderboard(study) if board is None else board
    reasons, (primary, primary_models) = not_run(study), primary_predictions(study, board)
    chosen, tested = validated(study, board), confirmed(study, board)
    copied = study.study.get("audit", {}).get("fellow_copy") or {}
    rows = []
    for arm, label in arm_labels(study).items():
        trials, ranked = study.trials[study.trials["arm"] == arm], board[board["arm"] == arm]
        row: dict[str, Any] = {"label": label, "arm": arm, "trial": "", "primary_endpoint": primary}
        row |= {
            "trials": len(trials),
            "trials_ended": int(trials["state"].isin(ENDED).sum()),
            "split": selection_split_text(study),
        }
        row["trials_pruned"] = unscored(study, arm)
        row |= {name: _spent(study, arm, name) for name in ("images_seen", "seconds")}
        repeats = study.finalists[study.finalists["arm"] == arm]
        row |= {f"finalist_{name}": float(repeats[name].sum()) for name in ("images_seen", "seconds")}
        row |= _by_other_rule(study, primary_models.get(arm))
        row |= {"fellow_copy": copied.get("accuracy", np.nan), "fellow_copy_n": copied.get("n", np.nan)}
        row |= _confirmation(study, board, arm, tested.get(arm))
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
    """Trials, finalists and confirmations that did not end in order, columns.FAILURES."""
    both = pd.concat(
        [
            study.trials.assign(kind=schema.KIND_TRIAL),
            study.finalists.drop(columns="trial").rename(columns={"finalist": "trial"}).assign(kind="finalist"),
            study.confirmations.drop(columns="trial").rename(columns={"confirm": "trial"}).assign(kind="confirmation"),
        ]
    )
    return both.loc[~both["state"].isin(ENDED), list(FAILURES)].reset_index(drop=True)


def unscored(study: StudyRuns, arm: str | None = None) -> int:
    """Number of trials (of an arm) that were stopped early and so have no score, where the last epoch's counts."""
    pruned = study.trials[(study.trials["state"] == schema.STATE_PRUNED) & study.trials["best_epoch"].isna()]
    return int((pruned["arm"] == arm).sum()) if arm else len(pruned)


def selection_split_text(study: StudyRuns) -> str:
    """What every score of the search was measured on, with the warning that belongs to it."""
    return split_text(VALIDATION, study.selection_split)


def not_run(study: StudyRuns) -> dict[str, str]:
    """Arm -> why it did not run, from the parent run's tag or its study.json."""
    tagged = json.loads(study.tags.get(schema.TAG_ARMS_NOT_RUN) or "{}")
    return {**study.study.get("not_run", {}), **tagged}


def _not_begun(study: StudyRuns, arm: str) -> str:
    arms = [name for name in study.tags.get(schema.TAG_ARMS, "").split(",") if name]
    return "the study leaves it out" if arms and arm not in arms else "no trial of this arm has been started"


def _spent(study: StudyRuns, arm: str, name: str) -> float:
    """images_seen or seconds of an arm's trials; those that broke off stand only in the budget of study.json, which
    counts the finalists too."""
    of_trials, repeats = (float(one.loc[one["arm"] == arm, name].sum()) for one in (study.trials, study.finalists))
    return max(of_trials, float(study.study.get("budget", {}).get(arm, {}).get(name, 0)) - repeats)


def _validation(ranked: pd.DataFrame, models: PredictionSet | None) -> dict[str, Any]:
    """Validation columns of an arm; ranked: its rows of the board."""
    shared = ("trial", *BOARD, *CORRECTED, "best_epoch", "objective_value", *REPEATED)
    row: dict[str, Any] = dict(zip(shared, ranked[list(shared)].iloc[0], strict=True))
    if models is None:  # counts alone
        return row | {
            f"gain_over_majority{end}": row[f"accuracy{end}"] - row["majority"] for end in ("", "_low", "_high")
        }
    row |= {name: value for name, value in scores_with_intervals(models).items() if name in MEASURES}
    if models.folds() > 1:  # one trial for each fold
        best_of = ranked[ranked["trial"].isin(models.trial.split(", "))]
        row |= {name: np.nan for name in (*CORRECTED, "best_epoch")} | {"trial": models.trial}
        row |= {name: float(best_of[name].mean()) for name in ("objective_value", *_estimates(), *REPEATED)}
        row["chosen_among"] = int(best_of["chosen_among"].sum())
    return row


def _by_other_rule(study: StudyRuns, models: PredictionSet | None) -> dict[str, Any]:
    """What the same models score where grades are called by the other rule; NaN without predictions."""
    row: dict[str, Any] = {"decision": study.decision, "other_rule": other_rule(study.decision)}
    if models is None:
        return row
    total = replace(models, decision=row["other_rule"]).counts().sum(axis=0)  # (s, 5, 5)
    return row | {f"other_{name}": float(mean_over_seeds(one)) for name, one in accuracy_and_kappa(total).items()}


def _estimates() -> list[str]:
    return [name for name in CORRECTED if name.endswith("_corrected")]


def _confirmation(study: StudyRuns, board: pd.DataFrame, arm: str, models: PredictionSet | None) -> dict[str, Any]:
    """Columns of an arm's confirmations: columns.CONFIRMED and those with the prefixes of the test split."""
    of_arm = study.confirmations[study.confirmations["arm"] == arm]
    own = with_ranks(study, board).query("arm == @arm").sort_values("rank", kind="stable")
    row: dict[str, Any] = {"confirmed_trial": "", "seed_numbers": "", "folds_tested": 0}
    row |= dict.fromkeys(SEEDS_COUNTED, 0) | {"passed_over": ""}
    row |= {f"confirm_{name}": float(of_arm[name].sum()) for name in ("images_seen", "seconds")}
    if models is not None:
        row |= {"confirmed_trial": models.trial, "seeds": len(models.seeds), "seed_numbers": "; ".join(models.seeds)}
        row |= {"folds_tested": models.folds(), "n_new_patients": int(models.new_patients.sum())}
        row |= {f"{TEST}_{name}": value for name, value in scores_with_intervals(models).items()}
        if has_new_patients(models):
            new_patients = scores_with_intervals(models.only(models.new_patients))
            row |= {f"{NEW_PATIENTS}_{name}": value for name, value in new_patients.items()}
        return row | _seeds_counted(study, own, models.trial.split(", "))
    counts = own[own["confirm"].isin(list(study.test_confusions))]
    trial = "" if own.empty else str(own["trial"].iloc[0])
    if len(counts) and not study.folds:
        trial = str(counts["trial"].iloc[0])
        counts = counts[counts["trial"] == trial]
        found = counted([study.test_confusions[name] for name in counts["confirm"]])
        row |= {f"{TEST}_{name}": value for name, value in found.items()}
        row |= {"confirmed_trial": trial, "seeds": len(counts), "seed_numbers": "; ".join(counts["seed"])}
    return row | _seeds_counted(study, own, [trial])


def _seeds_counted(study: StudyRuns, own: pd.DataFrame, trials: list[str]) -> dict[str, Any]:
    """columns.SEEDS_COUNTED but for `seeds`, of the trials that stand for an arm; own: its confirmations, by rank."""
    mine = own[own["trial"].isin(trials)]
    passed_over = own[own["rank"] < own["fold"].map(mine.groupby("fold")["rank"].min())]
    unread = (mine["state"] == schema.STATE_COMPLETE) & ~mine["confirm"].isin(list(study.test_predictions))
    return {
        "seeds_failed": int((mine["state"] == schema.STATE_FAILED).sum()),
        "seeds_waiting": int((~mine["state"].isin(ENDED) & (mine["state"] != schema.STATE_FAILED)).sum()),
        "seeds_unread": int(unread.sum()),
        "passed_over": ", ".join(passed_over["trial"].unique()),
    }
