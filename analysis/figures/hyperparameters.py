"""Figures of the hyperparameters: each one against the score, and all of them in parallel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from analysis import schema
from analysis.figures.drawing.axis_scales import scale_of
from analysis.figures.drawing.captions import n_trials
from analysis.figures.drawing.figure_files import FigureSpec, SkippedFigure
from analysis.figures.drawing.panels import arms_of, columns_of, labels_of, legend_below
from analysis.figures.drawing.style import DENSE, GREY, PLATE, STYLES
from analysis.results.labels import arm_label, arm_labels
from analysis.results.study_runs import StudyRuns
from analysis.tables.arm_comparison import objective, selection_split_text, unscored

MOST_THICK = 12


AXIS = {"accuracy": "accuracy\n(share of images)", "kappa": "kappa (quadratic\nweights)"}
"""Score -> its name on a narrow axis."""


NOT_AXES = ("architecture", "pretrained", "seed", "objective")
"""Of the hyperparameters: what the arm says, and what is not one."""


def hyperparameter_numbers(study: StudyRuns) -> pd.DataFrame:
    """Every trial that has a score against each hyperparameter that differs between them.

    Columns: hyperparameter, arm, label, trial, state, value, score (of the objective, at the epoch whose score counts).
    """
    known = study.trials.assign(score=study.trials[f"best_val_{objective(study)}"]).dropna(subset=["score"])
    known = known.assign(label=[arm_label(study, arm) for arm in known["arm"]])
    columns = ["hyperparameter", "arm", "label", "trial", "state", "value", "score"]
    tables = [
        known.assign(hyperparameter=name, value=known[name].astype(object))[columns] for name in varied(study, known)
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def varied(study: StudyRuns, trials: pd.DataFrame) -> list[str]:
    """Names of the hyperparameters that have several values among these trials, without those the arm says."""
    names = [name for name in study.hyperparameters if name not in NOT_AXES]
    return [name for name in names if trials[name].nunique(dropna=False) > 1]


def draw_hyperparameters(axes: Sequence[Axes], numbers: pd.DataFrame, score: str) -> None:
    """A row for each hyperparameter, a panel for each arm: the value upwards, the score to the right.

    axes: hyperparameters x arms that have a trial, row by row. A hollow mark is a trial that was stopped early.
    """
    arms, labels = arms_of(numbers), labels_of(numbers)
    places = iter(axes)
    for name, rows in numbers.groupby("hyperparameter", sort=False):
        scale = scale_of(rows["value"])
        for number, arm in enumerate(arms):
            panel, style = next(places), STYLES[arm]
            here = rows[rows["arm"] == arm]
            full = here["state"] == schema.STATE_COMPLETE
            for chosen, face in ((here[full], style.colour), (here[~full], "none")):
                heights = scale.places(chosen["value"])
                panel.scatter(
                    chosen["score"], heights, s=16, c=face, marker=style.marker, edgecolors=style.colour, lw=0.8,
                    alpha=0.85 if len(numbers) < DENSE else 0.5, rasterized=len(numbers) > DENSE,
                )  # fmt: skip
            scale.label(panel)
            if number % columns_of(panel):
                panel.tick_params(labelleft=False)
            else:
                panel.set_ylabel(str(name).replace("_", " ") + scale.axis_suffix)
    low, high = float(numbers["score"].min()), float(numbers["score"].max())
    room = 0.08 * ((high - low) or 1.0)
    for place, panel in enumerate(axes):
        width = columns_of(panel)
        panel.set_xlim(low - room, high + room)
        if place < len(arms) or width < len(arms):
            panel.set_title(labels[arms[place % len(arms)]].replace(", ", ",\n"), fontsize=8)
        if place >= len(axes) - width:
            panel.set_xlabel(AXIS[score])
    marks = [Line2D([], [], ls="", marker="o", color=GREY, label="ran all its epochs")]
    marks += [Line2D([], [], ls="", marker="o", color=GREY, mfc="none", label="stopped early")]
    legend_below(axes, marks if (numbers["state"] != schema.STATE_COMPLETE).any() else marks[:1])


def thick(trials: int) -> int:
    """How many of so many trials are drawn thick: the best tenth, as far as an eye can follow them."""
    return min(max(1, trials // 10), MOST_THICK)


def parallel_numbers(study: StudyRuns) -> pd.DataFrame:
    """One row for each trial that has a score, best first: rank, trial, arm, label, state, what varied, score."""
    score = objective(study)
    known = study.trials.assign(score=study.trials[f"best_val_{score}"]).dropna(subset=["score"])
    known = known.sort_values(["score", "trial"], ascending=[False, True])
    known = known.assign(rank=np.arange(1, len(known) + 1), label=known["arm"].map(arm_labels(study)))
    return known[["rank", "trial", "arm", "label", "state", *varied(study, known), "score"]]


def draw_parallel(axes: Sequence[Axes], numbers: pd.DataFrame, score: str) -> None:
    """One line for each trial through its arm, its hyperparameters and its score; the best are drawn thick."""
    (panel,) = axes
    names = [name for name in numbers.columns if name not in ("rank", "trial", "arm", "state")]
    labels = labels_of(numbers)
    scales = {name: scale_of(numbers[name]) for name in names}
    scales["label"] = scale_of(numbers["label"], tuple(reversed(labels.values())))
    shares = np.column_stack([scales[name].shares(numbers[name]) for name in names])  # (trials, axes)
    steps = np.arange(len(names), dtype=np.float64)
    lines = np.stack([np.broadcast_to(steps, shares.shape), shares], axis=-1)  # (trials, axes, 2)
    best = (numbers["rank"] <= thick(len(numbers))).to_numpy()
    faint = max(0.12, min(0.5, 20 / len(numbers)))
    colours = np.array([STYLES[arm].colour for arm in numbers["arm"]])
    for chosen, width, alpha in ((~best, 0.8, faint), (best, 1.8, 0.9)):
        drawn = LineCollection(list(lines[chosen]), colors=list(colours[chosen]), lw=width, alpha=alpha)
        drawn.set_rasterized(len(numbers) > DENSE)
        panel.add_collection(drawn)
    for step, name in enumerate(names):
        panel.axvline(step, color=GREY, lw=0.8, zorder=3)
        for share, text in scales[name].ticks():
            last = step == len(names) - 1
            place = (step + (0.03 if last else -0.03), share)
            panel.text(*place, text, zorder=4, bbox=PLATE, ha="left" if last else "right", va="center", fontsize=7)
    shown_as = {"label": "arm"}
    titles = [shown_as.get(name, name).replace("_", " ") + scales[name].axis_suffix for name in names[:-1]]
    panel.set_xticks(steps, [*titles, AXIS[score]])
    panel.tick_params(axis="x", length=0, top=False, labeltop=True, labelbottom=False)
    panel.set(yticks=[], xlim=(-0.75, len(names) - 0.7), ylim=(-0.04, 1.04))
    panel.grid(False)
    panel.spines[:].set_visible(False)
    legend_below(axes, [Line2D([], [], color=STYLES[arm].colour, label=label) for arm, label in labels.items()])


def _hyperparameters(study: StudyRuns, score: str) -> FigureSpec | SkippedFigure:
    title, numbers = "Each hyperparameter against the score", hyperparameter_numbers(study)
    names, arms, trials = list(numbers["hyperparameter"].unique()), arms_of(numbers), numbers["trial"].nunique()
    if not names:
        return SkippedFigure(title, "no hyperparameter has several values among the trials that have a score")
    caption = (
        f"The {score} of each trial {_at_epoch(study)}, on {selection_split_text(study)}; {n_trials(trials)}. "
        f"{_stopped(study)}"
        "All hyperparameters vary at once, so a panel does "
        "not show the effect of one alone."
    )
    wide = 2 if len(arms) % 2 == 0 else 1
    rows = len(names) * len(arms) // wide
    alt = f"{title}, one panel for each arm: {', '.join(names)}; {n_trials(trials)}, best {numbers['score'].max():.3f}."
    return FigureSpec(
        "hyperparameters", title, f"{selection_split_text(study)}; {n_trials(trials)}", caption, alt, numbers,
        lambda axes: draw_hyperparameters(axes, numbers, score), (len(names), len(arms)), 0.7 + 1.5 * len(names),
        (rows, wide, 0.8 + 1.6 * rows),
    )  # fmt: skip


def _parallel(study: StudyRuns, score: str) -> FigureSpec | SkippedFigure:
    title, numbers = "All hyperparameters in parallel", parallel_numbers(study)
    if len(numbers) < 2:
        return SkippedFigure(title, "it takes two trials that have a score")
    caption = (
        f"One line for each trial, from its arm over its hyperparameters to its {score} {_at_epoch(study)}, "
        f"on {selection_split_text(study)}; {n_trials(len(numbers))}. Thick: the best {thick(len(numbers))}."
    )
    top = numbers.iloc[0]
    best = ", ".join(f"{name} {top[name]}" for name in numbers.columns[5:-1])
    alt = f"{title}: the best trial is {top['label']}{', ' if best else ''}{best}, {score} {top['score']:.3f}."
    return FigureSpec(
        "parallel", title, f"{selection_split_text(study)}; {n_trials(len(numbers))}", caption, alt, numbers,
        lambda axes: draw_parallel(axes, numbers, score), (1, 1), 3.6,
    )  # fmt: skip


def _at_epoch(study: StudyRuns) -> str:
    return "at its last epoch" if study.selects_last else "at the epoch that it selected"


def _stopped(study: StudyRuns) -> str:
    """What a reader must know of trials that were stopped early."""
    if not study.selects_last:
        return "A trial that was stopped early (hollow) might have become better. "
    left = unscored(study)
    return (
        f"{left:,} that {'was' if left == 1 else 'were'} stopped early are not here: they have no score. "
        if left
        else ""
    )


def pictures(study: StudyRuns) -> list[FigureSpec | SkippedFigure]:
    """The figures of the hyperparameters, or why one of them has nothing to show."""
    score = objective(study)
    return [_hyperparameters(study, score), _parallel(study, score)]
