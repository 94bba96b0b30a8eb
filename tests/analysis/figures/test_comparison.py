"""The four arms with what they are judged by, what they were chosen by, each seed; and their differences."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.lines import Line2D

from analysis import schema
from analysis.figures import comparison
from analysis.figures.drawing import style
from analysis.figures.drawing.figure_files import FigureSpec, SkippedFigure
from analysis.number_format import equals_p
from tests.fixtures import figures as fixture
from tests.fixtures.figures import Shown, panels, words


def test_a_confirmed_cell_shows_test_seeds_and_what_it_was_chosen_by() -> None:
    shown = fixture.confirmed()
    found = comparison.interval_numbers(shown.made.four_way, shown.primary, shown.made.seeds, shown.made.finalists)
    assert found.groupby(["score", "kind"]).size().to_dict() == {
        (score, kind): count
        for score in ("accuracy", "kappa")
        for kind, count in (("primary", 4), ("seed", 12), ("validation", 4))
    }
    kappa = found[found["score"] == "kappa"].set_index("arm")
    mean = kappa[kappa["kind"] == "seed"].groupby(level=0)["value"].mean()
    judged = kappa[kappa["kind"] == "primary"]
    np.testing.assert_allclose(judged["value"], mean[judged.index])
    assert (judged["configuration_low"] < judged["low"]).all()
    assert set(judged["split"]) == {"test, patients not in training"}
    np.testing.assert_allclose(
        kappa[kappa["kind"] == "validation"]["value"], shown.made.four_way["kappa"].astype(float)
    )
    axes = panels(1, 2)
    comparison.draw_intervals(axes, found)
    text = words(axes)
    for word in (
        "95 % over patients and seeds",
        "each seed",
        "validation, where it was chosen",
        "majority class (0.800)",
    ):
        assert word in text


def test_the_legend_names_the_majority_class_that_the_line_is_drawn_at() -> None:
    shown = fixture.confirmed()
    found = comparison.interval_numbers(shown.made.four_way, shown.primary, shown.made.seeds, shown.made.finalists)
    found.loc[found["kind"] == "validation", "majority"] = 0.95  # validation has another mix of grades
    axes = panels(1, 2)
    comparison.draw_intervals(axes, found)
    dashed = [line.get_xdata()[0] for line in axes[0].lines if line.get_linestyle() == "--"]
    assert dashed == [0.8] and "majority class (0.800)" in words(axes)


def test_on_validation_the_hollow_point_is_without_the_optimism_of_the_choice() -> None:
    shown = fixture.four()
    found = comparison.interval_numbers(shown.made.four_way, shown.primary, shown.made.seeds, shown.made.finalists)
    assert set(found["kind"]) == {"primary", "corrected"}
    corrected = found[(found["kind"] == "corrected") & (found["score"] == "kappa")]
    np.testing.assert_allclose(corrected["value"], shown.made.four_way["kappa_corrected"].astype(float))
    axes = panels(1, 2)
    comparison.draw_intervals(axes, found)
    assert "without the choice's optimism" in words(axes)
    assert "each seed" not in words(axes)


def test_an_arm_has_its_own_colour_and_marker() -> None:
    shown = fixture.four()
    axes = panels(1, 2)
    comparison.draw_intervals(
        axes, comparison.interval_numbers(shown.made.four_way, shown.primary, shown.made.seeds, shown.made.finalists)
    )
    drawn = [
        (line.get_color(), line.get_marker())
        for line in axes[0].lines
        if isinstance(line, Line2D) and line.get_ms() == 7.5
    ]
    assert drawn == [(style.colour, style.marker) for style in style.STYLES.values()]
    dashed = [line for line in axes[0].lines if line.get_linestyle() == "--"]
    assert [line.get_xdata()[0] for line in dashed] == [shown.primary["majority"].iloc[0]]


def test_cells_that_did_not_run_or_are_degenerate_say_so() -> None:
    shown = fixture.half()
    axes = panels(1, 2)
    comparison.draw_intervals(
        axes, comparison.interval_numbers(shown.made.four_way, shown.primary, shown.made.seeds, shown.made.finalists)
    )
    text = words(axes)
    for word in ("not run", "no result yet", "0.000 (constant predictor)"):
        assert word in text


def test_differences_are_those_of_the_table_with_the_adjusted_p() -> None:
    shown = fixture.confirmed()
    axes = panels(1, 2)
    comparison.draw_differences(axes, shown.made.pairs)
    points = [float(line.get_xdata()[0]) for line in axes[1].lines if line.get_marker() == "o"]
    np.testing.assert_allclose(points, shown.made.pairs["kappa_difference"].astype(float))
    text = words(axes)
    assert "ResNet18, pretrained\nminus ResNet18, from scratch" in text
    first = shown.made.pairs.iloc[0]
    assert f"{first['kappa_difference']:+.3f}   p {equals_p(first['p_adjusted'])}" in text
    assert "difference of kappa, 95 % interval" in text


def test_captions_hold_n_part_and_who_is_missing() -> None:
    shown = fixture.partly_confirmed()
    made = shown.made
    four_way, differences = comparison.pictures(made.four_way, shown.primary, made.seeds, made.pairs, made.finalists)
    assert isinstance(four_way, FigureSpec)
    assert "n = 160 images of 80 patients" in four_way.caption
    assert "test" in four_way.subtitle
    assert "ResNet18, from scratch: not confirmed" in four_way.caption
    assert "ResNet50, from scratch: not run" in four_way.alt
    assert isinstance(differences, SkippedFigure)
    assert "no two arms" in differences.why


def test_differences_on_validation_are_called_a_description() -> None:
    shown = fixture.four()
    made = shown.made
    found = comparison.pictures(made.four_way, shown.primary, made.seeds, made.pairs, made.finalists)[1]
    assert isinstance(found, FigureSpec)
    assert "They only describe, as the models were chosen on these images." in found.caption


@pytest.mark.parametrize("make", fixture.EVERY)
@pytest.mark.parametrize("width", [7.2, 3.6])
def test_every_study_is_drawn_or_left_out(make: object, width: float) -> None:
    shown: Shown = make()  # type: ignore[operator]
    made = shown.made
    for one in comparison.pictures(made.four_way, shown.primary, made.seeds, made.pairs, made.finalists):
        if isinstance(one, FigureSpec):
            axes = panels(*(one.grid if width > 5 else (one.grid[0] * one.grid[1], 1)), width)
            one.draw(axes)
            axes[0].figure.draw_without_rendering()  # type: ignore[union-attr]
            assert len(one.numbers)
        else:
            assert one.why
    assert len(schema.ARM_LABELS) == len(made.four_way)


def test_the_repeats_of_the_winners_alone_are_drawn() -> None:
    shown = fixture.finalists()
    found = comparison.interval_numbers(shown.made.four_way, shown.primary, shown.made.seeds, shown.made.finalists)
    again = found[(found["kind"] == "repeat") & (found["score"] == "kappa")]
    own = shown.study.finalists[shown.study.finalists["trial"].isin(["0002", "0006"])]
    assert sorted(again["value"]) == sorted(own["best_val_kappa"])
    axes = panels(1, 2)
    comparison.draw_intervals(axes, found)
    assert "its repeats, on other validation patients" in words(axes)
