"""Names of the columns that the tables share, and which of them are the headline.

A score stands as `<score>`, its 95 % bounds beside it as `<score>_low` and `<score>_high`. What was measured on
validation has no prefix; on the test part it has `test_`, on the test photographs whose patient is not in training
`test_new_patients_` (only where that is not all of them). The winners were chosen on validation, so there every
number is optimistic.
"""

from __future__ import annotations

import pandas as pd

from analysis import schema

RUN, NOT_RUN, NO_RESULT, NOT_CONFIRMED = "run", "not run", "no result yet", "not confirmed"
"""Status of a cell."""

VALIDATION, TEST, NEW_PATIENTS = "validation", "test", "test_new_patients"
"""Values of the column `measured_on`; but for the first also the prefix of columns."""

TESTED = (TEST, NEW_PATIENTS)

MEASURES = (
    "n",
    "patients",
    *(f"{score}{end}" for score in schema.SCORES for end in ("", "_low", "_high")),
    "majority",
    *(f"above_majority{end}" for end in ("", "_low", "_high")),
    "degenerate",
    "interval_over",
)
"""How good a model is: n images, 95 % intervals over `interval_over` (patients, or images where only counts are known),
majority: accuracy of the most frequent grade, above_majority: accuracy minus that, on the same patients, degenerate:
gives every image (of one of its folds) the same grade."""

BOARD = (
    "n",
    "patients",
    *("accuracy", "accuracy_low", "accuracy_high", "majority", "kappa", "kappa_low", "kappa_high"),
    *("balanced_accuracy", "macro_f1", "auc", *(f"recall_{grade}" for grade in schema.GRADES)),
    "degenerate",
    "interval_over",
)
"""Those of them that every trial has in tables.leaderboard."""

OVER_SEEDS = (
    *(f"{score}{end}" for score in schema.SCORES for end in ("_sd", "_recipe_low", "_recipe_high")),
    "degenerate_seeds",
)
"""Of the test part, beside MEASURES (scores: mean over seeds; degenerate: one of the seeds is): the standard deviation
over seeds and the 95 % interval of the recipe (patients and seeds), NaN for one seed; how many seeds are degenerate."""

CORRECTED = (
    *(f"{score}_corrected{end}" for score in ("accuracy", "kappa") for end in ("", "_low", "_high")),
    "chosen_among",
)
"""Of validation: what is left of the score without the optimism of choosing the best of a cell's `chosen_among` trials.
In the leaderboard only the best trial of each cell has it, whose score was chosen."""

REPEATED = ("finalist_mean", "finalist_repeats", "finalist_sd")
"""Of a configuration that was trained again on other divisions of the training list: mean of the objective's score over
its complete repeats (its validation score), their number and standard deviation (NaN for one); NaN without any."""

CELL = ("cell", "arm", "status", "reason", "trial", "trials", "trials_ended")

CONFIRMED = (
    "confirmed_trial",
    "seeds",
    "seed_numbers",
    "folds_tested",
    "n_new_patients",
    "confirm_images_seen",
    "confirm_seconds",
)
"""Of a cell's confirmations: the trial whose configuration they repeat (in a study of folds one for each), how many
seeds and which, on how many folds (0 without folds), how many images of the test part are of patients who are not in
training, and what they cost."""

FOUR_WAY = (
    *CELL,
    *MEASURES,
    *CORRECTED,
    "objective_value",
    *REPEATED,
    "best_epoch",
    "trials_stopped",
    "images_seen",
    "seconds",
    *("finalist_images_seen", "finalist_seconds"),
    "split",
    *CONFIRMED,
    *(f"{prefix}_{name}" for prefix in TESTED for name in (*MEASURES, *OVER_SEEDS)),
    "fellow_copy",
    "fellow_copy_n",
    "headline",
    *("decision", "other_rule", "other_accuracy", "other_kappa"),
)
"""Columns of tables.four_way: images_seen and seconds are those of the whole arm's search without its finalists, which
have their own; trials_stopped of the ended trials were stopped early and have no score; fellow_copy is the accuracy,
over the data set's fellow_copy_n test images, of the fellow eye's grade where that eye stands in the training list,
else grade 0 (NaN where none does); headline is the `measured_on` that the study is judged by, the same in all rows;
decision is the rule by which every grade is called, and the other_ columns are the headline part's scores of the same
models had grades been called by the other rule."""

SHARED = (*CELL, *REPEATED, "trials_stopped", "decision", "other_rule", "other_accuracy", "other_kappa")
"""Columns of tables.four_way that stand in the headline as they are."""

HEADLINE = (
    *SHARED,
    *MEASURES,
    *OVER_SEEDS,
    "seeds",
    "seed_numbers",
    "folds_tested",
    "n_new_patients",
    "measured_on",
    "split",
)

