"""Figures of the comparison: the four arms with their intervals, and the differences of their pairs."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from analysis import schema
from analysis.figures.drawing.captions import about, measured_on
from analysis.figures.drawing.figure_files import FigureSpec, SkippedFigure
from analysis.figures.drawing.panels import annotate, draw_baseline, is_first_column, is_narrow, legend_below
from analysis.figures.drawing.style import GREY, PLATE, SCORE_LABELS, STYLES
from analysis.number_format import difference, equals_p, with_interval, with_sign
from analysis.results.columns import DIFFERENCES, RUN, VALIDATION

PRIMARY, SEED, CHOSEN, CORRECTED, REPEAT = "primary", "seed", "validation", "corrected", "repeat"
"""Kinds of points: the primary endpoint; one seed of that; the validation score that its trial was chosen by; what
is left of that without the optimism of the choice; a repeat of the winner on other validation patients."""


def interval_numbers(
    four_way: pd.DataFrame, primary: pd.DataFrame, seeds: pd.DataFrame, finalists: pd.DataFrame
) -> pd.DataFrame:
    """Accuracy and kappa of each arm with 95 % bounds, over patients (low, high) and over patients and seeds.

    four_way: arm_comparison.four_way(study), primary: columns.primary_endpoint(four_way), seeds:
    pairwise.seed_values(study), finalists: finalists.finalists(study, board). One row for each arm, score and point,
    of a `kind` above; an arm without a number is one row of each score.
    """
    tested = str(primary["measured_on"].iloc[0]) != VALIDATION
    keep = ["arm", "label", "status", "reason", "n", "patients", "majority", "constant_predictor", "split"]
    rows: list[pd.DataFrame] = []
    winners = set(four_way["trial"].str.split(", ").explode())
    complete = finalists[finalists["trial"].isin(winners) & (finalists["state"] == schema.STATE_COMPLETE)]
    for score in SCORE_LABELS:
        ends = {f"{score}{end}": end.strip("_") or "value" for end in ("", "_low", "_high", "_configuration_low")}
        ends |= {f"{score}_configuration_high": "configuration_high"}
        rows.append(primary[[*keep, *ends]].rename(columns=ends).assign(kind=PRIMARY, score=score))
        if tested:
            own = seeds[seeds["measured_on"] == primary["measured_on"].iloc[0]]
            columns = ["arm", "label", "split", "n", "patients", "seed_index", "seed", score]
            rows.append(own[columns].rename(columns={score: "value"}).assign(kind=SEED, score=score, status=RUN))
            ends = {score: "value", f"{score}_low": "low", f"{score}_high": "high"}
            kind = CHOSEN
        else:
            ends = {f"{score}_corrected{end}": end.strip("_") or "value" for end in ("", "_low", "_high")}
            kind = CORRECTED
        present = four_way[next(iter(ends))].notna() & (
            tested | (four_way["chosen_among"] > 1)
        )  # of one there was no choice
        beside = four_way.loc[present, [*keep, *ends]]
        rows.append(beside.rename(columns=ends).assign(kind=kind, score=score))
        columns = ["arm", "label", "seed_index", "seed", score]
        repeats = complete[columns].rename(columns={score: "value"}).assign(kind=REPEAT, score=score, status=RUN)
        rows += [repeats] if len(repeats) else []
    columns = [
        *keep,
        "score",
        "kind",
        "value",
        "low",
        "high",
        "configuration_low",
        "configuration_high",
        "seed_index",
        "seed",
    ]
    return pd.concat(rows, ignore_index=True).reindex(columns=columns)


def draw_intervals(axes: Sequence[Axes], numbers: pd.DataFrame) -> None:
    """Two panels, accuracy and kappa: a point with its interval for each arm, the baseline dashed.

    Thick: over patients; thin: over patients and seeds; ticks: each seed, in colour each repeat; hollow: what it was
    chosen by, or what is left of it without the optimism of the choice.
    """
    for panel, score in zip(axes, SCORE_LABELS, strict=True):
        primary = numbers[(numbers["score"] == score) & (numbers["kind"] == PRIMARY)].reset_index(drop=True)
        others = numbers[(numbers["score"] == score) & (numbers["kind"] != PRIMARY)]
        draw_baseline(panel, score, primary["majority"].max(), vertical=True)
        for place, one in enumerate(primary.to_dict("records")):
            for other in others[others["arm"] == one["arm"]].to_dict("records"):
                _draw_beside(panel, other, place)
            if one["status"] == RUN and not np.isnan(one["value"]):
                _draw_primary(panel, one, place)
            else:
                text = one["status"] if one["status"] != RUN else "undefined"
                annotate(panel, [text], 0.5, place, panel.get_yaxis_transform())
        panel.set(xlabel=f"{SCORE_LABELS[score]},{_space(panel)}95 % interval", ylim=(len(primary) - 0.4, -0.6))
        panel.set_yticks(range(len(primary)), primary["label"] if is_first_column(panel) else [""] * len(primary))
        panel.margins(x=0.15)
        panel.grid(axis="y", visible=False)
        if numbers.loc[numbers["score"] == score, "value"].isna().all():
            panel.set_xlim(0, 1)
    legend_below(axes, _entries(numbers, axes[0]))


def _draw_primary(panel: Axes, one: Mapping[Hashable, Any], place: int) -> None:
    style = STYLES[one["arm"]]
    if not np.isnan(one["configuration_low"]):
        panel.plot(
            [one["configuration_low"], one["configuration_high"]],
            [place, place],
            color=style.colour,
            lw=0.9,
            marker="|",
            ms=6,
        )
    if not np.isnan(one["low"]):
        panel.plot([one["low"], one["high"]], [place, place], color=style.colour, lw=2.8, solid_capstyle="butt")
    panel.plot(one["value"], place, color=style.colour, marker=style.marker, ms=7.5, mec="black", ls="")
    constant_predictor = not pd.isna(one["constant_predictor"]) and bool(one["constant_predictor"])
    text = f"{one['value']:.3f}" + (" (constant predictor)" if constant_predictor else "")
    panel.annotate(
        text, (one["value"], place), (0, 7), textcoords="offset points", ha="center", fontsize=7.5, bbox=PLATE
    )


def _draw_beside(panel: Axes, one: Mapping[Hashable, Any], place: int) -> None:
    """A seed as a tick below its mean; below that the repeats, and a hollow point."""
    style = STYLES[one["arm"]]
    if one["kind"] == SEED:
        panel.plot(one["value"], place + 0.17, color="black", marker=2, ms=5, mew=0.9, ls="")
        return
    if one["kind"] == REPEAT:
        panel.plot(one["value"], place + 0.34, color=style.colour, marker="|", ms=7, mew=1.3, ls="")
        return
    at = place + 0.34
    panel.plot([one["low"], one["high"]], [at, at], color=style.colour, lw=0.9, ls=":")
    panel.plot(one["value"], at, color=style.colour, marker=style.marker, ms=4.5, mfc="white", ls="")


def _entries(numbers: pd.DataFrame, panel: Axes) -> list[Artist]:
    """What the legend must explain: of the marks that can be there, those that are."""
    primary, kinds = numbers[numbers["kind"] == PRIMARY], set(numbers["kind"])
    entries: list[Artist] = []
    if primary["low"].notna().any():
        entries.append(Line2D([], [], color=GREY, lw=2.8, label="95 % over patients"))
    if primary["configuration_low"].notna().any():
        entries.append(Line2D([], [], color=GREY, lw=0.9, marker="|", label="95 % over patients and seeds"))
    if SEED in kinds:
        entries.append(Line2D([], [], color="black", marker=2, ls="", label="each seed"))
    if kinds & {CHOSEN, CORRECTED}:
        text = "validation, where it was chosen" if CHOSEN in kinds else "without the choice's optimism"
        entries.append(Line2D([], [], color=GREY, ls=":", lw=0.9, marker="o", mfc="white", ms=4.5, label=text))
    if REPEAT in kinds:
        text = "its repeats, on other validation patients"
        entries.append(Line2D([], [], color=GREY, ls="", marker="|", ms=7, mew=1.3, label=text))
    if panel.get_legend_handles_labels()[1]:
        majority = primary["majority"].max()  # where the line is: that of validation may be another one
        label = f"majority class ({majority:.3f}), chance agreement"
        entries.append(Line2D([], [], color=GREY, ls="--", lw=1, label=label))
    return entries


def draw_differences(axes: Sequence[Axes], pairs: pd.DataFrame) -> None:
    """Two panels, accuracy and kappa: the difference of each pair of arms with its interval, and the
    adjusted p beside the objective.

    pairs: rows of pairwise.pairs(study) that were measured. Thick: over patients; thin: over patients and seeds.
    """
    labels = [f"{pair['label_a']}\nminus {pair['label_b']}" for pair in pairs.to_dict("records")]
    for panel, score in zip(axes, DIFFERENCES, strict=True):
        panel.axvline(0, color=GREY, ls="--", lw=1)
        for place, pair in enumerate(pairs.to_dict("records")):
            value, low, high, wide_low, wide_high = (
                pair[f"{score}_difference{end}"]
                for end in ("", "_low", "_high", "_configuration_low", "_configuration_high")
            )
            if pd.isna(value):
                annotate(panel, ["undefined"], 0.5, place, panel.get_yaxis_transform())
                continue
            panel.plot([wide_low, wide_high], [place, place], color="black", lw=0.9, marker="|", ms=6)
            panel.plot([low, high], [place, place], color="#7a7a7a", lw=2.8, solid_capstyle="butt")
            panel.plot(value, place, color="black", marker="o", ms=5, ls="")
            text = with_sign(value)
            if score == pair["score"] and not pd.isna(pair["p_adjusted"]):
                text += f"   p {equals_p(pair['p_adjusted'])}"
            panel.annotate(
                text, (value, place), (0, 6), textcoords="offset points", ha="center", fontsize=7, bbox=PLATE
            )
        panel.set_yticks(range(len(pairs)), labels if is_first_column(panel) else [""] * len(pairs))
        panel.set(xlabel=f"difference of {score},{_space(panel)}95 % interval", ylim=(len(pairs) - 0.4, -0.7))
        panel.margins(x=0.15)
        panel.grid(axis="y", visible=False)
    entries: list[Artist] = [Line2D([], [], color="#7a7a7a", lw=2.8, label="95 % over patients")]
    if pairs["accuracy_difference_configuration_low"].notna().any():
        entries.append(Line2D([], [], color="black", lw=0.9, marker="|", label="95 % over patients and seeds"))
    legend_below(axes, [*entries, Line2D([], [], color=GREY, ls="--", lw=1, label="no difference")])


def pictures(
    four_way: pd.DataFrame, primary: pd.DataFrame, seeds: pd.DataFrame, pairs: pd.DataFrame, finalists: pd.DataFrame
) -> list[FigureSpec | SkippedFigure]:
    """The four arms and their differences, or why one has nothing to show."""
    return [_four_way(primary, interval_numbers(four_way, primary, seeds, finalists)), _differences(primary, pairs)]


def in_words(primary: pd.DataFrame) -> str:
    """The arms' accuracy and kappa for one who cannot see a figure."""
    found = []
    for row in primary.to_dict("records"):
        scores = [f"{score} {with_interval(row, score)}" for score in SCORE_LABELS]
        found.append(f"{row['label']}: {', '.join(scores) if row['status'] == RUN else row['status']}")
    return "; ".join(found)


