"""A refusal is told with its remedy; silence is not one."""

import pytest
from mlflow.exceptions import MlflowException, RestException

from study.tracking.store.refusals import RefusedError, proxy_hint, refusal

SERVER = "http://127.0.0.1:5000"
GONE = "The run f00 must be in the 'active' state. Current state is deleted."


def rest(code: str, text: str = "no") -> RestException:
    return RestException({"error_code": code, "message": text})


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (rest("UNAUTHENTICATED"), "(401): it wants a user: set MLFLOW_TRACKING_USERNAME"),
        (rest("PERMISSION_DENIED"), "(403): this user may not write there"),
        (rest("ENDPOINT_NOT_FOUND"), "(404): the server is of a version that cannot take it"),
        (rest("INVALID_STATE", GONE), "(INVALID_STATE): The run f00 must be in the 'active' state"),
        (rest("RESOURCE_DOES_NOT_EXIST", "No Experiment with id=9"), "No Experiment with id=9"),
        (ModuleNotFoundError("No module named 'psycopg'"), "pip install 'psycopg[binary]'"),
        (ModuleNotFoundError("No module named 'psycopg2'"), "pip install 'psycopg[binary]'"),
        (RefusedError("another study"), "another study"),
        (rest("INTERNAL_ERROR"), ""),
        (rest("TEMPORARILY_UNAVAILABLE"), ""),
        (MlflowException("API request failed with exception Connection refused"), ""),
        (ConnectionError("no answer"), ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_refusal(error: Exception, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    found = refusal(error, SERVER)
    assert said in found and bool(found) == bool(said)


@pytest.mark.parametrize(
    ("uri", "environment", "said"),
    [
        (SERVER, {"http_proxy": "http://proxy:3128"}, "HTTP_PROXY sends 127.0.0.1 to a proxy; set NO_PROXY=127.0.0.1"),
        ("http://localhost:5000", {"http_proxy": "http://proxy:3128"}, "set NO_PROXY=localhost"),
        (SERVER, {"http_proxy": "http://proxy:3128", "no_proxy": "127.0.0.1"}, ""),
        ("http://mlflow.example.org", {"http_proxy": "http://proxy:3128"}, ""),
        (SERVER, {}, ""),
    ],
)
def test_proxy_hint(uri: str, environment: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert said in proxy_hint(uri) and bool(said) == bool(proxy_hint(uri))
