"""A home with two studies in MLflow, made once without training, in a folder of things that nobody may touch."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import stat
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from study.cli.app import run_command
from study.storage.home import Home
from tests.study.workflows.test_delete import cache, write_home_study

NAME, OTHER = "eyes", "other"


@dataclass(frozen=True)
class World:
    """A home, and all around it: a folder of somebody else, a home of somebody else, files."""

    root: Path

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def study(self) -> Path:
        return self.home / NAME

    @property
    def outside(self) -> Path:
        return self.root / "outside"

    @property
    def here(self) -> Home:
        return Home(self.home, f"sqlite:///{self.home / 'mlflow.db'}", (self.home / "mlartifacts").as_uri())

    def canary(self) -> dict[str, Any]:
        """Kind, mode and content of everything but the home."""
        found: dict[str, Any] = {}
        for path in sorted(self.root.rglob("*")):
            if path == self.home or self.home in path.parents:
                continue
            state = path.lstat()
            content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
            key = content if isinstance(content, str) else hashlib.sha256(content).hexdigest()
            found[str(path)] = (stat.S_IFMT(state.st_mode), stat.S_IMODE(state.st_mode), key)
        return found

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.study / "ledger.jsonl").read_text().splitlines()]

    def write(self, events: list[dict[str, Any]]) -> None:
        (self.study / "ledger.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
        (self.study / "synced").unlink(missing_ok=True)

    def sql(self, *statements: str) -> None:
        """Change MLflow's database by hand."""
        with closing(sqlite3.connect(self.home / "mlflow.db")) as database, database:
            for statement in statements:
                database.execute(statement)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Nobody may change it."""
    world = World(tmp_path_factory.mktemp("prepared"))
    for name in (NAME, OTHER):
        write_home_study(world.here, name)
        (world.home / name / "checkpoints" / "weights").write_bytes(b"x")
        (world.home / name / "checkpoints" / "0000").mkdir()
        (world.home / name / "checkpoints" / "0000" / "best.safetensors").write_bytes(b"weights")
        (world.home / name / "study.yaml").write_text("data: /nowhere\nlayout: null\nconfig: {}\n")
        (world.home / name / "report").mkdir()
    cache(world.here)
    for path in ("precious.txt", "x/precious.txt", "home2/eyes/precious.txt", "0000/best.safetensors"):
        (world.outside / path).parent.mkdir(parents=True, exist_ok=True)
        (world.outside / path).write_text("precious")
    (world.root / "x").mkdir()
    (world.root / "x" / "best.safetensors").write_text("precious")
    (world.root / "precious.checkpoint").write_text("precious")
    return world


@pytest.fixture
def world(prepared: World, tmp_path: Path) -> World:
    """A copy of it, whose artifacts lie in its own home."""
    made = World(tmp_path / "world")
    shutil.copytree(prepared.root, made.root, symlinks=True)
    made.sql(
        f"UPDATE experiments SET artifact_location = replace(artifact_location, '{prepared.root}', '{made.root}')",
        f"UPDATE runs SET artifact_uri = replace(artifact_uri, '{prepared.root}', '{made.root}')",
    )
    return made


Retina = Callable[..., tuple[int, str]]


@pytest.fixture
def retina(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Retina:
    """The command in this process: its exit code, and all that it printed. Whatever it raises fails the test."""
    monkeypatch.setenv("RETINA_HOME", str(world.home))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(world.outside)

    def call(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["retina", *map(str, arguments)])
        capsys.readouterr()
        try:
            run_command()
            code: Any = 0
        except SystemExit as ended:
            code = ended.code
        said = capsys.readouterr()
        return int(code or 0), said.out + said.err

    return call
