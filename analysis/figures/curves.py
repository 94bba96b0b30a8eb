"""Figures of the winners: their curves over the epochs and their confusion matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from analysis.figures.comparison import in_words
from analysis.figures.drawing.captions import about, measured_on
from analysis.figures.drawing.figure_files import FigureSpec, SkippedFigure
from analysis.figures.drawing.panels import (
    annotate,
    arm_entries,
    draw_baseline,
    draw_matrix,
    label_outer,
    labels_of,
    legend_below,
    row_shares,
)
from analysis.figures.drawing.style import GREY, PANELS, SCORE_LABELS, STYLES
from analysis.results.columns import RUN, VALIDATION
from analysis.results.predictions import PredictionSet
from analysis.results.study_runs import StudyRuns
from analysis.stats.metrics import CLASSES

TEST_AT = 0.8
"""Where the test split stands, epochs to the right of the last one."""

CURVES = ["epoch", *(f"{split}/{score}" for score in SCORE_LABELS for split in ("train", "val"))]


def curve_numbers(
    study: StudyRuns, four_way: pd.DataFrame, primary: pd.DataFrame, predictions: Mapping[str, PredictionSet]
) -> pd.DataFrame:
    """Accuracy and kappa over the epochs: of the confirmations behind the primary endpoint, else of its best trial.

    Columns: arm, label, status, reason, run (name of a confirmation or trial), seed_index, best_epoch (of a trial), n,
    majority (both of validation), CURVES, and where the test split was read test/<score>, test/<score>_low, _high, the
    mean over seeds. An arm without a result is one row without an epoch; of folds each run is there.
    """
    tested = str(primary["measured_on"].iloc[0]) != VALIDATION
    best_epoch = study.trials.set_index("trial")["best_epoch"]
    tables = []
    for row in four_way.to_dict("records"):
        models = predictions.get(str(row["arm"]))
        if tested and models:
            runs = {run: seed for seed, names in enumerate(models.runs) for run in names.split(", ")}
            found = study.confirm_epochs.rename(columns={"confirm": "run"})
            found = found.loc[found["run"].isin(list(runs)), ["run", *CURVES]]
            found = found.assign(seed_index=found["run"].map(runs))
        else:
            runs = dict.fromkeys((models.trial if models else str(row["trial"])).split(", "), 0)
            found = study.epochs.rename(columns={"trial": "run"})
            found = found.loc[found["run"].isin(list(runs)), ["run", *CURVES]]
            found = found.assign(best_epoch=found["run"].map(best_epoch))
        base = {key: row[key] for key in ("arm", "label", "status", "reason", "n", "majority")}
        tables.append(found.assign(**base) if len(found) else pd.DataFrame([base]))
    numbers = pd.concat(tables, ignore_index=True)
    if tested:
        ends = {f"{score}{end}": f"test/{score}{end}" for score in SCORE_LABELS for end in ("", "_low", "_high")}
        numbers = numbers.merge(primary[["arm", *ends]].rename(columns=ends), on="arm", how="left")
    first = ["arm", "label", "status", "reason", "run", "seed_index", "best_epoch", "n", "majority", *CURVES]
    return numbers.reindex(columns=[*first, *(name for name in numbers.columns if name.startswith("test/"))])


def draw_curves(axes: Sequence[Axes], numbers: pd.DataFrame, score: str, split: str = "validation") -> None:
    """One panel for each architecture: `score` over epochs, with and without pretraining, training beside `split`.

    axes: two. Thin: each seed; thick: the mean of those that have the epoch. A large mark is a trial's selected epoch,
    a mark with an interval at the right the test split. Dashed: the majority class for accuracy, chance (0) for kappa.
    """
    last = float(numbers["epoch"].max()) if numbers["epoch"].notna().any() else 1.0
    bounds: list[float] = []
    for panel, (architecture, title) in zip(axes, PANELS.items(), strict=True):
        here = numbers[numbers["arm"].str.startswith(f"{architecture}-")]
        notes = []
        for arm, rows in here.groupby("arm", sort=False):
            if rows["epoch"].isna().all():
                start = "pretrained" if str(arm).endswith("pretrained") else "from scratch"
                notes.append(f"{start}: {rows['status'].iloc[0]}")
                continue
            _draw_arm(panel, rows, score, last)
        if here["epoch"].notna().any():
            draw_baseline(panel, score, here["majority"].max())
            bounds += panel.get_ylim()
        else:
            annotate(panel, notes)
        panel.set_title("; ".join([title, *notes]) if here["epoch"].notna().any() else title)
        ticks = MaxNLocator(integer=True, min_n_ticks=1).tick_values(1, last)
        places = {float(tick): f"{tick:g}" for tick in ticks if 1 <= tick <= last}
        places |= {last + TEST_AT: "test"} if f"test/{score}" in numbers else {}
        panel.set_xticks(list(places), list(places.values()))
        panel.set_xlim(0.5, max(places) + 0.5)
    label_outer(axes, "epoch", SCORE_LABELS[score])
    for panel in axes:
        panel.set_ylim(min(bounds, default=0.0), max(bounds, default=1.0))  # architectures are compared by eye
    legend_below(axes, _entries(numbers, score, split))


def _draw_arm(panel: Axes, rows: pd.DataFrame, score: str, last: float) -> None:
    style = STYLES[str(rows["arm"].iloc[0])]
    names = {f"val/{score}": ("-", style.colour), f"train/{score}": (":", "white")}
    seeds = rows["run"].nunique()
    for name, (line, face) in names.items():
        if seeds > 1:
            for _, curve in rows.groupby("run"):
                panel.plot(curve["epoch"], curve[name], color=style.colour, ls=line, lw=0.6, alpha=0.45)
        mean = rows.dropna(subset=[name]).groupby("epoch")[name].agg(["mean", "count"])
        mean = mean[mean["count"] == mean["count"].max()]  # not of the seeds that went on longest alone
        marks = {"marker": style.marker, "ms": 4, "mfc": face}
        panel.plot(mean.index, mean["mean"], color=style.colour, ls=line, lw=1.8, **marks)  # type: ignore[arg-type]
    chosen = rows[rows["epoch"] == rows["best_epoch"]]
    panel.plot(
        chosen["epoch"], chosen[f"val/{score}"], color=style.colour, marker=style.marker, ms=9, ls="", mec="black"
    )
    if f"test/{score}" in rows and rows[f"test/{score}"].notna().any():
        value, low, high = (float(rows[f"test/{score}{end}"].iloc[0]) for end in ("", "_low", "_high"))
        at = last + TEST_AT + (0.1 if str(rows["arm"].iloc[0]).endswith("pretrained") else -0.1)
        panel.vlines(at, low, high, color=style.colour, lw=2)
        panel.plot(at, value, color=style.colour, marker=style.marker, ms=7, mec="black", ls="")


def _entries(numbers: pd.DataFrame, score: str, split: str) -> list[Artist]:
    drawn = numbers[numbers["epoch"].notna()]
    entries = arm_entries(labels_of(drawn), line=False)
    entries.append(Line2D([], [], color=GREY, lw=1.8, marker="o", ms=4, label=split))
    if drawn[f"train/{score}"].notna().any():
        entries.append(Line2D([], [], color=GREY, lw=1.8, ls=":", marker="o", ms=4, mfc="white", label="training"))
    if drawn["seed_index"].notna().any():
        entries.append(Line2D([], [], color=GREY, lw=0.6, label="each seed"))
    if drawn["best_epoch"].notna().any():
        entries.append(Line2D([], [], color=GREY, marker="o", ms=8, mec="black", ls="", label="epoch that is scored"))
    if f"test/{score}" in numbers:
        entries.append(Line2D([], [], color=GREY, marker="o", ms=6, mec="black", lw=2, label="test, 95 % interval"))
    text = "chance agreement" if score == "kappa" else f"majority class ({drawn['majority'].max():.3f})"
    return [*entries, Line2D([], [], color=GREY, ls="--", lw=1, label=text)]


def confusion_numbers(
    primary: pd.DataFrame, study: StudyRuns, predictions: Mapping[str, PredictionSet]
) -> pd.DataFrame:
    """Confusion counts behind each arm's primary endpoint: arm, label, status, truth, predicted, count, share, images,
    seeds.

    The counts of all seeds are summed. An arm without a matrix is one row without counts.
    """
    rows: list[dict[str, object]] = []
    for one in primary.to_dict("records"):
        models, counts = predictions.get(str(one["arm"])), None
        if models:
            counts = models.counts().sum(axis=(0, 1))  # over patients and seeds
        elif one["measured_on"] == VALIDATION:
            counts = study.confusions.get(str(one["trial"]))
        base = {key: one[key] for key in ("arm", "label", "status")}
        if counts is None:
            rows.append(base)
            continue
        seeds = len(models.seeds) if models else 1
        base |= {"seeds": seeds, "images": int(counts.sum()) // seeds}
        shares = row_shares(counts)
        for (truth, predicted), count in np.ndenumerate(counts):
            found = {"truth": truth, "predicted": predicted, "count": int(count), "share": shares[truth, predicted]}
            rows.append(base | found)
    columns = ["arm", "label", "status", "truth", "predicted", "count", "share", "images", "seeds"]
    return pd.DataFrame(rows, columns=columns)


def draw_confusions(axes: Sequence[Axes], numbers: pd.DataFrame) -> None:
    """Four matrices, shaded by the share of the true grade's row, with the count below; rows = truth."""
    for panel, (arm, label) in zip(axes, labels_of(numbers).items(), strict=True):
        here = numbers[numbers["arm"] == arm]
        if here["count"].notna().any():
            counts = np.zeros((CLASSES, CLASSES), dtype=np.int64)
            counts[here["truth"].astype(int), here["predicted"].astype(int)] = here["count"].astype(int)
            seeds = int(here["seeds"].iloc[0])
            times = f" x {seeds} seeds" if seeds > 1 else ""
            draw_matrix(panel, counts, f"{label} (n = {int(here['images'].iloc[0]):,}{times})")
            continue
        panel.set(xticks=[], yticks=[])
        panel.set_title(label)
        annotate(panel, [str(status) if status != RUN else "no confusion matrix" for status in here["status"]])


