"""The best configurations trained again on other divisions of the training list: what validation says of them then.

A trial is chosen by its own score, which the choice flatters. A finalist's repeats have fresh seeds and other
validation patients, so that their mean is the configuration's validation score.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis import schema
from analysis.results.columns import DROP, FINALISTS, REPEATED, RUN, VALIDATION, primary_endpoint
from analysis.results.labels import arm_label
from analysis.results.study_runs import StudyRuns
from analysis.stats.metrics import Floats
from analysis.stats.repeats import Final, standings
from analysis.stats.selection_bias import expected_drop


def repeated(study: StudyRuns, score: str) -> pd.DataFrame:
    """trial and columns.REPEATED of each configuration that was trained again, over its complete repeats; standing: by
    what configurations are ordered, analysis.stats.repeats.standings of each fold."""
    done, column = _complete(study, score), f"best_val_{score}"
    found = done.groupby("trial")[column].agg(["mean", "size", "std"]).reset_index()
    found = found.set_axis(["trial", *REPEATED], axis=1).astype({"trial": study.trials["trial"].dtype})
    standing: dict[str, float] = {}
    for _, fold in done.groupby("fold"):
        standing |= standings([_final(own, column) for _, own in fold.groupby("arm")])
    return found.assign(standing=found["trial"].map(standing).astype(float))


def _final(runs: pd.DataFrame, column: str) -> Final:
    """One arm's finalists and their scores."""
    scores = {
        str(trial): dict(zip(one["seed_index"], one[column], strict=True)) for trial, one in runs.groupby("trial")
    }
    return Final(scores, next(iter(runs.loc[runs["baseline"], "trial"]), ""))


def finalists(study: StudyRuns, board: pd.DataFrame) -> pd.DataFrame:
    """Every repeat of every configuration that was trained again, the board's first configuration first.

    board: arm_comparison.leaderboard(study). Columns: columns.FINALISTS.
    """
    known = board.set_index("trial")[["rank", "objective_value"]]
    table = study.finalists.join(known, on="trial").assign(
        label=[arm_label(study, arm) for arm in study.finalists["arm"]]
    )
    table = table.rename(columns={f"best_val_{name}": name for name in schema.SCORES} | {"best_epoch": "epoch"})
    return table.sort_values(["rank", "seed_index", "finalist"], ignore_index=True).reindex(columns=list(FINALISTS))


def drop(study: StudyRuns, board: pd.DataFrame, four_way: pd.DataFrame, score: str) -> pd.DataFrame:
    """How far the score of each arm's winner falls from validation to patients that took no part in its choice.

    board: arm_comparison.leaderboard(study), four_way: arm_comparison.four_way(study). One row for each arm that has
    finalists, columns columns.DROP; in a study of folds each value is the mean over them.
    """
    primary, rows = primary_endpoint(four_way).set_index("arm"), []
    for arm in schema.ARM_LABELS:
        own = board[(board["arm"] == arm) & board["finalist_mean"].notna()]
        folds = [_of_fold(study, one, score) for _, one in own.groupby(own["trial"].map(_fold_of(study)))]
        if not folds:
            continue
        values = pd.DataFrame(folds)
        row: dict[str, Any] = {"arm": arm, "label": arm_label(study, arm), "score": score}
        row |= {name: float(values[name].mean()) for name in ("own", "mean", "before", "after")}
        row |= {"finalists": int(values["finalists"].sum()), "repeats": int(values["repeats"].min())}
        tested = primary.loc[arm]
        confirmed_now = set(str(tested["trial"]).split(", ")) == set(values["trial"])
        if tested["status"] == RUN and tested["measured_on"] != VALIDATION and confirmed_now:
            row |= {"test": tested[score], "split": tested["split"]}
            row |= {
                f"observed_{when}": row[name] - tested[score] for when, name in (("before", "own"), ("after", "mean"))
            }
        rows.append(row)
    return pd.DataFrame(rows, columns=list(DROP))


