"""Where the artifacts of a run lie. MLflow stores an absolute address; a home that was moved or copied has another."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlparse

ARTIFACTS = "mlartifacts"
"""Folder of a home that holds the artifacts of its runs, as EXPERIMENT/RUN/artifacts."""


def artifact_folder(stored: str, root: Path | None) -> Path | None:
    """The folder that MLflow knows by the address `stored`; None where it is a server's, or in another kind of store.

    root: the home's folder of artifacts. What was stored as below a folder of that name is below this one, wherever the
    home was then. None: the address is taken as it is.
    """
    address = urlparse(stored)
    if address.scheme not in ("", "file"):
        return None
    path = unquote(address.path)
    _, found, below = path.rpartition(f"/{ARTIFACTS}/")
    if root is None or not found:
        return Path(path)
    return None if ".." in below.split("/") else root / below
