"""The importance of hyperparameters is drawn for each arm that has enough trials."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from analysis import schema
from analysis.figures import importance
from analysis.figures.drawing.figure_files import FigureSpec, SkippedFigure
from analysis.results.study_runs import StudyRuns
from tests.fixtures import figures as fixture
from tests.fixtures.figures import panels, words


@pytest.fixture(scope="module")
def searched() -> StudyRuns:
    """Two arms of 20 trials in which lr alone matters, and one of three trials."""
    rng = np.random.default_rng(0)
    arms = ["resnet18-scratch"] * 20 + ["resnet50-pretrained"] * 20 + ["resnet50-scratch"] * 3
    table = pd.DataFrame({"trial": [f"{number:04d}" for number in range(43)], "arm": arms, "fold": 0})
    table["state"] = np.where(np.arange(43) % 4, schema.STATE_COMPLETE, schema.STATE_PRUNED)
    table["lr"] = 10 ** rng.uniform(-4, -1, 43)
    table["batch_size"] = rng.choice([16, 32, 64], 43)
    table["best_val_kappa"] = -np.log10(table["lr"]) / 5
    return dataclasses.replace(fixture.four().study, trials=table, hyperparameters=("lr", "batch_size"))


def test_what_matters_stands_first_and_each_evaluator_has_a_mark(searched: StudyRuns) -> None:
    (found,) = importance.pictures(searched)
    assert isinstance(found, FigureSpec) and found.column
    assert found.grid == (1, 2) and found.column[:2] == (2, 1)
    axes = panels(*found.grid)
    found.draw(axes)
    assert [label.get_text() for label in axes[0].get_yticklabels()] == ["lr", "batch size"]
    assert [line.get_marker() for line in axes[0].lines] == ["o", "s", "x"]
    assert axes[0].lines[0].get_xdata()[0] > 0.7
    text = words(axes)
    assert "ResNet50, pretrained: 20 trials" in text and "PED-ANOVA" in text
    assert axes[0].get_xlabel() == "share of the differences in score"


def test_the_caption_says_n_who_is_missing_and_what_early_stopping_does(searched: StudyRuns) -> None:
    (found,) = importance.pictures(searched)
    assert "n = 40 trials, 10 of them stopped early. A trial that was stopped early" in found.caption
    assert "ResNet50, from scratch: 3 ended trials are too few, 10 are needed" in found.caption
    assert "ResNet18, from scratch, fANOVA: lr" in found.alt


def test_too_few_trials_are_left_out() -> None:
    (found,) = importance.pictures(fixture.four().study)
    assert isinstance(found, SkippedFigure)
    assert "2 ended trials are too few" in found.why
    (nothing,) = importance.pictures(fixture.empty().study)
    assert isinstance(nothing, SkippedFigure)
