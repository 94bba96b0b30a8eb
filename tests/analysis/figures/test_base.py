"""One style for an arm; figures are written for a page and a column, the same each time; a trial's two pictures."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from analysis import schema
from analysis.figures import base
from analysis.figures.base import FigureSpec
from tests.fixtures import figures as fixture


def picture(**changes: object) -> FigureSpec:
    """A small figure of two panels."""

    def draw(axes: list[Axes]) -> None:
        for panel in axes:
            panel.plot([0, 1], [0, 1], label="$\\frac{1}")  # would not be read as a formula
        base.label_outer(axes, "epoch", "score")
        base.legend_below(axes, base.arm_entries(schema.ARM_LABELS))

    numbers = pd.DataFrame({"text": ["=1+1"], "value": [1.5]})
    made = FigureSpec(
        "one", "Title $x", "validation; n = 3", "Caption.", "Alt.", numbers, draw, (1, 2), 2.5, (2, 1, 4.0)
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def test_files_are_300_dpi_well_formed_and_the_same_each_time(tmp_path: Path) -> None:
    one, again = (base.write_picture(picture(), tmp_path / name) for name in "ab")
    with Image.open(one.png) as image:
        assert round(image.info["dpi"][0]) == 300
        assert image.size == (round(300 * base.PAGE), 750)
    assert one.column is not None and again.column is not None
    for path, width in ((one.svg, base.PAGE), (one.column, base.COLUMN)):
        root = ElementTree.parse(path).getroot()
        assert root.tag.endswith("svg")
        assert root.attrib["width"] == f"{72 * width:g}pt"
    assert one.svg.read_bytes() == again.svg.read_bytes()
    assert one.column.read_bytes() == again.column.read_bytes()
    assert one.csv.read_text() == "text,value\n'=1+1,1.5\n"
    assert "T" not in one.svg.read_text().partition("<dc:date>")[2][:1]


def test_a_figure_that_needs_a_page_has_no_column(tmp_path: Path) -> None:
    written = base.write_picture(picture(column=None), tmp_path)
    assert written.column is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.csv", "one.png", "one.svg"]


def test_a_cell_has_a_style_of_its_own_that_differs_in_grey() -> None:
    assert list(base.STYLES) == list(schema.ARM_LABELS)
    for part in range(3):
        assert len({style[part] for style in base.STYLES.values()}) == 4
    for architecture in base.PANELS:
        scratch, pretrained = (base.STYLES[f"{architecture}-{start}"].colour for start in ("scratch", "pretrained"))
        grey = [float(np.dot(to_rgb(colour), (0.299, 0.587, 0.114))) for colour in (scratch, pretrained)]
        assert grey[0] - grey[1] > 0.2


@pytest.mark.parametrize(
    ("width", "label", "columns"), [(7.2, "a short one", 4), (7.2, "ResNet18 " * 8, 1), (3.6, "ResNet18, scratch", 2)]
)
def test_a_legend_has_as_many_columns_as_it_has_room_for(width: float, label: str, columns: int) -> None:
    with mpl.rc_context(base.LOOK):
        figure = Figure(figsize=(width, 2), layout="constrained")
        base.legend_below([figure.subplots()], [Line2D([], [], label=label) for _ in range(4)])
        assert figure.legends[0]._ncols == columns
        figure.draw_without_rendering()
        assert figure.legends[0].get_window_extent().width <= 100 * width


def test_axes_are_named_once() -> None:
    axes = list(Figure().subplots(2, 2).ravel())
    base.label_outer(axes, "epoch", "score")
    assert [panel.get_xlabel() for panel in axes] == ["", "", "epoch", "epoch"]
    assert [panel.get_ylabel() for panel in axes] == ["score", "", "score", ""]
    assert [base.columns_of(panel) for panel in axes] == [2, 2, 2, 2]


def test_a_matrix_shows_shares_and_counts() -> None:
    counts = np.zeros((5, 5), dtype=np.int64)
    counts[0, 0], counts[0, 2], counts[4, 0] = 1500, 500, 1
    panel = Figure().subplots()
    base.draw_matrix(panel, counts, "title")
    words = [text.get_text() for text in panel.texts]
    assert (words[0], words[2], words[20]) == ("75 %\n1,500", "25 %\n500", "100 %\n1")
    assert set(words) == {"75 %\n1,500", "25 %\n500", "100 %\n1", "0"}
    np.testing.assert_allclose(panel.images[0].get_array()[0], [0.75, 0, 0.25, 0, 0])


def test_a_trials_pictures(tmp_path: Path) -> None:
    epochs = pd.DataFrame(
        {"epoch": [1, 2], "train/loss": [1.0, 0.5], "val/accuracy": [0.5, 0.7], "val/kappa": [0.1, 0.2]}
    )
    base.curves_png(tmp_path / "curves.png", epochs)
    base.curves_png(tmp_path / "one.png", pd.DataFrame([{"epoch": 1, "train/loss": 1.0}]))
    base.confusion_png(tmp_path / "confusion.png", np.eye(5, dtype=np.int64), "0001")
    base.confusion_png(tmp_path / "empty.png", np.zeros((5, 5), dtype=np.int64), "no image")
    sizes = {}
    for path in tmp_path.iterdir():
        with Image.open(path) as image:
            sizes[path.name] = image.size
    assert sizes["curves.png"] == sizes["one.png"] == (900, 280)
    assert sizes["confusion.png"] == sizes["empty.png"] == (480, 420)


def test_neither_pyplot_nor_mlflow_is_loaded() -> None:
    heavy = "('matplotlib.pyplot', 'mlflow')"
    code = f"import analysis.figures.all_figures, sys; print([n for n in {heavy} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_confirmed_study() -> None:
    shown = fixture.confirmed()
    new_patients = "test, patients not in training (not seen by the search); n = 80 images of 40 patients"
    assert base.measured_on(shown.primary) == new_patients
    assert base.about(shown.primary) == f"The confirmed winner of each arm, {new_patients}."
    assert base.over_seeds(shown.predictions) == ", mean of 3 seeds"


def test_a_study_on_validation_with_missing_cells() -> None:
    shown = fixture.half()
    text = base.about(shown.primary)
    assert text.startswith("Best trial of each arm, test (chosen on test: optimistic); n = 120 images of 60 patients.")
    assert text.endswith(" ResNet18, pretrained: not run; ResNet50, from scratch: no result yet.")
    assert base.over_seeds(shown.predictions) == ""


def test_a_study_without_any_result() -> None:
    shown = fixture.empty()
    assert "no arm has been measured yet" in base.about(shown.primary)
    assert base.over_seeds({}) == ""
