"""When a search stops before its trials are done: a signal, a reason, or its time."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

ACKNOWLEDGED = b"stopping: trials keep their last checkpoint; once more ends at once\n"


class Stop:
    """Ends all trials once a signal came, the time budget is used up, or the search has no point any more."""

    def __init__(self) -> None:
        self.signal = 0
        self.reason = ""
        self.deadline: float | None = None  # on time.monotonic()'s clock

    def request_stop(self, reason: str) -> None:
        """The search has no point any more; the first reason counts, and is recorded."""
        self.reason = self.reason or reason

    def stop_all(self) -> bool:
        """Whether to stop now."""
        return bool(self.signal or self.reason or self.out_of_time())

    def out_of_time(self) -> bool:
        """Whether the time budget is used up."""
        return self.deadline is not None and time.monotonic() >= self.deadline


@contextmanager
def signals() -> Iterator[Stop]:
    """SIGINT, SIGTERM and SIGHUP set the Stop that is yielded; a second one ends the process; the ledger survives it.

    A SIGHUP that was ignored at the start, as under nohup, stays so.

    The first is acknowledged at once, as the end takes seconds.
    Where none came, the handlers that were there before are put back; after one, a second ends what is left, too.
    """
    stop = Stop()

    def handle(number: int, frame: Any) -> None:
        if stop.signal:
            os._exit(128 + number)
        stop.signal, stop.reason = number, f"stopped by {signal.Signals(number).name}"
        with suppress(OSError):  # nobody may read; Python's own streams may not be used in a handler
            os.write(2, b"\n" * os.isatty(2) + ACKNOWLEDGED)  # a terminal's ^C stands before it

    hangup = [signal.SIGHUP] if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN else []
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM, *hangup)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            if not stop.signal:
                signal.signal(number, handler)
