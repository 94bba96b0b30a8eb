"""Where a Ray cluster is, and whether a stranger could command it; asked before anything heavy is imported.

Whoever reaches a Ray cluster that asks for no token can run any code on its machines.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
from typing import Literal

from study.cluster.head_monitor import Address, answers
from study.errors import ConfigError

Guard = Literal["none", "token", "waived"]
"""What keeps strangers out of a cluster beyond this machine; `waived` where the user says that none can come."""

STATUS = "from ray.scripts.scripts import main; main()"

TRY_SECONDS = 120.0

AUTO = "auto"  # Ray's word for the cluster that was started on this machine


def own_token() -> dict[str, str]:
    """Environment of a Ray that is started on this machine, so that it takes commands from its own user alone.

    It must be set before Ray is imported, whatever stood there: Ray's head and nodes listen on all interfaces. The
    token is drawn for one call; it stands in no file and in no process's arguments.
    """
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


def parse_address(text: str) -> Address | None:
    """HOST:PORT, or None for `auto`. Raises ConfigError for anything else."""
    if text == AUTO:
        return None
    host, sign, port = text.rpartition(":")
    if "//" in text or not sign or not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ConfigError(
            f"Ray's address must be HOST:PORT of its head or `auto`, but got {text!r}; correct --address or "
            "RAY_ADDRESS, and call retina on one of the cluster's machines"
        )
    return host.strip("[]"), int(port)


def check_address(text: str, guard: Guard) -> None:
    """Raise ConfigError unless a cluster answers there that may be joined: Ray itself would try for many minutes."""
    address = parse_address(text)
    if not address:
        return
    check_guarded([address[0]], guard)
    if not answers(address):
        raise ConfigError(
            f"Ray must answer at {text}, but does not; start its head there (ray start --head), or correct --address "
            "or RAY_ADDRESS"
        )


def check_guarded(hosts: list[str], guard: Guard) -> bool:
    """Raise ConfigError where a cluster reaches beyond this machine without a guard; returns whether it does."""
    beyond = [host for host in hosts if not on_this_machine(host)]
    if beyond and guard == "none":
        raise ConfigError(
            f"RAY_AUTH_MODE=token must be set for a Ray cluster beyond this machine ({beyond[0]}), since whoever "
            "reaches one without a token can run any code on it; set it on all machines with one token (README, GPUs "
            "and clusters), or add --insecure where nobody else reaches them"
        )

    return bool(beyond)


def check_asks(address: str) -> None:
    """Raise ConfigError where a stranger is let in: a cluster that was started without a token takes whoever has one.

    Ray's own command asks, in a process that has no token.
    """
    command = [sys.executable, "-c", STATUS, "status", "--address", address]
    stranger = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    try:
        done = subprocess.run(command, env=stranger, capture_output=True, timeout=TRY_SECONDS, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise ConfigError(
            f"Ray at {address} must say whether it asks for a token, but did not answer within {TRY_SECONDS:.0f} s; "
            "try again, or look at its head"
        ) from None
    if done.returncode == 0:
        raise ConfigError(
            f"Ray at {address} must ask for a token, since it reaches beyond this machine, but lets in who has none; "
            "start it with RAY_AUTH_MODE=token on all its machines, or add --insecure where nobody else reaches them"
        )


def on_this_machine(host: str) -> bool:
    """Whether each address of a host is one of this machine's: nothing can listen at another's."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):  # the latter of a name that cannot be one, such as a..b
        return False
    return all(_is_own(family, place) for family, _, _, _, place in found)


def _is_own(family: int, place: tuple[object, ...]) -> bool:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind(place)
    except OSError:
        return False
    return True
