"""What a reader must know before believing the tables: what is missing, degenerate, leaked or not yet confirmed."""

from __future__ import annotations

import pandas as pd

from analysis import schema
from analysis.results.columns import NEW_PATIENTS, NO_RESULT, NOT_CONFIRMED, NOT_RUN, RUN, TEST, VALIDATION, headline
from analysis.results.labels import Row, listed, spoken
from analysis.results.mlflow_reader import StudyRuns
from analysis.tables.all_tables import TableSet
from analysis.tables.arm_comparison import part, with_interval

OTHER_STATES = (schema.STATE_RUNNING, schema.STATE_INTERRUPTED)
"""States of a trial or confirmation that is still to go on."""


def remarks(study: StudyRuns, made: TableSet) -> list[str]:
    """Sentences, each of which stands alone; made: tableset.make_tables(study)."""
    found = []
    if part(study).startswith("test"):
        found.append(
            "Everything here was chosen on the test part, so every number is optimistic; there is no unseen part left "
            "to confirm it on."
        )
    if study.tags.get(schema.TAG_SELECT_EPOCH) == "best":
        found.append(
            "A trial's score is that of its best epoch, the highest of all noisy peaks on the part it was chosen on: "
            "with a schedule that anneals the last epoch's score is the honest one."
        )
    judged = headline(made.cells)
    for cell in judged.to_dict("records"):
        found += _of_cell(cell, study.folds)
    found += _of_learning(study, judged)
    return [*found, *_of_confirmation(study, made, judged), *_of_progress(study), *_of_intervals(made)]


def _of_cell(cell: Row, folds: int) -> list[str]:
    name = spoken(cell["cell"])
    if cell["status"] in (NOT_RUN, NO_RESULT, NOT_CONFIRMED):
        verb = {NOT_RUN: "was not run", NO_RESULT: "has no result yet", NOT_CONFIRMED: "is not confirmed"}
        return [f"{name} {verb[cell['status']]}: {cell['reason']}."]
    if not (cell["degenerate"] is True or cell["degenerate"] == 1):
        return []
    seeds: int = 1 if pd.isna(cell["seeds"]) else int(cell["seeds"])
    if folds:
        return [f"{name} is degenerate: a model gives all images of its fold the same grade."]
    if seeds > 1 and int(cell["degenerate_seeds"]) < seeds:
        return [
            f"{int(cell['degenerate_seeds'])} of {seeds} models of {name} are degenerate: all {int(cell['n']):,} "
            "images get the same grade."
        ]
    return [
        f"The {'best model' if cell['measured_on'] == VALIDATION else 'confirmed recipe'} of {name} is degenerate: all "
        f"{int(cell['n']):,} images get the same grade, so its accuracy of {cell['accuracy']:.4f} says only how "
        "frequent that grade is (kappa 0)."
    ]


def _of_learning(study: StudyRuns, judged: pd.DataFrame) -> list[str]:
    """Which cells have not learned to grade, as far as kappa tells, and what the record says of why."""
    ran = judged[(judged["status"] == RUN) & judged["kappa"].notna()].to_dict("records")
    failed = [cell for cell in ran if not cell["kappa_low"] > 0 and (cell["degenerate"] or cell["kappa_low"] <= 0)]
    found = []
    if len(ran) > 1 and len(failed) == len(ran):
        found.append("No cell has learned to grade, as far as these images can tell: every interval of kappa holds 0.")
    for cell in failed:
        trials = study.trials[study.trials["trial"].isin(str(cell["trial"]).split(", "))]
        images = trials["images_seen"].max()
        start = "from random weights" if cell["arm"].endswith("-scratch") else "from pretrained weights"
        epochs = int(trials["epochs_run"].max()) if len(trials) else 0
        seen = f" and saw {int(images):,} images" if images > 0 else ""
        more = ", which is little for a network that knows no photograph" if cell["arm"].endswith("-scratch") else ""
        found.append(
            f"{spoken(cell['cell'])} has not learned to grade: kappa {with_interval(cell, 'kappa')} cannot be told "
            f"from guessing. Its trial began {start}, ran {_count(epochs, 'epoch', 'epochs')}{seen}{more}."
        )
    return found


def _of_confirmation(study: StudyRuns, made: TableSet, judged: pd.DataFrame) -> list[str]:
    """What the test part is worth, and what was confirmed on it."""
    found = []
    shown = judged[(judged["status"] == RUN) & (judged["measured_on"] != VALIDATION)]
    if len(shown) and shown["measured_on"].iloc[0] == NEW_PATIENTS:
        cell = made.cells[made.cells["arm"] == shown["arm"].iloc[0]].iloc[0]
        every = [
            f"{spoken(one['cell'])} has accuracy {with_interval(one, f'{TEST}_accuracy')}"
            for one in made.cells[made.cells["arm"].isin(shown["arm"])].to_dict("records")
        ]
        found.append(
            f"Of the {int(cell[f'{TEST}_n']):,} test images {int(cell[f'{NEW_PATIENTS}_n']):,} are of patients who are "
            f"not in training, and only they are the headline. Over all of them {listed(every)}."
        )
    if len(shown) and (shown["n_new_patients"] == 0).any():
        found.append(
            "Every test image is of a patient who also has an image in training: nothing here was measured on patients "
            "that the models do not know, and the numbers are optimistic for those."
        )
    if len(shown) and study.study.get("test", {}).get("exclude_test_patients"):
        found.append(
            "The models that were measured had no image of a test patient in training; the search before them had the "
            "fellow eyes, so the choice of configuration and epoch has seen those patients."
        )
    if len(shown) and study.folds:
        found.append(
            "AUC, ROC and calibration take the probabilities of all folds' networks together, though each network has "
            "a scale of its own: they are a little worse than within a fold."
        )
    copied = made.cells["fellow_copy"].iloc[0]
    if not pd.isna(copied):
        found.append(
            f"Copying the fellow eye's grade from the training list, with no look at a picture, has an accuracy of "
            f"{copied:.5f} on the {int(made.cells['fellow_copy_n'].iloc[0]):,} images of the test list: the two lists "
            "share patients."
        )
    for folds in sorted(set(shown["folds_tested"].astype(int))) if study.folds else []:
        if folds < study.folds:
            on = [spoken(cell) for cell in shown.loc[shown["folds_tested"] == folds, "cell"]]
            found.append(f"Of {listed(on)} {folds} of {study.folds} folds are confirmed so far.")
    if len(shown) and int(shown["seeds"].min()) < schema.FEW_SEEDS:
        found.append(f"Fewer than {schema.FEW_SEEDS} seeds were confirmed: how much a seed matters is hardly known.")
    for cell in made.cells.to_dict("records"):
        if cell["confirmed_trial"] and cell["trial"] != cell["confirmed_trial"] and not study.folds:
            found.append(
                f"Of {spoken(cell['cell'])} trial {cell['confirmed_trial']} was confirmed; by now trial "
                f"{cell['trial']} is its best on validation."
            )
    return found


def _of_progress(study: StudyRuns) -> list[str]:
    found = []
    if study.folds and len(study.folds_begun) < study.folds:
        found.append(f"{len(study.folds_begun)} of {study.folds} folds have begun.")
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
    over = [*made.board["interval_over"], *made.cells[f"{TEST}_interval_over"]]
    if "images" not in over:
        return []
    return [
        "Where predictions were not recorded the interval of accuracy is Wilson's over images; it takes the two eyes "
        "of a patient as independent and is too narrow."
    ]


def _count(count: int, one: str, many: str) -> str:
    return f"1 {one}" if count == 1 else f"{count:,} {many}"
