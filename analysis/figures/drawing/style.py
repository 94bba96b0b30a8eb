"""How figures look: one colour, marker and line for each arm, fonts and sizes."""

from __future__ import annotations

from typing import Any, NamedTuple


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


DENSE = 300
"""From so many trials on the marks are kept as pixels in the SVG."""
