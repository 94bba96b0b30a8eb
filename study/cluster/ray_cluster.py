"""The machines: Ray joined or started, what of it one trial gets, and the processes that everything hangs on."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import signal
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError

from retina_data.files import file_lock
from study.cluster.address import Guard, check_asks, check_guarded
from study.cluster.head_monitor import Address
from study.environment import KEEP_MEMORY
from study.errors import ConfigError, StudyError

SHORT = "/tmp"  # noqa: S108
"""Below it lies the folder of a Ray that is started here: a socket's path has at most 107 bytes, TMPDIR may be long."""
PREFIX, YOUNG = "retina-ray-", 60.0


@contextmanager
def cluster(address: str | None, guard: Guard = "none") -> Iterator[list[dict[str, float]]]:
    """Join the Ray cluster at `address`, or start one on this machine; yields what each node has, and leaves it.

    Raises ConfigError where it reaches beyond this machine without a guard, or does not take this process in.
    """
    os.environ.update(
        RAY_USAGE_STATS_ENABLED="0",  # nothing is sent anywhere
        RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO="0",
        TUNE_DISABLE_AUTO_CALLBACK_LOGGERS="1",  # the ledger is the only log
        TUNE_DISABLE_SIGINT_HANDLER="1",  # ours stops on SIGTERM too
        RAY_worker_niceness="0",  # its default of 15 starves trials beside any other work of the machine
        RAY_AIR_NEW_OUTPUT="0",  # the other output prints a table however quiet it is asked to be
        TUNE_GLOBAL_CHECKPOINT_S="3600",  # Ray's snapshots are never read
    )
    os.environ.setdefault("GLIBC_TUNABLES", KEEP_MEMORY)
    # A process that died is told by what the ledger says of its trial.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    with nullcontext(None) if address else own_folder(Path(SHORT)) as folder:
        try:
            _join(address, folder)
            nodes = alive()
            if check_guarded([node["NodeManagerAddress"] for node in nodes], guard) and guard == "token":
                check_asks(ray.get_runtime_context().gcs_address)
            yield [node["Resources"] for node in nodes if node["Resources"].get("CPU")]
        finally:
            gc.collect()  # a reference of Ray's that is dropped after the shutdown would end the process from C++
            ray.shutdown()
            _take_sigterm(signal.getsignal(signal.SIGTERM))


@contextmanager
def own_folder(below: Path) -> Iterator[Path]:
    """A new folder of this process, open to its user alone, which is removed at the end.

    Those of processes that were killed are removed first: the kernel has dropped their locks. One that is younger than
    YOUNG seconds may be about to take its own.
    """
    for left in below.glob(f"{PREFIX}*"):
        with suppress(OSError):  # gone in the meantime
            found = left.lstat()
            mine = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()  # and no link that others made
            if mine and time.time() - found.st_mtime > YOUNG:
                with file_lock(left / "lock", 0) as lock:
                    if lock:
                        shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=below))  # mode 0700
    try:
        with file_lock(folder / "lock"):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _join(address: str | None, folder: Path | None) -> None:
    """Ray without an address would take any cluster that it finds on this machine: `local` starts one.

    folder: for the sockets and logs of one that is started.
    """
    handler = signal.getsignal(signal.SIGTERM)
    with _without_mlflow(), _no_hangup():
        try:
            ray.init(
                address=address or "local",
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                # Ray opens it to all, below one that is open to nobody.
                _temp_dir=str(folder / "ray") if folder else None,
            )
        except (OSError, RuntimeError, ValueError, RayError) as error:
            said = " ".join(str(error).split())[:200]
            if address is None:
                raise StudyError(
                    f"Ray must start on this machine, but does not ({said}); make room in {SHORT} and in memory, allow "
                    "more processes and open files (`ulimit -u`, `ulimit -n`), and type the command again: it goes on"
                ) from error
            raise ConfigError(
                f"Ray at {address} must take this process in, but does not ({said}); "
                "call retina on one of its machines, with its versions of Python and Ray, and with its RAY_AUTH_MODE "
                "and token"
            ) from None
        finally:
            _take_sigterm(handler)


def _take_sigterm(handler: Any) -> None:
    """Ray's own would end the process with 15 and nothing closed; at its end it leaves the signal to nobody, below
    Python's sight."""
    if handler is not None and threading.current_thread() is threading.main_thread():  # None: not Python's
        signal.signal(signal.SIGTERM, handler)


@contextmanager
def _no_hangup() -> Iterator[None]:
    """A terminal that goes away tells all its processes: those that are started here outlast it, so that the search can
    write down what it has; a signal that comes meanwhile is delivered afterwards."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


@contextmanager
def _without_mlflow() -> Iterator[None]:
    """Processes that are started here need no MLflow, and get no address and no password of one."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("MLFLOW_")}
    try:
        yield
    finally:
        os.environ.update(hidden)


def alive() -> list[dict[str, Any]]:
    """Ray's own description of each node that lives."""
    return [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def kill_below(pid: int) -> None:
    """End all processes below one: Ray's own, once their head is gone, would wait for it for minutes."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # gone in the meantime
            parents[int(entry.parent.name)] = int(entry.read_text().rpartition(")")[2].split()[1])
    below = [pid]
    for parent in below:  # grows while it is walked through
        below += [child for child, its_parent in parents.items() if its_parent == parent]
    for child in below[1:]:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def head_places() -> dict[str, Address]:
    """Where Ray's control store and the node manager that this process hangs on take connections."""
    mine = ray.get_runtime_context()
    host, _, port = mine.gcs_address.rpartition(":")
    node = next(node for node in alive() if node["NodeID"] == mine.get_node_id())
    return {"GCS": (host, int(port)), "raylet": (node["NodeManagerAddress"], int(node["NodeManagerPort"]))}
