"""Servers of a study's runs as a lab has them: PostgreSQL below, users with a password in front."""

from __future__ import annotations

import glob
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import requests

from study.tracking.server import server_error

BINARIES = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
ADMIN, PASSWORD = "admin", "a password of 12"
SECONDS = 120

AUTH = """[mlflow]
default_permission = READ
database_uri = sqlite:///{folder}/users.db
admin_username = {user}
admin_password = {password}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def missing_for_postgresql() -> str:
    """Why no PostgreSQL can be started here; "" where it can."""
    if not BINARIES or not shutil.which("runuser") or os.getuid():
        return "PostgreSQL is not run: as root, apt-get install postgresql"
    lacking = [name for name in ("psycopg", "flask_wtf") if importlib.util.find_spec(name) is None]
    return f"PostgreSQL is not run: pip install '.[dev]' brings {' and '.join(lacking)}" if lacking else ""


@contextmanager
def postgresql() -> Iterator[str]:
    """A database of its own on a free port of this machine, by the user postgres; yields its address."""
    folder, port = Path(tempfile.mkdtemp(prefix="retina-pg-", dir="/tmp")), free_port()
    shutil.chown(folder, "postgres", "postgres")
    as_postgres = ["runuser", "-u", "postgres", "--"]
    control = [*as_postgres, f"{BINARIES[-1]}/pg_ctl", "-D", str(folder / "data"), "-l", str(folder / "log"), "-w"]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    try:
        make = [f"{BINARIES[-1]}/initdb", "-D", str(folder / "data"), "-A", "trust", "-U", "mlflow", "-E", "UTF8"]
        subprocess.run([*as_postgres, *make], check=True, capture_output=True, cwd="/")
        subprocess.run([*control, "-o", options, "start"], check=True, stdout=subprocess.DEVNULL, cwd="/")
        yield f"postgresql://mlflow@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, capture_output=True, cwd="/")
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def server(folder: Path, store: str, *, users: bool = False) -> Iterator[str]:
    """`mlflow server` that serves artifacts itself; users: with basic-auth. Yields its address without a user."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    if users:
        (folder / "auth.ini").write_text(AUTH.format(folder=folder, user=ADMIN, password=PASSWORD))
        environment |= {"MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"), "MLFLOW_FLASK_SERVER_SECRET_KEY": "x" * 32}
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store, "--port", str(port)]
    command += ["--artifacts-destination", str(folder / "artifacts"), "--host", "127.0.0.1", "--workers", "1"]
    command += ["--app-name", "basic-auth"] if users else []
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, env=environment)
    try:
        deadline = time.monotonic() + SECONDS
        while server_error(uri):
            assert process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()[-3000:]
            time.sleep(0.2)
        yield uri
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def reverse_proxy(uri: str, most: int) -> Iterator[str]:
    """Stands before a server, which it shows below the path /lab, and takes no body of more than `most` bytes, as a
    hospital's web server does. Yields its address."""

    class Proxy(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            if length > most or not self.path.startswith("/lab/"):
                self.send_error(413 if length > most else 404)
                return
            headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
            target = uri + self.path.removeprefix("/lab")
            answer = requests.request(self.command, target, data=body, headers=headers, timeout=SECONDS)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers.get("Content-Type", "text/plain"))
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

        def log_message(self, format: str, *values: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{made.server_port}/lab"
        made.shutdown()
