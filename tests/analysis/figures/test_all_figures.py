"""All figures of a study are written, in one order, or said to be left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.figures import all_figures
from analysis.figures.drawing import figure_files
from tests.fixtures import figures as fixture

ORDER = [
    "four_way", "differences", "recalls", "referable", "curves_accuracy", "curves_kappa", "confusions", "calibration",
    "mistakes", "trials", "hyperparameters", "parallel", "importance",
]  # fmt: skip


def test_all_figures_are_written_or_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figure_files, "DPI", 40)
    shown = fixture.confirmed()
    written, left_out = all_figures.write_gallery(shown.study, shown.made, tmp_path)
    assert [one.name for one in written] == [name for name in ORDER if name not in ("mistakes", "importance")]
    assert [one.title for one in left_out] == ["The worst mistakes", "Which hyperparameter mattered"]
    for one in written:
        assert {path.suffix for path in (one.png, one.svg, one.csv)} == {".png", ".svg", ".csv"}
        for path in (one.png, one.svg, one.csv, one.column or one.svg):
            assert path.parent == tmp_path and path.stat().st_size > 30
        assert one.alt and one.title
        assert "n = " in one.caption or "(n = " in one.caption
    names = {path.name for path in tmp_path.iterdir()}
    assert {path for one in written for path in (one.png.name, one.svg.name, one.csv.name)} <= names


def test_a_study_without_a_trial_has_no_figure(tmp_path: Path) -> None:
    shown = fixture.empty()
    written, left_out = all_figures.write_gallery(shown.study, shown.made, tmp_path)
    assert written == []
    assert len(left_out) == len(ORDER)
    assert all(one.why for one in left_out)
