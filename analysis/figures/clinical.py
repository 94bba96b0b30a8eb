"""Figures of what a clinic asks: which grades are found, and who is referred at which price.

Referable is a grade of 2 or more (moderate, severe, proliferative); its score is p2 + p3 + p4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from analysis import schema
from analysis.figures.drawing.captions import about, measured_on, over_seeds
from analysis.figures.drawing.figure_files import FigureSpec, SkippedFigure
from analysis.figures.drawing.panels import arm_entries, arms_of, is_narrow, labels_of, legend_below
from analysis.figures.drawing.style import GREY, STYLES
from analysis.number_format import with_interval
from analysis.results.predictions import PredictionSet
from analysis.stats import roc
from analysis.stats.metrics import Floats
from analysis.stats.shares import effective_patients, share_interval
from analysis.tables.arm_comparison import SEED

SPECIFICITIES = (0.8, 0.9)

GRID = np.linspace(0.0, 1.0, 201)
"""Shares of false alarms at which a curve is written down and drawn."""

RESAMPLES = 1000


def recall_numbers(primary: pd.DataFrame, predictions: Mapping[str, PredictionSet]) -> pd.DataFrame:
    """Share of each grade's images that get this grade: arm, label, status, grade, name, images, recall, low, high."""
    rows = []
    for one in primary.to_dict("records"):
        models = predictions.get(str(one["arm"]))
        for grade, name in zip(schema.GRADES, schema.GRADE_NAMES, strict=True):
            row = {key: one[key] for key in ("arm", "label", "status")} | {"grade": grade, "name": name}
            row["images"] = int((models.grade == grade).sum()) if models else np.nan
            ends = {"recall": "", "low": "_low", "high": "_high"}
            rows.append(row | {key: one[f"recall_{grade}{end}"] for key, end in ends.items()})
    return pd.DataFrame(rows)


def draw_recalls(axes: Sequence[Axes], numbers: pd.DataFrame) -> None:
    """Recall of each grade, the arms side by side, with 95 % intervals."""
    (panel,) = axes
    arms = arms_of(numbers.dropna(subset=["recall"]))
    for place, arm in enumerate(arms):
        here, style = numbers[numbers["arm"] == arm], STYLES[arm]
        at = here["grade"] + 0.16 * (place - (len(arms) - 1) / 2)
        known = here["low"].notna()
        panel.vlines(at[known], here["low"][known], here["high"][known], color=style.colour, lw=2)
        panel.plot(at, here["recall"], color=style.colour, marker=style.marker, ls="", ms=6, mec="black", mew=0.6)
    images = numbers.dropna(subset=["images"]).groupby("grade")["images"].max()
    names = [
        f"{grade} {name}" + (f"\n(n = {int(images[grade]):,})" if grade in images.index else "")
        for grade, name in zip(schema.GRADES, schema.GRADE_NAMES, strict=True)
    ]
    narrow = is_narrow(panel)
    panel.set_xticks(schema.GRADES, names, rotation=40 if narrow else 0, ha="right" if narrow else "center")
    panel.set(xlabel="true grade", ylabel="recall (share of the grade's images)", ylim=(-0.03, 1.03), xlim=(-0.5, 4.5))
    panel.grid(axis="x", visible=False)
    legend_below(axes, arm_entries(labels_of(numbers.dropna(subset=["recall"])), line=False))


