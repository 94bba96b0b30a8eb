"""Figures are written for a page and a column, the same each time."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
from matplotlib.axes import Axes
from PIL import Image

from analysis import schema
from analysis.figures.drawing import figure_files, panels, style
from analysis.figures.drawing.figure_files import FigureSpec


def picture(**changes: object) -> FigureSpec:
    """A small figure of two panels."""

    def draw(axes: list[Axes]) -> None:
        for panel in axes:
            panel.plot([0, 1], [0, 1], label="$\\frac{1}")  # would not be read as a formula
        panels.label_outer(axes, "epoch", "score")
        panels.legend_below(axes, panels.arm_entries(schema.ARM_LABELS))

    numbers = pd.DataFrame({"text": ["=1+1"], "value": [1.5]})
    made = FigureSpec(
        "one", "Title $x", "validation; n = 3", "Caption.", "Alt.", numbers, draw, (1, 2), 2.5, (2, 1, 4.0)
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def test_files_are_300_dpi_well_formed_and_the_same_each_time(tmp_path: Path) -> None:
    one, again = (figure_files.write_picture(picture(), tmp_path / name) for name in "ab")
    with Image.open(one.png) as image:
        assert round(image.info["dpi"][0]) == 300
        assert image.size == (round(300 * style.PAGE), 750)
    assert one.column is not None and again.column is not None
    for path, width in ((one.svg, style.PAGE), (one.column, style.COLUMN)):
        root = ElementTree.parse(path).getroot()
        assert root.tag.endswith("svg")
        assert root.attrib["width"] == f"{72 * width:g}pt"
    assert one.svg.read_bytes() == again.svg.read_bytes()
    assert one.column.read_bytes() == again.column.read_bytes()
    assert one.csv.read_text() == '"text","value"\n"\'=1+1",1.5\n'
    assert "T" not in one.svg.read_text().partition("<dc:date>")[2][:1]


def test_a_figure_that_needs_a_page_has_no_column(tmp_path: Path) -> None:
    written = figure_files.write_picture(picture(column=None), tmp_path)
    assert written.column is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.csv", "one.png", "one.svg"]
