"""What libraries read in the environment when they are loaded, here and in processes that are started; memory kept."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress

MLFLOW = {
    "DISABLE_TELEMETRY": "true",
    "ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # standard output is the command's own
    "HTTP_REQUEST_MAX_RETRIES": "0",  # a server that was only slow would make a run twice; the feed looks first
    "HTTP_REQUEST_TIMEOUT": "20",
}

SPINS = "5000"
"""Turns that a thread waits for the next piece of work awake, then it sleeps.

On 2 idle cores two threads train ResNet18 at 32 px 0.95 times as fast as with OpenMP's own 300,000, and 0.7 times as
fast where they sleep at once. Beside six programs that compute they do 38 to 48 images/s, 38 to 74 where they sleep at
once, and 6 to 8 with OpenMP's own."""

KEEP_MEMORY = ":".join(
    f"glibc.malloc.{name}" for name in ("mmap_max=0", "trim_threshold=0x10000000000", "hugetlb=1", "arena_max=1")
)
"""For processes that train. A training step frees its activations and takes them back; glibc gives large ones to the
system in between, and each page of them is a fault in the next step. Kept, and in huge pages, they are none; in one
arena, since a thread's own would give them back all the same."""

TRAINING = ("demo", "pretrain", "train")
"""Commands that train in their own process."""

BEGUN = "RETINA_BEGUN"
"""Variable that holds the number of the process that began again."""

MOST_OF_A_SOCKET = 39
"""Letters that Ray's folder may have: a Unix socket's path has 107 at most, of which Ray needs 68 below it."""


def set_environment() -> None:
    """Set what is not set yet; called before MLflow, torch or Ray is imported."""
    for name, value in MLFLOW.items():
        os.environ.setdefault(f"MLFLOW_{name}", value)
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)  # of GNU's OpenMP, which torch's wheels have
        os.environ.setdefault("KMP_BLOCKTIME", "0")  # of LLVM's and Intel's, which count milliseconds
    if len(os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "") > MOST_OF_A_SOCKET:
        os.environ["RAY_TMPDIR"] = "/tmp"  # noqa: S108


def keep_memory() -> None:
    """Begin this process again with KEEP_MEMORY where it trains: glibc reads that at a process's start alone.

    Nothing happens where GLIBC_TUNABLES is set already, where the command was called from another program's code, or
    where no process can be started: it is for speed alone.
    """
    typed = sys.argv[1:]
    trains = typed[:1] and typed[0] in TRAINING and not {"-h", "--help"} & set(typed)
    is_program = sys.orig_argv[-len(typed) :] == typed and sys.orig_argv[1:2] != ["-"] and bool(sys.executable)
    # The number outlives the start; glibc takes its variable away from a program that runs with rights of its own.
    is_second = os.environ.get(BEGUN) == str(os.getpid())
    if trains and is_program and not is_second and sys.platform == "linux" and "GLIBC_TUNABLES" not in os.environ:
        os.environ |= {"GLIBC_TUNABLES": KEEP_MEMORY, BEGUN: str(os.getpid())}
        with suppress(OSError):
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606


def return_memory() -> None:
    """Give free memory back to the system, also what KEEP_MEMORY has kept: what comes next may need it."""
    with suppress(AttributeError):  # of glibc alone
        ctypes.CDLL(None).malloc_trim(0)