def roc_numbers(
    predictions: Mapping[str, PredictionSet], labels: Mapping[str, str] = schema.ARM_LABELS
) -> pd.DataFrame:
    """Sensitivity for referable retinopathy against specificity.

    Columns: arm, label, kind, seed_index, specificity, sensitivity, low, high, auc, auc_low, auc_high, n, referable.
    kind is `seed` (one model on a grid of specificities), `mean` (of an arm's models, with the area under the curve) or
    `operating` (at a specificity of SPECIFICITIES at least, mean of the models). Bounds: 95 %, over patients. Arms
    whose images hold one sign alone are left out. labels: arm -> what its arm is called.
    """
    rows: list[dict[str, object]] = []
    for arm, models in predictions.items():
        positive = models.grade >= schema.REFERABLE_FROM
        if not 0 < positive.sum() < positive.size:
            continue
        base = {"arm": arm, "label": labels[arm], "n": positive.size, "referable": int(positive.sum())}
        scores = list(referable_score(models.probabilities))
        curves = [roc.roc(positive, score) for score in scores]
        drawn = roc.bootstrap(
            positive, scores, models.patient, SPECIFICITIES, np.random.default_rng(SEED), resamples=RESAMPLES
        )
        low, high = np.nanquantile(drawn, [0.025, 0.975], axis=0)
        grids = [roc.on_grid(curve, GRID) for curve in curves]
        for seed_index, grid in enumerate(grids):
            rows += _on_grid(base | {"kind": "seed", "seed_index": seed_index}, grid)
        # each resample is alike, as of a perfect model: the bootstrap knows no doubt, and an area is no share
        ends = (np.nan, np.nan) if low[0] == high[0] else (low[0], high[0])
        area = {"auc": float(np.mean([roc.area(curve) for curve in curves])), "auc_low": ends[0], "auc_high": ends[1]}
        rows += _on_grid(base | {"kind": "mean"} | area, np.mean(grids, axis=0))
        for place, specificity in enumerate(SPECIFICITIES, 1):
            reached = float(np.mean([roc.sensitivity_at(curve, specificity) for curve in curves]))
            row = {"kind": "operating", "specificity": specificity, "sensitivity": reached}
            patients = effective_patients(np.unique(models.patient[positive], return_counts=True)[1])
            bounds = share_interval(reached, patients)  # the resamples know of the threshold, but near 1 of no doubt
            rows.append(base | row | {"low": min(low[place], bounds[0]), "high": max(high[place], bounds[1])})
    columns = ["arm", "label", "kind", "seed_index", "specificity", "sensitivity", "low", "high"]
    return pd.DataFrame(rows, columns=[*columns, "auc", "auc_low", "auc_high", "n", "referable"])


def referable_score(probabilities: Floats) -> Floats:
    """Probability (...) of a referable grade; chance (..., 5)."""
    return np.asarray(probabilities[..., schema.REFERABLE_FROM :].sum(axis=-1))


def draw_roc(axes: Sequence[Axes], numbers: pd.DataFrame) -> None:
    """Two panels: the curves, each seed thin and their mean thick; the sensitivity at two specificities."""
    left, right = axes
    arms = arms_of(numbers)
    left.plot([0, 1], [0, 1], color=GREY, ls="--", lw=1)
    for height, arm in enumerate(arms):
        here, style = numbers[numbers["arm"] == arm], STYLES[arm]
        seeds = here[here["kind"] == "seed"]
        if seeds["seed_index"].nunique() > 1:
            for _, curve in seeds.groupby("seed_index"):
                left.plot(1 - curve["specificity"], curve["sensitivity"], color=style.colour, lw=0.6, alpha=0.45)
        mean = here[here["kind"] == "mean"]
        left.plot(1 - mean["specificity"], mean["sensitivity"], color=style.colour, ls=style.line, lw=1.8)
        points = here[here["kind"] == "operating"].reset_index(drop=True)
        left.plot(
            1 - points["specificity"], points["sensitivity"], color=style.colour, marker=style.marker, ls="", ms=5,
            mec="black", mew=0.6,
        )  # fmt: skip
        for place, point in enumerate(points.to_dict("records")):
            at = height + 0.2 * (2 * place - 1)
            right.plot([point["low"], point["high"]], [at, at], color=style.colour, lw=2.2, solid_capstyle="butt")
            face = style.colour if place == 0 else "white"
            right.plot(point["sensitivity"], at, marker=style.marker, ms=6, mec="black", mew=0.7, mfc=face, ls="")
            text, place_of_text = f"{point['sensitivity']:.2f}", (point["sensitivity"], at)
            right.annotate(text, place_of_text, (0, 5), textcoords="offset points", ha="center", fontsize=7)
    left.set(xlabel="share of false alarms (1 - specificity)", ylabel="sensitivity", xlim=(-0.02, 1.02))
    left.set(ylim=(-0.02, 1.02), aspect="equal", title="Referable or not")
    names = labels_of(numbers)
    areas = numbers[numbers["kind"] == "mean"].groupby("arm", sort=False)[["auc", "auc_low", "auc_high"]].first()
    labels = [f"{names[str(arm)]}\nAUC {with_interval(row.to_dict(), 'auc')}" for arm, row in areas.iterrows()]
    right.set_yticks(range(len(arms)), labels)
    right.set(xlabel="sensitivity, 95 % interval", ylim=(len(arms) - 0.4, -0.6), title="Sensitivity at a specificity")
    right.grid(axis="y", visible=False)
    marks = [
        Line2D([], [], ls="", marker="o", color=GREY, mfc=face, label=f"at {100 * specificity:g} % specificity")
        for specificity, face in zip(SPECIFICITIES, (GREY, "white"), strict=True)
    ]
    legend_below(axes, [*arm_entries(labels_of(numbers)), *marks])


