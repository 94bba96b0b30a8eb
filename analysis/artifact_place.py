"""Where the artifacts of a run lie. MLflow stores an absolute address; a home that was moved or copied has another.

A folder of this machine is used only where our own store may have put it.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import ParseResult, unquote, urlparse

from analysis.errors import RunsError
from retina_data.gate import plain

ARTIFACTS = "mlartifacts"
"""Folder of a home that holds the artifacts of its runs, as EXPERIMENT/RUN/artifacts."""


def artifact_folder(stored: str, root: Path | None) -> Path | None:
    """The folder that MLflow knows by the address `stored`; None where it is a server's, or in another kind of store.

    root: the home's folder of artifacts. What was stored as below a folder of that name is below this one, wherever the
    home was then. None: the address is taken as it is.
    """
    address = _parsed(stored)
    path = unquote(address.path)
    if address.scheme not in ("", "file") or "\0" in path:
        return None
    _, found, below = path.rpartition(f"/{ARTIFACTS}/")
    if root is None or not found:
        return Path(path)
    return None if below.startswith("/") or ".." in below.split("/") else root / below


def checked_folder(stored: str, tracking_uri: str, root: Path | None = None) -> Path | None:
    """`artifact_folder`, links followed, where it lies below `root`, or without one below the store's database file.

    Raises RunsError for a folder elsewhere, and for any that a server names: it could name this machine's own files.
    """
    address = _parsed(stored)
    if address.scheme not in ("", "file"):
        return None
    if is_server(tracking_uri):
        raise RunsError(
            f"a server must keep artifacts itself, but names a folder of this machine, {plain(stored)[:200]}; "
            "start it with --artifacts-destination, or unset MLFLOW_TRACKING_URI"
        )
    folder, below = artifact_folder(stored, root), root or artifact_root(tracking_uri)
    inside = f"{os.path.realpath(below).rstrip('/')}/" if below else "/"
    local = address.netloc in ("", "localhost")
    if folder is None or not local or not f"{os.path.realpath(folder)}/".startswith(inside):
        raise RunsError(
            f"artifacts must lie in {below}, but MLflow names {plain(stored)[:200]}; the store was made "
            "elsewhere or changed: move it away, and `retina status` makes a new one from the ledgers"
        )
    return folder


def _parsed(stored: str) -> ParseResult:
    """An address in its parts; what is none is a file's on a host that nobody has, which `checked_folder` refuses."""
    try:
        return urlparse(stored)
    except ValueError:
        return ParseResult("file", "?", "", "", "", "")


def artifact_root(tracking_uri: str) -> Path | None:
    """The folder in which a store keeps artifacts on this machine: that of its database file; None where it is none.

    A database that is no file tells nothing: who knows the home gives its folder.
    """
    file = tracking_uri.removeprefix("sqlite:///")
    return Path(file).parent if file != tracking_uri else None


def is_server(tracking_uri: str) -> bool:
    """Whether MLflow is asked over the network, so that somebody else may answer."""
    return tracking_uri.startswith(("http://", "https://"))