def _four_way(primary: pd.DataFrame, points: pd.DataFrame) -> FigureSpec | SkippedFigure:
    title = "Four-way comparison"
    if primary["n"].isna().all():
        return SkippedFigure(title, "no arm has been measured yet")
    caption = (
        "Points with 95 % intervals over patients, given the trained models; dashed: the majority class (accuracy) and "
        f"chance agreement (kappa). {about(primary)}"
    )
    return FigureSpec(
        "four_way", title, measured_on(primary), caption, f"{title}. {in_words(primary)}.", points,
        lambda axes: draw_intervals(axes, points), (1, 2), 3.2, (2, 1, 5.6),
    )  # fmt: skip


def _differences(primary: pd.DataFrame, pairs: pd.DataFrame) -> FigureSpec | SkippedFigure:
    title, ran = "Differences between the arms", pairs[pairs["status"] == RUN]
    if ran.empty:
        return SkippedFigure(title, "there are no two arms that were measured on the same images")
    tested, score = int(ran["tests"].max()), str(ran["score"].iloc[0])
    family = (
        f"The intervals of {score} and the p beside them hold for all {tested} differences together; those of the "
        "other score describe."
    )
    if not tested:
        family = "They only describe, as the models were chosen on these images."
    others = " The other pairs lack predictions of one of the two." if len(ran) < len(pairs) else ""
    caption = (
        "The first arm minus the second, on the images that both have; left of the dashed line the second is better. "
        f"{family}{others} {about(primary)}"
    )
    words = [
        f"{pair['label_a']} minus {pair['label_b']}: {score} {difference(pair, score)}"
        for pair in ran.to_dict("records")
    ]
    return FigureSpec(
        "differences", title, measured_on(primary), caption, f"{title}. {'; '.join(words)}.", pairs,
        lambda axes: draw_differences(axes, ran), (1, 2), 1.2 + 0.45 * len(ran), (2, 1, 2.2 + 0.9 * len(ran)),
    )  # fmt: skip


def _space(panel: Axes) -> str:
    """Between the two halves of an axis title, of which a narrow figure has room for one."""
    return "\n" if is_narrow(panel) else " "
