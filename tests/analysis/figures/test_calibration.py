"""Reliability diagrams count every image and name their error."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from analysis.figures import calibration
from analysis.figures.drawing.figure_files import FigureSpec, SkippedFigure
from tests.fixtures import figures as fixture
from tests.fixtures.figures import Shown, panels, words


def test_every_image_counts_once_for_each_seed() -> None:
    shown = fixture.confirmed()
    found = calibration.calibration_numbers(shown.predictions)
    assert len(found) == 4 * 2 * 10
    assert set(found.groupby(["arm", "question"])["count"].sum()) == {240}
    assert set(found["seeds"]) == {3} and set(found["n"]) == {80}


def test_the_error_is_the_mean_distance_of_probability_and_share() -> None:
    models = fixture.four().predictions["resnet18-pretrained"]
    chance = np.full((1, len(models.grade), 5), 0.05)
    chance[..., 0] = 0.8
    found = calibration.calibration_numbers({"resnet18-pretrained": dataclasses.replace(models, probabilities=chance)})
    errors = found.groupby("question")["error"].first()
    assert errors["grade"] == pytest.approx(abs(0.8 - (models.grade == 0).mean()))
    assert errors["referable"] == pytest.approx(abs(0.15 - (models.grade >= 2).mean()))
    axes = panels(2, 2)
    calibration.draw_calibration(axes, found)
    first = found[found["question"] == "grade"].iloc[0]
    assert first["error_low"] <= first["error_corrected"] <= first["error"] + 1e-9
    assert f"{first['error_corrected']:.3f} ({first['error_low']:.3f} to {first['error_high']:.3f})" in words(axes)
    assert axes[2].get_ylabel() == "images (log scale)"


@pytest.mark.parametrize("make", fixture.EVERY)
def test_every_study_is_drawn_or_left_out(make: object) -> None:
    shown: Shown = make()  # type: ignore[operator]
    (found,) = calibration.pictures(shown.primary, shown.predictions)
    if isinstance(found, SkippedFigure):
        assert shown is fixture.empty()
        return
    assert isinstance(found, FigureSpec) and found.column
    for grid, width in ((found.grid, 7.2), (found.column[:2], 3.6)):
        axes = panels(*grid, width)
        found.draw(axes)
        axes[0].figure.draw_without_rendering()  # type: ignore[union-attr]
    assert "n = " in found.caption
    assert "ECE" in found.alt


def test_the_probability_is_that_of_the_grade_that_is_called() -> None:
    models = fixture.four().predictions["resnet18-pretrained"]
    chance = np.tile([0.4, 0.3, 0.3, 0.0, 0.0], (1, len(models.grade), 1))
    by_median = dataclasses.replace(models, probabilities=chance, decision="median")
    found = calibration.calibration_numbers({"resnet18-pretrained": by_median})
    some = found[(found["question"] == "grade") & (found["count"] > 0)]
    assert some["probability"].tolist() == pytest.approx([0.3])
    assert some["share"].tolist() == pytest.approx([(models.grade == 1).mean()])


def test_probabilities_are_those_after_the_temperature_of_their_run() -> None:
    shown = fixture.confirmed()
    models = {"resnet18-pretrained": shown.predictions["resnet18-pretrained"]}
    runs = models["resnet18-pretrained"].runs
    scaled = calibration.calibration_numbers(models, temperatures=dict.fromkeys(runs, 2.0))
    assert set(scaled["temperature"]) == {2.0}
    assert (scaled["error"] != calibration.calibration_numbers(models)["error"]).any()
    partly = calibration.calibration_numbers(models, temperatures={runs[0]: 2.0})
    assert set(partly["temperature"]) == {4 / 3}
    (spec,) = calibration.pictures(shown.primary, shown.predictions)
    assert isinstance(spec, FigureSpec) and "before the temperature" in spec.caption
