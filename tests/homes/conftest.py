"""One study, searched and confirmed, written by hand as a search writes it; each row of the tables copies its home."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.results.run_artifacts import TEST_COLUMNS
from analysis.stats import metrics
from retina_data.grades import GRADES
from study.planning.build_plan import make_plan
from study.planning.inputs import Inputs
from study.planning.plan import Plan
from study.planning.resume_checks import write_study_file
from study.storage.events import Event, TrialStarted
from study.training.checkpoints import PREDICTIONS, TEST_PREDICTIONS, save_predictions
from tests.fixtures.study import (
    close_event,
    confirmation_event,
    end_event,
    epoch_event,
    evaluation_event,
    small_data,
    trial_event,
    write_ledger,
)  # fmt: skip
from tests.homes.place import NAME, Place, Tables, copy_home

SETTINGS = {
    "trials": 3, "architecture": "resnet18", "pretrained": False, "epochs": 1, "image_size": 32,
    "early_stopping": "none",
}  # fmt: skip


@dataclass(frozen=True)
class Prepared:
    """Homes of one study with three trials: after its search, and after its confirmation; and the tables of both.

    port: something else than MLflow listens there.
    """

    data: Path
    homes: dict[str, Path]
    tables: dict[str, Tables]
    port: int

    def place(self, around: Path, stage: str) -> Place:
        copy_home(self.homes[stage], around / "home")
        return Place(around, around / "home", self.data)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    folder, other = tmp_path_factory.mktemp("homes"), HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    data, made = small_data(folder / "data", patients=24), Prepared(folder / "data", {}, {}, other.server_port)
    for stage in ("searched", "confirmed"):
        place = Place(folder, folder / stage, data)
        write_study(place, confirmed=stage == "confirmed")
        done = place.retina("report", NAME)
        assert done.returncode == 0, done.stdout + done.stderr
        made.homes[stage], made.tables[stage] = place.home, place.tables()
        assert len(made.tables[stage]) > 5
    yield made
    other.shutdown()
    other.server_close()


def write_study(place: Place, *, confirmed: bool) -> None:
    """The study in its home: ledger, file, cache and predictions, but no weights."""
    plan = make_plan(NAME, place.home, None, Inputs(data=place.data, overrides=SETTINGS))
    events: list[Event] = [replace(plan.event(2), id="a" * 32, time=1000.0)]
    for number, skill in enumerate((0.4, 0.7, 0.9)):
        events += [started(plan, number), *scored(place, plan, f"{number:04d}", skill)]
    events.append(close_event())
    if confirmed:
        events.append(replace(plan.event(2), id="b" * 32, confirmations=2, ensemble=False))
        for number, trial in enumerate(("0002", "0000")):  # the winner, and the arm's first trial
            again = replace(confirmation_event(number, trial), baseline=trial == "0000")
            events.append(replace(again, config={**events_config(events, trial), "seed": 77}, epochs=1))
            events += scored(place, plan, again.confirm, 0.8 - 0.3 * number)
        events.append(close_event())
    write_ledger(place.folder, *events)
    write_study_file(plan)


def started(plan: Plan, number: int) -> TrialStarted:
    fixed = {name: value for name, value in plan.config.fixed.items() if name not in ("architecture", "pretrained")}
    return trial_event(number, **{"lr": 0.001 * (number + 1), **fixed})


def events_config(events: list[Event], trial: str) -> dict[str, object]:
    return next(event.config for event in events if isinstance(event, TrialStarted) and event.trial == trial)


def scored(place: Place, plan: Plan, name: str, skill: float) -> list[Event]:
    """Its only epoch, of a confirmation its reading of the test split, and its end; its predictions on the disk."""
    files = place.folder / "checkpoints" / name
    table, confusion, scores = predicted(plan, "val", skill)
    save_predictions(files, table, PREDICTIONS)
    epoch = replace(epoch_event(name, 1, scores["kappa"]), confusion=confusion.tolist())
    epoch = replace(epoch, scores=epoch.scores | {f"val/{key}": value for key, value in scores.items()})
    if not name.startswith("c"):
        return [epoch, end_event(name)]
    table, confusion, scores = predicted(plan, "test", skill)
    save_predictions(files, table.assign(new_patients=True)[[*TEST_COLUMNS]], TEST_PREDICTIONS)
    counts = confusion.tolist()
    read = evaluation_event(name, len(table), confusion=counts, new_patients=counts)
    return [epoch, replace(read, scores={f"test/{key}": value for key, value in scores.items()}), end_event(name)]


def predicted(plan: Plan, split: str, skill: float) -> tuple[pd.DataFrame, metrics.Ints, dict[str, float]]:
    """Predictions of a split, right with the probability `skill`; their confusion; their scores."""
    rows = np.flatnonzero(plan.prepared.splits == split)
    table, random = plan.prepared.cache.table.iloc[rows], np.random.default_rng(int(100 * skill))
    grade = table["grade"].to_numpy()
    called = np.where(random.random(len(grade)) < skill, grade, random.integers(0, 5, len(grade)))
    chances = np.full((len(grade), 5), 0.05) + 0.75 * np.eye(5)[called]
    found = pd.DataFrame({"row": rows, "patient": table["group"].to_numpy(), "grade": grade})
    found = found.assign(**{f"p{number}": chances[:, number] for number in GRADES})
    confusion = metrics.confusion_matrix(found["grade"], called)
    scores = {name: float(value) for name, value in metrics.scores_from_confusion(confusion).items()}
    return found, confusion, {name: value for name, value in scores.items() if not np.isnan(value)}
