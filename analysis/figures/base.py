"""How figures look and how they are written; and the two small pictures of one trial.

A figure of a study is a FigureSpec: its numbers, its drawing on given axes, its words. It is written for a page and for
one column of it. An arm of the comparison has one colour, marker and line in all of them (colours after Okabe and Ito
2008, dark for pretrained and light for scratch, so that they differ in grey too). No pyplot: nothing global is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Transform

from analysis import schema
from analysis.results.columns import RUN, VALIDATION
from analysis.results.predictions import PredictionSet
from analysis.stats.metrics import Floats, Ints
from analysis.table_files import write_csv
from retina_data.files import write_whole


class Style(NamedTuple):
    """How an arm is drawn."""

    colour: str
    marker: str
    line: str | tuple[int, tuple[float, ...]]


STYLES = {
    "resnet18-scratch": Style("#e69f00", "o", (0, (5, 1.5))),
    "resnet18-pretrained": Style("#0072b2", "s", "-"),
    "resnet50-scratch": Style("#cc79a7", "^", (0, (1.2, 1.2))),
    "resnet50-pretrained": Style("#00664b", "D", (0, (6, 1.5, 1.2, 1.5))),
}
"""Arm -> colour, marker and line."""

GREY = "#555555"

PLATE = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
"""Behind a text, so that no line runs through it."""

LOOK: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "figure.titlesize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "svg.hashsalt": "retina",  # the same names in the same figure
    "text.parse_math": False,  # a name with $ in it is a name
}

DPI = 300

PIXELS_DPI = 150
"""Of what an SVG holds as pixels: thousands of marks, which as lines would make it slow to open."""

PAGE, COLUMN = 7.2, 3.6
"""Widths in inches: of a figure across a page, and of one in a single column or on a phone."""

HANDLE, LETTER = 0.5, 0.058
"""Widths in inches within a legend: of a mark with its space, and of a letter."""

SCORE_LABELS = {"accuracy": "accuracy (share of images)", "kappa": "quadratic weighted kappa"}

PANELS = {"resnet18": "ResNet18", "resnet50": "ResNet50"}


@dataclass(frozen=True)
class FigureSpec:
    """One figure before it is written.

    measured  what its scores were measured on, with n; stands in the figure itself
    numbers   what is drawn, as written to the CSV
    draw      draws on grid[0] x grid[1] axes, row by row
    grid      rows and columns across a page, `height` inches high
    column    rows, columns and inches for one column; None where it can only be read across a page
    """

    name: str
    title: str
    subtitle: str
    caption: str
    alt: str
    numbers: pd.DataFrame
    draw: Callable[[list[Axes]], None]
    grid: tuple[int, int]
    height: float
    column: tuple[int, int, float] | None = None


@dataclass(frozen=True)
class SkippedFigure:
    """A figure that has nothing to show, and why."""

    title: str
    why: str


@dataclass(frozen=True)
class FigureFiles:
    """One figure as written: its text for a reader, its text for one who cannot see it, and its files."""

    name: str
    title: str
    caption: str
    alt: str
    png: Path
    svg: Path
    csv: Path
    column: Path | None


def write_picture(picture: FigureSpec, folder: Path) -> FigureFiles:
    """Write NAME.png (300 dpi), NAME.svg, NAME.csv and, for one column, NAME_column.svg into the folder."""
    paths = {kind: folder / f"{picture.name}.{kind}" for kind in ("png", "svg", "csv")}
    with mpl.rc_context(LOOK):
        figure = _drawn(picture, picture.grid, (PAGE, picture.height))
        write_whole(paths["svg"], _rendered(figure, "svg", PIXELS_DPI))
        figure.set_layout_engine("none")  # what has its place keeps it: finding it took half of the time
        write_whole(paths["png"], _rendered(figure, "png", DPI))
        column = folder / f"{picture.name}_column.svg" if picture.column else None
        if picture.column and column:
            rows, columns, height = picture.column
            write_whole(column, _rendered(_drawn(picture, (rows, columns), (COLUMN, height)), "svg", PIXELS_DPI))
    write_csv(paths["csv"], picture.numbers)
    return FigureFiles(picture.name, picture.title, picture.caption, picture.alt, **paths, column=column)


def curves_png(path: Path, epochs: pd.DataFrame) -> None:
    """Loss, accuracy and kappa of a trial over its epochs; columns epoch and what there is of schema.EPOCH_METRICS."""
    with mpl.rc_context(LOOK):
        figure = Figure(figsize=(9, 2.8))
        figure.subplots_adjust(left=0.06, right=0.99, bottom=0.16, top=0.96, wspace=0.33)  # see confusion_png
        for panel, name in zip(figure.subplots(1, 3), ("loss", "accuracy", "kappa"), strict=True):
            for split, style in (("train", "o:"), ("val", "o-")):
                if f"{split}/{name}" in epochs and epochs[f"{split}/{name}"].notna().any():
                    panel.plot(epochs["epoch"], epochs[f"{split}/{name}"], style, ms=3, color="#0072b2", label=split)
            if panel.lines:
                panel.legend()
            panel.set(xlabel="epoch", ylabel={"loss": "loss (nats)", **SCORE_LABELS}[name])
            panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        write_whole(Path(path), _rendered(figure, "png", 100))


def confusion_png(path: Path, confusion: Ints, title: str) -> None:
    """One confusion matrix (5, 5), rows = truth, row-normalised with the counts in its cells.

    Its margins are given, not searched for, which takes as long again as the drawing: each trial waits for its two.
    """
    with mpl.rc_context(LOOK):
        figure = Figure(figsize=(4.8, 4.2))
        figure.subplots_adjust(left=0.1, right=0.97, bottom=0.1, top=0.93)
        draw_matrix(figure.subplots(), np.asarray(confusion, dtype=np.int64), title)
        write_whole(Path(path), _rendered(figure, "png", 100))


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


def _drawn(picture: FigureSpec, grid: tuple[int, int], size: tuple[float, float]) -> Figure:
    figure = Figure(figsize=size, layout="constrained")
    axes = list(figure.subplots(*grid, squeeze=False).ravel())
    figure.suptitle(picture.subtitle, x=0.01, ha="left", color=GREY, wrap=True)
    picture.draw(axes)
    return figure


def _rendered(figure: Figure, kind: str, dpi: int) -> bytes:
    """The figure as bytes, the same for the same numbers: without a date."""
    buffer = BytesIO()
    metadata: dict[str, Any] | None = {"Date": None} if kind == "svg" else None
    figure.savefig(buffer, format=kind, dpi=dpi, metadata=metadata)
    return buffer.getvalue()


def measured_on(primary: pd.DataFrame) -> str:
    """Split and n of the primary endpoint, as they stand in a figure; primary: columns.primary_endpoint(four_way)."""
    return f"{primary['split'].iloc[0]}; {_count(primary)}"


def about(primary: pd.DataFrame) -> str:
    """Closing words of a caption: what was measured on which split, and which arms are not there."""
    confirmed = str(primary["measured_on"].iloc[0]) != VALIDATION
    whose = "The confirmed winner of each arm" if confirmed else "Best trial of each arm"
    missing = [f"{row['label']}: {row['status']}" for row in primary.to_dict("records") if row["status"] != RUN]
    tail = f" {'; '.join(missing)}." if missing else ""
    return f"{whose}, {primary['split'].iloc[0]}; {_count(primary)}.{tail}"


def over_seeds(models: Mapping[str, PredictionSet]) -> str:
    """Words on the number of seeds, with a comma in front; "" for one."""
    most = max((len(one.seeds) for one in models.values()), default=0)
    return f", mean of {most} seeds" if most > 1 else ""


def _count(primary: pd.DataFrame) -> str:
    known = primary[primary["n"].notna()]
    if known.empty:
        return "no arm has been measured yet"
    most = known.sort_values("n").iloc[-1]
    patients = "" if pd.isna(most["patients"]) else f" of {int(most['patients']):,} patients"
    return f"n = {int(most['n']):,} images{patients}"
