"""The two pictures of one trial: its curves over the epochs and its confusion matrix."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.figures.drawing.figure_files import rendered
from analysis.figures.drawing.panels import draw_matrix
from analysis.figures.drawing.style import (
    LOOK,
    SCORE_LABELS,
)
from analysis.stats.metrics import Ints
from retina_data.files import write_whole


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
        write_whole(Path(path), rendered(figure, "png", 100))


def confusion_png(path: Path, confusion: Ints, title: str) -> None:
    """One confusion matrix (5, 5), rows = truth, row-normalised with the counts in its cells.

    Its margins are given, not searched for, which takes as long again as the drawing: each trial waits for its two.
    """
    with mpl.rc_context(LOOK):
        figure = Figure(figsize=(4.8, 4.2))
        figure.subplots_adjust(left=0.1, right=0.97, bottom=0.1, top=0.93)
        draw_matrix(figure.subplots(), np.asarray(confusion, dtype=np.int64), title)
        write_whole(Path(path), rendered(figure, "png", 100))
