"""Values of hyperparameters stand where they belong."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis.figures.drawing.axis_scales import LONGEST, SPREAD, scale_of


def test_a_wide_range_is_logarithmic_and_a_narrow_one_is_not() -> None:
    lr = scale_of(pd.Series(np.logspace(-4, -1, 9)))
    assert lr.log
    assert lr.axis_suffix == "\n(log scale)"
    np.testing.assert_allclose(lr.shares(pd.Series([1e-4, 10**-2.5, 1e-1])), [0, 0.5, 1])
    assert not scale_of(pd.Series(np.linspace(0.1, 0.9, 9))).log
    assert not scale_of(pd.Series(np.linspace(0, 100, 9))).log  # 0 has no logarithm


def test_few_numbers_and_names_have_places() -> None:
    size = scale_of(pd.Series([64, 16, 32, 16]))
    assert size.names == (16, 32, 64)
    assert [text for _, text in size.ticks()] == ["16", "32", "64"]
    assert scale_of(pd.Series([True, False, True])).names == (True, False)
    ordered = scale_of(pd.Series(["b", "a"]), ("a", "b", "never"))
    assert ordered.names == ("a", "b")
    assert scale_of(pd.Series(["none", "focal"])).names == ("none", "focal")


def test_equal_values_are_spread_within_their_place() -> None:
    values = pd.Series(["a"] * 40 + ["b"] * 40)
    found = scale_of(values).places(values)
    assert np.unique(found).size == 80
    assert np.abs(found - np.round(found)).max() <= SPREAD / 2
    assert list(np.round(found)) == [1] * 40 + [0] * 40


def test_an_axis_holds_every_value_and_short_names() -> None:
    panel, second = Figure().subplots(1, 2)
    scale_of(pd.Series(np.logspace(-4, -1, 30))).label(panel)
    assert panel.get_yscale() == "log"
    low, high = panel.get_ylim()
    assert low < 1e-4 < 1e-1 < high
    texts = [panel.yaxis.get_major_formatter()(tick, 0) for tick in panel.get_yticks()]
    assert {"0.0001", "0.001", "0.01", "0.1"} <= set(texts)
    scale_of(pd.Series(["x" * 100, "some_name"])).label(second)
    names = [label.get_text() for label in second.get_yticklabels()]
    assert names[0] == "x" * (LONGEST - 1) + "\u2026"
    assert names[1] == "some name"


def test_one_value_alone_does_not_divide_by_zero() -> None:
    (panel,) = Figure().subplots(1, 1, squeeze=False).ravel()
    scale = scale_of(pd.Series([0.1]))
    scale.label(panel)
    assert list(scale.shares(pd.Series([0.1]))) == [0.0]
