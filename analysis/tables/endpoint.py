"""The arm that validation chose, on the test split: the primary endpoint, and what its search gained.

Nothing here is chosen by the test split, so what it measures is not flattered by a choice.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis import schema
from analysis.number_format import signed, signed_bounds
from analysis.results.columns import (
    DIFFERENCES,
    ENDPOINT,
    GAIN,
    NEW_PATIENTS,
    NO_RESULT,
    NOT_CONFIRMED,
    RUN,
    SAME,
    SEEDS_COUNTED,
    TEST,
    VALIDATION,
    primary_endpoint,
    split_text,
)
from analysis.results.labels import arm_label, spoken
from analysis.results.predictions import (
    PredictionSet,
    chosen_arms,
    has_new_patients,
    of_chosen_arms,
    of_confirmations,
    primary_predictions,
)
from analysis.results.run_tables import with_fold
from analysis.results.study_runs import StudyRuns, objective
from analysis.stats.metrics import accuracy_and_kappa
from analysis.tables.pairwise import difference
from analysis.tables.score_models import scores_with_intervals


def endpoint(study: StudyRuns, board: pd.DataFrame, four_way: pd.DataFrame) -> pd.DataFrame:
    """The primary endpoint, one row, columns columns.ENDPOINT.

    board: arm_comparison.leaderboard(study), four_way: arm_comparison.four_way(study). In a study of folds it is each
    fold's chosen arm, pooled; without a test split that nothing was chosen on there is none.
    """
    chosen, primary = chosen_arms(study, board), primary_endpoint(four_way)
    arms = list(dict.fromkeys(chosen.values()))
    row: dict[str, Any] = {"score": objective(study), "arm": ", ".join(arms), "folds": study.folds}
    row |= {"label": ", ".join(arm_label(study, arm) for arm in arms), "exported_arm": _exported(study, board)}
    row |= {"trials_after_reading": len(study.added_after_reading), "folds_tested": 0}
    row |= {"measured_on": primary["measured_on"].iloc[0], "split": primary["split"].iloc[0]}
    mine = primary[primary["arm"].isin(arms)]
    if study.selection_split == TEST:
        row |= {"status": NO_RESULT, "reason": "epochs and trials were chosen on the test split, and no other is left"}
    elif mine.empty or row["measured_on"] == VALIDATION:
        row |= {"status": NOT_CONFIRMED, "reason": "the test split has not been read"}
    elif len(arms) == 1:
        names = ("status", "reason", "trial", *ENDPOINT[8 : ENDPOINT.index("seed_numbers") + 1], "folds_tested")
        row |= {name: mine[name].iloc[0] for name in (*names, "n_new_patients")}
    else:
        row |= _pooled(study, board, str(row["measured_on"]))
        row |= {name: int(mine[name].sum()) for name in SEEDS_COUNTED[1:4]}
        row["passed_over"] = ", ".join(filter(None, mine["passed_over"]))
    return pd.DataFrame([row], columns=list(ENDPOINT))


def _pooled(study: StudyRuns, board: pd.DataFrame, measured_on: str) -> dict[str, Any]:
    """Columns of ENDPOINT of different arms in different folds."""
    models = of_chosen_arms(study, board)
    if models is None:
        return {"status": NOT_CONFIRMED, "reason": "no arm that a fold chose has been measured on the test split"}
    row: dict[str, Any] = {"status": RUN, "reason": "", "trial": models.trial, "seeds": len(models.seeds)}
    row |= {"seed_numbers": "; ".join(models.seeds), "folds_tested": models.folds()}
    row["n_new_patients"] = int(models.new_patients.sum())
    return row | scores_with_intervals(models.only(models.new_patients) if measured_on == NEW_PATIENTS else models)


def _exported(study: StudyRuns, board: pd.DataFrame) -> str:
    """The arm that `retina export` takes: validation's first, of folds that with the highest mean over all of them."""
    if not study.folds:
        return str(board["arm"].iloc[0]) if len(board) else ""
    fold = board["trial"].map(study.trials.set_index("trial")["fold"])
    best = board.assign(fold=fold, by=board["finalist_mean"].fillna(board["objective_value"]))
    best = best[~best.duplicated(["arm", "fold"])].groupby("arm")["by"].agg(["mean", "size"])
    everywhere = best[best["size"] == study.folds].reindex([arm for arm in schema.ARM_LABELS if arm in best.index])
    return str(everywhere["mean"].idxmax()) if everywhere["mean"].notna().any() else ""


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
        why = "its arm has no other trial" if (chosen["trials"] == 1).all() else ""
        if not chosen["stands"].all():
            why = "validation puts another trial before it by now, or it was not measured"
        row |= {"status": SAME, "reason": why}
    elif chosen.empty or found is None:
        row |= {"status": NOT_CONFIRMED, "reason": "winner and first trial are not both confirmed on the test split"}
    else:
        winner, first = (
            one.only(one.new_patients) if measured_on == NEW_PATIENTS and has_new_patients(one) else one
            for one in found
        )
        found_difference = difference(winner, first)
        row |= {"status": RUN, "reason": ""} | found_difference.row()
        row["p"] = found_difference.by_score[objective(study)].p()
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
        text = f"Over {whose} the search gained, of these models, {scores_text} ({how})"
    elif high < 0:
        text = f"Of these models the winner is worse than {whose}: {scores_text} ({how})"
    elif value == low == high == 0:
        text = f"The search gained nothing over {whose}: both call every image alike ({how})"
    else:
        text = f"The search gained nothing over {whose} that these patients could show: {scores_text} ({how})"
    if bounds := signed_bounds(row, f"{score}_difference_configuration"):
        text += (
            "; for one more seed on the same training images and split the 95 % interval of the difference in "
            f"{score} is {bounds}"
        )
    return f"{text}."


def _seeds(count: int) -> str:
    return "one seed of each" if count == 1 else f"the same {count} seeds of each"


def _pairs(study: StudyRuns, board: pd.DataFrame) -> pd.DataFrame:
    """fold, arm, trial (the winner), first_trial, trials (of the arm), stands and same of each fold that has a
    confirmed winner; fold 0 without folds.

    stands: whether the winner is measured, and still its arm's first on validation; same: whether winner and first
    trial are one configuration.
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
            read = own["confirm"].isin(list(study.test_predictions)) & own["trial"].eq(winners[0])
            row["stands"] = bool(read.any()) and winners[0] == ranked.loc[ranked["arm"] == arm, "trial"].iloc[0]
            duplicate_of = trials.loc[trials["trial"] == winners[0], "duplicate_of"]
            same = winners[0] == first or with_fold(duplicate_of.iloc[0], int(trials["fold"].iloc[0])) == first
            rows.append(row | {"same": same})
    return pd.DataFrame(rows, columns=["fold", "arm", "trial", "first_trial", "trials", "stands", "same"])


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