def pictures(primary: pd.DataFrame, predictions: Mapping[str, PredictionSet]) -> list[FigureSpec | SkippedFigure]:
    """Recall by grade and the ROC curve, or why one has nothing to show; primary:
    columns.primary_endpoint(four_way)."""
    return [_recalls(primary, predictions), _roc(primary, predictions)]


def _recalls(primary: pd.DataFrame, predictions: Mapping[str, PredictionSet]) -> FigureSpec | SkippedFigure:
    title, numbers = "Recall by grade", recall_numbers(primary, predictions)
    known = numbers.dropna(subset=["recall"])
    if known.empty:
        return SkippedFigure(title, "no arm has been measured yet")
    caption = (
        "Share of each true grade's images that the model gives this grade, with 95 % intervals over patients, given "
        f"the trained models{over_seeds(predictions)}. {about(primary)}"
    )
    found = [
        f"{rows['label'].iloc[0]}: {', '.join(f'{value:.2f}' for value in rows['recall'])}"
        for _, rows in known.groupby("arm", sort=False)
    ]
    return FigureSpec(
        "recalls", title, measured_on(primary), caption, f"{title} 0 to 4. {'; '.join(found)}.", numbers,
        lambda axes: draw_recalls(axes, numbers), (1, 1), 3.2, (1, 1, 3.9),
    )  # fmt: skip


def _roc(primary: pd.DataFrame, predictions: Mapping[str, PredictionSet]) -> FigureSpec | SkippedFigure:
    title, numbers = "Referable retinopathy (grade 2 or more)", roc_numbers(predictions, labels_of(primary))
    if numbers.empty:
        return SkippedFigure(title, "no predictions with both referable and other eyes were recorded")
    points, first = numbers[numbers["kind"] == "operating"], numbers.iloc[0]
    caption = (
        "Sensitivity against false alarms when an eye is referred by p2 + p3 + p4; thin: each seed. Beside it the "
        "highest sensitivity of a threshold with at least 80 % and 90 % specificity. The thresholds were chosen on "
        "these images; one that is fixed beforehand does worse. Intervals are 95 %, over patients, given the "
        f"trained models{over_seeds(predictions)}. {int(first['referable']):,} of {int(first['n']):,} images are "
        "referable. "
        f"{about(primary)}"
    )
    found = [
        f"{one['label']}: sensitivity {one['sensitivity']:.2f} at {100 * one['specificity']:g} % specificity"
        for one in points.to_dict("records")
    ]
    return FigureSpec(
        "referable", title, measured_on(primary), caption, f"{title}. {'; '.join(found)}.", numbers,
        lambda axes: draw_roc(axes, numbers), (1, 2), 3.7, (2, 1, 7.2),
    )  # fmt: skip


def _on_grid(base: dict[str, object], sensitivities: Floats) -> list[dict[str, object]]:
    pairs = zip(1 - GRID, sensitivities, strict=True)
    return [base | {"specificity": specificity, "sensitivity": value} for specificity, value in pairs]
