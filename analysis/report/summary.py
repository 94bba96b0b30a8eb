"""What a study found, in sentences made from its numbers.

No sentence claims more than the tables hold: everything is said with n, an interval, the majority class and the split.
"""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from analysis import schema
from analysis.number_format import with_interval
from analysis.report.answer_caveats import patients_known, warnings
from analysis.report.pairwise_text import comparison
from analysis.results.columns import RUN, VALIDATION, primary_endpoint
from analysis.results.labels import Row, arm_label, listed, spoken
from analysis.results.study_runs import StudyRuns
from analysis.tables.all_tables import TableSet
from analysis.tables.arm_comparison import objective, unscored
from analysis.tables.best import CRITERIA
from analysis.tables.gain import gain_sentence


class Answer(NamedTuple):
    """What a study found: at most four sentences, and what must be known before they are passed on."""

    sentences: list[str]
    warnings: list[str]

    def text(self) -> str:
        """Markdown: the sentences as paragraphs, the cautions as a list."""
        return "\n\n".join([*self.sentences, "\n".join(f"- {one}" for one in self.warnings)]).strip()


def answer(study: StudyRuns, made: TableSet) -> Answer:
    """What is best and how surely, against which others, and what it is not yet.

    made: make_tables(study).
    """
    primary = primary_endpoint(made.four_way)
    ranked = primary[primary["status"] == RUN]
    if made.board["objective_value"].notna().sum() == 0 or ranked.empty:
        return Answer([f"No trial has ended with a score yet ({_states(study)}), so nothing can be concluded."], [])
    tested = ranked["measured_on"].iloc[0] != VALIDATION
    # a test split of one grade has no kappa; what it has is accuracy
    score = "accuracy" if tested and ranked[objective(study)].isna().all() else objective(study)
    top = ranked.sort_values(score, ascending=False, kind="stable", na_position="last").to_dict("records")[0]
    if not tested and pd.isna(top[score]):  # no predictions were recorded, only what the trials reported
        first = made.board.to_dict("records")[0]
        label, value = spoken(arm_label(study, first["arm"])), f"{score} {first['objective_value']:.3f}"
        sentence = f"{label} holds {_of(study, made)}, with {value} on the {study.selection_split} split."
        return Answer([sentence, _chosen_here(study, made, first)], [])
    best = _best_on_test(study, primary, top, score) if tested else _best_on_validation(study, made, top)
    last = [_configuration(study, top)] if tested else [_chosen_here(study, made, top)]
    if tested and (gained := gain_sentence(made.gain, objective(study))):
        last.append(gained)
    return Answer([best, *comparison(made.pairs, top, score), *last], warnings(study, made, top))


def reaching(best: pd.DataFrame, threshold: float) -> str:
    """How many configurations of best.best reach the threshold, by either criterion, for each part by itself."""
    if "measured_on" not in best or not (best["measured_on"] != VALIDATION).any():
        return _reaching(best, threshold, "")
    tested, chosen = (best[(best["measured_on"] == VALIDATION) == on] for on in (False, True))
    return " ".join([_reaching(tested, threshold, "On the test split"), _reaching(chosen, threshold, "On validation")])


def _best_on_validation(study: StudyRuns, made: TableSet, top: Row) -> str:
    where = f"{_images(study, top)} of the {study.selection_split} split"
    return (
        f"{spoken(top['label'])} holds {_of(study, made)}: {_repeated(study, top)}{_scores(top)}, 95 % intervals, on "
        f"{where}, {_against_majority(top, study.folds)}."
    )


def _best_on_test(study: StudyRuns, primary: pd.DataFrame, top: Row, score: str) -> str:
    several = (primary["status"] == RUN).sum() > 1
    where = "on the test split, which the search never saw"
    if study.folds:
        folds = int(top["folds_tested"])
        where = f"on the test splits of {folds} outer folds taken together, which their searches never saw"
    if top["n_new_patients"] == 0 and patients_known(study):
        where = "on the test split, which the search never saw, though each of its patients has an image in training"
    by = "" if score == objective(study) else f" in {score}"
    place = f"scores highest{by} {where}:" if several else f"is the only arm that was confirmed: {where}, with"
    seeds = "the one seed" if top["seeds"] == 1 else f"means of {top['seeds']} seeds"
    who = " who are not in training" if top["measured_on"] == "test_new_patients" else ""
    who += schema.AS_TOLD * bool(who and not patients_known(study))
    return (
        f"{spoken(top['label'])} {place} {_scores(top)} ({seeds}, 95 % intervals), on "
        f"{_images(study, top)}{who}, {_against_majority(top, study.folds)}."
    )


def _scores(top: Row) -> str:
    return f"kappa {with_interval(top, 'kappa')} and accuracy {with_interval(top, 'accuracy')}"


def _repeated(study: StudyRuns, top: Row) -> str:
    """The validation score of a configuration that was trained again; "" of one that was not."""
    if pd.isna(top["finalist_mean"]):
        return ""
    repeats = int(top["finalist_repeats"])
    times = "the one repeat" if repeats == 1 else f"the mean of {repeats} repeats"
    return (
        f"{objective(study)} {top['finalist_mean']:.3f} is {times} with fresh seeds on other validation patients, and "
        "the trial itself has "
    )


def _images(study: StudyRuns, top: Row) -> str:
    known = bool(pd.notna(top["patients"])) and patients_known(study)
    patients: str = f" of {int(top['patients']):,} patients" if known else ""
    return f"{int(top['n']):,} images{patients}"


