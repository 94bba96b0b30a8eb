"""What is said of one measured arm: its images, what its accuracy is worth, and among which trials it was chosen."""

from __future__ import annotations

import pandas as pd

from analysis import schema
from analysis.number_format import with_interval
from analysis.report.answer_caveats import patients_known
from analysis.results.columns import NEW_PATIENTS, VALIDATION
from analysis.results.labels import Row
from analysis.results.predictions import chosen_arms
from analysis.results.study_runs import StudyRuns, objective
from analysis.tables.all_tables import TableSet
from analysis.tables.arm_comparison import unscored


def images_text(study: StudyRuns, row: Row) -> str:
    """How many images, of which split and of how many patients."""
    known = bool(pd.notna(row["patients"])) and patients_known(study)
    tested = row["measured_on"] != VALIDATION
    text = f"{int(row['n']):,} {'test' if tested else study.selection_split} images"
    if known:
        text += f" of {int(row['patients']):,} patient{'s' * (row['patients'] > 1)}"
    if row["measured_on"] == NEW_PATIENTS:
        are = "is" if known and row["patients"] == 1 else "are"
        text += f" who {are} not in training{'' if known else schema.AS_TOLD}"
    if study.folds and tested:
        text += f" of {int(row['folds_tested'])} outer folds taken together"
    return text


def against_majority(top: Row, folds: int) -> str:
    """What the accuracy is worth; folds: of the study, 0 without."""
    text = f"where the majority class alone gives an accuracy of {top['majority']:.3f}"
    if top["constant_predictor"]:
        where = "of its fold " if folds else ""
        seeds: int = 1 if pd.isna(top["seeds"]) else int(top["seeds"])
        constant: int = 1 if pd.isna(top["constant_predictor_seeds"]) else int(top["constant_predictor_seeds"])
        who = "this model gives" if seeds == 1 else f"{constant} of its {seeds} models give{'s' * (constant == 1)}"
        which = list(dict.fromkeys(str(top["constant_predictor_grades"]).split("; ")))
        grades = f" ({'; '.join(f'grade {grade}' for grade in which)})" if which[0].isdigit() else ""
        learned = "has" if constant == 1 else "have"
        each = "the same grade" if seeds == 1 else "a single grade" if constant == 1 else "a single grade each"
        return f"{text}; {who} every image {where}{each}{grades} and {learned} learned nothing: constant predictor"
    low, high = (top[f"gain_over_majority{end}"] for end in ("_low", "_high"))
    if high < 0:
        return f"{text}, which it does not reach"
    return text if low > 0 else f"{text}, from which its accuracy cannot be told"


def repeated_text(study: StudyRuns, top: Row) -> str:
    """The validation score of a configuration that was trained again; "" of one that was not."""
    if pd.isna(top["finalist_mean"]):
        return ""
    repeats = int(top["finalist_repeats"])
    times = "the one repeat" if repeats == 1 else f"the mean of {repeats} repeats"
    return (
        f"{objective(study)} {top['finalist_mean']:.3f} is {times} with fresh seeds on other validation patients, and "
        "the trial itself has "
    )


def among_trials(study: StudyRuns, made: TableSet) -> str:
    """Among which trials the one of the answer was chosen, and whether others are as good."""
    ended, pruned = len(made.board), unscored(study)
    trials = f"{ended} trial{'s' * (ended > 1)} that ran all epochs" if pruned else f"{ended} ended trials"
    were, have = ("was", "has") if pruned == 1 else ("were", "have")
    left = f" ({pruned} more {were} stopped early and {have} none)" * bool(pruned)
    if ended == 1:
        return "the only trial that ran all epochs" + left if pruned else "the only ended trial"
    if study.folds:
        arm, chosen = made.board["arm"].iloc[0], chosen_arms(study, made.board)
        folds = f"{list(chosen.values()).count(arm)} of {len(study.folds_begun)} folds"
        return f"the first place in {folds} by {objective(study)}, among {trials} over all folds{left}"
    by = made.board["finalist_mean"].fillna(made.board["objective_value"])
    tied = int((by - by.iloc[0]).abs().lt(1e-12).sum()) - 1
    tie = f", as good as {tied} other{'s' * (tied > 1)}, of which the first begun counts" * bool(tied)
    return f"the first of {trials} by {objective(study)}{left}{tie}"


def chosen_here(study: StudyRuns, made: TableSet, top: Row) -> str:
    """The caution of a study without confirmation, with what is left of the score without the choice."""
    where, score = study.selection_split, objective(study)
    row = made.four_way[made.four_way["arm"] == top["arm"]].to_dict("records")[0]
    left = ""
    if not pd.isna(row[f"{score}_corrected"]) and row["chosen_among"] > 1 and not study.folds:
        left = (
            f" (without the choice among {int(row['chosen_among'])} trials of its arm {score} is about "
            f"{with_interval(row, f'{score}_corrected')})"
        )
    if not pd.isna(row["finalist_mean"]):
        return (
            f"The trials were chosen on the {where} split and the winner among the best of them by its repeats: its "
            "own numbers are optimistic, those of the repeats hardly, and the intervals hold for these trained models "
            "and not for the configuration."
        )
    if len(made.board) == 1:
        start = "One trial ran, with one seed: the intervals hold"
        if not study.selects_last:
            start = f"The only trial's epoch was chosen on the {where} split: its numbers are optimistic, and hold"
        return f"{start} for this trained model and not for the configuration."
    chosen = "Trials and the winner were both" if study.selects_last else "Trials, epochs and the winner were all"
    return (
        f"{chosen} chosen on the {where} split itself, with one seed for each trial: the numbers are optimistic{left}, "
        "and the intervals hold for these trained models and not for the configuration."
    )
