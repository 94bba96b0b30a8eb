"""What a reader must know before believing the tables: what is missing, constant, leaked or not yet confirmed."""

from __future__ import annotations

import pandas as pd

from analysis import schema
from analysis.number_format import with_interval
from analysis.report.answer_caveats import beats_chance, limitations, no_arm_beats_chance, patients_known, seeds
from analysis.results.columns import (
    NEW_PATIENTS,
    NO_RESULT,
    NOT_CONFIRMED,
    NOT_RUN,
    RUN,
    TEST,
    VALIDATION,
    primary_endpoint,
)
from analysis.results.labels import Row, listed, spoken
from analysis.results.study_runs import StudyRuns
from analysis.tables.all_tables import TableSet

OTHER_STATES = (schema.STATE_RUNNING, schema.STATE_INTERRUPTED)
"""States of a trial or confirmation that is still to go on."""


def caveats(study: StudyRuns, made: TableSet) -> list[str]:
    """Sentences, each of which stands alone; made: make_tables(study)."""
    found = []
    if study.selection_split == TEST:
        found.append(
            "Everything here was chosen on the test split, so every number is optimistic; there is no unseen split "
            "left "
            "to confirm it on."
        )
    if study.tags.get(schema.TAG_SELECT_EPOCH) == "best":
        found.append(
            "A trial's score is that of its best epoch, the highest of all noisy peaks on the split it was chosen on: "
            "with a schedule that anneals the last epoch's score is the honest one."
        )
    primary = primary_endpoint(made.four_way)
    for row in primary.to_dict("records"):
        found += _of_arm(row, study.folds)
    found += [*no_arm_beats_chance(made), *_of_learning(study, primary), *seeds(made)]
    endpoint = made.endpoint.to_dict("records")[0]
    ran = primary[primary["status"] == RUN].to_dict("records")
    if about := [endpoint] if endpoint["status"] == RUN else ran[:1]:
        found += [f"{clause[0].upper()}{clause[1:]}." for clause in limitations(study, made, about[0])]
    return [*found, *_of_confirmation(study, made, primary), *_of_progress(study), *_of_intervals(made)]


def _of_arm(row: Row, folds: int) -> list[str]:
    name = spoken(row["label"])
    if row["status"] in (NOT_RUN, NO_RESULT, NOT_CONFIRMED):
        verb = {NOT_RUN: "was not run", NO_RESULT: "has no result yet", NOT_CONFIRMED: "is not confirmed"}
        return [f"{name} {verb[row['status']]}: {row['reason']}."]
    if not (row["constant_predictor"] is True or row["constant_predictor"] == 1):
        return []
    seeds: int = 1 if pd.isna(row["seeds"]) else int(row["seeds"])
    if folds:
        return [f"{name} is a constant predictor: a model gives all images of its fold the same grade."]
    if seeds > 1:
        constant = int(row["constant_predictor_seeds"])
        grades = dict.fromkeys(str(row["constant_predictor_grades"]).split("; "))
        each = listed([f"grade {grade}" for grade in grades])
        what = "is a constant predictor and gives" if constant == 1 else "are constant predictors; each gives"
        return [
            f"{constant} of {seeds} models of {name} {what} all {int(row['n']):,} images one grade ({each}; kappa 0)."
        ]
    return [
        f"The {'best model' if row['measured_on'] == VALIDATION else 'confirmed model'} of {name} is a "
        f"constant predictor: all {int(row['n']):,} images get the same grade, so its accuracy of "
        f"{row['accuracy']:.4f} says only how frequent that grade is (kappa 0)."
    ]


def _of_learning(study: StudyRuns, primary: pd.DataFrame) -> list[str]:
    """Which arms have not learned to grade, as far as kappa tells, and what the record says of why."""
    ran = primary[(primary["status"] == RUN) & primary["kappa"].notna()].to_dict("records")
    failed = [row for row in ran if not beats_chance(row) and not pd.isna(row["kappa_low"])]
    found = []
    for row in failed:
        trials = study.trials[study.trials["trial"].isin(str(row["trial"]).split(", "))]
        images = trials["images_seen"].max()
        start = "from random weights" if row["arm"].endswith("-scratch") else "from pretrained weights"
        epochs = int(trials["epochs_run"].max()) if len(trials) else 0
        images_text = f" and saw {int(images):,} images" if images > 0 else ""
        more = ", which is little for a network that knows no photograph" if row["arm"].endswith("-scratch") else ""
        found.append(
            f"{spoken(row['label'])} is not shown to have learned to grade: kappa {with_interval(row, 'kappa')} is "
            f"not shown to lie above 0. Its trial began {start}, ran {_count(epochs, 'epoch', 'epochs')}{images_text}"
            f"{more}."
        )
    return found


