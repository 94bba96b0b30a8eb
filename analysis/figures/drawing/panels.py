"""Parts of a drawing that several figures have: a matrix, a baseline, a legend, axis names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Transform

from analysis import schema
from analysis.figures.drawing.style import (
    GREY,
    HANDLE,
    LETTER,
    PAGE,
    PLATE,
    STYLES,
)
from analysis.stats.metrics import Floats, Ints


def draw_matrix(panel: Axes, counts: Ints, title: str) -> None:
    """A confusion matrix (5, 5): shade and percentage are the share of the true grade's images, counts below."""
    shares = row_shares(counts)
    panel.imshow(np.nan_to_num(shares), cmap="Blues", vmin=0, vmax=1)
    for (truth, prediction), count in np.ndenumerate(counts):
        share = shares[truth, prediction]
        text = f"{100 * share:.0f} %\n{count:,}" if count else "0"
        colour = "white" if share > 0.55 else "black" if count else GREY
        panel.text(prediction, truth, text, ha="center", va="center", fontsize=7, color=colour)
    panel.set(title=title, xlabel="predicted grade", ylabel="true grade", xticks=schema.GRADES, yticks=schema.GRADES)
    panel.grid(False)


def draw_baseline(panel: Axes, score: str, majority: float, *, vertical: bool = False) -> None:
    """The score of a model that has learned nothing; none for accuracy where the majority class is not known."""
    value, label = (0.0, "chance agreement") if score == "kappa" else (majority, f"majority class ({majority:.3f})")
    if not np.isnan(value):
        (panel.axvline if vertical else panel.axhline)(value, color=GREY, ls="--", lw=1, label=label)


def annotate(
    panel: Axes, lines: Sequence[str], x: float = 0.5, y: float = 0.5, transform: Transform | None = None
) -> None:
    """A remark in the panel's middle, or at (x, y) of another transform, about what cannot be drawn."""
    where = panel.transAxes if transform is None else transform
    panel.text(x, y, "\n".join(lines), transform=where, ha="center", va="center", color=GREY, bbox=PLATE)


def legend_below(axes: Sequence[Axes], entries: Sequence[Artist]) -> None:
    """One legend for the whole figure, below it, in as many columns as its longest text leaves room for."""
    figure = axes[0].figure
    assert isinstance(figure, Figure)
    if not entries:
        return
    longest = max(len(str(entry.get_label())) for entry in entries)
    columns = max(1, int(figure.get_figwidth() / (HANDLE + LETTER * longest)))
    figure.legend(handles=list(entries), loc="outside lower center", ncols=min(columns, len(entries)))


def arm_entries(labels: Mapping[str, str], *, line: bool = True, marker: bool = True) -> list[Artist]:
    """Legend entries of arms; labels: arm -> its label (labels_of)."""
    entries: list[Artist] = []
    for arm, label in labels.items():
        style = STYLES[arm]
        entry = Line2D([], [], color=style.colour, ls=style.line if line else "", lw=1.8, label=label)
        entry.set(marker=style.marker if marker else "", markersize=5, markeredgecolor="black", markeredgewidth=0.5)
        entries.append(entry)
    return entries


def arms_of(numbers: pd.DataFrame) -> list[str]:
    """The arms that stand in a table's column `arm`, in their order."""
    there = set(numbers["arm"])
    return [arm for arm in schema.ARM_LABELS if arm in there]


def labels_of(numbers: pd.DataFrame) -> dict[str, str]:
    """Arm -> label of the arms that stand in a table's columns `arm` and `label`, in their order."""
    known = dict(zip(numbers["arm"], numbers["label"], strict=True))
    return {arm: known[arm] for arm in arms_of(numbers)}


def is_narrow(panel: Axes) -> bool:
    """Whether the figure is drawn for one column."""
    figure = panel.figure
    return isinstance(figure, Figure) and figure.get_figwidth() < PAGE / 1.5


def is_first_column(panel: Axes) -> bool:
    """Whether the panel stands at the left, where names of rows are written."""
    spec = panel.get_subplotspec()
    return spec is None or bool(spec.is_first_col())


def columns_of(panel: Axes) -> int:
    """In how many columns the figure's panels stand."""
    spec = panel.get_subplotspec()
    return int(spec.get_gridspec().ncols) if spec else 1


def label_outer(axes: Sequence[Axes], x: str, y: str) -> None:
    """Name the axes once: x below the lowest panels, y beside the first ones."""
    for panel in axes:
        spec = panel.get_subplotspec()
        if spec is None or spec.is_last_row():
            panel.set_xlabel(x)
        if is_first_column(panel):
            panel.set_ylabel(y)


def row_shares(counts: Ints) -> Floats:
    """Share (5, 5) of each true grade's images; NaN in the row of a grade that is absent."""
    total = counts.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(counts, total, out=np.full(counts.shape, np.nan), where=total > 0))
