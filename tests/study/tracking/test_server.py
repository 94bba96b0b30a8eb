import http.server
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from study.errors import ConfigError
from study.tracking import server as module


@pytest.fixture
def refuses() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
    return port


@pytest.fixture
def server() -> Iterator[str]:
    class NotFound(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, format: str, *values: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), NotFound) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{made.server_port}/"
        made.shutdown()


def test_any_answer_will_do(server: str) -> None:
    assert module.server_error(server) == ""
    module.check_answers(server)


def test_a_store_that_is_no_server_is_not_asked() -> None:
    assert module.server_error("sqlite:////nowhere/mlflow.db") == ""


def test_a_server_that_is_down_is_said_at_once_with_a_remedy(refuses: int) -> None:
    with pytest.raises(ConfigError, match=rf"must answer at http://127.0.0.1:{refuses}, but .*refused.*; start it, "):
        module.check_answers(f"http://127.0.0.1:{refuses}")


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("nonsense://foo", "nonsense://foo"),
        ("oracle://anna:se/cret@db/x", "oracle://***@db/x"),
        ("anna:secret@db/x?password=secret", "***@db/x"),
        ("oracle://db/x?password=secret", "oracle://db/x"),
        ("./mlruns", "./mlruns"),
        ("file:///home/x/mlruns", "file:///home/x/mlruns"),
        ("sqlite:mlflow.db", "sqlite:mlflow.db"),
        ("databricks", "databricks"),
    ],
)
def test_an_address_that_mlflow_does_not_take_is_refused_with_what_it_takes(address: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        module.check_answers(address)
    text = str(caught.value)
    assert text.startswith("MLFLOW_TRACKING_URI must begin with http://, https://, sqlite:///, postgresql://, ")
    assert f"but is '{told}' (a folder" in text and "unset it to use the home's own store" in text
    assert "cret" not in text
    assert module.server_error(address)


@pytest.mark.parametrize("scheme", ["sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg2", "mysql", "mssql"])
def test_a_database_is_taken(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as database:
        module.check_answers(f"{scheme}://anna:se/cret@127.0.0.1:{database.getsockname()[1]}/x")


@pytest.mark.parametrize("user", ["anna:secret@", "anna:se/cret@", ""])
def test_a_database_that_is_away_is_said_at_once(user: str, refuses: int) -> None:
    started = time.monotonic()
    where = rf"postgresql://(\*\*\*@)?127.0.0.1:{refuses}/x"
    with pytest.raises(ConfigError, match=rf"must answer at {where}, .*refused") as said:
        module.check_answers(f"postgresql://{user}127.0.0.1:{refuses}/x")
    assert "cret" not in str(said.value) and time.monotonic() - started < module.ANSWER_SECONDS


def test_a_database_s_address_that_cannot_be_read_tells_no_password() -> None:
    with pytest.raises(ConfigError, match="it is no address of a database") as said:
        module.check_answers("postgresql://anna:secret@127.0.0.1:port/x")
    assert "cret" not in str(said.value)


LATE = """
import http.server, sys, threading, time
from study.tracking.server import tell_once_up
port, answers, lasts = int(sys.argv[1]), sys.argv[2] == "answers", float(sys.argv[3])
tell_once_up(f"http://127.0.0.1:{port}", lambda up: print("up" if up else "late", flush=True), 1.0)
print("begun", flush=True)
if answers:
    time.sleep(0.3)
    server = http.server.HTTPServer(("127.0.0.1", port), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
time.sleep(lasts)
"""


@pytest.mark.parametrize(
    ("kind", "lasts", "said"), [("answers", 2, "begun up"), ("hangs", 2, "begun late"), ("ends", 0, "begun")]
)
def test_a_server_that_begins_is_told_once_it_answers(refuses: int, kind: str, lasts: int, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LATE, str(refuses), kind, str(lasts)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == said.split(), done.stderr


def test_a_server_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.2)
    started = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "timed out" in module.server_error(f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert time.monotonic() - started < 5


def test_a_port_is_free_until_something_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert not module.is_free(port)
    assert module.is_free(port)


@pytest.mark.parametrize("address", ["http://host:abc", "http://[::1", "http://"])
def test_an_address_that_is_none_is_a_problem_and_no_traceback(address: str) -> None:
    with pytest.raises(ConfigError, match="must answer at .*correct MLFLOW_TRACKING_URI"):
        module.check_answers(address)


def test_something_else_that_listens_is_a_problem() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")

        threading.Thread(target=greet, daemon=True).start()
        assert module.server_error(f"http://127.0.0.1:{server.getsockname()[1]}")


def test_a_password_is_not_taken_for_a_host_and_stands_in_no_message(server: str, refuses: int) -> None:
    assert module.server_error(server.replace("//", "//anna:secret@")) == ""
    with pytest.raises(ConfigError, match="must answer at http://[*]{3}@127.0.0.1") as caught:
        module.check_answers(f"http://anna:secret@127.0.0.1:{refuses}")
    assert "secret" not in str(caught.value)
    assert module.redact_url("postgresql://anna:secret@db/x") == "postgresql://***@db/x"
    assert module.redact_url("sqlite:////home/x/mlflow.db") == "sqlite:////home/x/mlflow.db"
