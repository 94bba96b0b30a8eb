"""Notices that Ray's head is gone. Ray itself does not tell: without the raylet a search ends as if every trial had
failed, and without the GCS the process is ended from C++ after a minute, with nothing written.

A connection is asked for, and nothing said: a dead process refuses at once, and a lost machine does not answer.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Address = tuple[str, int]

EVERY_SECONDS = 1.0

ANSWER_SECONDS = 2.0

TRIES = 2
"""Refusals or silences in a row that count: noticed after at most 7 seconds, within half of one where it is refused."""


class HeadMonitor:
    """The processes without which no trial can go on; `places` names each with its address."""

    def __init__(self, places: dict[str, Address], end: Callable[[str], None]) -> None:
        """`end` is called once, from a thread, with the reason; it is expected not to return."""
        self._places, self._end = places, end
        self._reason = ""
        self._asked, self._over = threading.Event(), threading.Event()

    def gone(self) -> str:
        """Ask now; what is gone, in words, or nothing. What is gone once stays so."""
        for name, address in self._places.items():
            if not self._reason and not answers(address):
                self._reason = f"Ray's {name} at {address[0]}:{address[1]} is gone"
        if self._reason:
            self._asked.set()  # who asked need not wait until the thread looks again
        return self._reason

    def await_end(self) -> None:
        """Nothing may be written any more: wait for `end` to end the process."""
        self._over.wait()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look every second, while the search runs."""
        thread = threading.Thread(target=self._watch, name="head", daemon=True)
        thread.start()
        try:
            yield
        finally:
            if not self._reason:
                self._over.set()
                self._asked.set()
                thread.join()

    def _watch(self) -> None:
        while not self._over.is_set():
            if self.gone():
                try:
                    self._end(self._reason)
                finally:
                    self._over.set()  # whoever waits for the end must not do so for ever
            self._asked.wait(EVERY_SECONDS)


def answers(address: Address) -> bool:
    """Whether somebody takes connections there; asked twice before it is denied."""
    return any(_connects(address) for _ in range(TRIES))


def _connects(address: Address) -> bool:
    started = time.monotonic()
    try:
        socket.create_connection(address, timeout=ANSWER_SECONDS).close()
        return True
    except (OSError, UnicodeError):  # the latter of a name that cannot be one
        time.sleep(max(0.0, min(0.2, started + ANSWER_SECONDS - time.monotonic())))
        return False
