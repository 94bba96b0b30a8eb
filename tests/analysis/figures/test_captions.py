"""Captions name part, n, seeds and the cells that are not there."""

from __future__ import annotations

from analysis.figures import captions
from tests.fixtures import figures as fixture


def test_a_confirmed_study() -> None:
    shown = fixture.confirmed()
    clean = "test, patients not in training (not seen by the search); n = 80 images of 40 patients"
    assert captions.measured_on(shown.headline) == clean
    assert captions.about(shown.headline) == f"The confirmed winner of each cell, {clean}."
    assert captions.over_seeds(shown.judged) == ", mean of 3 seeds"


def test_a_study_on_validation_with_missing_cells() -> None:
    shown = fixture.half()
    text = captions.about(shown.headline)
    assert text.startswith("Best trial of each cell, test (chosen on test: optimistic); n = 120 images of 60 patients.")
    assert text.endswith(" ResNet18, pretrained: not run; ResNet50, from scratch: no result yet.")
    assert captions.over_seeds(shown.judged) == ""


def test_a_study_without_any_result() -> None:
    shown = fixture.empty()
    assert "no cell has been measured yet" in captions.about(shown.headline)
    assert captions.over_seeds({}) == ""
