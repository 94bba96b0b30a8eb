"""What computes the numbers: versions of the libraries, and of this code."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import subprocess
from pathlib import Path

DISTRIBUTION = "retina-study"
"""What pip calls this project; `retina` on the public index is another one."""

RECORDED = ("torch", "torchvision", "ray", "optuna", "mlflow-skinny", "numpy", "pandas", "pillow")

PACKAGES = ("analysis", "retina_data", "retina_models", "study")

SUFFIXES = (".py", ".jinja")
PLACE = Path(__file__).resolve().parents[1]


def versions() -> dict[str, str]:
    """Versions of what computed the numbers, and the commit of this code where it is known."""
    return {**libraries(), "retina_commit": _commit()}


def libraries() -> dict[str, str]:
    """Versions of Python and of the libraries."""
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in RECORDED}}


def code_digest() -> str:
    """SHA-256 over this code's files: whether two machines run the same, installed however."""
    hashed = hashlib.sha256()
    for file in sorted(f for package in PACKAGES for f in (PLACE / package).rglob("*") if f.suffix in SUFFIXES):
        hashed.update(f"{file.relative_to(PLACE)}\0".encode() + file.read_bytes())
    return hashed.hexdigest()


def _commit() -> str:
    """This code's commit, `-dirty` where files changed since; its version where it is not in its own repository."""
    version = importlib.metadata.version(DISTRIBUTION)
    try:
        if _git("rev-parse", "--show-toplevel") != str(PLACE):
            return version
        return _git("describe", "--always", "--dirty", "--abbrev=12", "--exclude=*") or version
    except (OSError, subprocess.SubprocessError):
        return version


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(PLACE), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    return done.stdout.strip()
