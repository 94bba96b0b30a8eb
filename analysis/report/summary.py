"""What a study found, in at most MOST sentences made from its numbers: result, how it was measured, what limits it.

No sentence claims more than the tables hold. It leads with the primary endpoint, which validation named; nothing is
chosen or ranked by the test split, and a difference is claimed only by an interval that holds together with all others.
"""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from analysis.number_format import count, with_bounds, with_interval
from analysis.report import answer_caveats
from analysis.report.pairwise_text import ONE_MORE_SEED, comparison, of_configurations
from analysis.report.row_text import against_majority, among_trials, chosen_here, images_text, repeated_text
from analysis.results.columns import RUN, TEST, VALIDATION, primary_endpoint
from analysis.results.labels import Row, arm_label, listed, spoken
from analysis.results.predictions import chosen_arms
from analysis.results.study_runs import StudyRuns, objective
from analysis.tables.all_tables import TableSet
from analysis.tables.best import CRITERIA
from analysis.tables.endpoint import gain_sentence

MOST = 8

CLAUSES = 4
"""Of what limits the answer, so many stand in it; how many more there are is said."""


class Answer(NamedTuple):
    """What a study found."""

    sentences: list[str]

    def text(self) -> str:
        """Markdown: the sentences as paragraphs."""
        return "\n\n".join(self.sentences)


def answer(study: StudyRuns, made: TableSet) -> Answer:
    """Result, how it was measured, what limits it; made: make_tables(study)."""
    if made.board["objective_value"].notna().sum() == 0:
        return Answer([f"No trial has ended with a score yet ({_states(study)}), so nothing can be concluded."])
    endpoint = made.endpoint.to_dict("records")[0]
    if endpoint["status"] == RUN:
        found = _measured_endpoint(study, made, endpoint)
        return Answer(_at_most(found, answer_caveats.limitations(study, made, endpoint)))
    primary = primary_endpoint(made.four_way)
    if primary["measured_on"].iloc[0] != VALIDATION:  # other arms were measured, or counts alone
        found = [_no_endpoint(study, endpoint, _why_of_arm(endpoint, primary)), *comparison(made.pairs)]
        found += [*answer_caveats.no_arm_beats_chance(made), *answer_caveats.seeds(made)]
        rows = primary[primary["status"] == RUN].to_dict("records")
        score = objective(study)
        others = [
            f"{spoken(row['label'])} has {score} {with_interval(row, score)} on {images_text(study, row)}"
            for row in rows
        ]
        found[1:1] = [f"Of the arms that were measured, {'; '.join(others)}."] * bool(others)
        return Answer(_at_most(found, answer_caveats.limitations(study, made, rows[0]) if rows else []))
    return _on_validation(study, made, endpoint, primary)


def reaching(made: TableSet, threshold: float) -> str:
    """How many configurations of made.best reach the threshold, by either criterion, for each split by itself."""
    best, primary = made.best, primary_endpoint(made.four_way)
    on_validation = _reaching(best[best["measured_on"] == VALIDATION], threshold, "validation", made.board["n"].max())
    if primary["measured_on"].iloc[0] == VALIDATION:
        return on_validation
    tested = _reaching(best[best["measured_on"] != VALIDATION], threshold, "the test split", primary["n"].max())
    return f"{tested} {on_validation}"


def _measured_endpoint(study: StudyRuns, made: TableSet, endpoint: Row) -> list[str]:
    """Sentences about a primary endpoint that has been measured."""
    score = objective(study)
    value = with_bounds(endpoint[score], (endpoint[f"{score}_low"], endpoint[f"{score}_high"]), " (no interval)")
    interval: str = "" if pd.isna(endpoint[f"{score}_low"]) else ", 95 % over patients"
    seeds = "of one seed" if endpoint["seeds"] == 1 else f"mean of {int(endpoint['seeds'])} seeds"
    first = (
        f"The primary endpoint, {score} of {_chosen(study, made)}, is {value}{interval}, on "
        f"{images_text(study, endpoint)}, {seeds}."
    )
    other = "accuracy" if score == "kappa" else "kappa"
    second = f"Its {other} is {with_bounds(endpoint[other], (endpoint[f'{other}_low'], endpoint[f'{other}_high']))}, "
    second += f"{against_majority(endpoint, study.folds)}."
    found = [
        first,
        second,
        *answer_caveats.no_arm_beats_chance(made),
        *comparison(made.pairs),
        _configuration(endpoint, made, score),
    ]
    found += [gained] if (gained := gain_sentence(made.gain, score)) else []
    return [*found, *answer_caveats.seeds(made), _reading(study, endpoint)]


def _at_most(sentences: list[str], limiting: list[str]) -> list[str]:
    """At most MOST sentences; the limits are the last one, and what has no room is said to stand on the page."""
    room = MOST - bool(limiting)
    more = max(len(limiting) - CLAUSES, 0) + max(len(sentences) - room, 0)
    clauses = limiting[:CLAUSES] + [f"report.html has {more} more of these remarks"] * (more > 0)
    return sentences[:room] + [f"What limits this: {'; '.join(clauses)}."] * bool(limiting)


