"""A disk without room: a small tmpfs, filled while a search runs, and emptied again."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import Row
from tests.faults.fixture import Study

pytestmark = [pytest.mark.faults, pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")]

Mount = Callable[[Path, str], Path]


@pytest.fixture
def mount() -> Iterator[Mount]:
    mounted: list[Path] = []

    def make(place: Path, size: str) -> Path:
        place.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], capture_output=True)
        if done.returncode:
            pytest.skip(f"no tmpfs can be mounted here: {done.stderr.decode().strip()}")
        mounted.append(place)
        return place

    yield make
    for place in reversed(mounted):
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def _fill(folder: Path, leave: int = 0) -> Path:
    """Take all room of a disk but `leave` bytes; returns the file to remove."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 20))
        except OSError:
            pass
        while file.tell() % 4096:
            file.truncate(file.tell() - file.tell() % 4096)
            file.seek(0, os.SEEK_END)
        if leave:
            file.truncate(max(0, file.tell() - leave))
    return ballast


FLAGS = ("--trials", "2", "--epochs", "14", "--early-stopping", "none")


@pytest.mark.parametrize("what", ["checkpoints", "ledger", "mlflow"])
def test_the_disk_is_full(tmp_path: Path, data: Path, mount: Mount, row: Row, what: str) -> None:
    row.fault, row.tries = f"disk full under {what}", 2
    uri = ""
    if what == "checkpoints":  # with everything else in the home
        full = mount(tmp_path / "home", "900m")
    elif what == "ledger":
        full = mount(tmp_path / "home" / "s", "24m")
        mount(full / "checkpoints", "900m")
    else:
        full = mount(tmp_path / "store", "24m")
        uri = f"sqlite:///{full / 'mlflow.db'}"
    study = Study(tmp_path, data, uri=uri)
    for _ in range(row.tries):
        search = study.begin(*FLAGS) if not study.events() else study.begin()
        search.until_epochs(study.count("epoch") + 2)
        ballast = _fill(full)
        filled = time.monotonic()
        assert search.end() == 1, search.output()
        row.note = f"{row.note} {time.monotonic() - filled:.0f} s".strip()
        said = [line for line in search.output().splitlines() if "free some space first" in line]
        assert len(said) == 1 and "go on with: retina search s" in search.output(), search.output()
        assert "Traceback" not in search.output()
        assert study.count("trial_finished") == 0, [e for e in study.events() if e.kind == "trial_finished"]
        if what == "checkpoints":
            refused = study.begin()
            assert refused.end() in (1, 2)
            assert "must be free" in refused.output() or "free some space" in refused.output(), refused.output()
        ballast.unlink()
    row.note = f"ended after{row.note and ' ' + row.note}"
    study.finish()
    row.lost, row.doubled = study.missing_and_doubled(2)
    assert (row.lost, row.doubled) == (0, 0)


def test_too_little_room_is_said_before_the_start(tmp_path: Path, data: Path, mount: Mount, row: Row) -> None:
    row.fault = "too small a disk, before the start"
    mount(tmp_path / "home", "200m")
    study = Study(tmp_path, data)
    search = study.begin(*FLAGS)
    assert search.end() == 2, search.output()
    assert f"must be free for checkpoints and weights on the disk of {study.home}" in search.output()
    assert study.events() == []
