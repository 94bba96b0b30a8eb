"""Studies of every kind with their tables, made once for the tests of all figures."""

from __future__ import annotations

import functools
import io
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from analysis import records
from analysis.cells import Models, judged
from analysis.columns import headline
from analysis.runs import StudyRuns, read_study
from analysis.tableset import TableSet, make_tables
from tests import mlflow_fixture as fixture
from tests.mlflow_fixture import ConfirmSpec, TrialSpec


@dataclass(frozen=True)
class Shown:
    """A study with what its figures are drawn from."""

    study: StudyRuns
    made: TableSet
    headline: pd.DataFrame
    judged: dict[str, Models]


def shown(study: StudyRuns) -> Shown:
    """A study with its tables."""
    made = make_tables(study)
    return Shown(study, made, headline(made.cells), judged(study, made.board)[1])


@functools.cache
def four() -> Shown:
    """Four arms on validation."""
    return shown(read_study(fixture.four_arms(), "four"))


@functools.cache
def confirmed() -> Shown:
    """Four arms, three seeds of each on the test part, half of it clean."""
    return shown(read_study(fixture.confirmed(), "confirmed"))


@functools.cache
def finalists() -> Shown:
    """Two arms with finalists, a first trial that was confirmed, the median grade and the last epoch's score."""
    return shown(read_study(fixture.finalists(), "finalists"))


@functools.cache
def folded() -> Shown:
    """Two arms in three folds, two seeds each."""
    return shown(read_study(fixture.folded(), "folded"))


@functools.cache
def half() -> Shown:
    """Two arms ran, one of them into a single grade; one is running, one was left out."""
    trials = [
        TrialSpec(0, "resnet18-scratch", confusion=(30, 5, 5, 5, 5), epochs=1),
        TrialSpec(1, "resnet50-pretrained", epochs=1),
        TrialSpec(2, "resnet50-scratch", state=records.STATE_RUNNING, best=False, epochs=1),
    ]
    return shown(read_study(fixture.write_study("half", trials, selected_on="test"), "half"))


@functools.cache
def partly_confirmed() -> Shown:
    """Two arms of which one is confirmed, with one seed; a second seed of it is trained but not measured."""
    trials = [TrialSpec(0, "resnet18-scratch"), TrialSpec(1, "resnet18-pretrained", 0.8)]
    confirms = [
        ConfirmSpec(0, trials[1], 0, 0.8),
        ConfirmSpec(1, trials[1], 1, 0.8, state=records.STATE_RUNNING, read=False),
    ]
    return shown(read_study(fixture.write_study("partly", trials, confirms=confirms), "partly"))


@functools.cache
def empty() -> Shown:
    """No trial at all."""
    return shown(read_study(fixture.write_study("no trial drawn", []), "no trial drawn"))


EVERY = (four, confirmed, finalists, folded, half, partly_confirmed, empty)


def panels(rows: int, columns: int, width: float = 7.2) -> list[Axes]:
    """Axes of a new figure."""
    return list(Figure(figsize=(width, 5), layout="constrained").subplots(rows, columns, squeeze=False).ravel())


def words(axes: list[Axes]) -> str:
    """Everything that is written in a figure."""
    figure = axes[0].figure
    legends = [*figure.legends, *(panel.get_legend() for panel in axes if panel.get_legend())]  # type: ignore[union-attr]
    found = [text.get_text() for legend in legends for text in legend.get_texts()]
    for panel in axes:
        found += [text.get_text() for text in (*panel.texts, *panel.get_xticklabels(), *panel.get_yticklabels())]
        found += [panel.get_title(loc) for loc in ("left", "center")] + [panel.get_xlabel(), panel.get_ylabel()]
    return "\n".join(found)


def grey_png(width: int, height: int, level: int = 128) -> bytes:
    """A picture of one level of grey."""
    file = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), level, dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


def log_explained(name: str, pictures: int = 2) -> None:
    """Put pictures of mistakes beside the parent run of the study `name`, as `study` writes them."""
    client = fixture.client()
    experiment = client.get_experiment_by_name(name)
    (parent,) = client.search_runs([experiment.experiment_id], "tags.kind = 'study'")
    entries = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, pictures + 1):
            (Path(folder) / f"{number:02}.png").write_bytes(grey_png(128, 64, 40 * number))
            entry = {"picture": f"{number:02}.png", "arm": "resnet18-pretrained", "trial": "0001", "confirm": "c0003"}
            chances = {f"p{grade}": 0.2 for grade in records.GRADES}
            entries.append(entry | {"part": "test", "grade": 4, "predicted": 0} | chances)
        (Path(folder) / "explained.json").write_text(json.dumps(entries))
        client.log_artifacts(parent.info.run_id, folder, records.ARTIFACT_EXPLAINED)
