"""Figures of a study and of a trial: each is two functions, the numbers and the drawing of them.

A cell of the comparison has one colour and one marker in all figures (colours after Okabe and Ito 2008, dark for
pretrained and light for scratch, so that they differ in grey too). No pyplot: nothing global is opened or changed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Transform

from analysis import records
from analysis.runs import StudyRuns
from analysis.scores import CLASSES, Floats, Ints
from analysis.tables import RUN, four_way, with_interval, write_csv, write_whole

STYLES = {
    "resnet18-scratch": ("#e69f00", "o"),
    "resnet18-pretrained": ("#0072b2", "s"),
    "resnet50-scratch": ("#cc79a7", "^"),
    "resnet50-pretrained": ("#00664b", "D"),
}
"""Arm -> colour and marker."""

GREY = "#555555"
PLATE = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
"""Behind a text, so that no line runs through it."""

DPI = 300
SCORE_LABELS = {"accuracy": "accuracy (share of images)", "kappa": "quadratic weighted kappa"}
PANELS = {"resnet18": "ResNet18", "resnet50": "ResNet50"}


@dataclass(frozen=True)
class FigureFiles:
    """One figure as written: its text for a reader, its text for one who cannot see it, and its three files."""

    name: str
    title: str
    caption: str
    alt: str
    png: Path
    svg: Path
    csv: Path


def curve_numbers(study: StudyRuns, cells: pd.DataFrame) -> pd.DataFrame:
    """Accuracy and kappa of each cell's best trial over the epochs.

    cells: tables.four_way(study). Columns: arm, cell, status, reason, trial, n, majority, best_epoch, epoch,
    train/accuracy, val/accuracy, val/kappa; a cell without a result is one row without an epoch.
    """
    known = cells[["arm", "cell", "status", "reason", "trial", "n", "majority", "best_epoch"]]
    curves = study.epochs[["trial", "epoch", "train/accuracy", "val/accuracy", "val/kappa"]]
    return known.merge(curves, on="trial", how="left")


def draw_curves(axes: Sequence[Axes], numbers: pd.DataFrame, score: str, part: str = "validation") -> None:
    """One panel for each architecture: `score` over epochs, with and without pretraining, training beside `part`.

    axes: two. The dashed line is the majority class for accuracy, chance agreement (0) for kappa. A larger marker
    shows the selected epoch.
    """
    bounds: list[float] = []
    for panel, (architecture, title) in zip(axes, PANELS.items(), strict=True):
        here = numbers[numbers["arm"].str.startswith(f"{architecture}-")]
        for arm, curve in here.groupby("arm", sort=False):
            start = "pretrained" if str(arm).endswith("pretrained") else "from scratch"
            if curve["status"].iloc[0] != RUN:
                panel.plot([], [], " ", label=f"{start}: {curve['status'].iloc[0]}")
                continue
            colour, marker = STYLES[str(arm)]
            label = f"{start}, {part}"
            panel.plot(curve["epoch"], curve[f"val/{score}"], color=colour, marker=marker, ms=4, label=label)
            chosen = curve[curve["epoch"] == curve["best_epoch"]]
            panel.plot(chosen["epoch"], chosen[f"val/{score}"], color=colour, marker=marker, ms=9, ls="", mec="black")
            if score == "accuracy":
                label = f"{start}, training"
                (line,) = panel.plot(curve["epoch"], curve["train/accuracy"], color=colour, ls=":", label=label)
                line.set(marker=marker, markersize=4, markerfacecolor="white")
        ran = here[here["status"] == RUN]
        if len(ran):
            _draw_baseline(panel, score, ran["majority"].max())
            bounds += panel.get_ylim()
        count = f" (n = {int(ran['n'].max()):,})" if ran["n"].notna().any() else ""
        panel.set(title=title + count, xlabel="epoch", ylabel=SCORE_LABELS[score])
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        panel.set_xlim(0.5, max(float(numbers["epoch"].max()), 1.0) + 0.5 if numbers["epoch"].notna().any() else 1.5)
        panel.legend(fontsize=7, frameon=False)
    for panel in axes:
        panel.set_ylim(min(bounds, default=0.0), max(bounds, default=1.0))  # architectures are compared by eye


def confusion_numbers(study: StudyRuns, cells: pd.DataFrame) -> pd.DataFrame:
    """Confusion counts of each cell's best trial: arm, cell, status, trial, truth, predicted, count, share of the row.

    A cell without a recorded matrix is one row without counts.
    """
    rows = []
    for one in cells.to_dict("records"):
        base = {key: one[key] for key in ("arm", "cell", "status", "trial", "n")}
        if one["trial"] not in study.confusions:
            rows.append(base)
            continue
        counts = study.confusions[one["trial"]]
        shares = _row_shares(counts)
        for truth in records.GRADES:
            for guess in records.GRADES:
                cell = {"truth": truth, "predicted": guess, "count": counts[truth, guess]}
                rows.append(base | cell | {"share": shares[truth, guess]})
    columns = ["arm", "cell", "status", "trial", "n", "truth", "predicted", "count", "share"]
    return pd.DataFrame(rows, columns=columns)


def draw_confusions(axes: Sequence[Axes], numbers: pd.DataFrame, part: str = "validation") -> None:
    """Four matrices, coloured by the share of the true grade's row, with the count below; rows = truth."""
    for panel, (arm, label) in zip(axes, records.ARM_LABELS.items(), strict=True):
        here = numbers[numbers["arm"] == arm]
        if here["count"].notna().any():
            counts = np.zeros((CLASSES, CLASSES), dtype=np.int64)
            counts[here["truth"].astype(int), here["predicted"].astype(int)] = here["count"].astype(int)
            _draw_matrix(panel, counts, f"{label} (n = {counts.sum():,})")
            continue
        panel.set(xticks=[], yticks=[])
        panel.set_title(label, fontsize=9)
        _say(panel, [str(status) if status != RUN else "no confusion matrix" for status in here["status"]])


