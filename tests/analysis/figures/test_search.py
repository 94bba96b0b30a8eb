"""Figures of the search hold every trial, its end and its hyperparameters, also where there are a thousand."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PathCollection

from analysis import schema
from analysis.figures import hyperparameters, search
from analysis.figures.drawing import figure_files
from analysis.figures.drawing.figure_files import FigureSpec, SkippedFigure
from analysis.results.mlflow_reader import read_study
from analysis.results.study_runs import StudyRuns
from tests.fixtures import figures as figures_fixture
from tests.fixtures import mlflow as fixture
from tests.fixtures.figures import panels
from tests.fixtures.mlflow import TrialSpec


def many(study: StudyRuns, trials: int, epochs: int) -> StudyRuns:
    """A study of so many trials, made without a store."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"trial": [f"{number:04d}" for number in range(trials)]})
    table["arm"] = [list(schema.ARM_LABELS)[number % 4] for number in range(trials)]
    table["state"] = np.where(np.arange(trials) % 3, schema.STATE_PRUNED, schema.STATE_COMPLETE)
    table["lr"] = 10 ** rng.uniform(-4, -1, trials)
    table["batch_size"] = rng.choice([16, 32, 64], trials)
    table["imbalance"] = rng.choice(["none", "focal", "oversample", "undersample", "weighted_loss"], trials)
    table["best_val_kappa"] = rng.random(trials)
    steps = np.tile(np.arange(1, epochs + 1), trials)
    curves = pd.DataFrame(
        {"trial": np.repeat(table["trial"], epochs), "epoch": steps, "val/kappa": rng.random(steps.size)}
    )
    names = ("lr", "batch_size", "imbalance")
    return dataclasses.replace(study, trials=table, epochs=curves, hyperparameters=names)


def test_every_trial_is_a_curve_that_ends_in_its_mark(searched: StudyRuns) -> None:
    numbers = search.trial_curve_numbers(searched)
    assert set(numbers["trial"]) == {f"{number:04d}" for number in range(6)}
    assert list(numbers.loc[numbers["last"], "epoch"]) == [3, 1, 3, 1, 3, 2]
    axes = panels(2, 2)
    search.draw_trial_curves(axes, numbers, "kappa")
    lines = [one for one in axes[0].collections if isinstance(one, LineCollection)]
    assert [len(one.get_segments()) for one in lines] == [4]
    assert axes[0].get_title() == "ResNet18, from scratch: 4 trials, 1 stopped"
    assert axes[1].get_title() == "ResNet18, pretrained: 0 trials"
    ends = [one.get_offsets() for one in axes[0].collections if isinstance(one, PathCollection)]
    assert [len(one) for one in ends] == [2, 1, 1, 0]  # complete, stopped, failed, still to go on
    stopped = numbers[numbers["trial"] == "0001"]
    np.testing.assert_allclose(ends[1], stopped[["epoch", "score"]])
    assert len({one.get_ylim() for one in axes}) == 1
    (legend,) = axes[0].figure.legends  # type: ignore[union-attr]
    words = [text.get_text() for text in legend.get_texts()]
    assert words == ["ran all its epochs", "stopped early", "failed", "still to go on"]


def test_what_has_nothing_to_show_is_left_out_with_a_reason() -> None:
    empty = read_study(fixture.write_study("nothing searched", []), "nothing searched")
    found = [*search.pictures(empty), *hyperparameters.pictures(empty)]
    assert [type(one) for one in found] == [SkippedFigure] * 3
    assert all(one.why for one in found if isinstance(one, SkippedFigure))
    one = read_study(
        fixture.write_study("one trial searched", [TrialSpec(0, "resnet18-scratch")]), "one trial searched"
    )
    assert [type(picture) for picture in (*search.pictures(one), *hyperparameters.pictures(one))] == [
        FigureSpec,
        SkippedFigure,
        SkippedFigure,
    ]


def test_captions_say_n_and_the_part(searched: StudyRuns) -> None:
    found = [
        one for one in (*search.pictures(searched), *hyperparameters.pictures(searched)) if isinstance(one, FigureSpec)
    ]
    assert [one.name for one in found] == ["trials", "hyperparameters", "parallel"]
    for one in found:
        assert "n = " in one.caption and "chosen on this split: optimistic" in one.caption
    assert "n = 6 trials: 3 complete, 1 failed, 1 pruned, 1 running" in found[0].caption
    assert "ResNet50, pretrained" in found[2].alt


@pytest.mark.slow
def test_a_thousand_trials_are_few_artists_and_a_small_file(
    searched: StudyRuns, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = many(searched, 1000, 15)
    monkeypatch.setattr(figure_files, "DPI", 100)
    started = time.process_time()
    for one in (*search.pictures(study), *hyperparameters.pictures(study)):
        assert isinstance(one, FigureSpec)
        axes = panels(*one.grid)
        one.draw(axes)
        assert sum(len(panel.collections) + len(panel.lines) for panel in axes) < 60
        written = figure_files.write_picture(one, tmp_path)  # type: ignore[arg-type]
        assert written.svg.stat().st_size < 1_500_000
    assert time.process_time() - started < 60


def test_the_repeats_of_finalists_stand_behind_the_last_epoch() -> None:
    shown = figures_fixture.finalists()
    numbers = search.trial_curve_numbers(shown.study)
    again = numbers[numbers["seed_index"].notna()]
    assert len(again) == 8
    assert sorted(again["score"]) == sorted(shown.study.finalists["best_val_kappa"])
    assert "ResNet18, pretrained (synthetic)" in set(numbers["label"])
    axes = panels(2, 2)
    search.draw_trial_curves(axes, numbers, "kappa")
    text = figures_fixture.words(axes)
    assert "ResNet18, pretrained (synthetic):\n4 trials, 1 stopped" in text
    assert "a finalist again, on other patients" in text
    assert [label.get_text() for label in axes[0].get_xticklabels()][-1] == "repeats"
    (curves,) = [one for one in search.pictures(shown.study) if getattr(one, "name", "") == "trials"]
    assert "one that was stopped early has none. At the right the 8 repeats" in curves.caption
