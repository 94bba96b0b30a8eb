"""Figures show the study's numbers, one style for a cell, and say what did not run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from analysis import figures, records, tables
from analysis.runs import StudyRuns, read_study
from tests import mlflow_fixture as fixture
from tests.mlflow_fixture import TrialSpec


@pytest.fixture(scope="module")
def four() -> StudyRuns:
    return read_study(fixture.four_arms(), "four")


@pytest.fixture(scope="module")
def half() -> StudyRuns:
    """Two arms ran, one of them into a single grade; one is running, one was left out."""
    trials = [
        TrialSpec(0, "resnet18-scratch", confusion=(30, 5, 5, 5, 5), epochs=1),
        TrialSpec(1, "resnet50-pretrained", epochs=1),
        TrialSpec(2, "resnet50-scratch", state=records.STATE_RUNNING, best=False, epochs=1),
    ]
    return read_study(fixture.write_study("half", trials, selected_on="test"), "half")


def texts(draw: Callable[..., None], shape: tuple[int, int], *args: object) -> str:
    """Everything that is written in a figure."""
    axes = list(Figure(figsize=(8, 6)).subplots(*shape).ravel())
    draw(axes, *args)
    legends = [entry.get_text() for panel in axes if panel.get_legend() for entry in panel.get_legend().get_texts()]
    words = [text.get_text() for panel in axes for text in panel.texts]
    return "\n".join(words + legends + [panel.get_title() for panel in axes] + [panel.get_xlabel() for panel in axes])


def test_curves_are_those_of_the_best_trials(four: StudyRuns) -> None:
    cells = tables.four_way(four)
    found = figures.curve_numbers(four, cells)
    assert len(found) == 12
    assert set(found["trial"]) == set(cells["trial"])
    last = found[found["epoch"] == found["best_epoch"]].set_index("arm")
    np.testing.assert_allclose(last["val/kappa"], cells.set_index("arm")["kappa"].astype(float))
    axes = list(Figure().subplots(1, 2))
    figures.draw_curves(axes, found, "accuracy")
    lines = {line.get_label(): line for line in axes[1].lines}
    expected = found[found["arm"] == "resnet50-pretrained"]
    np.testing.assert_allclose(lines["pretrained, validation"].get_ydata(), expected["val/accuracy"])
    np.testing.assert_allclose(lines["pretrained, training"].get_ydata(), expected["train/accuracy"])
    assert axes[0].get_ylim() == axes[1].get_ylim()
    assert axes[0].get_ylabel() == "accuracy (share of images)"


def test_the_majority_class_is_a_dashed_line(four: StudyRuns) -> None:
    cells = tables.four_way(four)
    axes = list(Figure().subplots(1, 2))
    figures.draw_curves(axes, figures.curve_numbers(four, cells), "accuracy")
    dashed = [line for line in axes[0].lines if line.get_linestyle() == "--"]
    assert [line.get_ydata()[0] for line in dashed] == [cells["majority"].iloc[0]]


def test_an_arm_has_one_colour_and_marker_of_its_own_that_differs_in_grey(four: StudyRuns) -> None:
    cells = tables.four_way(four)
    axes = list(Figure().subplots(1, 2))
    figures.draw_intervals(axes, figures.interval_numbers(cells))
    drawn = [(line.get_color(), line.get_marker()) for line in axes[0].lines if line.get_marker() not in ("None", "")]
    assert drawn == [figures.STYLES[arm] for arm in records.ARM_LABELS]
    assert len({marker for _, marker in figures.STYLES.values()}) == 4
    for architecture in figures.PANELS:
        scratch, pretrained = (figures.STYLES[f"{architecture}-{start}"][0] for start in ("scratch", "pretrained"))
        grey = [float(np.dot(to_rgb(colour), (0.299, 0.587, 0.114))) for colour in (scratch, pretrained)]
        assert grey[0] - grey[1] > 0.2


def test_confusions_hold_counts_and_row_shares(four: StudyRuns) -> None:
    cells = tables.four_way(four)
    found = figures.confusion_numbers(four, cells)
    assert len(found) == 100
    counts = found.pivot_table(index=["arm", "truth"], columns="predicted", values="count").loc["resnet18-scratch"]
    np.testing.assert_array_equal(counts, four.confusions[cells["trial"].iloc[0]])
    np.testing.assert_allclose(found.groupby(["arm", "truth"])["share"].sum(), 1)
    words = texts(figures.draw_confusions, (2, 2), found)
    top = four.confusions[cells["trial"].iloc[0]]
    assert f"{100 * top[0, 0] / top[0].sum():.0f} %\n{top[0, 0]}" in words
    assert "ResNet18, from scratch (n = 120)" in words


def test_cells_that_did_not_run_say_so_in_every_figure(half: StudyRuns) -> None:
    cells = tables.four_way(half)
    curves = texts(figures.draw_curves, (1, 2), figures.curve_numbers(half, cells), "accuracy", "test")
    assert "pretrained: not run" in curves
    assert "from scratch: no result yet" in curves
    assert "from scratch, test" in curves
    for words in (
        texts(figures.draw_confusions, (2, 2), figures.confusion_numbers(half, cells)),
        texts(figures.draw_intervals, (1, 2), figures.interval_numbers(cells)),
    ):
        assert "not run" in words
        assert "no result yet" in words
    assert "0.000 (degenerate)" in texts(figures.draw_intervals, (1, 2), figures.interval_numbers(cells))


def test_files_are_300_dpi_well_formed_and_the_same_each_time(
    four: StudyRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = figures.write_figures(four, tmp_path / "a")
    monkeypatch.setattr(figures, "DPI", 40)
    second = figures.write_figures(four, tmp_path / "b")
    assert [one.name for one in first] == ["four_way", "curves_accuracy", "curves_kappa", "confusions"]
    for one, again in zip(first, second, strict=True):
        with Image.open(one.png) as picture:
            assert round(picture.info["dpi"][0]) == 300
            assert picture.width >= 2000
        assert ElementTree.parse(one.svg).getroot().tag.endswith("svg")
        assert one.svg.read_bytes() == again.svg.read_bytes()
        assert len(pd.read_csv(one.csv)) > 0
        assert "n = 120 images" in one.caption
        assert "chosen on this part: optimistic" in one.caption
        assert "kappa 0." in one.alt


def test_studies_without_results_are_drawn_too(
    half: StudyRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "DPI", 40)
    empty = read_study(fixture.write_study("nothing to draw", []), "nothing to draw")
    for study in (half, empty, StudyRuns(**{**vars(half), "confusions": {}, "predictions": {}})):
        written = figures.write_figures(study, tmp_path)
        assert all(one.png.stat().st_size > 1_000 for one in written)
    assert "test (chosen on test: optimistic)" in written[0].caption


def test_a_trials_pictures(four: StudyRuns, tmp_path: Path) -> None:
    epochs = four.epochs[four.epochs["trial"] == "0001"]
    figures.curves_png(tmp_path / "curves.png", epochs)
    figures.curves_png(tmp_path / "one.png", pd.DataFrame([{"epoch": 1, "train/loss": 1.0}]))
    figures.confusion_png(tmp_path / "confusion.png", four.confusions["0001"], "0001")
    figures.confusion_png(tmp_path / "empty.png", np.zeros((5, 5), dtype=np.int64), "no image")
    sizes = {}
    for path in tmp_path.iterdir():
        with Image.open(path) as picture:
            sizes[path.name] = picture.size
    assert sizes["curves.png"] == sizes["one.png"] == (900, 280)
    assert sizes["confusion.png"] == sizes["empty.png"] == (480, 420)


def test_neither_pyplot_nor_mlflow_is_loaded() -> None:
    code = "import analysis.figures, sys; print([n for n in ('matplotlib.pyplot', 'mlflow') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
