"""What ends a search before its trials are done."""

import signal
import subprocess
import sys
import time

from study.tuning.interruption import Stop, signals


def test_a_search_stops_for_a_signal_a_reason_or_its_time() -> None:
    assert not Stop().stop_all()
    for field, value in (("signal", 2), ("reason", "no point"), ("deadline", time.monotonic() - 1)):
        stop = Stop()
        setattr(stop, field, value)
        assert stop.stop_all()
    later = Stop()
    later.deadline = time.monotonic() + 60
    assert not later.stop_all()


def test_the_first_reason_counts() -> None:
    stop = Stop()
    stop.request_stop("cache/abc must be readable")
    stop.request_stop("another")
    assert stop.reason == "cache/abc must be readable"


def test_the_handlers_are_put_back_where_no_signal_came() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with signals() as stop:
        assert signal.getsignal(signal.SIGTERM) is not before
    assert not stop.stop_all()
    assert signal.getsignal(signal.SIGTERM) is before


TWICE = """
import os, signal, time
from study.tuning.interruption import signals
with signals() as stop:
    os.kill(os.getpid(), signal.SIGTERM)
    assert stop.stop_all() and stop.signal == signal.SIGTERM and "SIGTERM" in stop.reason
os.kill(os.getpid(), signal.SIGTERM)  # while it closes
time.sleep(60)
"""


def test_a_signal_is_noted_and_a_second_one_ends_the_process_also_while_it_closes() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", TWICE], timeout=60, capture_output=True, text=True)
    assert done.returncode == 143
    assert done.stderr == "stopping: trials keep their last checkpoint; once more ends at once\n"


CLOSED = "import os\nos.close(2)\n" + TWICE


def test_a_signal_is_noted_where_nobody_reads() -> None:
    assert subprocess.run([sys.executable, "-c", CLOSED], timeout=60).returncode == 143
