"""Machines as people have them: each a real search, or a command, in an environment that is short of something."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from analysis import schema
from tests.fixtures.study import small_data
from tests.homes.conftest import Prepared
from tests.homes.place import NAME, SECONDS, Place

pytestmark = pytest.mark.slow

SMALL = ("--epochs", "1", "--image-size", "32", "--architecture", "resnet18", "--no-pretrained")
ROOT = os.getuid() == 0
SEARCH = ("search", NAME, "--data", "DATA", "--trials", "2", "--early-stopping", "none", *SMALL)


def shell(script: str) -> tuple[str, ...]:
    """What a shell does before the command."""
    return "bash", "-c", f'{script}; exec "$@"', "-"


@dataclass(frozen=True)
class Situation:
    """before: what the command's line begins with. needs: of the machine, "" for none. trials: that have ended."""

    name: str
    before: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    arguments: tuple[str, ...] = SEARCH
    code: int = 0
    said: str = "study s: complete"
    needs: str = ""
    trials: int = 2


SHM = "mount -t tmpfs -o size=64m tmpfs /dev/shm"
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")

SEARCHES = [
    Situation("TMPDIR too long for a Unix socket", environment=(("TMPDIR", "LONG"),)),
    Situation("ulimit -n 256", shell("ulimit -n 256")),
    Situation("/dev/shm of 64 MB", ("unshare", "-m", *shell(SHM)), needs="unshare"),
    Situation("HOME that cannot be written, locale C", environment=(("HOME", "/proc/none"), ("LC_ALL", "C"))),
    Situation("output of ASCII alone", environment=(("PYTHONIOENCODING", "ascii"),)),
    Situation("--time-budget 1s", arguments=(*SEARCH, "--time-budget", "1s"), said="go on with", trials=0),
    Situation("standard output on a full disk", shell("exec > /dev/full"), said=""),
    Situation("standard output closed", shell("exec >&-"), said=""),
    Situation("a space of two configurations", arguments=(*SEARCH[:4], "--config", "FEW", *SEARCH[6:]), trials=6),
    Situation("a Ray head that has gone", environment=(("RAY_TMPDIR", "STALE"),)),
]

FEW = """trials: 6
space:
  lr: [0.001, 0.002]
fixed: {optimizer: sgd, imbalance: none, batch_size: 16, weight_decay: 0.0001, label_smoothing: 0.0}
finalists: 0
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_data(tmp_path_factory.mktemp("data") / "data", patients=24)


def called(place: Place, one: Situation) -> subprocess.CompletedProcess[str]:
    words = {"DATA": str(place.data), "FEW": str(place.around / "few.yaml")}
    command = [*one.before, sys.executable, "-m", "study", *(words.get(word, word) for word in one.arguments)]
    return subprocess.run(
        command, env=place.variables(), cwd=place.around, capture_output=True, text=True, timeout=SECONDS, check=False
    )


@pytest.mark.parametrize("one", SEARCHES, ids=lambda one: one.name)
def test_search(one: Situation, data: Path, tmp_path: Path) -> None:
    if one.needs and not (shutil.which(one.needs) and ROOT):
        pytest.skip(f"needs root and {one.needs}")
    place = Place(tmp_path, tmp_path / "home", data)
    (tmp_path / "few.yaml").write_text(FEW)
    long, stale = tmp_path / ("a folder with a long name " * 6), tmp_path / "stale"
    (stale / "ray").mkdir(parents=True)
    (stale / "ray" / "ray_current_cluster").write_text("127.0.0.1:1")
    long.mkdir()
    place.environment = {k: {"LONG": str(long), "STALE": str(stale)}.get(v, v) for k, v in one.environment}
    place.environment.setdefault("PYTHONPATH", os.environ.get("PYTHONPATH", str(Path(__file__).parents[2])))
    done = called(place, one)
    text = done.stdout + done.stderr
    assert done.returncode == one.code, text
    assert one.said in text and "Traceback" not in text, text
    ended = [record for record in place.state().trials.values() if record.end]
    assert len(ended) == one.trials and {record.state for record in ended} <= {schema.STATE_COMPLETE}, text
    assert place.lost_and_doubled() == (0, 0)


def test_a_command_that_cannot_print_names_standard_output(prepared: Prepared, tmp_path: Path) -> None:
    place = prepared.place(tmp_path, "searched")
    one = Situation("", shell("exec > /dev/full"), arguments=("status", NAME))
    done = called(place, one)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "retina: No space left on device: standard output; free some space first"


@pytest.mark.skipif(not (ROOT and shutil.which("setpriv")), reason="needs root and setpriv")
@pytest.mark.parametrize("writable", [False, True], ids=["read-only", "group-writable"])
def test_another_user_of_the_home(prepared: Prepared, tmp_path: Path, writable: bool) -> None:
    place = prepared.place(tmp_path, "searched")
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chmod(path, path.stat().st_mode | (0o777 if path.is_dir() and writable else 0o755 if path.is_dir() else 0))
        if writable and path.is_file():
            os.chmod(path, 0o666)
    for parent in tmp_path.parents[:3]:
        os.chmod(parent, parent.stat().st_mode | 0o055)
    calls = {"status": 0, "report": 0 if writable else 2}
    for command, code in calls.items():
        done = called(place, Situation("", NOBODY, arguments=(command, NAME)))
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        if code:
            assert "give a folder that may be written" in done.stderr or "may not be written" in done.stderr