def pictures(
    study: StudyRuns, four_way: pd.DataFrame, primary: pd.DataFrame, predictions: Mapping[str, PredictionSet]
) -> list[FigureSpec | SkippedFigure]:
    """Curves and confusion matrices, or why one has nothing to show."""
    curves = curve_numbers(study, four_way, primary, predictions)
    return [_curves(curves, four_way, primary, score) for score in SCORE_LABELS] + [
        _confusions(study, primary, predictions)
    ]


def _curves(
    curves: pd.DataFrame, four_way: pd.DataFrame, primary: pd.DataFrame, score: str
) -> FigureSpec | SkippedFigure:
    title = f"{score.capitalize()} over the epochs"
    if curves["epoch"].isna().all():
        return SkippedFigure(title, "no winner has a recorded epoch")
    split = str(four_way["split"].iloc[0])
    short = split.split()[0]
    n = four_way["n"].max()
    count = f" (n = {int(n):,})" if not np.isnan(n) else ""
    filled = f"Filled: {short}{count}."
    trained = curves[f"train/{score}"].notna().any()
    dotted = " Dotted and open: training, on the images as drawn and augmented." if trained else ""
    thin = " Thin: each seed of the confirmation; thick: their mean." if curves["seed_index"].notna().any() else ""
    base = "the majority class" if score == "accuracy" else "chance agreement"
    caption = f"{filled}{dotted}{thin} Dashed: {base}. {about(primary)}"
    tested = primary["measured_on"].iloc[0] != VALIDATION
    subtitle = f"curves: {split}{count}" + (f"\nmarks: {measured_on(primary)}" if tested else "")
    return FigureSpec(
        f"curves_{score}", title, subtitle, caption, f"{title}. {in_words(primary)}.", curves,
        lambda axes: draw_curves(axes, curves, score, short), (1, 2), 3.2, (2, 1, 5.8),
    )  # fmt: skip


def _confusions(
    study: StudyRuns, primary: pd.DataFrame, predictions: Mapping[str, PredictionSet]
) -> FigureSpec | SkippedFigure:
    title, matrices = "Confusion matrices", confusion_numbers(primary, study, predictions)
    if matrices["count"].isna().all():
        return SkippedFigure(title, "no confusion matrix was recorded")
    summed = " The counts of all seeds are summed." if matrices["seeds"].max() > 1 else ""
    caption = (
        f"Shade and percentage: share of the true grade's images; below: number of images.{summed} {about(primary)}"
    )
    return FigureSpec(
        "confusions", title, measured_on(primary), caption, f"{title}. {in_words(primary)}.", matrices,
        lambda axes: draw_confusions(axes, matrices), (2, 2), 6.9, (4, 1, 13.2),
    )  # fmt: skip
