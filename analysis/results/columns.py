"""Names of the columns that the tables share, and which of them are the primary endpoint.

A score stands as `<score>`, its 95 % bounds beside it as `<score>_low` and `<score>_high`. What was measured on
validation has no prefix; on the test split it has `test_`, on the test photographs whose patient is not in training
`test_new_patients_` (only where that is not all of them). The winners were chosen on validation, so there every
number is optimistic.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from enum import StrEnum
from typing import Any

import pandas as pd

from analysis import schema


class Status(StrEnum):
    """Whether an arm, a pair of arms or the search's gain has a result, as it stands in the column `status`."""

    RUN = "run"
    NOT_RUN = "not run"
    NO_RESULT = "no result yet"
    NOT_CONFIRMED = "not confirmed"
    SAME = "the winner is the first trial"


RUN, NOT_RUN, NO_RESULT, NOT_CONFIRMED, SAME = Status

VALIDATION, TEST, NEW_PATIENTS = "validation", "test", "test_new_patients"
"""Values of the column `measured_on`; but for the first also the prefix of columns."""

TESTED = (TEST, NEW_PATIENTS)

IMAGES = ("n", "patients", "effective_patients", "largest_patient", *(f"n_grade_{grade}" for grade in schema.GRADES))
"""How the images are spread: effective_patients of one image each would say as much, if the images of a patient are all
alike; largest_patient: largest share of the images that one patient has; n_grade_: images of each true grade."""

MEASURES = (
    *IMAGES,
    *(f"{score}{end}" for score in schema.SCORES for end in ("", "_low", "_high")),
    "majority",
    *(f"gain_over_majority{end}" for end in ("", "_low", "_high")),
    "constant_predictor",
    "interval_over",
)
"""How good a model is: 95 % intervals over `interval_over` (patients, or images where only counts are known),
majority: accuracy of the most frequent grade, gain_over_majority: accuracy minus that, on the same patients,
constant_predictor: gives every image (of one of its folds) the same grade."""

BOARD = (
    *("n", "patients", "effective_patients"),
    *("accuracy", "accuracy_low", "accuracy_high", "majority", "kappa", "kappa_low", "kappa_high"),
    "gain_over_majority",
    *("balanced_accuracy", "macro_f1", "auc", *(f"recall_{grade}" for grade in schema.GRADES)),
    "constant_predictor",
    "interval_over",
)
"""Those of them that every trial has in arm_comparison.leaderboard."""

CLAIMED = ("accuracy_claimed", "gain_over_majority_claimed")
"""Lower bounds that hold for all configurations of a list at once in 97.5 % of studies (Bonferroni): all trials that
were measured on validation, or all configurations that were confirmed."""

OVER_SEEDS = (
    *(f"{score}{end}" for score in schema.SCORES for end in ("_sd", "_configuration_low", "_configuration_high")),
    *("constant_predictor_seeds", "constant_predictor_grades", "kappa_patients"),
)
"""Of the test split, beside MEASURES (scores: mean over seeds; constant_predictor: one of the seeds is): the standard
deviation over seeds and the 95 % interval of the configuration (patients and a further seed, on the same training list
and split), NaN for one seed; how many seeds are constant predictors, and of which grade each of them is that gives it
to all images; kappa_patients of equal influence would move kappa as much as all of them."""

CORRECTED = (
    *(f"{score}_corrected{end}" for score in ("accuracy", "kappa") for end in ("", "_low", "_high")),
    "chosen_among",
)
"""Of validation: what is left of the score without the optimism of choosing the best of an arm's `chosen_among` trials.
In the leaderboard only the best trial of each arm has it, whose score was chosen."""

REPEATED = ("finalist_mean", "finalist_repeats", "finalist_sd")
"""Of a configuration that was trained again on other divisions of the training list: mean of the objective's score over
its complete repeats (its validation score), their number and standard deviation (NaN for one); NaN without any."""

ARM_COLUMNS = ("label", "arm", "status", "reason", "trial", "trials", "trials_ended")

