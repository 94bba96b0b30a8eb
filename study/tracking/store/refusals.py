"""What MLflow's refusals mean and what helps. A refusal is an answer: it is no use to wait, as where none comes."""

from __future__ import annotations

import re
import urllib.request
from urllib.parse import urlsplit

from analysis.redact import without_passwords
from retina_data.errors import DataError
from study.errors import StudyError

DRIVERS = {"psycopg": "psycopg[binary]", "psycopg2": "psycopg[binary]", "pymysql": "pymysql", "MySQLdb": "pymysql"}
"""Module that a database's address asks for -> what pip installs; MLflow brings SQLite's driver alone."""

CODES = {
    401: "it wants a user: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
    403: "this user may not write there: ask for the right to edit the experiment, or set MLFLOW_TRACKING_USERNAME and "
    "MLFLOW_TRACKING_PASSWORD of one who may",
    404: "the server is of a version that cannot take it: give it the release of MLflow that is installed here",
    405: "the server is of a version that cannot take it: give it the release of MLflow that is installed here",
    413: "a proxy before the server takes no file of this size: raise its limit (nginx: client_max_body_size) to "
    "that of the weights",
    501: "the server is of a version that cannot take it: give it the release of MLflow that is installed here",
}
"""HTTP status -> cause and remedy."""

GONE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_STATE", "INVALID_PARAMETER_VALUE")
"""MLflow's codes for a run or an experiment that was deleted while it was written, and for what it does not take."""


class RefusedError(StudyError):
    """MLflow answers, and does not take or give what is asked; cause and remedy in one line."""

    exit_code = 2


def refusal(error: BaseException, uri: str) -> str:
    """Cause and remedy in one line where an error is a refusal; "" where MLflow only does not answer now.

    error: as MLflow's client raised it. uri: its address.
    """
    if isinstance(error, (RefusedError, DataError)):  # what was checked here is not made right by another try
        return str(error)
    text = " ".join(str(error).split())
    if missing := re.search(r"No module named '(\w+)", text):
        package = DRIVERS.get(missing[1], missing[1])
        return f"its database needs the driver {missing[1]}: pip install '{package}'"
    answer = getattr(error, "response", None)  # of an upload
    code, status = getattr(error, "error_code", ""), getattr(error, "get_http_status_code", lambda: 0)()
    status = getattr(answer, "status_code", status)
    if hint := proxy_hint(uri):
        return f"its server was not reached ({text[:100]}): {hint}"
    if code == "ENDPOINT_NOT_FOUND" or status in (401, 403, 405, 413, 501):
        return f"it refuses what is sent ({status}): {CODES[status]}"
    said = without_passwords(text.removeprefix(f"{code}: "))[:200]
    return f"it refuses what is sent ({code}): {said}" if code in GONE else ""


def proxy_hint(uri: str) -> str:
    """What helps where a proxy of the environment stands before a server on this machine; "" where none does."""
    try:
        address = urlsplit(uri)
        host = address.hostname or ""
    except ValueError:
        return ""  # no address: that is said elsewhere
    proxy = urllib.request.getproxies().get(address.scheme)
    if not proxy or host not in ("127.0.0.1", "localhost", "::1") or urllib.request.proxy_bypass(host):
        return ""
    return f"{address.scheme.upper()}_PROXY sends {host} to a proxy; set NO_PROXY={host}"