def interval_numbers(cells: pd.DataFrame) -> pd.DataFrame:
    """Accuracy and kappa of each cell with 95 % bounds, long: arm, cell, status, score, value, low, high, ..."""
    keep = ["arm", "cell", "status", "n", "patients", "majority", "degenerate", "interval_over", "part"]
    long = []
    for score in SCORE_LABELS:
        names = {score: "value", f"{score}_low": "low", f"{score}_high": "high"}
        long.append(cells[[*keep, *names]].rename(columns=names).assign(score=score))
    return pd.concat(long, ignore_index=True)


def draw_intervals(axes: Sequence[Axes], numbers: pd.DataFrame) -> None:
    """Two panels, accuracy and kappa: a point with its interval for each cell, the baseline dashed."""
    for panel, score in zip(axes, SCORE_LABELS, strict=True):
        here = numbers[numbers["score"] == score].reset_index(drop=True)
        _draw_baseline(panel, score, here["majority"].max(), vertical=True)
        for place, one in enumerate(here.to_dict("records")):
            colour, marker = STYLES[one["arm"]]
            if one["status"] != RUN or np.isnan(one["value"]):
                text = one["status"] if one["status"] != RUN else "undefined"
                _say(panel, [text], 0.5, place, panel.get_yaxis_transform())
                continue
            if not np.isnan(one["low"]):
                panel.plot([one["low"], one["high"]], [place, place], color=colour, lw=2.5, solid_capstyle="butt")
            panel.plot(one["value"], place, color=colour, marker=marker, ms=8, mec="black", ls="")
            note = f"{one['value']:.3f}" + (" (degenerate)" if one["degenerate"] else "")
            where = (one["value"], place)
            panel.annotate(note, where, (0, 9), textcoords="offset points", ha="center", fontsize=7, bbox=PLATE)
        panel.set(xlabel=f"{SCORE_LABELS[score]}, 95 % interval", ylim=(len(here) - 0.3, -0.7))
        panel.set_yticks(range(len(here)), here["cell"] if score == "accuracy" else [""] * len(here))
        panel.margins(x=0.2)
        if here["value"].isna().all():
            panel.set_xlim(0, 1)
        if panel.get_legend_handles_labels()[1]:
            panel.legend(fontsize=7, frameon=False, loc="lower right")


def write_figures(study: StudyRuns, folder: Path, cells: pd.DataFrame | None = None) -> list[FigureFiles]:
    """Write all figures of a study as PNG (300 dpi), SVG and the CSV of their numbers; cells: four_way(study)."""
    cells = four_way(study) if cells is None else cells
    part = str(cells["part"].iloc[0])
    short = part.split()[0]
    curves, matrices, points = curve_numbers(study, cells), confusion_numbers(study, cells), interval_numbers(cells)
    count = f"n = {int(cells['n'].max()):,} images" if cells["n"].notna().any() else "no cell has a result yet"
    about = f"Best trial of each cell, {part}; {count}."
    alt = "; ".join(_in_words(one) for one in cells.to_dict("records"))
    filled = f"Filled: {short}. The large marker is the selected epoch."

    def write(
        name: str, title: str, caption: str, size: tuple[float, float], numbers: pd.DataFrame, draw: Callable[..., None]
    ) -> FigureFiles:
        figure = Figure(figsize=size, layout="constrained")
        figure.suptitle(f"{title}: {part}", fontsize=10)
        draw(list(figure.subplots(2 if name == "confusions" else 1, 2, squeeze=False).ravel()))
        paths = {kind: folder / f"{name}.{kind}" for kind in ("png", "svg", "csv")}
        write_whole(paths["svg"], _rendered(figure, "svg", 100))
        write_whole(paths["png"], _rendered(figure, "png", DPI))
        write_csv(paths["csv"], numbers)
        return FigureFiles(name, title, f"{caption} {about}", f"{title}. {alt}.", **paths)

    return [
        write(
            "four_way",
            "Four-way comparison",
            "Points with 95 % intervals over patients, given the trained models; dashed: the majority class (accuracy) "
            "and chance agreement (kappa).",
            (9, 3.7),
            points,
            lambda axes: draw_intervals(axes, points),
        ),
        write(
            "curves_accuracy",
            "Accuracy over the epochs",
            f"{filled} Dotted and open: training, on the images as drawn and augmented. Dashed: the majority class.",
            (9, 3.7),
            curves,
            lambda axes: draw_curves(axes, curves, "accuracy", short),
        ),
        write(
            "curves_kappa",
            "Kappa over the epochs",
            f"{filled} Dashed: chance agreement.",
            (9, 3.7),
            curves,
            lambda axes: draw_curves(axes, curves, "kappa", short),
        ),
        write(
            "confusions",
            "Confusion matrices",
            "Colour and percentage: share of the true grade's images; below: number of images.",
            (7.6, 7.4),
            matrices,
            lambda axes: draw_confusions(axes, matrices, short),
        ),
    ]


