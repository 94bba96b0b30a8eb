"""Where a Ray cluster is, and whether a stranger could command it; asked before anything heavy is imported.

Whoever reaches a Ray cluster that asks for no token can run any code on its machines.
"""

from __future__ import annotations

import socket

from study.config import ConfigError
from study.watcher import Address, answers

AUTO = "auto"  # Ray's word for the cluster that was started on this machine


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


def check_address(text: str, *, trusted: bool) -> None:
    """Raise ConfigError unless a cluster answers there that may be joined: Ray itself would try for many minutes."""
    address = parse_address(text)
    if not address:
        return
    check_guarded([address[0]], trusted=trusted)
    if not answers(address):
        raise ConfigError(
            f"Ray must answer at {text}, but does not; start its head there (ray start --head), or correct --address "
            "or RAY_ADDRESS"
        )


def check_guarded(hosts: list[str], *, trusted: bool) -> None:
    """Raise ConfigError where a cluster reaches beyond this machine, and is neither guarded nor trusted.

    trusted: whether a token is used, or the user says that none is needed.
    """
    beyond = [host for host in hosts if not on_this_machine(host)]
    if beyond and not trusted:
        raise ConfigError(
            f"RAY_AUTH_MODE=token must be set for a Ray cluster beyond this machine ({beyond[0]}), since whoever "
            "reaches one without a token can run any code on it; set it on all machines with one token (README, GPUs "
            "and clusters), or add --insecure where nobody else reaches them"
        )


def on_this_machine(host: str) -> bool:
    """Whether each address of a host is one of this machine's: nothing can listen at another's."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM)
    except OSError:
        return False
    return all(_is_own(family, place) for family, _, _, _, place in found)


def _is_own(family: int, place: tuple[object, ...]) -> bool:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind(place)
    except OSError:
        return False
    return True
