"""What limits an answer: what its patients, seeds, data and order of reading do not let it say."""

from __future__ import annotations

import re

import pandas as pd

from analysis import schema
from analysis.number_format import count
from analysis.results.columns import NOT_CONFIRMED, RUN, TEST, VALIDATION, primary_endpoint
from analysis.results.labels import Row, arm_label, listed, spoken
from analysis.results.study_runs import StudyRuns
from analysis.stats.influence import FEWEST_PATIENTS
from analysis.tables.all_tables import TableSet

WIDE = {"accuracy": 0.1, "kappa": 0.2}
"""Width of an interval beyond which a sentence says what it means."""

LARGE_SHARE = 0.1
"""Share of the images that one patient has, beyond which that is said."""

FEW_OF_A_GRADE = 5


def without_patient(study: StudyRuns) -> int:
    """Images of the data set whose patient neither their names nor the label file tell."""
    entries = study.study.get("audit", {}).get("findings", [])
    return sum(int(one["count"]) for one in entries if one["kind"] == schema.FINDING_NO_PATIENTS)


def doubtful_patients(study: StudyRuns) -> list[str]:
    """Of each sign that the data's patients are wrong, what it says."""
    entries = study.study.get("audit", {}).get("findings", [])
    return [str(one["text"]) for one in entries if one["kind"] == schema.FINDING_DOUBTFUL_PATIENTS]


def patients_known(study: StudyRuns) -> bool:
    """Whether every patient of the study's data is known, with no sign against it."""
    return schema.patients_known(study.study.get("audit", {}))


def beats_chance(row: Row) -> bool:
    """Whether an arm's kappa is shown to lie above 0; of one that is right everywhere by its number of patients."""
    sure = row["kappa"] == 1 and row["patients"] >= FEWEST_PATIENTS
    return bool(row["kappa_low"] > 0 or sure)


def no_arm_beats_chance(made: TableSet) -> list[str]:
    """That no arm is shown to beat chance, where that is so."""
    primary = primary_endpoint(made.four_way)
    ran = primary[(primary["status"] == RUN) & primary["kappa"].notna()].to_dict("records")
    if not ran or any(beats_chance(row) for row in ran):
        return []
    below = [spoken(row["label"]) for row in ran if row["kappa_high"] < 0]
    if len(below) == len(ran):
        are = "is" if len(below) == 1 else "are"
        return [
            f"{listed(below)} {are} worse than chance: the interval of kappa lies below 0, as where grades are counted "
            "in the wrong direction."
        ]
    if all(pd.isna(row["kappa_low"]) for row in ran):
        return ["Whether an arm beats chance is not tested, since kappa has no interval."]
    if len(ran) == 1:
        return [f"{spoken(ran[0]['label'])} is not shown to beat chance: its kappa is not shown to lie above 0."]
    return ["No arm is shown to beat chance: of none does the interval of kappa lie above 0."]


def seeds(made: TableSet) -> list[str]:
    """Which confirmations are missing of each arm, and what its numbers therefore depend on."""
    found = []
    primary = primary_endpoint(made.four_way)
    for row in primary.to_dict("records"):
        name, there = spoken(row["label"]), []
        for column, verb in (
            ("seeds_failed", "failed"),
            ("seeds_waiting", "not ended"),
            ("seeds_unread", "without recorded predictions"),
        ):
            if row[column] > 0 and not (column == "seeds_unread" and row["interval_over"] == "images"):
                there.append(f"{int(row[column])} {verb}")
        if row["status"] == RUN and there:
            found.append(f"of {name} {listed(there)}, {int(row['seeds'])} measured")
        elif row["status"] == NOT_CONFIRMED and there:
            found.append(f"{name} has no number, since {row['reason']}")
        if row["status"] == RUN and row["passed_over"]:
            found.append(
                f"{name} is measured by trial {row['trial']}, as no confirmation of trial {row['passed_over']}, which "
                "validation put before it, was measured"
            )
    if not found:
        return []
    text = f"Confirmations are missing: {'; '.join(found)}"
    if (primary["seeds_failed"] > 0).any():
        text += "; what is measured holds on the condition that failing has nothing to do with how good a model is"
    return [f"{text}."]


def limitations(study: StudyRuns, made: TableSet, top: Row) -> list[str]:
    """Clauses without a full stop, the gravest first; top: what the answer is about, an endpoint or an arm's row."""
    tested = top["measured_on"] != VALIDATION
    return [
        *_of_patients(study),
        *(_of_test(study, made, top) if tested else []),
        *_of_scores(top, tested),
        *(_of_arms(study, made, top) if tested else []),
    ]


