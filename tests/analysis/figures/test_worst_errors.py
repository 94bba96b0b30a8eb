"""The worst mistakes are shown as `study` made them, with truth, prediction and a warning."""

from __future__ import annotations

import dataclasses

from analysis.figures import worst_errors
from analysis.figures.drawing.figure_files import FigureSpec, SkippedFigure
from analysis.results.mlflow_reader import read_study
from tests.fixtures import figures as figures_fixture
from tests.fixtures import mlflow as fixture
from tests.fixtures.mlflow import TrialSpec


def test_each_picture_says_what_it_is_and_what_it_was_called() -> None:
    uri = fixture.write_study("explained", [TrialSpec(0, "resnet18-pretrained")])
    study = figures_fixture.with_mistakes(read_study(uri, "explained"), 4)
    (found,) = worst_errors.pictures(study)
    assert isinstance(found, FigureSpec) and found.column
    assert found.grid == (2, 3) and found.column[:2] == (4, 1)
    assert list(found.numbers["number"]) == [1, 2, 3, 4]
    assert "ResNet18, pretrained" in found.caption and "test" in found.caption
    assert "1: grade 4 called 0" in found.alt
    axes = figures_fixture.panels(2, 3)
    found.draw(axes)
    assert "1: is 4 Proliferative,\ncalled 0 No DR (p = 0.20)" in figures_fixture.words(axes)
    assert [len(panel.images) for panel in axes] == [1, 1, 1, 1, 0, 0]
    assert axes[1].images[0].get_array().shape == (64, 128, 3)
    assert int(axes[1].images[0].get_array()[0, 0, 0]) == 80
    assert not axes[5].axison


def test_of_many_only_the_worst_are_shown_worst_first() -> None:
    data = figures_fixture.grey_png(600, 300)
    chances = {f"p{grade}": 0.2 for grade in range(5)}
    entries = [
        {
            "picture": f"{place}.png",
            "arm": "resnet50-scratch",
            "split": "test_new_patients",
            "grade": place % 5,
            "predicted": 0,
        }
        | chances
        | {f"p{place % 5}": 0.01 * place}
        for place in range(1, 31)
    ]
    study = dataclasses.replace(figures_fixture.four().study, explained=tuple((data, entry) for entry in entries))
    (found,) = worst_errors.pictures(study)
    assert isinstance(found, FigureSpec)
    assert len(found.numbers) == worst_errors.MOST
    assert list(found.numbers["grade"]) == [4] * 6 + [3] * 6
    assert list(found.numbers["p4"])[:6] == sorted(found.numbers["p4"][:6])
    assert "patients not in training" in found.subtitle
    axes = figures_fixture.panels(*found.grid)
    found.draw(axes)
    assert axes[0].images[0].get_array().shape == (200, 400, 3)


def test_without_pictures_it_is_left_out() -> None:
    (found,) = worst_errors.pictures(figures_fixture.four().study)
    assert isinstance(found, SkippedFigure)
    assert "there were none, or the photographs" in found.why
