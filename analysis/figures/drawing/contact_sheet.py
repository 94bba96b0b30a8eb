"""Photographs beside each other, a column for each grade."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis.figures.drawing.figure_files import rendered
from analysis.figures.drawing.style import GREY, LOOK, PAGE, PIXELS_DPI
from analysis.schema import GRADE_NAMES
from retina_data.files import write_whole


def write_contact_sheet(path: Path, columns: Sequence[Sequence[NDArray[np.uint8]]], counts: Sequence[int]) -> None:
    """Write a PNG of the photographs (S, S, 3) of each grade, from 0; counts: how many there are of each in all.

    A grade may have fewer photographs than another, or none.
    """
    rows = max(map(len, columns))
    side = PAGE / len(columns)  # inches
    with mpl.rc_context(LOOK | {"axes.grid": False}):
        figure = Figure(figsize=(PAGE, 0.42 + side * rows))
        top = 1 - 0.42 / figure.get_figheight()
        panels = figure.subplots(rows, len(columns), squeeze=False)
        figure.subplots_adjust(0.005, 0.005, 0.995, top, wspace=0.03, hspace=0.03)
        for panel in panels.flat:
            panel.set_axis_off()
        for grade, (photographs, count) in enumerate(zip(columns, counts, strict=True)):
            head = panels[0, grade]
            head.set_title(f"{grade} {GRADE_NAMES[grade]}\nn = {count:,}", color=GREY)
            for panel, photograph in zip(panels[:, grade], photographs, strict=False):
                panel.imshow(photograph, interpolation="nearest")
        write_whole(path, rendered(figure, "png", PIXELS_DPI))
