"""Captions name split, n and the arms that are missing."""

from __future__ import annotations

from analysis.figures.drawing import captions
from tests.fixtures import figures as fixture


def test_a_confirmed_study() -> None:
    shown = fixture.confirmed()
    new_patients = "test, patients not in training; n = 80 images of 40 patients"
    assert captions.measured_on(shown.primary) == new_patients
    assert captions.about(shown.primary) == f"The confirmed winner of each arm, {new_patients}."
    assert captions.over_seeds(shown.predictions) == ", mean of 3 seeds"


def test_a_study_on_validation_with_missing_cells() -> None:
    shown = fixture.half()
    text = captions.about(shown.primary)
    assert text.startswith("Best trial of each arm, test (chosen on test: optimistic); n = 120 images of 60 patients.")
    assert text.endswith(" ResNet18, pretrained: not run; ResNet50, from scratch: no result yet.")
    assert captions.over_seeds(shown.predictions) == ""


def test_a_study_without_any_result() -> None:
    shown = fixture.empty()
    assert "no arm has been measured yet" in captions.about(shown.primary)
    assert captions.over_seeds({}) == ""
