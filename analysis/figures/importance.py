"""Which hyperparameter mattered: the shares that three evaluators give, for each arm by itself."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from analysis.figures.drawing.figure_files import FigureSpec, SkippedFigure
from analysis.figures.drawing.panels import arms_of, is_first_column, label_outer, legend_below
from analysis.figures.drawing.style import GREY, STYLES
from analysis.results.importance import EARLY_STOPPING, WITHOUT_SCORE, importance
from analysis.results.study_runs import StudyRuns
from analysis.tables.arm_comparison import objective, selection_split_text, unscored

MARKS = {"fANOVA": ("o", "full"), "PED-ANOVA": ("s", "none"), "MDI": ("x", "full")}
"""Evaluator -> marker and how it is filled."""


def draw_importance(axes: Sequence[Axes], numbers: pd.DataFrame) -> None:
    """One panel for each arm: a row for each hyperparameter, a mark for each evaluator.

    numbers: rows of importance.importance that have a hyperparameter. The rows have one order in all panels.
    """
    order = numbers.groupby("hyperparameter")["importance"].mean().sort_values(ascending=False).index
    places = {name: place for place, name in enumerate(order)}
    for panel, arm in zip(axes, arms_of(numbers), strict=True):
        here = numbers[numbers["arm"] == arm]
        for evaluator, rows in here.groupby("evaluator", sort=False):
            marker, fill = MARKS[str(evaluator)]
            at = rows["hyperparameter"].map(places)
            (line,) = panel.plot(rows["importance"], at, color=STYLES[arm].colour, ls="", marker=marker, ms=6)
            line.set_fillstyle(fill)  # type: ignore[arg-type]
        panel.set_title(f"{here['label'].iloc[0]}: {here['trials'].iloc[0]:,} trials")
        names = [str(name).replace("_", " ") for name in order] if is_first_column(panel) else [""] * len(order)
        panel.set_yticks(range(len(order)), names)
        panel.set(xlim=(-0.03, 1.03), ylim=(len(order) - 0.5, -0.5))
    label_outer(axes, "share of the differences in score", "")
    marks = [
        Line2D([], [], ls="", color=GREY, marker=marker, fillstyle=fill, label=evaluator)  # type: ignore[arg-type]
        for evaluator, (marker, fill) in MARKS.items()
    ]
    legend_below(axes, marks)


def pictures(study: StudyRuns) -> list[FigureSpec | SkippedFigure]:
    """The importance of the hyperparameters, or why there is nothing to show."""
    score = objective(study)
    title, found = "Which hyperparameter mattered", importance(study, score)
    numbers = found[found["hyperparameter"] != ""]
    missing = [f"{row['label']}: {row['caveat']}" for row in found[found["hyperparameter"] == ""].to_dict("records")]
    if numbers.empty:
        return [SkippedFigure(title, "; ".join(missing) or "no trial has ended with a score")]
    arms, trials = arms_of(numbers), int(numbers.groupby("arm")["trials"].first().sum())
    pruned = int(numbers.groupby("arm")["pruned"].first().sum())
    caption = (
        f"Share of the differences in {score} on {selection_split_text(study)} that each hyperparameter explains "
        "within an arm, by three of Optuna's evaluators (fANOVA; PED-ANOVA: what the best trials have in common; MDI: "
        "mean decrease of impurity in a random forest). Where they disagree, little is known; and it holds for the "
        f"values that were searched. n = {trials:,} trials, {pruned:,} of them stopped early."
    )
    caption += f" {EARLY_STOPPING}" if pruned else ""
    caption += f" {WITHOUT_SCORE}" if study.selects_last and unscored(study) else ""
    caption += f" {'; '.join(missing)}." if missing else ""
    first = numbers.loc[numbers.groupby(["arm", "evaluator"], sort=False)["importance"].idxmax()]
    words = [f"{row['label']}, {row['evaluator']}: {row['hyperparameter']}" for row in first.to_dict("records")]
    names, across = numbers["hyperparameter"].nunique(), min(len(arms), 2)
    down = -(-len(arms) // across)
    high = 0.55 + 0.24 * names
    grid = (down, across) if down * across == len(arms) else (len(arms), 1)
    return [
        FigureSpec(
            "importance", title, f"{selection_split_text(study)}; n = {trials:,} trials", caption,
            f"{title}, the largest share: {'; '.join(words)}.", numbers,
            lambda axes: draw_importance(axes, numbers), grid, 0.8 + grid[0] * high,
            (len(arms), 1, 1.0 + len(arms) * high),
        )
    ]  # fmt: skip
