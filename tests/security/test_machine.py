"""Nobody else on this machine: a local Ray asks for a token, and another user reads neither home nor sockets."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from study.cli.options import make_home
from study.cluster.address import own_token
from tests.security.conftest import World

ROOT = Path(__file__).resolve().parents[2]

USER = "retina-stranger"

HEAD = """
import os, sys
os.environ.update(RAY_AUTH_MODE="disabled")
from study.cluster.address import own_token
os.environ.update(own_token())  # as the command does, over whatever stood there
from study.cluster.ray_cluster import cluster
import ray
with cluster(None):
    print("TOKEN", os.environ["RAY_AUTH_TOKEN"], flush=True)
    print("GCS", ray.get_runtime_context().gcs_address, flush=True)
    print("FOLDER", ray._private.worker._global_node.get_temp_dir_path(), flush=True)
    sys.stdin.readline()
"""

TASK = """
import sys, ray
ray.init(address=sys.argv[1], log_to_driver=False, logging_level="ERROR")
print("RAN", ray.get(ray.remote(lambda: 41).remote(), timeout=30))
"""


@pytest.fixture(scope="module")
def stranger() -> Iterator[int]:
    """Id of a second user of this machine."""
    if os.geteuid() != 0 or not shutil.which("useradd"):
        pytest.skip("only root can add a user")
    subprocess.run(["useradd", "--system", "--no-create-home", "--shell", "/bin/sh", USER], check=False)
    yield pwd.getpwnam(USER).pw_uid
    subprocess.run(["userdel", USER], check=False)


def reads(uid: int, path: Path) -> bool:
    """Whether a user can list a folder or read a file."""
    command = ["/bin/ls", str(path)] if path.is_dir() else ["/usr/bin/head", "-c", "1", str(path)]
    done = subprocess.run(command, user=uid, group=uid, extra_groups=[], capture_output=True, check=False)
    return done.returncode == 0


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A Ray as a local search starts it, in a process whose HOME has no token; what it says of itself."""
    home = tmp_path_factory.mktemp("user")
    environment = os.environ | {"HOME": str(home), "RAY_AUTH_TOKEN_PATH": str(home / "none")}
    with subprocess.Popen(
        [sys.executable, "-c", HEAD], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout and process.stdin
        said = {"HOME": str(home)}
        while len(said) < 4 and (line := process.stdout.readline()):
            key, _, value = line.strip().partition(" ")
            said |= {key: value} if key in ("TOKEN", "GCS", "FOLDER") else {}
        yield said
        process.stdin.write("\n")
        process.stdin.close()
        process.wait(60)
    assert not Path(said["FOLDER"]).parent.exists()  # it goes with the search


def ask(address: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", TASK, address]
    own = {key: value for key, value in os.environ.items() if not key.startswith("RAY_AUTH")}
    return subprocess.run(command, env=own | environment, capture_output=True, text=True, timeout=150, check=False)


@pytest.mark.slow
def test_a_stranger_without_a_token_runs_nothing(head: dict[str, str], tmp_path: Path) -> None:
    wrong = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}
    for environment in ({"RAY_AUTH_MODE": "disabled", "HOME": str(tmp_path)}, wrong):
        assert "RAN" not in ask(head["GCS"], environment).stdout
    done = ask(head["GCS"], {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": head["TOKEN"]})
    assert "RAN 41" in done.stdout, done.stderr


@pytest.mark.slow
def test_the_token_stands_in_no_file_and_in_no_argument(head: dict[str, str]) -> None:
    assert len(head["TOKEN"]) == 64
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert head["TOKEN"].encode() not in process.read_bytes()
        except OSError:
            continue  # it has ended
    assert not (Path(head["HOME"]) / ".ray" / "auth_token").exists()
    for file in Path(head["FOLDER"]).rglob("*"):
        if file.is_file() and not file.is_symlink():
            assert head["TOKEN"].encode() not in file.read_bytes(), file


@pytest.mark.slow
def test_nobody_else_reads_ray_s_folder(head: dict[str, str], stranger: int) -> None:
    outer = Path(head["FOLDER"]).parent
    assert stat.S_IMODE(outer.stat().st_mode) == 0o700 and str(outer).startswith("/tmp/retina-")
    assert not reads(stranger, outer) and not reads(stranger, Path(head["FOLDER"]))
    sockets = [path for path in Path(head["FOLDER"]).rglob("*") if path.is_socket()]
    assert sockets and max(len(os.fsencode(path)) for path in sockets) < 108


def test_a_home_is_its_owner_s_alone_unless_it_is_shared(
    tmp_path: Path, stranger: int, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o005)  # else nobody comes as far as the home
    before = os.umask(0)
    try:
        make_home(tmp_path / "own", shared=False)
        make_home(tmp_path / "shared", shared=True)
    finally:
        os.umask(before)
    (tmp_path / "own" / "ledger.jsonl").write_text("x")
    (tmp_path / "shared" / "ledger.jsonl").write_text("x")
    assert stat.S_IMODE((tmp_path / "own").stat().st_mode) == 0o700
    assert not reads(stranger, tmp_path / "own") and not reads(stranger, tmp_path / "own" / "ledger.jsonl")
    assert reads(stranger, tmp_path / "shared" / "ledger.jsonl")
    said = capsys.readouterr().out
    assert "shared can be read by others of this machine (--shared-home)" in said and "own can" not in said
    make_home(tmp_path / "shared", shared=False)
    assert "can be read by others of this machine; `chmod o= " in capsys.readouterr().out


def test_each_call_draws_its_own_token() -> None:
    first, second = own_token(), own_token()
    assert first["RAY_AUTH_MODE"] == second["RAY_AUTH_MODE"] == "token"
    assert first["RAY_AUTH_TOKEN"] != second["RAY_AUTH_TOKEN"] and len(first["RAY_AUTH_TOKEN"]) == 64


def test_a_local_search_asks_for_a_token_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    from study.cli.search import _cluster

    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "x")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert _cluster(None, False) == (None, "none")
    assert os.environ["RAY_AUTH_MODE"] == "token" and len(os.environ["RAY_AUTH_TOKEN"]) == 64


UPLOADS = (
    ("PUT", "/api/2.0/mlflow-artifacts/artifacts/x.txt"), ("PUT", "/ajax-api/2.0/mlflow-artifacts/artifacts/x.txt"),
    ("POST", "/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path=x.txt"), ("POST", "/v1/traces"),
    ("GET", "/api/2.0/mlflow/experiments/search?max_results=5"), ("POST", "/api/2.0/mlflow/experiments/create"),
    ("GET", "/get-artifact?path=confusion/val.json&run_uuid={run}"), ("POST", "/graphql"), ("GET", "/"),
)  # fmt: skip


@pytest.mark.slow
def test_whoever_has_not_the_link_reaches_nothing_of_mlflow_s_page(world: World, tmp_path: Path) -> None:
    """Nothing but its path is served, and no file comes into the folder that it was started in."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    [file] = (world.home / "mlartifacts" / "eyes").glob("*/artifacts/confusion/val.json")
    run = file.parents[2].name
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    environment |= {"RETINA_HOME": str(world.home), "PYTHONPATH": str(ROOT)}
    started_in = tmp_path / "here"
    started_in.mkdir()
    command = [sys.executable, "-m", "study", "ui", "eyes", "--port", str(port)]
    with subprocess.Popen(command, env=environment, cwd=started_in, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            link = next(line.split()[1] for line in process.stdout if line.startswith("open "))
            page = link.partition("#")[0]
            deadline = time.monotonic() + 300
            while answer("GET", page) == 0 and time.monotonic() < deadline:
                time.sleep(1)
            assert answer("GET", page) == 200
            assert answer("GET", f"{page}get-artifact?path=confusion/val.json&run_uuid={run}") == 200
            assert answer("PUT", f"{page}ajax-api/2.0/mlflow-artifacts/artifacts/x.txt") == 503
            for method, path in UPLOADS:
                code = answer(method, f"http://127.0.0.1:{port}{path.replace('{run}', run)}")
                assert code in (404, 405, 503), (method, path, code)
        finally:
            process.terminate()
            process.wait(60)
    assert not list(started_in.iterdir())


def answer(method: str, address: str) -> int:
    """Status of a request; 0 where nobody listens yet."""
    request = urllib.request.Request(address, data=None if method == "GET" else b"{}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as found:
            return int(found.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