def _of_patients(study: StudyRuns) -> list[str]:
    found = []
    if unknown := without_patient(study):
        found.append(
            f"of {unknown:,} images the data does not say whose they are, so patients may stand on both sides of the "
            "split, scores be too good and intervals too narrow"
        )
    found += [
        f"the patients of this data may be wrong ({_one_clause(text)}), and so may splits, scores and intervals"
        for text in doubtful_patients(study)
    ]
    return found


def _one_clause(text: str) -> str:
    return re.sub(r"\. (\w)", lambda found: f"; {found[1].lower()}", text.rstrip("."))


def _of_test(study: StudyRuns, made: TableSet, top: Row) -> list[str]:
    found = []
    if top["n_new_patients"] == 0:
        found.append(
            "each patient of the test split has an image in training too, so nothing is known of new patients"
            if patients_known(study)
            else "which test images are of new patients cannot be said"
        )
    if study.folds and 0 < top["folds_tested"] < study.folds:
        found.append(f"{int(top['folds_tested'])} of {study.folds} folds are confirmed so far")
    if study.folds and ", " in str(top["arm"]):
        found.append("the number is that of choosing an arm in each fold, and of no single model")
    if not study.primary_endpoint and study.selection_split != TEST:
        found.append("the primary endpoint was not recorded when the study began; it is the one that every study has")
    if top["seeds"] < schema.FEW_SEEDS:
        number = "one seed tells" if top["seeds"] == 1 else f"{int(top['seeds'])} seeds tell"
        found.append(f"{number} hardly anything of other seeds")
    return found


def _of_scores(top: Row, tested: bool) -> list[str]:
    """What few or unequal patients, or missing grades, do to the scores."""
    found: list[str] = []
    if pd.isna(top["kappa"]):
        found.append("kappa is undefined, since all images have the same grade")
    elif pd.isna(top["kappa_low"]):
        why = f"as fewer than {FEWEST_PATIENTS} patients do not hold one"
        if top["interval_over"] == "images":
            why = "as predictions were not recorded"
        elif top["patients"] >= FEWEST_PATIENTS > top["effective_patients"]:
            why = "as most images are of a few patients"
        elif top["patients"] >= FEWEST_PATIENTS:
            why = "as every patient is graded right" if top["kappa"] == 1 else "as all patients are alike"
        found.append(f"kappa has no interval, {why}")
    for score, wide in WIDE.items():
        low, high = top[f"{score}_low"], top[f"{score}_high"]
        if high - low > wide:
            found.append(f"a{'n' * (score[0] == 'a')} {score} anywhere from {low:.2f} to {high:.2f} fits these images")
    if top["largest_patient"] > LARGE_SHARE and top["patients"] > 1:
        found.append(f"one patient has {100 * top['largest_patient']:.0f} % of the {count(top['n'])} images")
    counts = {grade: top[f"n_grade_{grade}"] for grade in schema.GRADES}
    absent = [str(grade) for grade, images in counts.items() if images == 0]
    if absent and len(absent) < len(counts) - 1:  # of a single grade no score is left
        found.append(
            f"no image has grade {' or '.join(absent)}, so kappa, balanced accuracy, macro F1 and AUC are of the other "
            "grades alone"
        )
    few = [
        f"{grade} ({int(images)} image{'s' * (images > 1)})"
        for grade, images in counts.items()
        if 0 < images < FEW_OF_A_GRADE
    ]
    if few and tested:
        found.append(f"there are hardly any images of grade {listed(few)}")
    return found


def _of_arms(study: StudyRuns, made: TableSet, top: Row) -> list[str]:
    """What is compared with what, and whose model is exported."""
    found = []
    ran = made.pairs[made.pairs["p_adjusted"].notna()]
    if len(ran) and ran["n"].min() < made.four_way[f"{top['measured_on']}_n"].max():
        found.append("arms are compared on the images alone that both were measured on")
    if (exported := str(top.get("exported_arm", ""))) and exported != top["arm"]:
        now = " by now" if top.get("trials_after_reading", 0) else ""
        found.append(
            f"`retina export` takes {spoken(arm_label(study, exported))}, which stands first on validation{now}"
        )
    if study.selection_split == TEST:
        found.append("epochs and trials were chosen on the test split")
    return found
