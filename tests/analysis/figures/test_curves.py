"""Curves of the winners and of their seeds, and the confusion matrices that they are judged by."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from analysis.figures import curves
from analysis.figures.drawing import style
from analysis.figures.drawing.figure_files import FigureSpec, SkippedFigure
from tests.fixtures import figures as fixture
from tests.fixtures.figures import Shown, panels, words


def test_curves_are_those_of_the_best_trials() -> None:
    shown = fixture.four()
    found = curves.curve_numbers(shown.study, shown.made.four_way, shown.primary, shown.predictions)
    assert len(found) == 12
    assert list(found["run"].unique()) == list(shown.made.four_way["trial"])
    last = found[found["epoch"] == found["best_epoch"]].set_index("arm")
    np.testing.assert_allclose(last["val/kappa"], shown.made.four_way.set_index("arm")["kappa"].astype(float))
    axes = panels(1, 2)
    curves.draw_curves(axes, found, "accuracy")
    arm_style = style.STYLES["resnet50-pretrained"]
    own = [line for line in axes[1].lines if line.get_color() == arm_style.colour]
    expected = found[found["arm"] == "resnet50-pretrained"]
    np.testing.assert_allclose(own[0].get_ydata(), expected["val/accuracy"])
    np.testing.assert_allclose(own[1].get_ydata(), expected["train/accuracy"])
    assert own[1].get_linestyle() == ":"
    assert axes[0].get_ylim() == axes[1].get_ylim()
    assert axes[0].get_ylabel() == "accuracy (share of images)"
    dashed = [line for line in axes[0].lines if line.get_linestyle() == "--"]
    assert [line.get_ydata()[0] for line in dashed] == [shown.made.four_way["majority"].iloc[0]]
    assert "epoch that is scored" in words(axes)
    axes = panels(1, 2)
    curves.draw_curves(axes, found, "kappa")
    own = [line for line in axes[1].lines if line.get_color() == arm_style.colour]
    np.testing.assert_allclose(own[1].get_ydata(), expected["train/kappa"])
    assert "training" in words(axes)


def test_a_study_that_recorded_no_kappa_of_training_shows_none() -> None:
    shown = fixture.four()
    study = dataclasses.replace(shown.study, epochs=shown.study.epochs.assign(**{"train/kappa": np.nan}))
    found = curves.curve_numbers(study, shown.made.four_way, shown.primary, shown.predictions)
    axes = panels(1, 2)
    curves.draw_curves(axes, found, "kappa")
    assert "training" not in words(axes)


def test_confirmed_winners_show_each_seed_their_mean_and_the_test_part() -> None:
    shown = fixture.confirmed()
    found = curves.curve_numbers(shown.study, shown.made.four_way, shown.primary, shown.predictions)
    assert len(found) == 4 * 3 * 3
    assert set(found["run"]) == set(shown.study.confirmations["confirm"])
    axes = panels(1, 2)
    curves.draw_curves(axes, found, "kappa")
    arm_style = style.STYLES["resnet18-pretrained"]
    own = [line for line in axes[0].lines if line.get_color() == arm_style.colour]
    mean = found[found["arm"] == "resnet18-pretrained"].groupby("epoch")["val/kappa"].mean()
    np.testing.assert_allclose(own[3].get_ydata(), mean)  # after three thin ones
    tested = shown.primary.set_index("arm").loc["resnet18-pretrained", "kappa"]
    assert own[-1].get_ydata() == [tested]
    assert own[-1].get_xdata()[0] > 3
    assert {"test", "3"} <= {label.get_text() for label in axes[0].get_xticklabels()}
    text = words(axes)
    assert "each seed" in text and "test, 95 % interval" in text and "epoch that is scored" not in text


def test_the_mean_stops_where_not_all_seeds_have_the_epoch() -> None:
    shown = fixture.confirmed()
    found = curves.curve_numbers(shown.study, shown.made.four_way, shown.primary, shown.predictions)
    short = found[~((found["run"] == "c0003") & (found["epoch"] == 3))]
    axes = panels(1, 2)
    curves.draw_curves(axes, short, "kappa")
    own = [line for line in axes[0].lines if line.get_color() == style.STYLES["resnet18-pretrained"].colour]
    assert list(own[3].get_xdata()) == [1, 2]


def test_folds_are_all_there() -> None:
    shown = fixture.folded()
    found = curves.curve_numbers(shown.study, shown.made.four_way, shown.primary, shown.predictions)
    own = found[found["arm"] == "resnet18-pretrained"]
    assert own["run"].nunique() == 6
    assert own.groupby("run")["seed_index"].first().value_counts().to_dict() == {0: 3, 1: 3}


def test_a_cell_without_curve_says_why() -> None:
    shown = fixture.half()
    found = curves.curve_numbers(shown.study, shown.made.four_way, shown.primary, shown.predictions)
    axes = panels(1, 2)
    curves.draw_curves(axes, found, "accuracy", "test")
    assert axes[0].get_title("left") + axes[0].get_title() == "ResNet18; pretrained: not run"
    assert "from scratch: no result yet" in axes[1].get_title("left") + axes[1].get_title()


def test_confusions_hold_counts_and_row_shares() -> None:
    shown = fixture.four()
    found = curves.confusion_numbers(shown.primary, shown.study, shown.predictions)
    assert len(found) == 100
    counts = found.pivot_table(index=["arm", "truth"], columns="predicted", values="count").loc["resnet18-scratch"]
    top = shown.study.confusions[shown.made.four_way["trial"].iloc[0]]
    np.testing.assert_array_equal(counts, top)
    np.testing.assert_allclose(found.groupby(["arm", "truth"])["share"].sum(), 1)
    axes = panels(2, 2)
    curves.draw_confusions(axes, found)
    text = words(axes)
    assert f"{100 * top[0, 0] / top[0].sum():.0f} %\n{top[0, 0]}" in text
    assert "ResNet18, from scratch (n = 120)" in text


def test_confusions_of_seeds_are_summed_and_say_so() -> None:
    shown = fixture.confirmed()
    found = curves.confusion_numbers(shown.primary, shown.study, shown.predictions)
    assert set(found["seeds"]) == {3} and set(found["images"]) == {80}
    assert found.groupby("arm")["count"].sum().to_dict() == dict.fromkeys(found["arm"].unique(), 240)
    axes = panels(2, 2)
    curves.draw_confusions(axes, found)
    assert "ResNet50, pretrained (n = 80 x 3 seeds)" in words(axes)


def test_without_predictions_the_recorded_matrix_is_shown() -> None:
    shown = fixture.four()
    found = curves.confusion_numbers(shown.primary, shown.study, {})
    assert found["count"].sum() == 4 * 120


@pytest.mark.parametrize("make", fixture.EVERY)
@pytest.mark.parametrize("column", [False, True])
def test_every_study_is_drawn_or_left_out(make: object, column: bool) -> None:
    shown: Shown = make()  # type: ignore[operator]
    found = curves.pictures(shown.study, shown.made.four_way, shown.primary, shown.predictions)
    assert len(found) == 3
    for one in found:
        if isinstance(one, SkippedFigure):
            assert shown is fixture.empty()
            continue
        assert isinstance(one, FigureSpec) and one.column
        axes = panels(*(one.column[:2] if column else one.grid), 3.6 if column else 7.2)
        one.draw(axes)
        axes[0].figure.draw_without_rendering()  # type: ignore[union-attr]
        assert "n = " in one.caption
