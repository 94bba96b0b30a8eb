"""Legends, axis names and matrices that several figures have."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.figures.drawing import panels, style


@pytest.mark.parametrize(
    ("width", "label", "columns"), [(7.2, "a short one", 4), (7.2, "ResNet18 " * 8, 1), (3.6, "ResNet18, scratch", 2)]
)
def test_a_legend_has_as_many_columns_as_it_has_room_for(width: float, label: str, columns: int) -> None:
    with mpl.rc_context(style.LOOK):
        figure = Figure(figsize=(width, 2), layout="constrained")
        panels.legend_below([figure.subplots()], [Line2D([], [], label=label) for _ in range(4)])
        assert figure.legends[0]._ncols == columns
        figure.draw_without_rendering()
        assert figure.legends[0].get_window_extent().width <= 100 * width


def test_axes_are_named_once() -> None:
    axes = list(Figure().subplots(2, 2).ravel())
    panels.label_outer(axes, "epoch", "score")
    assert [panel.get_xlabel() for panel in axes] == ["", "", "epoch", "epoch"]
    assert [panel.get_ylabel() for panel in axes] == ["score", "", "score", ""]
    assert [panels.columns_of(panel) for panel in axes] == [2, 2, 2, 2]


def test_a_matrix_shows_shares_and_counts() -> None:
    counts = np.zeros((5, 5), dtype=np.int64)
    counts[0, 0], counts[0, 2], counts[4, 0] = 1500, 500, 1
    panel = Figure().subplots()
    panels.draw_matrix(panel, counts, "title")
    words = [text.get_text() for text in panel.texts]
    assert (words[0], words[2], words[20]) == ("75 %\n1,500", "25 %\n500", "100 %\n1")
    assert set(words) == {"75 %\n1,500", "25 %\n500", "100 %\n1", "0"}
    np.testing.assert_allclose(panel.images[0].get_array()[0], [0.75, 0, 0.25, 0, 0])
