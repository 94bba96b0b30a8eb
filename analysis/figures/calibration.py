"""Can a model's probability be believed: reliability diagrams of the grade that it calls, and of `referable`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis import schema
from analysis.figures.clinical import referable_score
from analysis.figures.drawing.captions import about, measured_on
from analysis.figures.drawing.figure_files import FigureSpec, SkippedFigure
from analysis.figures.drawing.panels import arm_entries, arms_of, labels_of, legend_below
from analysis.figures.drawing.style import GREY, STYLES
from analysis.number_format import with_bounds
from analysis.results.predictions import PredictionSet
from analysis.stats.calibration import calibration_error, with_temperature
from analysis.stats.metrics import called

BINS = 10

QUESTIONS = {"grade": "The grade that is called", "referable": "Referable (grade 2 or more)"}


def calibration_numbers(
    predictions: Mapping[str, PredictionSet],
    labels: Mapping[str, str] = schema.ARM_LABELS,
    temperatures: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Reliability in ten bins of equal width, an arm's models taken together (an image counts once for each).

    Columns: arm, label, question (a key of QUESTIONS), low, high (of the bin), count, probability (mean), share (of
    hits), error (expected calibration error of all bins), error_corrected (without its noise), error_low, error_high
    (95 %, over patients), n, seeds, temperature (mean of the models', 1 where it is not known). labels: arm -> what its
    arm is called; temperatures: run -> what `retina export` divides its log-probabilities by.
    """
    rows = []
    for arm, models in predictions.items():
        scale = np.array([_temperature(run, temperatures or {}) for run in models.runs])  # of each seed
        each = [with_temperature(one, own) for one, own in zip(models.probabilities, scale, strict=True)]
        probabilities = np.concatenate(each)  # (seeds x n, 5)
        grade, predicted = np.tile(models.grade, len(models.seeds)), called(probabilities, models.decision)
        patients = np.tile(models.patient, len(models.seeds))
        asked = {
            "grade": (probabilities[np.arange(len(grade)), predicted], predicted == grade),
            "referable": (np.clip(referable_score(probabilities), 0, 1), grade >= schema.REFERABLE_FROM),
        }
        for question, (probability, hit) in asked.items():
            error = calibration_error(probability, hit, patients, BINS)
            found = error.bins
            base = {"arm": arm, "label": labels[arm], "question": question}
            more = {"error": error.value, "error_corrected": error.corrected, "error_low": error.bounds[0]}
            more |= {"error_high": error.bounds[1], "n": len(models.grade), "seeds": len(models.seeds)}
            more["temperature"] = float(scale.mean())
            for place in range(BINS):
                row = {"low": place / BINS, "high": (place + 1) / BINS, "count": int(found.count[place])}
                values = {"probability": found.probability[place], "share": found.share[place]}
                rows.append(base | row | values | more)
    columns = ["arm", "label", "question", "low", "high", "count", "probability", "share", "error", "error_corrected"]
    return pd.DataFrame(rows, columns=[*columns, "error_low", "error_high", "n", "seeds", "temperature"])


def _temperature(run: str, temperatures: Mapping[str, float]) -> float:
    """Of a run, of folds the mean over its folds' runs; 1 where one is not known."""
    found = [temperatures.get(one) for one in run.split(", ")]
    return float(np.mean([one for one in found if one is not None])) if None not in found else 1.0


def draw_calibration(axes: Sequence[Axes], numbers: pd.DataFrame) -> None:
    """Four panels: reliability of the grade and of `referable`, below each how many images stand in a bin."""
    arms = arms_of(numbers)
    for place, (question, text) in enumerate(QUESTIONS.items()):
        upper, lower = axes[place], axes[place + len(QUESTIONS)]
        upper.plot([0, 1], [0, 1], color=GREY, ls="--", lw=1)
        for arm in arms:
            here, style = numbers[(numbers["arm"] == arm) & (numbers["question"] == question)], STYLES[arm]
            some = here[here["count"] > 0]
            error, low, high = (float(here[f"error_{name}"].iloc[0]) for name in ("corrected", "low", "high"))
            label = with_bounds(error, (low, high))
            (line,) = upper.plot(some["probability"], some["share"], color=style.colour, ls=style.line, label=label)
            line.set(marker=style.marker, markersize=5, markeredgecolor="black", markeredgewidth=0.5)
            edges = [*here["low"], 1.0]
            lower.stairs(here["count"].to_numpy(), edges, color=style.colour, ls=style.line, lw=1.5, baseline=None)
        upper.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), ylabel="share that is so", xlabel="predicted probability")
        upper.set_title(text)
        upper.legend(title="ECE", loc="best", title_fontsize=7, handlelength=1.2)
        lower.set_yscale("symlog", linthresh=1)
        lower.set(xlim=(-0.02, 1.02), ylim=(0, None), ylabel="images (log scale)", xlabel="predicted probability")
        lower.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    legend_below(axes, arm_entries(labels_of(numbers)))


def pictures(
    primary: pd.DataFrame, predictions: Mapping[str, PredictionSet], temperatures: Mapping[str, float] | None = None
) -> list[FigureSpec | SkippedFigure]:
    """The reliability diagrams, or why there are none; primary: columns.primary_endpoint(four_way)."""
    title, numbers = "Calibration", calibration_numbers(predictions, labels_of(primary), temperatures)
    if numbers.empty:
        return [SkippedFigure(title, "no predictions were recorded")]
    caption = (
        f"Above: what was predicted against what is so, in {BINS} bins of equal width; on the dashed line a "
        "probability can be believed. Below: how many images stand in a bin (each counts once for each seed), without "
        "which a point says little. ECE, the expected calibration error, is the mean distance from the line, "
        "weighted by images, without what its noise adds, and its 95 % interval over patients. "
        f"{_scaled(numbers)} "
        f"{about(primary)}"
    )
    errors = numbers.drop_duplicates(["question", "arm"]).to_dict("records")
    found = [
        f"{QUESTIONS[one['question']]}, {one['label']}: ECE "
        + with_bounds(one["error_corrected"], (one["error_low"], one["error_high"]))
        for one in errors
    ]
    return [
        FigureSpec(
            "calibration", title, measured_on(primary), caption, f"{title}. {'; '.join(found)}.", numbers,
            lambda axes: draw_calibration(axes, numbers), (2, 2), 5.6, (4, 1, 11.0),
        )
    ]  # fmt: skip


def _scaled(numbers: pd.DataFrame) -> str:
    """Whether the probabilities are those that export gives."""
    if (numbers["temperature"] == 1).all():
        return "Probabilities are the networks' own, before the temperature that `retina export` fits on validation."
    return "Probabilities are those after the temperature that was fitted on validation, as `retina export` gives them."
