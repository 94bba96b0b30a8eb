import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from subprocess import DEVNULL

import pytest

from study.cluster.address import check_address, check_asks, check_guarded, on_this_machine, parse_address
from study.errors import ConfigError
from tests.fixtures.command import refused

ELSEWHERE = "203.0.113.7"  # of a range that is kept for documents


@pytest.mark.parametrize(
    ("text", "address"),
    [("head:6379", ("head", 6379)), ("10.0.0.1:1", ("10.0.0.1", 1)), ("[::1]:6379", ("::1", 6379)), ("auto", None)],
)
def test_an_address_is_a_host_and_a_port(text: str, address: object) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text", ["head", "head:", ":6379", "head:0", "head:65536", "ray://head:10001", "head:port", ""]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="must be HOST:PORT of its head or `auto`, but got"):
        parse_address(text)


def test_a_cluster_must_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        text = f"127.0.0.1:{server.getsockname()[1]}"
        check_address(text, "none")
    with pytest.raises(ConfigError, match=f"Ray must answer at {text}, but does not; start its head there"):
        check_address(text, "none")
    check_address("auto", "none")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", socket.gethostname()])
def test_this_machine_is_known_by_all_its_names(host: str) -> None:
    assert on_this_machine(host)


@pytest.mark.parametrize("host", [ELSEWHERE, "no.such.host.invalid"])
def test_another_machine_is_not_this_one(host: str) -> None:
    assert not on_this_machine(host)


def test_a_cluster_beyond_this_machine_needs_a_token() -> None:
    assert not check_guarded(["127.0.0.1", "localhost"], "none")
    assert check_guarded(["127.0.0.1", ELSEWHERE], "token")
    assert check_guarded(["127.0.0.1", ELSEWHERE], "waived")
    with pytest.raises(ConfigError, match=rf"RAY_AUTH_MODE=token must be set .*\({ELSEWHERE}\).*--insecure"):
        check_guarded(["127.0.0.1", ELSEWHERE], "none")


def test_the_command_refuses_before_anything_is_begun(tmp_path: Path) -> None:
    said = refused(tmp_path, "search", "s", "--data", str(tmp_path), "--address", f"{ELSEWHERE}:6379")
    assert "RAY_AUTH_MODE=token must be set for a Ray cluster beyond this machine" in said
    said = refused(tmp_path, "search", "s", "--data", str(tmp_path), "--address", "127.0.0.1:1")
    assert "Ray must answer at 127.0.0.1:1, but does not" in said
    said = refused(tmp_path, "search", "s", "--data", str(tmp_path), "--address", "ray://127.0.0.1:10001")
    assert "must be HOST:PORT of its head" in said


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["token", "disabled"])
def test_a_cluster_is_tried_as_a_stranger_would(mode: str) -> None:
    """A real head on this machine. One without a token takes whoever has one too, so having one proves nothing."""
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef0123456789abcdef"}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ray, sockets = str(Path(sys.executable).parent / "ray"), Path(f"/tmp/ray-{os.getpid()}-{mode}")
    head = [ray, "start", "--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={sockets}", "--block"]
    head += ["--min-worker-port=0", "--max-worker-port=0", "--num-cpus=1"]  # any: the head's own may lie among others
    process = subprocess.Popen(head, env={**os.environ, **token, "RAY_AUTH_MODE": mode}, stdout=DEVNULL, stderr=DEVNULL)
    try:
        deadline = time.monotonic() + 60
        status = [ray, "status", f"--address=127.0.0.1:{port}"]
        while subprocess.run(status, env={**os.environ, **token}, capture_output=True).returncode:
            assert process.poll() is None
            assert time.monotonic() < deadline
        if mode == "token":
            check_asks(f"127.0.0.1:{port}")
        else:
            with pytest.raises(ConfigError, match="must ask for a token, .* but lets in who has none"):
                check_asks(f"127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(sockets, ignore_errors=True)