def drop_sentence(table: pd.DataFrame) -> str:
    """What choosing by finalists took away of the drop, means over the arms of `drop`; "" without finalists."""
    if table.empty:
        return ""
    score, n_arms = table["score"].iloc[0], len(table)
    mean = table[["before", "after", "observed_before", "observed_after"]].mean()
    over = "" if n_arms == 1 else f", mean of {n_arms} arms"
    text = (
        f"From validation to other patients {score} is expected to fall by {mean['before']:.3f} where a trial counts "
        f"by its own score (a finalist's own score minus the mean of its repeats{over})"
    )
    if not np.isnan(mean["after"]):
        text += (
            f", and by {mean['after']:.3f} where the mean of its repeats counts (what choosing the best of the means "
            "still flatters, by leaving out one repeat at a time)"
        )
    text += "."
    if not np.isnan(mean["observed_before"]):
        known = int(table["observed_before"].notna().sum())
        of = "" if n_arms == 1 else f", mean of {known} confirmed arm{'s' * (known != 1)}"
        text += (
            f" On the test split it {_moved(mean['observed_before'])} from the winner's own score and "
            f"{_moved(mean['observed_after'])} from the mean of its repeats{of}."
        )
    return text


def in_doubt_sentence(study: StudyRuns, board: pd.DataFrame) -> str:
    """Where an arm's first trial stays the winner though another's repeats are higher in the mean; "" where nowhere."""
    found = []
    own = board[board["finalist_mean"].notna()]
    for (arm, _), ranked in own.groupby(["arm", own["trial"].map(_fold_of(study))], sort=False):
        top, others = ranked.iloc[0], ranked.iloc[1:]
        higher = others[others["finalist_mean"] > top["finalist_mean"]]
        if top["trial"] in _baselines(study) and len(higher):
            other = higher.sort_values("finalist_mean").iloc[-1]
            found.append(
                f"{arm_label(study, str(arm))}: trial {top['trial']}, the known-good configuration that the arm began "
                f"with, stays the winner; the mean of trial {other['trial']} is higher by "
                f"{other['finalist_mean'] - top['finalist_mean']:.3f}, which is not beyond the one-sided 90 % bound of "
                "the difference."
            )
    return " ".join(found)


def _moved(drop: float) -> str:
    return f"fell by {drop:.3f}" if drop >= 0 else f"rose by {-drop:.3f}"


def _of_fold(study: StudyRuns, ranked: pd.DataFrame, score: str) -> dict[str, Any]:
    """Values of one arm in one fold; ranked: its rows of the board that have finalists, best first."""
    own, repeats = ranked["objective_value"].to_numpy(dtype=np.float64), _matrix(study, list(ranked["trial"]), score)
    before, after = expected_drop(own, repeats)
    firsts, last = _baselines(study), int(own.argmin())
    if len(own) > 1 and ranked["trial"].iloc[last] in firsts:  # it was not chosen by its own score
        before, _ = expected_drop(np.delete(own, last), np.delete(repeats, last, axis=0))
    if ranked["trial"].iloc[0] in firsts:  # its mean did not have to be the highest
        after = float("nan")
    found = {
        "trial": ranked["trial"].iloc[0],
        "own": float(own[0]),
        "mean": float(ranked["finalist_mean"].iloc[0]),
        "before": before,
        "after": after,
    }
    return found | {"finalists": len(ranked), "repeats": int(ranked["finalist_repeats"].min())}


def _matrix(study: StudyRuns, trials: list[str], score: str) -> Floats:
    """Scores (k, r) of the complete repeats of these trials, NaN where one is missing."""
    done = _complete(study, score)
    table = done.pivot_table(index="trial", columns="seed_index", values=f"best_val_{score}")
    return table.reindex(trials).to_numpy(dtype=np.float64)


def _complete(study: StudyRuns, score: str) -> pd.DataFrame:
    ran = study.finalists["state"] == schema.STATE_COMPLETE
    return study.finalists[ran & study.finalists[f"best_val_{score}"].notna()]


def _baselines(study: StudyRuns) -> set[str]:
    """Finalists that are the first trial of their arm."""
    return set(study.finalists.loc[study.finalists["baseline"], "trial"])


def _fold_of(study: StudyRuns) -> pd.Series:
    return study.trials.set_index("trial")["fold"]
