"""Figure of the search: every trial's curve.

With a thousand trials a panel holds a few collections, not thousands of lines, and they are kept as pixels in the SVG.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from analysis import schema
from analysis.figures.drawing.captions import n_trials
from analysis.figures.drawing.figure_files import FigureSpec, SkippedFigure
from analysis.figures.drawing.panels import label_outer, labels_of, legend_below
from analysis.figures.drawing.style import DENSE, GREY, SCORE_LABELS, STYLES
from analysis.results.labels import arm_label
from analysis.results.study_runs import StudyRuns
from analysis.tables.arm_comparison import objective, selection_split_text

REPEATS_AT = 0.8
"""Where the repeats of the finalists stand, epochs to the right of the last one."""

LONGEST_TITLE = 52
"""Letters of a panel's title in one line."""

ENDS = {
    schema.STATE_COMPLETE: ("o", "ran all its epochs"),
    schema.STATE_PRUNED: ("x", "stopped early"),
    schema.STATE_FAILED: ("v", "failed"),
    schema.STATE_INTERRUPTED: (">", "still to go on"),
    schema.STATE_RUNNING: (">", "still to go on"),
}
"""State of a trial -> mark at the end of its curve and what it means."""


def trial_curve_numbers(study: StudyRuns) -> pd.DataFrame:
    """The objective's validation score of every trial over its epochs.

    Columns: arm, label, trial, state, epoch, score, last (whether it is the trial's last epoch), seed_index; epochs
    without a defined score are left out. Below them one row for each repeat of a trial on other validation patients,
    with its number, that of its own last epoch.
    """
    score = f"val/{objective(study)}"
    curves = study.epochs[["trial", "epoch", score]].rename(columns={score: "score"}).dropna(subset=["score"])
    found = study.trials[["arm", "trial", "state"]].merge(curves, on="trial")
    found["last"] = found["epoch"] == found.groupby("trial")["epoch"].transform("max")
    repeats = study.finalists.rename(columns={"best_epoch": "epoch", f"best_val_{objective(study)}": "score"})
    repeats = repeats.loc[repeats["score"].notna(), ["arm", "trial", "state", "epoch", "score", "seed_index"]]
    found = (
        pd.concat([found, repeats.assign(last=False)], ignore_index=True)
        if len(repeats)
        else found.assign(seed_index=np.nan)
    )
    found.insert(1, "label", [arm_label(study, arm) for arm in found["arm"]])
    return found


def draw_trial_curves(axes: Sequence[Axes], numbers: pd.DataFrame, score: str) -> None:
    """One panel for each arm: `score` of all its trials over the epochs, each with a mark where and how it ended.

    At the right, behind the last epoch, stand the repeats of its finalists.
    """
    trials, repeats = numbers[numbers["seed_index"].isna()], numbers[numbers["seed_index"].notna()]
    last = float(trials["epoch"].max())
    for panel, (arm, label) in zip(axes, (schema.ARM_LABELS | labels_of(numbers)).items(), strict=True):
        here, own_repeats = trials[trials["arm"] == arm], repeats[repeats["arm"] == arm]
        lines = [curve[["epoch", "score"]].to_numpy() for _, curve in here.groupby("trial")]
        faint = max(0.15, min(0.8, 12 / max(len(lines), 1)))
        dense = len(lines) > DENSE / len(axes)
        panel.add_collection(LineCollection(lines, colors=STYLES[arm].colour, lw=0.9, alpha=faint, rasterized=dense))
        for marker in dict.fromkeys(mark for mark, _ in ENDS.values()):
            states = [state for state, (mark, _) in ENDS.items() if mark == marker]
            ends = here[here["last"] & here["state"].isin(states)]
            colour = GREY if marker == "x" else STYLES[arm].colour
            size, edge = (22, None) if marker == "x" else (14, "white")
            panel.scatter(
                ends["epoch"],
                ends["score"],
                s=size,
                c=colour,
                marker=marker,
                edgecolors=edge,
                lw=0.9,
                zorder=3,
                rasterized=dense,
            )
        if len(own_repeats):
            at, edge = np.full(len(own_repeats), last + REPEATS_AT), STYLES[arm].colour
            panel.scatter(at, own_repeats["score"], s=26, c="none", marker="D", edgecolors=edge, lw=1.1, zorder=3)
        states = here.loc[here["last"], "state"]
        counts = [n_trials(len(states)).removeprefix("n = ")]
        pruned = int((states == schema.STATE_PRUNED).sum())
        counts += [f"{pruned:,} stopped"] if pruned else []
        title = f"{label}: {', '.join(counts)}"
        panel.set_title(title if len(title) <= LONGEST_TITLE else title.replace(": ", ":\n"))
        ticks = MaxNLocator(integer=True, min_n_ticks=1).tick_values(1, last)
        places = {float(tick): f"{tick:g}" for tick in ticks if 1 <= tick <= last}
        places |= {last + REPEATS_AT: "repeats"} if len(repeats) else {}
        panel.set_xticks(list(places), list(places.values()))
    _same_limits(axes, numbers, last + (REPEATS_AT if len(repeats) else 0))
    label_outer(axes, "epoch", SCORE_LABELS[score])
    used = [ENDS[state] for state in dict.fromkeys(trials["state"])]
    marks = [Line2D([], [], ls="", marker=mark, color=GREY, label=text) for mark, text in dict(used).items()]
    text = "a finalist again, on other patients"
    marks += [Line2D([], [], ls="", marker="D", mfc="none", color=GREY, label=text)] if len(repeats) else []
    legend_below(axes, marks)


def pictures(study: StudyRuns) -> list[FigureSpec | SkippedFigure]:
    """The curves of all trials, or why there are none."""
    return [_trial_curves(study, objective(study))]


def _trial_curves(study: StudyRuns, score: str) -> FigureSpec | SkippedFigure:
    title, numbers = "Every trial", trial_curve_numbers(study)
    if numbers.empty:
        return SkippedFigure(title, "no trial has a scored epoch yet")
    ends = numbers.loc[numbers["last"], "state"].value_counts().sort_index()
    counts = n_trials(int(ends.sum()))
    listed = ", ".join(f"{count:,} {state}" for state, count in ends.items())
    caption = (
        f"The {score} of all trials on {selection_split_text(study)} over the epochs; the mark says how a trial ended. "
        "Early stopping "
        f"compares within an arm only. {counts}: {listed}."
    )
    if study.selects_last:
        caption += " A trial's score is that of its last epoch; one that was stopped early has none."
    n_repeats = int(numbers["seed_index"].notna().sum())
    if n_repeats:
        caption += f" At the right the {n_repeats} repeats of the finalists, each with a fresh seed on other "
        caption += "validation patients."
    highest = numbers.groupby("arm")["score"].max()
    words = ", ".join(f"{label} {highest[arm]:.3f}" for arm, label in labels_of(numbers).items())
    alt = f"{title}: {score} over the epochs; {listed}; highest: {words}."
    return FigureSpec(
        "trials", title, f"{selection_split_text(study)}; {counts}", caption, alt, numbers,
        lambda axes: draw_trial_curves(axes, numbers, score), (2, 2), 4.6, (4, 1, 8.4),
    )  # fmt: skip


def _same_limits(axes: Sequence[Axes], numbers: pd.DataFrame, last: float) -> None:
    """Epochs and scores have one scale in all panels: arms are compared by eye."""
    low, high = float(numbers["score"].min()), float(numbers["score"].max())
    room = 0.06 * ((high - low) or 1.0)
    for panel in axes:
        panel.set(xlim=(0.5, last + 0.5), ylim=(low - room, high + room))
