"""Whether MLflow's server answers, and where one can listen: asked in seconds, before anything heavy is imported."""

from __future__ import annotations

import os
import re
import secrets
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path

from analysis.redact import without_passwords
from retina_data.files import write_whole
from retina_data.gate import below, read_file
from study.errors import ConfigError
from study.tracking.store.refusals import proxy_hint

ANSWER_SECONDS = 5.0

BEGIN_SECONDS = 120.0  # MLflow's server needs some ten to begin, and several times that on a busy machine

ASK_SECONDS = 0.2

UI_PATH = ".ui-path"  # in the home

STORE = re.compile(r"https?://|(?:sqlite|postgresql|mysql|mssql)(?:\+\w+)?://")
"""How MLflow's address begins; it takes no folders any more, and with Databricks artifacts would stay here."""

PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
"""Where a database server listens if its address does not say."""


def server_error(uri: str) -> str:
    """Why the server at an address cannot be used now; empty where it answers, and for a file.

    Any answer will do: a server may refuse this page and still take runs.
    """
    if not STORE.match(uri):
        return "no store of MLflow's begins so"
    if not uri.startswith(("http://", "https://")):
        return _database_error(uri)
    try:
        bare = without_passwords(uri, "").rstrip("/")  # urllib takes a user's name for the host's
        urllib.request.urlopen(f"{bare}/health", timeout=ANSWER_SECONDS).close()  # noqa: S310
    except urllib.error.HTTPError as error:
        hint = proxy_hint(uri)
        return f"HTTP {error.code}; {hint}" if hint else ""
    except (OSError, ValueError, HTTPException) as error:
        text = " ".join(str(getattr(error, "reason", error) or type(error).__name__).split())
        return "; ".join(filter(None, (text, proxy_hint(uri))))
    return ""


def _database_error(uri: str) -> str:
    """Why nothing listens at a database's address; MLflow itself would ask there ten times, for 100 seconds."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        address = make_url(uri)
        kind = address.drivername.partition("+")[0]
        if address.host and kind in PORTS:  # without a host: a socket or a file of this machine
            socket.create_connection((address.host, address.port or PORTS[kind]), ANSWER_SECONDS).close()
    except (ArgumentError, ValueError):  # their text may hold the password
        return "it is no address of a database"
    except OSError as error:
        return " ".join(str(error).split())
    return ""


def redact_url(uri: str) -> str:
    """An address as it may stand in a message or a log: without user and password."""
    return without_passwords(uri)


def check_answers(uri: str) -> None:
    """Raise ConfigError, with a remedy, unless the address is one of MLflow's and it answers there."""
    if not STORE.match(uri):
        raise ConfigError(
            "MLFLOW_TRACKING_URI must begin with http://, https://, sqlite:///, postgresql://, mysql:// or mssql://, "
            f"but is '{_odd(uri)}' (a folder is no store any more); correct it, or unset it to use the home's own store"
        )
    if text := server_error(uri):
        raise ConfigError(
            f"MLflow's server must answer at {redact_url(uri)}, but does not ({text}); start it, correct "
            "MLFLOW_TRACKING_URI, or unset that to use the home's own store"
        )


def _odd(uri: str) -> str:
    """What is no address, without what may be a password: it may stand anywhere before the last @, or in a query."""
    head, at, tail = uri.rpartition("@")
    scheme = re.match(r"\w*://", head)
    return f"{scheme[0] if scheme else ''}***@{tail.partition('?')[0]}" if at else uri.partition("?")[0]


def tell_once_up(server: str, tell: Callable[[bool], None], seconds: float = BEGIN_SECONDS) -> None:
    """Let this process begin a server, and one of its own tell whether that answers in time; nothing where it ended."""
    beginner = os.getpid()
    if os.fork():
        return  # the other ends before this one, whose child it stays
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C is the server's business
        deadline = time.monotonic() + seconds
        while (missing := server_error(server)) and time.monotonic() < deadline and os.getppid() == beginner:
            time.sleep(ASK_SECONDS)
        if os.getppid() == beginner:
            tell(not missing)
    finally:
        os._exit(0)


def secret_path(home: Path) -> str:
    """What the path of this home's MLflow page begins with: drawn once, and read by the home's owner alone.

    Who does not know it reaches neither the page nor what it calls to write (MLflow's --static-prefix).
    """
    file = below(home, UI_PATH)
    try:
        known = read_file(file, 100).decode("ascii", "replace")
    except FileNotFoundError:
        known = ""
    if not re.fullmatch("[0-9a-f]{32}", known):
        known = secrets.token_hex(16)
        write_whole(file, known.encode())
        file.chmod(0o600)
    return f"/{known}"


def is_free(port: int) -> bool:
    """Whether a server may listen at this port of the machine itself."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