SEEDS_COUNTED = ("seeds", "seeds_failed", "seeds_waiting", "seeds_unread", "passed_over")
"""Of the confirmed configuration: seeds that are measured here, that failed, that have not ended, that ended and whose
predictions were not recorded for all folds; passed_over: trials that stand before it in their arm (and fold), were
confirmed too, and of which no seed was measured."""

CONFIRMED = (
    "confirmed_trial",
    *SEEDS_COUNTED,
    "seed_numbers",
    "folds_tested",
    "n_new_patients",
    "confirm_images_seen",
    "confirm_seconds",
)
"""Of an arm's confirmations: the trial whose configuration they repeat (in a study of folds one for each),
SEEDS_COUNTED, the numbers of the seeds, on how many folds (0 without folds), how many images of the test split are of
patients who are not in training, and what they cost."""

FOUR_WAY = (
    *ARM_COLUMNS,
    *MEASURES,
    *CORRECTED,
    "objective_value",
    *REPEATED,
    "best_epoch",
    "trials_pruned",
    "images_seen",
    "seconds",
    *("finalist_images_seen", "finalist_seconds"),
    "split",
    *CONFIRMED,
    *(f"{prefix}_{name}" for prefix in TESTED for name in (*MEASURES, *OVER_SEEDS)),
    "fellow_copy",
    "fellow_copy_n",
    "primary_endpoint",
    *("decision", "other_rule", "other_accuracy", "other_kappa"),
)
"""Columns of arm_comparison.four_way: images_seen and seconds are those of the whole arm's search without its
finalists, which have their own; trials_pruned of the ended trials were stopped early and have no score; fellow_copy
is the accuracy, over the data set's fellow_copy_n test images, of the fellow eye's grade where that eye stands in the
training list, else grade 0 (NaN where none does); primary_endpoint is its `measured_on`, the same in all rows;
decision is the rule by which every grade is called, and the other_ columns are the primary endpoint's scores of the
same models had grades been called by the other rule."""

SHARED = (*ARM_COLUMNS, *REPEATED, "trials_pruned", "decision", "other_rule", "other_accuracy", "other_kappa")
"""Columns of arm_comparison.four_way that stand in the primary endpoint as they are."""

PRIMARY = (
    *SHARED,
    *MEASURES,
    *OVER_SEEDS,
    *SEEDS_COUNTED,
    "seed_numbers",
    "folds_tested",
    "n_new_patients",
    "measured_on",
    "split",
)

DIFFERENCES = ("accuracy", "kappa")

_ENDS = ("_low", "_high", "_configuration_low", "_configuration_high")

PAIRS = (
    "pair",
    *("arm_a", "arm_b", "label_a", "label_b", "status", "reason"),
    *("measured_on", "split", "n", "patients", "seeds"),
    *(f"{score}_difference{end}" for score in DIFFERENCES for end in ("", *_ENDS)),
    *("score", "tests", "p_adjusted"),
)
"""Columns of pairwise.pairs, always six rows: a minus b, each averaged over seeds, on the images that both have. On the
test split the differences in `score`, the objective, are one family of `tests`: their intervals hold all together, and
p_adjusted is at most 0.05 exactly where an interval leaves out 0. The other score describes: its intervals hold one by
one. So do all of them on validation, where the models were chosen and nothing is tested (tests 0)."""

SEEDS = (
    *("arm", "label", "trial", "measured_on", "split", "seed_index", "seed", "confirm"),
    *("n", "patients", *schema.SCORES, "constant_predictor"),
)
"""Columns of pairwise.seed_values: one row for each arm, seed and split (folds pooled)."""

