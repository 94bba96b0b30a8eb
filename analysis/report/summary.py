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

FULL_NAMES = {"kappa": "quadratic weighted kappa", "accuracy": "accuracy"}
"""Of a score, where an answer says it first."""

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
        found = [_no_endpoint(study, made, endpoint, _why_of_arm(endpoint, primary)), *comparison(made.pairs)]
        found += [*answer_caveats.no_arm_beats_chance(made), *answer_caveats.seeds(made)]
        rows = primary[primary["status"] == RUN].to_dict("records")
        others = [
            f"{spoken(row['label'])} has kappa {with_interval(row, 'kappa')} and accuracy "
            f"{with_interval(row, 'accuracy')}, {_seeds(row)}, on {images_text(study, row)}"
            for row in rows
        ]
        which = "Of the arms that were measured," if len(others) > 1 else "Of the others one arm was measured:"
        found[1:1] = [f"{which} {'; '.join(others)}."] * bool(others)
        return Answer(_at_most(found, answer_caveats.limitations(study, made, rows[0]) if rows else []))
    return _on_validation(study, made, endpoint, primary)


def reaching(made: TableSet, threshold: float) -> str:
    """How many configurations of made.best reach the threshold, by either criterion, for each split by itself."""
    best, primary = made.best, primary_endpoint(made.four_way)
    chosen_on_test = len(made.board) > 0 and str(made.board["split"].iloc[0]).startswith(TEST)
    where = "the test split" if chosen_on_test else "validation"
    on_validation = _reaching(best[best["measured_on"] == VALIDATION], threshold, where, "on them", made.board["n"])
    if primary["measured_on"].iloc[0] == VALIDATION:
        return on_validation
    tested = best[best["measured_on"] != VALIDATION]
    return f"{_reaching(tested, threshold, 'the test split', 'on validation', primary['n'])} {on_validation}"


def _measured_endpoint(study: StudyRuns, made: TableSet, endpoint: Row) -> list[str]:
    """Sentences about a primary endpoint that has been measured."""
    score = objective(study)
    low, high = endpoint[f"{score}_low"], endpoint[f"{score}_high"]
    value = with_bounds(endpoint[score], (low, high), " (no interval)")
    interval: str = "" if pd.isna(low) else ", 95 %" + " over patients" * answer_caveats.patients_known(study)
    if low == high == 0:  # of one answer for all
        value, interval = "0, by definition", ""
    first = (
        f"The primary endpoint, {FULL_NAMES[score]} of {_chosen(study, made, endpoint)}, is {value}{interval}, on "
        f"{images_text(study, endpoint)}, {_seeds(endpoint)}."
    )
    other = "accuracy" if score == "kappa" else "kappa"
    bounds = (endpoint[f"{other}_low"], endpoint[f"{other}_high"])
    second = f"Its {FULL_NAMES[other]} is {with_bounds(endpoint[other], bounds)}"
    worth = against_majority(endpoint, study.folds)
    second += f", {worth}." if other == "accuracy" else f"; {worth.removeprefix('where ')}."
    found = [
        first,
        second,
        *answer_caveats.no_arm_beats_chance(made),
        *comparison(made.pairs),
        _configuration(endpoint, made, score),
    ]
    found += [gained] if (gained := gain_sentence(made.gain, score)) else []
    return [*found, *answer_caveats.seeds(made), _reading(study, made, endpoint)]


def _seeds(row: Row) -> str:
    return "of one seed" if row["seeds"] == 1 else f"mean of {int(row['seeds'])} seeds"


def beside(answer: Answer, caveats: list[str]) -> list[str]:
    """The caveats that the answer does not have; a page shows both."""
    text = " ".join(answer.sentences)
    return [one for one in caveats if one not in text and f"{one[0].lower()}{one[1:-1]}" not in text]


def _at_most(sentences: list[str], limiting: list[str]) -> list[str]:
    """At most MOST sentences; the limits are the last one, and what has no room is said to stand on the page."""
    room = MOST - bool(limiting)
    more = max(len(limiting) - CLAUSES, 0) + max(len(sentences) - room, 0)
    clauses = limiting[:CLAUSES] + [f"report.html has {more} more of these remarks"] * (more > 0)
    return sentences[:room] + [f"What limits this: {'; '.join(clauses)}."] * bool(limiting)