DIFFERENCES = ("accuracy", "kappa")

_ENDS = ("_low", "_high", "_recipe_low", "_recipe_high")

PAIRS = (
    "pair",
    *("arm_a", "arm_b", "cell_a", "cell_b", "status", "reason"),
    *("measured_on", "split", "n", "patients", "seeds"),
    *(f"{score}_difference{end}" for score in DIFFERENCES for end in ("", *_ENDS)),
    *("p", "p_holm", "tests", "p_mcnemar"),
)
"""Columns of comparison.pairs, always six rows: a minus b, each averaged over seeds, on the images that both have; p of
the paired test by patient, adjusted by Holm over the `tests` pairs that could be tested; p_mcnemar only where each
patient has one image and each cell one model."""

SEEDS = (
    *("arm", "cell", "trial", "measured_on", "split", "seed_index", "seed", "confirm"),
    *("n", "patients", *schema.SCORES, "degenerate"),
)
"""Columns of comparison.seed_values: one row for each cell, seed and part (folds pooled)."""

FINALISTS = (
    *(
        "rank",
        "arm",
        "cell",
        "trial",
        "objective_value",
        "finalist",
        "seed_index",
        "fold",
        "state",
        "seed",
        "split_seed",
    ),
    *("epoch", *schema.SCORES, "images_seen", "seconds", "epochs_run"),
)
"""Columns of finalists.finalists: one row for each repeat; rank and objective_value are those of the trial."""

DROP = (
    *("arm", "cell", "score", "finalists", "repeats", "own", "mean", "before", "after"),
    *("test", "split", "observed_before", "observed_after"),
)
"""Columns of finalists.drop: `own` score of the winner's trial and `mean` of its repeats; by how much `score` is
expected to fall on other patients `before` (chosen by its own score) and `after` (by the mean); on the test part it is
`test`, and fell from own by observed_before, from mean by observed_after (NaN where that winner is not confirmed)."""

GAIN = (
    *("status", "reason", "arm", "cell", "trial", "first_trial", "measured_on", "split", "n", "patients", "seeds"),
    *(f"{which}{score}" for score in DIFFERENCES for which in ("", "first_")),
    *(f"{score}_difference{end}" for score in DIFFERENCES for end in ("", *_ENDS)),
    "p",
)
"""Columns of gain.gain, one row: the winner of the arm that validation chose (of folds: of each) minus its arm's first
trial, the same seeds of both, on the part the study is judged by; first_ is what the first trial scores."""

ENSEMBLES = (
    *("arm", "cell", "trial", "seeds", "seed_numbers", "measured_on", "split", "decision"),
    *MEASURES,
)
"""Columns of ensembles.ensembles: the mean of the seeds' probabilities as one model."""

FAILURES = ("trial", "kind", "arm", "state", "reason")
"""Columns of tables.failures: trials, finalists and confirmations that did not end in order."""


def part_text(measured_on: str, selection_split: str = VALIDATION) -> str:
    """What the scores were measured on, with the warning that belongs to it."""
    if selection_split == TEST:
        return "test (chosen on test: optimistic)"
    return {
        VALIDATION: "validation (chosen on this part: optimistic)",
        TEST: "test (not seen by the search)",
        NEW_PATIENTS: "test, patients not in training (not seen by the search)",
    }[measured_on]


def headline(cells: pd.DataFrame) -> pd.DataFrame:
    """The four cells by the numbers that the study is judged by, under names without a prefix: columns HEADLINE.

    cells: tables.four_way(study). In a confirmed study that is the test part, of the trial that was confirmed; a cell
    without a confirmation has the status NOT_CONFIRMED there and no number, so that no two parts are ever mixed.
    """
    measured_on = str(cells["headline"].iloc[0])
    if measured_on == VALIDATION:
        found = cells.assign(measured_on=VALIDATION, seeds=1, seed_numbers="")
        return found.reindex(columns=list(HEADLINE))
    found = cells[[*SHARED, "seeds", "seed_numbers", "folds_tested", "n_new_patients", "confirmed_trial"]].copy()
    for name in (*MEASURES, *OVER_SEEDS):
        found[name] = cells[f"{measured_on}_{name}"]
    found["split"] = part_text(measured_on)
    found["measured_on"] = measured_on
    found["trial"] = found["confirmed_trial"]
    missing = (found["status"] == RUN) & (found["seeds"] == 0)
    found.loc[missing, "status"] = NOT_CONFIRMED
    found.loc[missing, "reason"] = "no confirmation of this cell has been measured on the test part"
    return found.reindex(columns=list(HEADLINE))