FINALISTS = (
    *(
        "rank",
        "arm",
        "label",
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

ENDPOINT = ("status", "reason", "score", "arm", "label", "trial", "measured_on", "split", *MEASURES, *OVER_SEEDS) + (
    *SEEDS_COUNTED,
    *("seed_numbers", "folds", "folds_tested", "n_new_patients", "exported_arm", "trials_after_reading"),
)
"""Columns of endpoint.endpoint, one row: the primary endpoint is `score` of the arm that validation chose (in a study
of folds of each fold's chosen arm, pooled), measured on the test split, mean over seeds. exported_arm: which arm
`retina export` takes; trials_after_reading: how many trials were begun after the test split had been read."""

DROP = (
    *("arm", "label", "score", "finalists", "repeats", "own", "mean", "before", "after"),
    *("test", "split", "observed_before", "observed_after"),
)
"""Columns of finalists.drop: `own` score of the winner's trial and `mean` of its repeats; by how much `score` is
expected to fall on other patients `before` (chosen by its own score) and `after` (by the mean; NaN of an arm's first
trial, whose mean need not be the highest); on the test split it is `test`, and fell from own by observed_before, from
mean by observed_after (NaN where that winner is not confirmed)."""

GAIN = (
    *("status", "reason", "arm", "label", "trial", "first_trial", "measured_on", "split", "n", "patients", "seeds"),
    *(f"{which}{score}" for score in DIFFERENCES for which in ("", "first_")),
    *(f"{score}_difference{end}" for score in DIFFERENCES for end in ("", *_ENDS)),
    "p",
)
"""Columns of endpoint.gain, one row: the winner of the arm that validation chose (of folds: of each) minus its arm's
first trial, the same seeds of both, on the split of the primary endpoint; first_ is what the first trial scores."""

ENSEMBLES = (
    *("arm", "label", "trial", "seeds", "seed_numbers", "measured_on", "split", "decision"),
    *MEASURES,
)
"""Columns of ensembles.ensembles: the mean of the seeds' probabilities as one model."""

FAILURES = ("trial", "kind", "arm", "state", "reason")
"""Columns of arm_comparison.failures: trials, finalists and confirmations that did not end in order."""


def split_text(measured_on: str, selection_split: str = VALIDATION) -> str:
    """What the scores were measured on, with the warning that belongs to it."""
    if selection_split == TEST:
        return "test (chosen on test: optimistic)"
    return {
        VALIDATION: "validation (chosen on this split: optimistic)",
        TEST: "test",
        NEW_PATIENTS: "test, patients not in training",
    }[measured_on]


def _not_confirmed(row: Mapping[Hashable, Any]) -> str:
    """Why an arm has no number on the test split."""
    if row["seeds"]:
        return "the predictions of its confirmations were not recorded"
    if row["seeds_failed"] and not row["seeds_waiting"]:
        return f"all its confirmations failed ({int(row['seeds_failed'])})"
    if row["seeds_unread"]:
        return "the predictions of its confirmations were not recorded"
    if row["seeds_waiting"]:
        return "its confirmations have not ended"
    return "no confirmation of this arm has been measured on the test split"


def primary_endpoint(four_way: pd.DataFrame) -> pd.DataFrame:
    """The four arms by the primary endpoint, under names without a prefix: columns PRIMARY.

    four_way: arm_comparison.four_way(study). In a confirmed study that is the test split, of the trial that was
    confirmed; an arm without a confirmation has the status NOT_CONFIRMED there and no number, so that no two splits
    are ever mixed.
    """
    measured_on = str(four_way["primary_endpoint"].iloc[0])
    if measured_on == VALIDATION:
        found = four_way.assign(measured_on=VALIDATION, seeds=1, seed_numbers="")
        return found.reindex(columns=list(PRIMARY))
    own = {f"{measured_on}_{name}": name for name in (*MEASURES, *OVER_SEEDS)}
    kept = [*SHARED, *SEEDS_COUNTED, "seed_numbers", "folds_tested", "n_new_patients", "confirmed_trial"]
    found = four_way[[*kept, *own]].rename(columns=own)
    found["split"] = split_text(measured_on)
    found["measured_on"] = measured_on
    found["trial"] = found["confirmed_trial"]
    missing = (found["status"] == RUN) & found["n"].isna()
    found.loc[missing, "status"] = NOT_CONFIRMED
    found.loc[missing, "reason"] = [_not_confirmed(row) for row in found[missing].to_dict("records")]
    return found.reindex(columns=list(PRIMARY))