def _of(study: StudyRuns, made: TableSet) -> str:
    count, pruned = len(made.board), unscored(study)
    trials = f"{count} trial{'s' * (count > 1)} that ran all epochs" if pruned else f"{count} ended trials"
    were, have = ("was", "has") if pruned == 1 else ("were", "have")
    left = f" ({pruned} more {were} stopped early and {have} none)"
    by = objective(study) + left * bool(pruned)
    if count == 1:
        return "the only trial that ran all epochs" + left * bool(pruned) if pruned else "the only ended trial"
    if study.folds:
        folds = len(study.folds_begun)
        return f"the best of each fold among {trials} over {folds} folds by {by}"
    return f"the best of {trials} by {by}"


def _against_majority(top: Row, folds: int) -> str:
    """What the accuracy is worth; folds: of the study, 0 without."""
    text = f"where the majority class alone gives an accuracy of {top['majority']:.3f}"
    if top["constant_predictor"]:
        several = int(top["seeds"]) > 1 and not pd.isna(top["constant_predictor_seeds"])
        if several:
            who = f"{int(top['constant_predictor_seeds'])} of its {int(top['seeds'])} models"
            every = "every image of a fold" if folds else "every image"
            return f"{text}; {who} give {every} the same grade and have learned nothing: constant predictors"
        if folds:
            return (
                f"{text}; it is a constant predictor: a fold's model gives every image the same grade and has learned "
                "nothing"
            )
        return (
            f"{text}; this model is a constant predictor: it gives every image the same grade and has learned nothing"
        )
    low, high = (top[f"gain_over_majority{end}"] for end in ("_low", "_high"))
    if high < 0:
        return f"{text}, which it does not reach"
    return f"{text}, from which its own cannot be told" if low <= 0 else text


def _chosen_here(study: StudyRuns, made: TableSet, top: Row) -> str:
    """The caution of a study without confirmation, with what is left of the score without the choice."""
    where, score = study.selection_split, objective(study)
    row = made.four_way[made.four_way["arm"] == top["arm"]].to_dict("records")[0]
    left = ""
    if not pd.isna(row[f"{score}_corrected"]) and row["chosen_among"] > 1:
        left = (
            f" (without the choice among {int(row['chosen_among'])} trials of its arm {score} is about "
            f"{with_interval(row, f'{score}_corrected')})"
        )
    if not pd.isna(row["finalist_mean"]):
        return (
            f"The trials were chosen on the {where} split and the winner among the best of them by its repeats: its "
            "own "
            f"numbers are optimistic, those of the repeats hardly, the intervals hold for these trained models and not "
            "for the configuration, and a claim needs a confirmation on patients who took no part in the choice."
        )
    chosen = "Trials and the winner were both" if study.selects_last else "Trials, epochs and the winner were all"
    return (
        f"{chosen} chosen on the {where} split itself, with one seed for each trial: the "
        f"numbers are optimistic{left}, the intervals hold for these trained models and not for the configuration, "
        "and a "
        "claim needs a confirmation on patients who took no part in the choice."
    )


def _configuration(study: StudyRuns, top: Row) -> str:
    """What the seeds say of the configuration."""
    score, seeds = objective(study), int(top["seeds"])
    if seeds < 2:
        return (
            "It was trained again with one seed only: the intervals hold for this trained model, and what another seed "
            "would give is not known."
        )
    start = "The intervals hold for these trained models"
    if pd.isna(top[score]):
        return f"{start}; {score} is undefined here, so nothing is said of the configuration, with any seed."
    if pd.isna(top[f"{score}_configuration_low"]):
        why = (
            "predictions were not recorded"
            if top["interval_over"] == "images"
            else f"all {seeds} seeds have the same {score}, as far as these patients can tell"
        )
        return f"{start}; {why}, so nothing is said of the configuration, with any seed."
    spread, low, high = (top[f"{score}_{end}"] for end in ("sd", "configuration_low", "configuration_high"))
    names = listed(top["seed_numbers"].split("; "))
    little = "; two seeds say little about that" if seeds < schema.FEW_SEEDS else ""
    return (
        f"{start}; over the seeds {names} its {score} has a standard deviation of {spread:.3f}, and for the "
        "configuration, "
        f"with any seed, the 95 % interval is {low:.3f} to {high:.3f}{little}."
    )


def _reaching(best: pd.DataFrame, threshold: float, where: str) -> str:
    by_bound, by_estimate = (int((best["criterion"] == criterion).sum()) for criterion in CRITERIA)
    percent, start = f"{100 * threshold:g} %", f"{where} " if where else ""
    if not by_estimate:
        no = f"{start}no" if where else "No"
        return f"{no} configuration reaches an accuracy of {percent}, neither by the lower bound nor by the estimate."
    count = "1 configuration reaches" if by_estimate == 1 else f"{by_estimate} configurations reach"
    bound = "none of them" if not by_bound else "it does" if by_estimate == 1 else f"{by_bound} of them"
    tail = "" if bound == "it does" else " does" if by_bound <= 1 else " do"
    by = "by the estimate; by the lower bound of the 95 % interval"
    return f"{start}{count} an accuracy of {percent} {by} {bound}{tail}."


def _states(study: StudyRuns) -> str:
    if study.trials.empty:
        return "none has been started"
    counts = study.trials["state"].value_counts().sort_index()
    return ", ".join(f"{count} {state}" for state, count in counts.items())
