"""The pictures that the winner gets most wrong, each beside where it looked (Grad-CAM), as `study` has made them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from PIL import Image

from analysis import schema
from analysis.figures.drawing.figure_files import FigureSpec, SkippedFigure
from analysis.results.columns import TEST, TESTED, VALIDATION, split_text
from analysis.results.labels import arm_labels
from analysis.results.study_runs import StudyRuns

ACROSS = 3
"""Pictures beside each other on a page."""

MOST = 12
"""Pictures that are shown; a study of folds has so many of each."""

WIDTH = 400
"""Pixels of a picture with its map at most: more would make the page as heavy as the photographs."""


def mistake_numbers(
    explained: Sequence[tuple[bytes, dict[str, Any]]], labels: Mapping[str, str] = schema.ARM_LABELS
) -> pd.DataFrame:
    """One row for each picture: number (from 1), arm, label, confirm, trial, grade, predicted, p0 .. p4.

    labels: arm -> what its arm is called.
    """
    rows = [
        {"number": number, "label": labels[entry["arm"]], "confirm": "", "trial": ""} | entry
        for number, (_, entry) in enumerate(explained, 1)
    ]
    columns = ["number", "arm", "label", "confirm", "trial", "grade", "predicted"]
    return pd.DataFrame(rows, columns=[*columns, *schema.PROBABILITIES])


def draw_mistakes(axes: Sequence[Axes], numbers: pd.DataFrame, pictures: Sequence[bytes]) -> None:
    """A panel for each picture: the photograph, at its right the same under Grad-CAM; above it truth and prediction."""
    for panel in axes:
        panel.set_axis_off()
    for panel, row, data in zip(axes, numbers.to_dict("records"), pictures, strict=False):
        with Image.open(BytesIO(data)) as opened:
            picture = opened.convert("RGB")
        picture.thumbnail((WIDTH, WIDTH))
        panel.imshow(np.asarray(picture), interpolation="none")
        probability = row[f"p{row['predicted']}"]
        panel.set_title(
            f"{row['number']}: is {row['grade']} {schema.GRADE_NAMES[row['grade']]},\n"
            f"called {row['predicted']} {schema.GRADE_NAMES[row['predicted']]} (p = {probability:.2f})",
            fontsize=7.5,
        )


def pictures(study: StudyRuns) -> list[FigureSpec | SkippedFigure]:
    """The worst mistakes, or why there are none."""
    title = "The worst mistakes"
    if not study.explained:
        return [
            SkippedFigure(
                title, "no pictures were made of them: there were none, or the photographs and weights had gone"
            )
        ]
    worst = sorted(study.explained, key=lambda one: _how_wrong(one[1]))[:MOST]
    numbers, images = mistake_numbers(worst, arm_labels(study)), [data for data, _ in worst]
    whose = " and ".join(dict.fromkeys(numbers["label"]))
    splits = dict.fromkeys(str(entry.get("split", TEST)) for _, entry in worst)
    split = ", ".join(split_text(one) if one in (VALIDATION, *TESTED) else one for one in splits)
    caption = (
        f"The {len(numbers)} photographs that {whose} gets most wrong, on {split}: by distance in grades, then by the "
        "probability of the true grade. At the right of each what spoke for the predicted grade (Grad-CAM, Selvaraju "
        "et al. 2017): bright is much. The map is as coarse as the network's last stage and shows no lesions. A label "
        "can be wrong too. In full size they stand in the report's folder explained/."
    )
    rows = numbers.to_dict("records")
    alt = "; ".join(f"{row['number']}: grade {row['grade']} called {row['predicted']}" for row in rows)
    down = -(-len(numbers) // ACROSS)
    return [
        FigureSpec(
            "mistakes", title, f"{whose}; {split}; n = {len(numbers)} of its mistakes", caption, f"{title}. {alt}.",
            numbers, lambda axes: draw_mistakes(axes, numbers, images), (down, ACROSS), 0.4 + 1.55 * down,
            (len(numbers), 1, 0.5 + 2.15 * len(numbers)),
        )
    ]  # fmt: skip


def _how_wrong(entry: dict[str, Any]) -> tuple[int, float]:
    """Sorts the largest error first, among equals the least probable truth."""
    return -abs(entry["grade"] - entry["predicted"]), entry[f"p{entry['grade']}"]
