"""What a study found, in sentences made from its numbers; cautious where the numbers are.

No sentence claims more than the tables hold: everything is said with n, an interval, the majority class and the part.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from analysis import records
from analysis.columns import RUN, VALIDATION, headline
from analysis.runs import StudyRuns
from analysis.tables import CRITERIA, objective, part, with_interval
from analysis.tableset import TableSet

Row = Mapping[Hashable, Any]

WIDE = {"accuracy": 0.1, "kappa": 0.2}
"""Width of an interval beyond which the sentence says what it means."""

LEVEL = 0.05
FEW_SEEDS = 3
"""With fewer seeds than this the spread between them is hardly known."""


def answer(study: StudyRuns, made: TableSet) -> list[str]:
    """Two or three sentences: what is best and how surely, against which others, and what it is not yet.

    made: tableset.make_tables(study).
    """
    score = objective(study)
    judged = headline(made.cells)
    ranked = judged[judged["status"] == RUN]
    if made.board["objective_value"].notna().sum() == 0 or ranked.empty:
        return [f"No trial has ended with a score yet ({_states(study)}), so nothing can be concluded."]
    top = ranked.sort_values(score, ascending=False, kind="stable", na_position="last").to_dict("records")[0]
    if pd.isna(top[score]):  # no predictions were recorded, only what the trials reported
        first = made.board.to_dict("records")[0]
        cell, value = spoken(records.ARM_LABELS[first["arm"]]), f"{score} {first['objective_value']:.3f}"
        sentence = f"{cell} holds {_of(study, made)}, with {value} on the {part(study).split()[0]} part."
        return [sentence, _chosen_here(study, made, first)]
    if top["measured_on"] == VALIDATION:
        first_sentence = _best_on_validation(study, made, top)
        return [first_sentence, *_comparison(made, top, score), _chosen_here(study, made, top)]
    return [_best_on_test(study, judged, top), *_comparison(made, top, score), _recipe(study, made, top)]


def reaching(best: pd.DataFrame, threshold: float) -> str:
    """How many configurations of tables.best reach the threshold, by either criterion, for each part by itself."""
    if "measured_on" not in best or not (best["measured_on"] != VALIDATION).any():
        return _reaching(best, threshold, "")
    tested, chosen = (best[(best["measured_on"] == VALIDATION) == on] for on in (False, True))
    return " ".join([_reaching(tested, threshold, "On the test part"), _reaching(chosen, threshold, "On validation")])


def spoken(label: str) -> str:
    """A cell's label as it is said within a sentence."""
    return label.replace(", pretrained", " with pretraining").replace(",", "")


