"""Whether MLflow's server answers, and where one can listen: asked in seconds, before anything heavy is imported."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request

from study.config import ConfigError

ANSWER_SECONDS = 5.0


def problem(uri: str) -> str:
    """Why the server at an http(s) address cannot be used now; empty where it answers, and for any other store.

    Any answer will do: a server may refuse this page and still take runs.
    """
    if not uri.startswith(("http://", "https://")):
        return ""
    try:
        urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=ANSWER_SECONDS).close()  # noqa: S310
    except urllib.error.HTTPError:
        return ""
    except OSError as error:
        return " ".join(str(getattr(error, "reason", error)).split())
    return ""


def check_answers(uri: str) -> None:
    """Raise ConfigError, with a remedy, unless MLflow answers."""
    if text := problem(uri):
        raise ConfigError(
            f"MLflow's server must answer at {uri}, but does not ({text}); start it, correct MLFLOW_TRACKING_URI, or "
            "unset that to use the home's own store"
        )


def is_free(port: int) -> bool:
    """Whether a server may listen at this port of the machine itself."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