def _chosen(study: StudyRuns, made: TableSet) -> str:
    """The arm that validation chose, of folds in each of them."""
    chosen = chosen_arms(study, made.board)
    arms = list(dict.fromkeys(chosen.values()))
    if not study.folds:
        return f"the arm that validation chose ({spoken(arm_label(study, arms[0]))})"
    if len(arms) == 1:
        return f"the arm that validation chose in every fold ({spoken(arm_label(study, arms[0]))})"
    of_fold = []
    for arm in arms:
        folds = [str(fold) for fold, one in chosen.items() if one == arm]
        of_fold.append(f"{spoken(arm_label(study, arm))} in fold {listed(folds)}")
    return f"the arm that validation chose in each fold ({'; '.join(of_fold)})"


def _configuration(endpoint: Row, made: TableSet, score: str) -> str:
    """What the seeds say of the configuration, and of the differences between configurations."""
    seeds = int(endpoint["seeds"])
    start = "The intervals are for these trained models"
    if seeds < 2:
        return f"{start}; what another seed would give is not known."
    others = "".join(f"; {clause}" for clause in of_configurations(made.pairs))
    low, high = (endpoint[f"{score}_configuration{end}"] for end in ("_low", "_high"))
    if pd.isna(endpoint[score]):
        return f"{start}; {score} is undefined here, so nothing is said of other seeds{others}."
    if pd.isna(low):
        why = "predictions were not recorded"
        if endpoint["interval_over"] != "images":
            why = f"all {seeds} seeds have the same {score}, as far as these patients can tell"
        return f"{start}; {why}, so nothing is said of other seeds{others}."
    return f"{start}; {ONE_MORE_SEED} the 95 % interval of {score} is {low:.3f} to {high:.3f}{others}."


def _reading(study: StudyRuns, endpoint: Row) -> str:
    """When the test split was read, and what was chosen before and after."""
    times = (
        "once" if len(study.test_confusions) == 1 else f"{len(study.test_confusions)} times, once for each confirmation"
    )
    text = f"Epochs, trials and arms were chosen on validation, and the test split was read {times}"
    later = int(endpoint["trials_after_reading"])
    if later:
        text += (
            f"; {later} trial{'s were' if later > 1 else ' was'} begun after that, so what they found may rest on what "
            "had been read"
        )
    return f"{text}."


def _why_of_arm(endpoint: Row, primary: pd.DataFrame) -> str:
    """Why the chosen arm has no number though others have."""
    return str(endpoint["reason"]) or "; ".join(primary.loc[primary["status"] != RUN, "reason"])


def _no_endpoint(study: StudyRuns, endpoint: Row, why: str) -> str:
    if study.selection_split == TEST:
        return f"This study has no primary endpoint: {why}, so every number here is optimistic."
    which = "the arm that validation chose"
    named = [spoken(label) for label in str(endpoint["label"]).split(", ResNet")]
    if len(named) == 1 and named[0]:
        which += f" ({named[0]})"
    return f"The primary endpoint, {objective(study)} of {which} on the test split, is not measured: {why}."


def _on_validation(study: StudyRuns, made: TableSet, endpoint: Row, primary: pd.DataFrame) -> Answer:
    """What is known before the test split is read, or where there is none."""
    score, first = objective(study), made.board.to_dict("records")[0]
    label = spoken(arm_label(study, first["arm"]))
    found = [_no_endpoint(study, endpoint, str(endpoint["reason"]))]
    top = primary[primary["arm"] == first["arm"]].to_dict("records")[0]
    if pd.isna(top["n"]):  # no predictions were recorded, only what the trials reported
        found.append(
            f"{label} holds {among_trials(study, made)}, with {score} {first['objective_value']:.3f} on the "
            f"{study.selection_split} split."
        )
        return Answer([*found, chosen_here(study, made, top)])
    found.append(
        f"{label} holds {among_trials(study, made)}: {repeated_text(study, top)}kappa {with_interval(top, 'kappa')} "
        f"and accuracy {with_interval(top, 'accuracy')}, 95 % intervals, on {images_text(study, top)}, "
        f"{against_majority(top, study.folds)}."
    )
    found += [*answer_caveats.no_arm_beats_chance(made), chosen_here(study, made, top)]
    if (primary["status"] == RUN).sum() > 1:
        found.append("Arms are not compared by a test here, since their models were chosen on these images.")
    return Answer(_at_most(found, answer_caveats.limitations(study, made, top)))


def _reaching(best: pd.DataFrame, threshold: float, where: str, n: float) -> str:
    """best: the rows of one split, of n images."""
    by_bound, by_estimate = (int((best["criterion"] == criterion).sum()) for criterion in CRITERIA)
    percent, selection = f"{100 * threshold:g} %", "chosen on them" if where == "validation" else "chosen on validation"
    start = f"On {where} ({count(n)} images; {selection})"
    if not by_estimate:
        neither = "neither by the lower bound nor by the estimate"
        return f"{start} no configuration reaches an accuracy of {percent}, {neither}."
    of = "1 configuration reaches" if by_estimate == 1 else f"{by_estimate} configurations reach"
    bound = "none" if not by_bound else "it does" if by_estimate == 1 else f"{by_bound} of them"
    tail = "" if bound == "it does" else " does" if by_bound <= 1 else " do"
    among = int(best["configurations"].max())
    return (
        f"{start} {of} an accuracy of {percent} by the estimate; by the lower bound, corrected for {among} "
        f"configuration{'s' * (among > 1)}, and beyond the majority class, {bound}{tail}."
    )


def _states(study: StudyRuns) -> str:
    if study.trials.empty:
        return "none has been started"
    counts = study.trials["state"].value_counts().sort_index()
    return ", ".join(f"{count} {state}" for state, count in counts.items())
