"""Recall by grade and the ROC of referable eyes hold what the predictions say."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from analysis import schema
from analysis.figures import clinical
from analysis.figures.drawing.figure_files import FigureSpec, SkippedFigure
from analysis.stats import roc
from tests.fixtures import figures as fixture
from tests.fixtures.figures import Shown, panels, words


def test_recalls_are_those_of_the_table_with_the_images_of_each_grade() -> None:
    shown = fixture.confirmed()
    found = clinical.recall_numbers(shown.primary, shown.predictions)
    assert len(found) == 20
    own = found[found["arm"] == "resnet50-pretrained"]
    expected = shown.primary[shown.primary["arm"] == "resnet50-pretrained"]
    np.testing.assert_allclose(own["recall"], [expected[f"recall_{grade}"].iloc[0] for grade in schema.GRADES])
    assert (own["low"].dropna() <= own["recall"].dropna()).all()
    assert own["images"].sum() == 80
    axes = panels(1, 1)
    clinical.draw_recalls(axes, found)
    assert "2 Moderate\n(n = 12)" in words(axes)
    assert "3 Severe\n(n = 0)" in words(axes)


def test_the_roc_is_that_of_p2_p3_p4_over_the_seeds() -> None:
    shown = fixture.confirmed()
    found = clinical.roc_numbers(shown.predictions)
    models = shown.predictions["resnet18-pretrained"]
    positive, scores = models.grade >= 2, models.probabilities[..., 2:].sum(axis=-1)
    own = found[found["arm"] == "resnet18-pretrained"]
    mean = own[own["kind"] == "mean"].iloc[0]
    assert mean["auc"] == pytest.approx(np.mean([roc_auc_score(positive, score) for score in scores]))
    assert mean["auc_low"] < mean["auc"] < mean["auc_high"]
    points = own[own["kind"] == "operating"].set_index("specificity")
    for specificity in (0.8, 0.9):
        each = [roc.sensitivity_at(roc.roc(positive, score), specificity) for score in scores]
        assert points.loc[specificity, "sensitivity"] == pytest.approx(np.mean(each))
    assert set(own["referable"]) == {int(positive.sum())}
    assert own.loc[own["kind"] == "seed", "seed_index"].nunique() == 3
    axes = panels(1, 2)
    clinical.draw_roc(axes, found)
    text = words(axes)
    assert f"AUC {mean['auc']:.3f}" in text
    assert "at 80 % specificity" in text and "at 90 % specificity" in text
    assert axes[0].get_xlabel() == "share of false alarms (1 - specificity)"


def test_a_perfect_model_is_not_certain_to_be_perfect() -> None:
    models = fixture.four().predictions["resnet18-pretrained"]
    perfect = dataclasses.replace(models, probabilities=np.eye(5)[models.grade][None])
    found = clinical.roc_numbers({"resnet18-pretrained": perfect})
    axes = panels(1, 2)
    clinical.draw_roc(axes, found)
    assert "AUC 1.000" in words(axes) and "AUC 1.000 (" not in words(axes)
    points = found.query("kind == 'operating'")
    assert list(points["sensitivity"]) == [1, 1]
    patients = np.unique(models.patient[models.grade >= 2]).size
    np.testing.assert_allclose(points["low"], 0.025 ** (1 / patients))  # Clopper and Pearson (1934) of all hits


def test_one_sign_alone_has_no_curve() -> None:
    models = fixture.four().predictions["resnet18-pretrained"]
    healthy = models.only(models.grade == 0)
    assert clinical.roc_numbers({"resnet18-pretrained": healthy}).empty
    found = clinical.pictures(fixture.four().primary, {"resnet18-pretrained": healthy})[1]
    assert isinstance(found, SkippedFigure)


@pytest.mark.parametrize("make", fixture.EVERY)
@pytest.mark.parametrize("column", [False, True])
def test_every_study_is_drawn_or_left_out(make: object, column: bool) -> None:
    shown: Shown = make()  # type: ignore[operator]
    found = clinical.pictures(shown.primary, shown.predictions)
    for one in found:
        if isinstance(one, SkippedFigure):
            assert shown is fixture.empty()
            continue
        assert isinstance(one, FigureSpec) and one.column
        axes = panels(*(one.column[:2] if column else one.grid), 3.6 if column else 7.2)
        one.draw(axes)
        axes[0].figure.draw_without_rendering()  # type: ignore[union-attr]
        assert "n = " in one.caption and str(shown.primary["split"].iloc[0]) in one.caption