def _chosen(study: StudyRuns, made: TableSet, endpoint: Row) -> str:
    """The arm that validation chose, of folds in each of them; where one alone ran there was no choice."""
    chosen = chosen_arms(study, made.board)
    arms = list(dict.fromkeys(chosen.values()))
    if made.board["arm"].nunique() == 1:
        return f"the only arm that ran ({spoken(arm_label(study, arms[0]))})"
    if not study.folds:
        when = " before the test split was read" if endpoint["trials_after_reading"] else ""
        return f"the arm that validation chose{when} ({spoken(arm_label(study, arms[0]))})"
    if len(arms) == 1:
        return f"the arm that validation chose in every fold ({spoken(arm_label(study, arms[0]))})"
    of_fold = []
    for arm in arms:
        folds = [str(fold) for fold, one in chosen.items() if one == arm]
        of_fold.append(f"{spoken(arm_label(study, arm))} in fold{'s' * (len(folds) > 1)} {listed(folds)}")
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
        if endpoint["constant_predictor_seeds"] == seeds:
            why = f"all {seeds} seeds are constant predictors"
        elif pd.isna(endpoint[f"{score}_low"]) and endpoint[score] < 1:
            why = f"{score} has no interval"
        elif endpoint["interval_over"] != "images":
            why = f"all {seeds} seeds have the same {score}, as far as these patients can tell"
        return f"{start}; {why}, so nothing is said of other seeds{others}."
    return f"{start}; {ONE_MORE_SEED} the 95 % interval of {score} is {low:.3f} to {high:.3f}{others}."


def _reading(study: StudyRuns, made: TableSet, endpoint: Row) -> str:
    """When the test split was read, and what was chosen before and after."""
    times = (
        "once" if len(study.test_confusions) == 1 else f"{len(study.test_confusions)} times, once for each confirmation"
    )
    chosen = _choices(study, made)
    text = f"{chosen} chosen on validation, and the test split was read {times}"
    if not chosen:
        text = f"The test split was read {times}"
    later = int(endpoint["trials_after_reading"])
    if later:
        were, they = ("trials were", "they") if later > 1 else ("trial was", "it")
        text += f"; {later} {were} begun after that, so what {they} found may rest on what had been read"
    return f"{text}."


def _choices(study: StudyRuns, made: TableSet) -> str:
    """What was chosen, with its verb: `Epochs, trials and arms were`; "" where there was no choice."""
    arms, trials = made.board["arm"].nunique(), len(made.board)
    several = (not study.selects_last, trials > arms, arms > 1)
    names = [name for name, many in zip(("epochs", "trials", "arms"), several, strict=True) if many]
    return f"{listed(names).capitalize()} were" if names else ""


def _why_of_arm(endpoint: Row, primary: pd.DataFrame) -> str:
    """Why the chosen arm has no number though others have."""
    return str(endpoint["reason"]) or "; ".join(primary.loc[primary["status"] != RUN, "reason"])


def _no_endpoint(study: StudyRuns, made: TableSet, endpoint: Row, why: str) -> str:
    if study.selection_split == TEST:
        return f"This study has no primary endpoint: {why}, so every number here is optimistic."
    which = "the only arm that ran" if made.board["arm"].nunique() == 1 else "the arm that validation chose"
    named = [spoken(label) for label in str(endpoint["label"]).split(", ResNet")]
    if len(named) == 1 and named[0]:
        which += f" ({named[0]})"
    return f"The primary endpoint, {FULL_NAMES[objective(study)]} of {which} on the test split, is not measured: {why}."


def _on_validation(study: StudyRuns, made: TableSet, endpoint: Row, primary: pd.DataFrame) -> Answer:
    """What is known before the test split is read, or where there is none."""
    score, first = objective(study), made.board.to_dict("records")[0]
    label = spoken(arm_label(study, first["arm"]))
    found = [_no_endpoint(study, made, endpoint, str(endpoint["reason"]))]
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


def _reaching(best: pd.DataFrame, threshold: float, where: str, chosen: str, images: pd.Series[float]) -> str:
    """best: the rows of one split. chosen: on what its configurations were; images: of each that was measured."""
    by_bound, by_estimate = (int((best["criterion"] == criterion).sum()) for criterion in CRITERIA)
    percent, least, most = f"{100 * threshold:g} %", images.min(), images.max()
    n = count(most) if least == most else f"{count(least)} to {count(most)}"
    start = f"On {where} ({'' if pd.isna(most) else f'{n} images; '}chosen {chosen})"
    what = "configuration" if chosen == "on them" else "confirmed winner"
    if not by_estimate:
        neither = "neither by the lower bound nor by the estimate"
        return f"{start} no {what} has an accuracy of {percent} or more that lies beyond the majority class, {neither}."
    of = f"1 {what} reaches" if by_estimate == 1 else f"{by_estimate} {what}s reach"
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
