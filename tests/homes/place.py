"""A home in the middle of a folder that is watched, and what is lost, doubled or written beside it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import uuid
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Run

from analysis import schema
from study.storage.ledger import read_events
from study.storage.state import StudyState, study_state
from study.tracking.store.comparison import name_of
from tests.fixtures import command
from tests.fixtures.command_server import WITHOUT_FIGURES

NAME = "s"
SECONDS = 240

Tables = dict[str, pd.DataFrame]


@dataclass
class Place:
    """A folder `around` that holds a home, and perhaps others; commands are called in it.

    uri: of MLflow, "" for the home's own store. environment: more of it. name: of the study.
    """

    around: Path
    home: Path
    data: Path
    uri: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    name: str = NAME

    @property
    def folder(self) -> Path:
        return self.home / self.name

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(self.uri or f"sqlite:///{self.home / 'mlflow.db'}")

    def become(self, name: str) -> None:
        """Be a study of its own: another name, another id."""
        self.folder.rename(self.home / name)
        self.name = name
        ledger = self.folder / "ledger.jsonl"
        ledger.write_text(ledger.read_text().replace(self.state().study.id, uuid.uuid4().hex))

    def variables(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if k not in command.SERVERS}
        uri = {"MLFLOW_TRACKING_URI": self.uri} if self.uri else {}
        own = {"RETINA_HOME": str(self.home), "COLUMNS": "200", WITHOUT_FIGURES: "1"}
        return kept | own | uri | self.environment

    def retina(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return command.run(self.variables(), *arguments, timeout=SECONDS)

    def state(self) -> StudyState:
        return study_state(read_events(self.folder / "ledger.jsonl")[0])

    def tables(self) -> Tables:
        """The tables of the report, without the numbers of MLflow's runs: one that is sent again has another."""
        files = sorted((self.folder / "report").glob("*.csv"))
        return {file.name: pd.read_csv(file).drop(columns="run_id", errors="ignore") for file in files}

    def runs(self) -> list[Run]:
        """Active runs of the study, whatever its experiment is called."""
        every = [one.experiment_id for one in self.client.search_experiments()]
        found = self.client.search_runs(every, max_results=1000)
        return [run for run in found if run.data.tags.get(schema.TAG_STUDY_ID) == self.state().study.id]

    def run_of(self, name: str) -> str:
        return next(run.info.run_id for run in self.runs() if name_of(run) == name)

    def lost_and_doubled(self) -> tuple[int, int]:
        """Runs and values of epochs that MLflow lacks, and that it has too many, beside the ledger."""
        state, runs = self.state(), self.runs()
        assert "RUNNING" not in {run.info.status for run in runs}
        parents = {run.data.tags.get("mlflow.parentRunId", run.info.run_id) for run in runs}
        assert parents == {run.info.run_id for run in runs if not name_of(run)}, "each is below the study's own run"
        wanted = Counter([name for name, one in state.runs().items() if not state.is_forgotten(one)] + [""])
        held = Counter(name_of(run) for run in runs)
        lost, doubled = (wanted - held).total(), (held - wanted).total()
        for run in runs:
            epochs = state.runs()[name_of(run)].epochs if name_of(run) in state.runs() else []
            for metric in {name for epoch in epochs for name in epoch.scores}:
                sent = Counter((m.step, m.value) for m in self.client.get_metric_history(run.info.run_id, metric))
                told = Counter((e.epoch, e.scores[metric]) for e in epochs if metric in e.scores)
                lost, doubled = lost + (told - sent).total(), doubled + (sent - told).total()
        return lost, doubled

    def beside(self) -> dict[str, tuple[int, int]]:
        """Size and time of every file around that is not of the home."""
        own = self.home.resolve()
        files = (path for path in self.around.rglob("*") if path.is_file() and own not in path.resolve().parents)
        return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files if not _is_probe(path)}


def _is_probe(path: Path) -> bool:
    return path.name.endswith(("-wal", "-shm"))  # of SQLite, when this test itself reads a store


def copy_home(source: Path, target: Path) -> None:
    """A copy whose large files are shared; those that are written into are its own."""

    def copy(file: str, to: str) -> None:
        large = file.endswith((".safetensors", ".npy", ".pt"))
        (os.link if large else shutil.copyfile)(file, to)

    shutil.copytree(source, target, copy_function=copy)


def execute(home: Path, statement: str, *values: str) -> None:
    """One statement on a home's store, as a hand on the database."""
    with closing(sqlite3.connect(home / "mlflow.db")) as database, database:
        database.execute(statement, values)
