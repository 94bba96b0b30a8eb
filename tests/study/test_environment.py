"""study.environment: what is set, what is left as it is, and which commands begin again."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from study import environment
from study.cli.app import app


@pytest.fixture(autouse=True)
def _own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process's environment is put back, whatever a test makes of it."""
    monkeypatch.setattr(os, "environ", dict(os.environ))


def test_threads_wait_awake_for_a_moment_alone() -> None:
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"):
        os.environ.pop(name, None)
    environment.set_environment()
    assert os.environ["GOMP_SPINCOUNT"] == environment.SPINS and os.environ["KMP_BLOCKTIME"] == "0"
    os.environ["GOMP_SPINCOUNT"] = "7"
    environment.set_environment()
    assert os.environ["GOMP_SPINCOUNT"] == "7", "who has set it knows why"
    del os.environ["GOMP_SPINCOUNT"], os.environ["KMP_BLOCKTIME"]
    os.environ["OMP_WAIT_POLICY"] = "ACTIVE"
    environment.set_environment()
    kept = {"GOMP_SPINCOUNT", "KMP_BLOCKTIME"} & set(os.environ)
    assert not kept, "they would take the place of what was asked for"


@pytest.mark.parametrize(("variable", "length", "moved"), [("TMPDIR", 39, False), ("TMPDIR", 40, True)])
def test_a_folder_that_is_too_long_for_a_socket_is_another_one(variable: str, length: int, moved: bool) -> None:
    os.environ.pop("RAY_TMPDIR", None)
    os.environ[variable] = "/" + "t" * (length - 1)
    environment.set_environment()
    assert (os.environ.get("RAY_TMPDIR") == "/tmp") is moved  # noqa: S108


@pytest.mark.parametrize(
    ("arguments", "begins"),
    [
        (["train", "--data", "d"], True), (["pretrain"], True), (["demo"], True),
        (["search", "train"], False), (["train", "--help"], False), ([], False),
    ],
)  # fmt: skip
def test_a_command_that_trains_begins_again_once(
    arguments: list[str], begins: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda program, words: begun.append(words))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys, "argv", ["retina", *arguments])
    monkeypatch.setattr(sys, "orig_argv", ["python3", "-m", "study", *arguments])
    os.environ.pop("GLIBC_TUNABLES", None)
    environment.keep_memory()
    environment.keep_memory()
    os.environ.pop("GLIBC_TUNABLES", None)  # as glibc does for a program with rights of its own
    environment.keep_memory()
    assert begun == [[sys.executable, "-m", "study", *arguments]] * begins


@pytest.mark.parametrize(
    ("executable", "began_as"),
    [("python3", ["python3", "kernel.py", "-f", "x"]), ("python3", ["python3", "-", "demo"]), ("", ["", "r", "demo"])],
)
def test_a_program_that_is_not_the_command_is_not_begun_again(
    executable: str, began_as: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "execv", None)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys, "argv", ["retina", "demo"])
    monkeypatch.setattr(sys, "orig_argv", began_as)
    monkeypatch.setattr(sys, "executable", executable)
    os.environ.pop("GLIBC_TUNABLES", None)
    environment.keep_memory()
    assert "GLIBC_TUNABLES" not in os.environ


def test_where_no_process_can_be_started_the_command_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def refused(program: str, words: list[str]) -> None:
        tried.append(program)
        raise PermissionError("no process may be started here")

    monkeypatch.setattr(os, "execv", refused)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys, "argv", ["retina", "demo"])
    monkeypatch.setattr(sys, "orig_argv", ["python3", "retina", "demo"])
    os.environ.pop("GLIBC_TUNABLES", None)
    environment.keep_memory()
    assert tried == [sys.executable]


def test_what_trains_is_a_command() -> None:
    names = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert set(environment.TRAINING) <= names


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is Linux's")
def test_the_command_reads_its_arguments_as_they_were_typed(tmp_path: Path) -> None:
    missing = tmp_path / "no such folder, 'quoted'"
    variables = {name: value for name, value in os.environ.items() if name != "GLIBC_TUNABLES"}
    for tunables in ({}, {"GLIBC_TUNABLES": environment.KEEP_MEMORY}):
        done = subprocess.run(
            [sys.executable, "-m", "study", "train", str(missing)],
            env=variables | tunables | {"COLUMNS": "400"}, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 2 and str(missing) in done.stderr, done.stderr


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="glibc alone keeps and gives back")
def test_memory_that_was_kept_is_given_back() -> None:
    program = (
        "import ctypes, os, pathlib\n"
        "from study.environment import return_memory\n"
        "def pages(): return int(pathlib.Path('/proc/self/statm').read_text().split()[1])\n"
        "libc = ctypes.CDLL(None)\n"
        "libc.malloc.restype = ctypes.c_void_p\n"
        "block = libc.malloc(ctypes.c_size_t(2**28))\n"
        "ctypes.memset(block, 1, 2**28)\n"
        "libc.free(ctypes.c_void_p(block))\n"
        "kept = pages()\n"
        "return_memory()\n"
        "print((kept - pages()) * os.sysconf('SC_PAGE_SIZE'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"GLIBC_TUNABLES": environment.KEEP_MEMORY},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert int(done.stdout) > 2**27
