"""What a study found, in sentences made from its numbers; cautious where the numbers are.

No sentence claims more than the tables hold: everything is said with n, an interval, the majority class and the part.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from analysis import records
from analysis.runs import ENDED, StudyRuns
from analysis.tables import CRITERIA, NO_RESULT, NOT_RUN, RUN, objective, part, with_interval, without_folders

Row = Mapping[Hashable, Any]
OTHER_STATES = (records.STATE_RUNNING, records.STATE_INTERRUPTED)
"""States of a trial that is still to go on."""


def answer(study: StudyRuns, board: pd.DataFrame, cells: pd.DataFrame) -> list[str]:
    """Two or three sentences: what is best and how surely, against which others, and what it is not yet.

    board: tables.leaderboard(study), cells: tables.four_way(study).
    """
    ranked = board[board["objective_value"].notna()]
    if ranked.empty:
        return [f"No trial has ended with a score yet ({_states(study)}), so nothing can be concluded."]
    top = ranked.to_dict("records")[0]
    return [_best(study, top, len(board)), *_comparison(study, cells, top), _caution(study)]


def remarks(study: StudyRuns, board: pd.DataFrame, cells: pd.DataFrame) -> list[str]:
    """What a reader must know before believing the tables: cells without result, degenerate models, what failed."""
    found = []
    if part(study).startswith("test"):
        found.append(
            "Everything here was chosen on the test part, so every number is optimistic; there is no unseen part left "
            "to confirm it on."
        )
    for cell in cells.to_dict("records"):
        if cell["status"] == NOT_RUN:
            found.append(f"{_spoken(cell['cell'])} was not run: {cell['reason']}.")
        elif cell["status"] == NO_RESULT:
            found.append(f"{_spoken(cell['cell'])} has no result yet: {cell['reason']}.")
        elif cell["degenerate"] is True or cell["degenerate"] == 1:
            found.append(
                f"The best model of {_spoken(cell['cell'])} is degenerate: all {int(cell['n']):,} images get the same "
                f"grade, so its accuracy of {cell['accuracy']:.4f} says only how frequent that grade is (kappa 0)."
            )
    waiting = study.trials["state"].isin(OTHER_STATES).sum()
    if waiting:
        are = "is" if waiting == 1 else "are"
        found.append(f"The study is not finished: {waiting} of {_trials(len(study.trials))} {are} still to go on.")
    failed = int((study.trials["state"] == records.STATE_FAILED).sum())
    if failed:
        found.append(f"{_trials(failed)} failed and {'is' if failed == 1 else 'are'} in no table of scores.")
    if (board["interval_over"] == "images").any():
        found.append(
            "Where predictions were not recorded the interval of accuracy is Wilson's over images; it takes the two "
            "eyes of a patient as independent and is too narrow."
        )
    return found


def reaching(best: pd.DataFrame, threshold: float) -> str:
    """One sentence about the configurations of tables.best: how many reach the threshold, by either criterion."""
    by_bound, by_estimate = (int((best["criterion"] == criterion).sum()) for criterion in CRITERIA)
    percent = f"{100 * threshold:g} %"
    if not by_estimate:
        return f"No configuration reaches an accuracy of {percent}, neither by the lower bound nor by the estimate."
    count = "1 configuration reaches" if by_estimate == 1 else f"{by_estimate} configurations reach"
    bound = "none of them" if not by_bound else "it does" if by_estimate == 1 else f"{by_bound} of them"
    tail = "" if bound == "it does" else " does" if by_bound <= 1 else " do"
    return f"{count} an accuracy of {percent} by the estimate; by the lower bound of the 95 % interval {bound}{tail}."


def failures(study: StudyRuns) -> pd.DataFrame:
    """Trials that did not end in order: trial, arm, state, reason (without folders)."""
    table = study.trials.loc[~study.trials["state"].isin(ENDED), ["trial", "arm", "state", "reason"]]
    return table.assign(reason=table["reason"].map(without_folders))


def _best(study: StudyRuns, top: Row, count: int) -> str:
    cell, where = _spoken(records.ARM_LABELS[top["arm"]]), part(study).split()[0]
    of = "the only ended trial" if count == 1 else f"the best of {count} ended trials by {objective(study)}"
    if pd.isna(top["n"]):
        return f"{cell} holds {of}, with {objective(study)} {top['objective_value']:.3f} on the {where} part."
    patients = "" if pd.isna(top["patients"]) else f" of {int(top['patients']):,} patients"
    text = (
        f"{cell} holds {of}: kappa {with_interval(top, 'kappa')} and accuracy {with_interval(top, 'accuracy')}, "
        f"95 % intervals, on {int(top['n']):,} images{patients} of the {where} part, where the majority class alone "
        f"gives an accuracy of {top['majority']:.3f}."
    )
    if top["degenerate"]:
        return f"{text} This model is degenerate: it gives every image the same grade and has learned nothing."
    if top["accuracy_high"] < top["majority"]:
        return f"{text} Its accuracy lies below that of the majority class."
    if top["accuracy_low"] <= top["majority"]:
        return f"{text} Its accuracy cannot be told from the majority class."
    return text


def _comparison(study: StudyRuns, cells: pd.DataFrame, top: Row) -> list[str]:
    """The best cell against the others, by whether their intervals overlap; nothing where there is no other."""
    score = objective(study)
    others = cells[(cells["status"] == RUN) & (cells["arm"] != top["arm"]) & cells[f"{score}_high"].notna()]
    if others.empty or pd.isna(top[f"{score}_low"]):
        return []
    tied = others[others[f"{score}_high"] >= top[f"{score}_low"]]
    behind = others[others[f"{score}_high"] < top[f"{score}_low"]]
    sentences = []
    if len(tied):
        sentences.append(
            f"Its {score} interval overlaps with that of {_listed(tied, score)}, so the study does not show which of "
            "them is better."
        )
    if len(behind):
        sentences.append(
            f"{_listed(behind, score)} {'stays' if len(behind) == 1 else 'stay'} below it with "
            f"{'an interval that does' if len(behind) == 1 else 'intervals that do'} not overlap."
        )
    return [" ".join(sentences)]


def _caution(study: StudyRuns) -> str:
    where = part(study).split()[0]
    return (
        f"Trials, epochs and the winner were all chosen on the {where} part itself, with one seed for each trial: the "
        "numbers are optimistic, the intervals hold for these trained models and not for the recipe, and a claim needs "
        "a confirmation on patients who took no part in the choice."
    )


def _listed(cells: pd.DataFrame, score: str) -> str:
    names = [f"{_spoken(cell['cell'])} at {with_interval(cell, score)}" for cell in cells.to_dict("records")]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _spoken(label: str) -> str:
    """A cell's label as it is said within a sentence."""
    return label.replace(", pretrained", " with pretraining").replace(",", "")


def _states(study: StudyRuns) -> str:
    if study.trials.empty:
        return "none has been started"
    counts = study.trials["state"].value_counts().sort_index()
    return ", ".join(f"{count} {state}" for state, count in counts.items())


def _trials(count: int) -> str:
    return "1 trial" if count == 1 else f"{count:,} trials"