def listed(names: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _best_on_validation(study: StudyRuns, made: TableSet, top: Row) -> str:
    where = part(study).split()[0]
    return (
        f"{spoken(top['cell'])} holds {_of(study, made)}: {_scores(top)}, 95 % intervals, on {_images(top)} of the "
        f"{where} part, {_against_majority(top, study.folds)}"
    )


def _best_on_test(study: StudyRuns, judged: pd.DataFrame, top: Row) -> str:
    several = (judged["status"] == RUN).sum() > 1
    where = "on the test part, which the search never saw"
    if study.folds:
        folds = int(top["folds_tested"])
        where = f"on the test parts of {folds} outer folds taken together, which their searches never saw"
    if top["clean_n"] == 0:
        where = "on the test part, which the search never saw, though each of its patients has an image in training"
    place = f"scores highest {where}" if several else f"is the only cell that was confirmed, and stands, {where}, at"
    seeds = "the one seed" if top["seeds"] == 1 else f"means of {top['seeds']} seeds"
    who = " who are not in training" if top["measured_on"] == "test_clean" else ""
    return (
        f"{spoken(top['cell'])} {place}{':' if several else ''} {_scores(top)} ({seeds}, 95 % intervals), on "
        f"{_images(top)}{who}, {_against_majority(top, study.folds)}"
    )


def _scores(top: Row) -> str:
    return f"kappa {with_interval(top, 'kappa')} and accuracy {with_interval(top, 'accuracy')}"


def _images(top: Row) -> str:
    patients: str = "" if pd.isna(top["patients"]) else f" of {int(top['patients']):,} patients"
    return f"{int(top['n']):,} images{patients}"


def _of(study: StudyRuns, made: TableSet) -> str:
    count = len(made.board)
    if count == 1:
        return "the only ended trial"
    if study.folds:
        folds = len(study.folds_begun)
        return f"the best of each fold among {count} ended trials over {folds} folds by {objective(study)}"
    return f"the best of {count} ended trials by {objective(study)}"


def _against_majority(top: Row, folds: int) -> str:
    """What the accuracy is worth, and how wide its interval is; folds: of the study, 0 without."""
    text = f"where the majority class alone gives an accuracy of {top['majority']:.3f}."
    if top["degenerate"]:
        several = int(top["seeds"]) > 1 and not pd.isna(top["degenerate_seeds"])
        if several:
            who = f"{int(top['degenerate_seeds'])} of its {int(top['seeds'])} models"
            every = "every image of a fold" if folds else "every image"
            return f"{text} {who} give {every} the same grade and have learned nothing: the cell is degenerate."
        if folds:
            return f"{text} It is degenerate: a fold's model gives every image the same grade and has learned nothing."
        return f"{text} This model is degenerate: it gives every image the same grade and has learned nothing."
    low, high = (top[f"above_majority{end}"] for end in ("_low", "_high"))
    if high < 0:
        text += " Its accuracy lies below that of the majority class."
    elif low <= 0:
        text += " Its accuracy cannot be told from the majority class."
    for score, wide in WIDE.items():
        low, high = top[f"{score}_low"], top[f"{score}_high"]
        if high - low > wide:
            return (
                f"{text} So few patients do not tell {'an ' * (score[0] == 'a')}{score} of {low:.2f} from {high:.2f}."
            )
    return text


def _comparison(made: TableSet, top: Row, score: str) -> list[str]:
    """The best cell against each other, by the pairs; nothing where there is no other.

    On the test part it counts as another when the paired test says so, adjusted for all pairs; on the part that both
    were chosen on a test would promise too much, and the interval of the paired difference has to do.
    """
    tested = top["measured_on"] != VALIDATION
    groups: dict[str, list[str]] = {"ahead": [], "behind": [], "tie": [], "kappa ahead": [], "kappa behind": []}
    for pair in made.pairs[made.pairs["status"] == RUN].to_dict("records"):
        if top["arm"] not in (pair["arm_a"], pair["arm_b"]):
            continue
        sign = 1 if pair["arm_a"] == top["arm"] else -1
        other = pair["cell_b"] if sign == 1 else pair["cell_a"]
        shown = [f"{name} {_signed(pair, name, sign)}" for name in ("kappa", "accuracy")]
        shown += [f"p {_p(pair['p_holm'])}"] if tested else []
        if tested:
            told, better = pair["p_holm"] < LEVEL, sign * pair["accuracy_difference"] > 0
        else:
            low, high = sorted(sign * pair[f"{score}_difference{end}"] for end in ("_low", "_high"))
            told, better = low > 0 or high < 0, low > 0
        where = ("ahead" if better else "behind") if told else "tie"
        groups[where].append(f"{spoken(other)} ({', '.join(shown)})")
        low, high = sorted(sign * pair[f"kappa_difference{end}"] for end in ("_low", "_high"))
        if tested and where == "tie" and (low > 0 or high < 0):
            groups["kappa ahead" if low > 0 else "kappa behind"].append(spoken(other))
    sentences = []
    by = "In accuracy it is, by the paired test by patient with Holm's correction," if tested else "It is"
    if groups["ahead"]:
        sentences.append(f"{by} ahead of {listed(groups['ahead'])}.")
    if groups["behind"]:
        sentences.append(f"{by} behind {listed(groups['behind'])}.")
    if groups["tie"]:
        others = "them" if len(groups["tie"]) > 1 else "the two"
        start, better = ("In accuracy it", "is more often right") if tested else ("It", "is better")
        sentences.append(
            f"{start} cannot be told from {listed(groups['tie'])}, so the study does not show which of {others} "
            f"{better}."
        )
    for way in ("ahead", "behind"):
        if told_by_kappa := groups[f"kappa {way}"]:
            sentences.append(
                f"In kappa, by the interval of each difference, not corrected for the number of pairs, it is {way}"
                f"{' of' * (way == 'ahead')} {listed(told_by_kappa)}."
            )
    return [" ".join(sentences)] if sentences else []


def _signed(pair: Row, score: str, sign: int) -> str:
    """`+0.113 (0.050 to 0.175)`: the difference seen from the other side where sign is -1."""
    value, low, high = (sign * float(pair[f"{score}_difference{end}"]) for end in ("", "_low", "_high"))
    if pd.isna(value):
        return "undefined"
    return f"{value:+.3f} ({min(low, high):.3f} to {max(low, high):.3f})"


def _chosen_here(study: StudyRuns, made: TableSet, top: Row) -> str:
    """The caution of a study without confirmation, with what is left of the score without the choice."""
    where, score = part(study).split()[0], objective(study)
    cell = made.cells[made.cells["arm"] == top["arm"]].to_dict("records")[0]
    left = ""
    if not pd.isna(cell[f"{score}_corrected"]) and cell["chosen_among"] > 1:
        left = (
            f" (without the choice among {int(cell['chosen_among'])} trials of its cell {score} is about "
            f"{with_interval(cell, f'{score}_corrected')})"
        )
    return (
        f"Trials, epochs and the winner were all chosen on the {where} part itself, with one seed for each trial: the "
        f"numbers are optimistic{left}, the intervals hold for these trained models and not for the recipe, and a "
        "claim needs a confirmation on patients who took no part in the choice."
    )


def _recipe(study: StudyRuns, made: TableSet, top: Row) -> str:
    """What the seeds say of the recipe, and whether the search had put another cell first."""
    score = objective(study)
    first = records.ARM_LABELS[made.board.to_dict("records")[0]["arm"]]
    other = "" if first == top["cell"] or study.folds else f" On validation {spoken(first)} had stood first."
    if int(top["seeds"]) > 1 and pd.isna(top[f"{score}_recipe_low"]):
        return (
            "The intervals hold for these trained models; predictions were not recorded, so nothing is said of the "
            f"recipe, with any seed.{other}"
        )
    if int(top["seeds"]) < 2:
        return (
            "It was trained again with one seed only: the intervals hold for this trained model, and what another seed "
            f"would give is not known.{other}"
        )
    spread, low, high = (top[f"{score}_{end}"] for end in ("sd", "recipe_low", "recipe_high"))
    seeds = listed(top["seed_numbers"].split("; "))
    little = "; two seeds say little about that" if int(top["seeds"]) < FEW_SEEDS else ""
    return (
        f"The intervals hold for these trained models; over the seeds {seeds} its {score} has a standard "
        f"deviation of {spread:.3f}, and for the recipe, with any seed, the 95 % interval is {low:.3f} to "
        f"{high:.3f}{little}.{other}"
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


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def _states(study: StudyRuns) -> str:
    if study.trials.empty:
        return "none has been started"
    counts = study.trials["state"].value_counts().sort_index()
    return ", ".join(f"{count} {state}" for state, count in counts.items())
