"""Where MLflow says that artifacts lie: a folder of this machine is used only where our own store may have put it."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlparse

from analysis.errors import RunsError
from retina_data.gate import plain


def artifact_root(tracking_uri: str) -> Path | None:
    """The folder in which a store keeps artifacts on this machine: that of its database file; None where it is none.

    A database that is no file tells nothing: who knows the home gives its folder.
    """
    file = tracking_uri.removeprefix("sqlite:///")
    return Path(file).parent if file != tracking_uri else None


def folder_of(artifact_uri: str) -> Path:
    """The folder that a file's address names."""
    return Path(unquote(urlparse(artifact_uri).path))


def is_server(tracking_uri: str) -> bool:
    """Whether MLflow is asked over the network, so that somebody else may answer."""
    return tracking_uri.startswith(("http://", "https://"))


def local_folder(artifact_uri: str, tracking_uri: str, root: Path | None = None) -> Path | None:
    """The folder on this machine that an artifact place is; None where it is elsewhere, and MLflow fetches it.

    root: the folder below which it must lie, links followed; without it that of `artifact_root`. Raises RunsError for a
    folder elsewhere, and for any that a server names: it could name this machine's own files.
    """
    place = urlparse(artifact_uri)
    if place.scheme not in ("", "file"):
        return None
    if is_server(tracking_uri):
        raise RunsError(
            f"a server must keep artifacts itself, but names a folder of this machine, {plain(artifact_uri)[:200]}; "
            "start it with --artifacts-destination, or unset MLFLOW_TRACKING_URI"
        )
    folder, below = folder_of(artifact_uri), root or artifact_root(tracking_uri)
    inside = os.path.realpath(below) if below else ""
    if place.netloc not in ("", "localhost") or not f"{os.path.realpath(folder)}/".startswith(f"{inside.rstrip('/')}/"):
        raise RunsError(
            f"artifacts must lie in {below}, but MLflow names {plain(artifact_uri)[:200]}; the store was made "
            "elsewhere or changed: move it away, and `retina status` makes a new one from the ledgers"
        )
    return folder