def _of_confirmation(study: StudyRuns, made: TableSet, primary: pd.DataFrame) -> list[str]:
    """What the test split is worth, and what was confirmed on it."""
    found = []
    known = patients_known(study)
    as_told = "" if known else schema.AS_TOLD
    tested = primary[(primary["status"] == RUN) & (primary["measured_on"] != VALIDATION)]
    if len(tested) and tested["measured_on"].iloc[0] == NEW_PATIENTS:
        row = made.four_way[made.four_way["arm"] == tested["arm"].iloc[0]].iloc[0]
        every = [
            f"{spoken(one['label'])} has accuracy {with_interval(one, f'{TEST}_accuracy')}"
            for one in made.four_way[made.four_way["arm"].isin(tested["arm"])].to_dict("records")
        ]
        found.append(
            f"Of the {int(row[f'{TEST}_n']):,} test images {int(row[f'{NEW_PATIENTS}_n']):,} are of patients who are "
            f"not in training{as_told}, and only they are the primary endpoint. Over all of them {listed(every)}."
        )
    if len(tested) and study.study.get("test", {}).get("exclude_test_patients"):
        found.append(
            f"The models that were measured had no image of a test patient in training{as_told}; the search before "
            "them had the fellow eyes, so the choice of configuration and epoch has seen those patients."
        )
    if len(tested) and study.folds:
        found.append(
            "AUC, ROC and calibration take the probabilities of all folds' networks together, though each network has "
            "a scale of its own: they are a little worse than within a fold."
        )
    copied = made.four_way["fellow_copy"].iloc[0]
    if not pd.isna(copied):
        found.append(
            f"Copying the fellow eye's grade from the training list, with no look at a picture, has an accuracy of "
            f"{copied:.5f} on the {int(made.four_way['fellow_copy_n'].iloc[0]):,} images of the test list: the two "
            f"lists share patients{as_told}."
        )
    for folds in sorted(set(tested["folds_tested"].astype(int))) if study.folds else []:
        if folds < study.folds:
            on = [spoken(row) for row in tested.loc[tested["folds_tested"] == folds, "label"]]
            found.append(f"Of {listed(on)} {folds} of {study.folds} folds are confirmed so far.")
    for row in made.four_way.to_dict("records"):
        asked = set(study.confirmations.loc[~study.confirmations["baseline"], "trial"])
        if row["confirmed_trial"] and row["trial"] not in {*asked, ""} and not study.folds:
            found.append(
                f"Of {spoken(row['label'])} trial {row['confirmed_trial']} was confirmed; by now trial "
                f"{row['trial']} is its best on validation."
            )
    return found


def _of_progress(study: StudyRuns) -> list[str]:
    found = []
    if study.folds and len(study.folds_begun) < study.folds:
        found.append(f"{len(study.folds_begun)} of {study.folds} folds have begun.")
    if forgotten := study.study.get("forgotten", []):
        were = f"{_count(len(forgotten), 'trial', 'trials')} {'was' if len(forgotten) == 1 else 'were'}"
        found.append(f"{were} forgotten by the user before the test split was read ({', '.join(forgotten)}).")
    for table, one, many in (
        (study.trials, "trial", "trials"),
        (study.finalists, "finalist", "finalists"),
        (study.confirmations, "confirmation", "confirmations"),
    ):
        waiting = int(table["state"].isin(OTHER_STATES).sum())
        if waiting:
            are = "is" if waiting == 1 else "are"
            found.append(
                f"The study is not finished: {waiting} of {_count(len(table), one, many)} {are} still to go on."
            )
        failed = int((table["state"] == schema.STATE_FAILED).sum())
        if failed:
            found.append(
                f"{_count(failed, one, many)} failed and {'is' if failed == 1 else 'are'} in no table of scores."
            )
    return found


def _of_intervals(made: TableSet) -> list[str]:
    over = [*made.board["interval_over"], *made.four_way[f"{TEST}_interval_over"]]
    if "images" not in over:
        return []
    return [
        "Where predictions were not recorded the interval of accuracy is over images; it takes the two eyes "
        "of a patient as independent and is too narrow."
    ]


def _count(count: int, one: str, many: str) -> str:
    return f"1 {one}" if count == 1 else f"{count:,} {many}"
