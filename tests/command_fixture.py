"""The command called as a user calls it, in a process of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

RETINA = [sys.executable, "-m", "study"]


def retina(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One call of the command with `home` as its home, and without servers that the caller's environment names."""
    environment = {key: value for key, value in os.environ.items() if key not in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS")}
    environment |= {"RETINA_HOME": str(home)}
    return subprocess.run([*RETINA, *arguments], capture_output=True, text=True, env=environment, timeout=120)


def refused(home: Path, *arguments: str) -> str:
    """The last line of a call that must be refused: exit code 2, no traceback, no study."""
    done = retina(home, *arguments)
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert not list(home.glob("*/ledger.jsonl"))
    return lines[-1]


def copy_of(data: Path, to: Path) -> Path:
    """A copy of a data set, to be damaged."""
    return Path(shutil.copytree(data, to))