def curves_png(path: Path, epochs: pd.DataFrame) -> None:
    """Loss, accuracy and kappa of a trial over its epochs; columns epoch and what there is of records.EPOCH_METRICS."""
    figure = Figure(figsize=(9, 2.8), layout="constrained")
    for panel, name in zip(figure.subplots(1, 3), ("loss", "accuracy", "kappa"), strict=True):
        for part, style in (("train", "o:"), ("val", "o-")):
            if f"{part}/{name}" in epochs and epochs[f"{part}/{name}"].notna().any():
                panel.plot(epochs["epoch"], epochs[f"{part}/{name}"], style, ms=3, color="#0072b2", label=part)
                panel.legend(fontsize=7, frameon=False)
        panel.set(xlabel="epoch", ylabel={"loss": "loss (nats)", **SCORE_LABELS}[name])
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    write_whole(Path(path), _rendered(figure, "png", 100))


def confusion_png(path: Path, confusion: Ints, title: str) -> None:
    """One confusion matrix (5, 5), rows = truth, row-normalised with the counts in its cells."""
    figure = Figure(figsize=(4.8, 4.2), layout="constrained")
    _draw_matrix(figure.subplots(), np.asarray(confusion, dtype=np.int64), title)
    write_whole(Path(path), _rendered(figure, "png", 100))


def _draw_matrix(panel: Axes, counts: Ints, title: str) -> None:
    shares = _row_shares(counts)
    panel.imshow(np.nan_to_num(shares), cmap="Blues", vmin=0, vmax=1)
    for (truth, guess), count in np.ndenumerate(counts):
        share = shares[truth, guess]
        text = f"{count:,}" if np.isnan(share) else f"{100 * share:.0f} %\n{count:,}"
        colour = "white" if share > 0.55 else "black"
        panel.text(guess, truth, text, ha="center", va="center", fontsize=7, color=colour)
    panel.set(title=title, xlabel="predicted grade", ylabel="true grade", xticks=records.GRADES, yticks=records.GRADES)
    panel.title.set_fontsize(9)


def _draw_baseline(panel: Axes, score: str, majority: float, *, vertical: bool = False) -> None:
    """The score of a model that has learned nothing; none for accuracy where the majority class is not known."""
    value, label = (0.0, "chance agreement") if score == "kappa" else (majority, f"majority class ({majority:.3f})")
    if not np.isnan(value):
        (panel.axvline if vertical else panel.axhline)(value, color=GREY, ls="--", lw=1, label=label)


def _say(panel: Axes, lines: list[str], x: float = 0.5, y: float = 0.5, transform: Transform | None = None) -> None:
    """A remark in the panel's middle, or at (x, y) of another transform, about what cannot be drawn."""
    where = panel.transAxes if transform is None else transform
    panel.text(x, y, "\n".join(lines), transform=where, ha="center", va="center", color=GREY, bbox=PLATE)


def _row_shares(counts: Ints) -> Floats:
    """Share (5, 5) of each true grade's images; NaN in the row of a grade that is absent."""
    total = counts.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(counts, total, out=np.full(counts.shape, np.nan), where=total > 0))


def _in_words(cell: Mapping[Hashable, Any]) -> str:
    if cell["status"] != RUN:
        return f"{cell['cell']}: {cell['status']}"
    found = [f"{score} {with_interval(cell, score)}" for score in SCORE_LABELS]
    return f"{cell['cell']}: {', '.join(found)}"


def _rendered(figure: Figure, kind: str, dpi: int) -> bytes:
    """The figure as bytes, the same for the same numbers: without a date and with a fixed salt for SVG's names."""
    buffer = BytesIO()
    with mpl.rc_context({"svg.hashsalt": "retina"}):
        figure.savefig(buffer, format=kind, dpi=dpi, metadata={"Date": None} if kind == "svg" else None)
    return buffer.getvalue()
