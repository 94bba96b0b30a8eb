"""Whether MLflow's server answers, and where one can listen: asked in seconds, before anything heavy is imported."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from http.client import HTTPException

from analysis.cleaned import without_passwords
from study.config import ConfigError

ANSWER_SECONDS = 5.0


def problem(uri: str) -> str:
    """Why the server at an http(s) address cannot be used now; empty where it answers, and for any other store.

    Any answer will do: a server may refuse this page and still take runs.
    """
    if not uri.startswith(("http://", "https://")):
        return ""
    try:
        bare = without_passwords(uri, "").rstrip("/")  # urllib takes a user's name for the host's
        urllib.request.urlopen(f"{bare}/health", timeout=ANSWER_SECONDS).close()  # noqa: S310
    except urllib.error.HTTPError:
        return ""
    except (OSError, ValueError, HTTPException) as error:
        return " ".join(str(getattr(error, "reason", error) or type(error).__name__).split())
    return ""


def shown(uri: str) -> str:
    """An address as it may stand in a message or a log: without user and password."""
    return without_passwords(uri)


def check_answers(uri: str) -> None:
    """Raise ConfigError, with a remedy, unless MLflow answers."""
    if text := problem(uri):
        raise ConfigError(
            f"MLflow's server must answer at {shown(uri)}, but does not ({text}); start it, correct "
            "MLFLOW_TRACKING_URI, or unset that to use the home's own store"
        )


def is_free(port: int) -> bool:
    """Whether a server may listen at this port of the machine itself."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
