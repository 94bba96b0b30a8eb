"""What a search gained over its first trial, the known-good configuration that it began with, on the test split."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.number_format import signed, signed_bounds
from analysis.results.columns import DIFFERENCES, GAIN, NEW_PATIENTS, NOT_CONFIRMED, RUN, SAME, TEST, split_text
from analysis.results.labels import arm_label, spoken
from analysis.results.predictions import PredictionSet, has_new_patients, of_confirmations, primary_predictions
from analysis.results.run_tables import with_fold
from analysis.results.study_runs import StudyRuns
from analysis.stats.metrics import accuracy_and_kappa
from analysis.tables.pairwise import difference
from analysis.tables.score_models import TEST_RESAMPLES


def gain(study: StudyRuns, board: pd.DataFrame) -> pd.DataFrame:
    """The winner of the arm that validation chose minus that arm's first trial, paired by patient and by seed.

    board: arm_comparison.leaderboard(study). One row, columns columns.GAIN; of folds each fold's pair, pooled.
    """
    chosen = _pairs(study, board)
    measured_on = primary_predictions(study, board)[0]
    measured_on = measured_on if measured_on in (TEST, NEW_PATIENTS) else TEST
    arms = list(dict.fromkeys(chosen["arm"]))
    row: dict[str, Any] = {"arm": ", ".join(arms), "label": ", ".join(arm_label(study, arm) for arm in arms)}
    row |= {"trial": ", ".join(chosen["trial"]), "first_trial": ", ".join(chosen["first_trial"])}
    row |= {"measured_on": measured_on, "split": split_text(measured_on)}
    found = _models(study, chosen)
    if len(chosen) and chosen["same"].all():
        only = "its arm has no other trial" if (chosen["trials"] == 1).all() else ""
        row |= {"status": SAME, "reason": only}
    elif chosen.empty or found is None:
        row |= {"status": NOT_CONFIRMED, "reason": "winner and first trial are not both confirmed on the test split"}
    else:
        winner, first = (
            one.only(one.new_patients) if measured_on == NEW_PATIENTS and has_new_patients(one) else one
            for one in found
        )
        row |= {"status": RUN, "reason": ""} | difference(winner, first, TEST_RESAMPLES)
        for name, one in (("", winner), ("first_", first)):
            scores = accuracy_and_kappa(one.counts().sum(axis=0))
            row |= {f"{name}{score}": float(scores[score].mean()) for score in DIFFERENCES}
    return pd.DataFrame([row], columns=list(GAIN))


def gain_sentence(table: pd.DataFrame, score: str) -> str:
    """What the search gained over its first trial, in words; "" where that was not measured. score: the objective."""
    row = table.to_dict("records")[0]
    whose = f"the first trial of {spoken(row['label'])}"
    if row["status"] == SAME and row["reason"]:
        return ""
    if row["status"] == SAME:
        return f"The winner is {whose}: the search found nothing that validation put above it."
    if row["status"] != RUN or pd.isna(row[f"{score}_difference"]):
        return ""
    other = next(one for one in DIFFERENCES if one != score)
    value, low, high = (row[f"{score}_difference{end}"] for end in ("", "_low", "_high"))
    scores_text = f"{score} {signed(row, score, 1)}, {other} {signed(row, other, 1)}"
    how = f"paired by patient, {_seeds(int(row['seeds']))}, on the test split"
    if low > 0:
        text = f"Over {whose} the search gained {scores_text} ({how})"
    elif high < 0:
        text = f"The winner is worse than {whose}: {scores_text} ({how})"
    elif value == low == high == 0:
        text = f"The search gained nothing over {whose}: both call every image alike ({how})"
    else:
        text = f"The search gained nothing over {whose} that these patients could show: {scores_text} ({how})"
    if bounds := signed_bounds(row, f"{score}_difference_configuration"):
        text += f"; with any seed the interval of {score} is {bounds}"
    return f"{text}."


def _seeds(count: int) -> str:
    return "one seed of each" if count == 1 else f"the same {count} seeds of each"


def _pairs(study: StudyRuns, board: pd.DataFrame) -> pd.DataFrame:
    """fold, arm, trial (the winner), first_trial, trials (of the arm), same (whether both are one configuration) of
    each fold that has a confirmed winner; fold 0 without folds.

    The arm is that of the confirmed first trial where there is one; else, as for a winner that is the first trial, that
    which validation puts first. The winner is the arm's first configuration in the board that was confirmed.
    """
    fold_of, runs = study.trials.set_index("trial")["fold"], study.confirmations
    rank = {trial: number for number, trial in enumerate(board["trial"])}
    rows = []
    for fold, ranked in board.groupby(board["trial"].map(fold_of)):
        here = runs[runs["fold"] == fold]
        baseline = here[here["baseline"]]
        arm = str((baseline if len(baseline) else ranked)["arm"].iloc[0])
        own = here[(here["arm"] == arm) & ~here["baseline"]]
        winners = sorted(set(own["trial"]), key=lambda one: rank.get(one, len(rank)))
        trials = study.trials[(study.trials["arm"] == arm) & (study.trials["fold"] == fold)]
        first = str(baseline["trial"].iloc[0]) if len(baseline) else str(trials["trial"].min())
        if winners:
            row = {"fold": fold, "arm": arm, "trial": winners[0], "first_trial": first, "trials": len(trials)}
            duplicate_of = trials.loc[trials["trial"] == winners[0], "duplicate_of"]
            same = winners[0] == first or with_fold(duplicate_of.iloc[0], int(trials["fold"].iloc[0])) == first
            rows.append(row | {"same": same})
    return pd.DataFrame(rows, columns=["fold", "arm", "trial", "first_trial", "trials", "same"])


def _models(study: StudyRuns, chosen: pd.DataFrame) -> tuple[PredictionSet, PredictionSet] | None:
    """The winners' models and the first trials', all folds pooled, with the seeds that both have."""
    runs = study.confirmations[study.confirmations["confirm"].isin(list(study.test_predictions))]
    both = []
    for which in ("trial", "first_trial"):
        chosen_runs = []
        for one in chosen.to_dict("records"):
            own = runs[(runs["fold"] == one["fold"]) & (runs["trial"] == one[which])]
            if one["same"] or which == "trial":  # a winner is its own first trial, also under another number
                own = runs[(runs["fold"] == one["fold"]) & (runs["trial"] == one["trial"]) & ~runs["baseline"]]
            chosen_runs.append(own)
        both.append(pd.concat(chosen_runs) if chosen_runs else runs.head(0))
    keys = [pd.MultiIndex.from_frame(one[["fold", "seed_index"]]) for one in both]
    kept = [both[0][keys[0].isin(keys[1])], both[1][keys[1].isin(keys[0])]]
    models = [of_confirmations(study, one) for one in kept]
    if models[0] is None or models[1] is None:
        return None
    return models[0], models[1]
