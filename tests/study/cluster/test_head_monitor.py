import socket
import threading
import time

import pytest

from study.cluster import head_monitor
from study.cluster.head_monitor import HeadMonitor


def _listening() -> tuple[socket.socket, tuple[str, int]]:
    made = socket.create_server(("127.0.0.1", 0))
    return made, made.getsockname()


def test_what_stops_listening_is_noticed_and_ended_once() -> None:
    (store, store_at), (manager, manager_at) = _listening(), _listening()
    ended: list[str] = []
    head = HeadMonitor({"GCS": store_at, "raylet": manager_at}, ended.append)
    with store, head.watched():
        assert head.gone() == ""
        manager.close()
        closed = time.monotonic()
        head.await_end()
        assert time.monotonic() - closed < 5
        assert head.gone() == ended[0]
    assert ended == [f"Ray's raylet at 127.0.0.1:{manager_at[1]} is gone"]


def test_who_asks_first_need_not_wait_for_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_monitor, "EVERY_SECONDS", 3600.0)
    store, at = _listening()
    ended = threading.Event()
    head = HeadMonitor({"GCS": at}, lambda reason: ended.set())
    with head.watched():
        time.sleep(0.2)  # the thread has looked, and waits
        store.close()
        assert head.gone()
        assert ended.wait(5)


def test_a_head_that_lives_ends_nothing() -> None:
    store, at = _listening()
    ended: list[str] = []
    with store:
        head = HeadMonitor({"GCS": at}, ended.append)
        with head.watched():
            time.sleep(0.1)
    time.sleep(0.1)
    assert ended == []
    assert not [thread for thread in threading.enumerate() if thread.name == "head"]


def test_a_machine_that_does_not_answer_is_gone_after_two_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_monitor, "ANSWER_SECONDS", 0.2)
    full = socket.socket()  # bound and listening to nobody: further connections get no answer
    with full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        started = time.monotonic()
        assert "is gone" in HeadMonitor({"GCS": full.getsockname()}, lambda reason: None).gone()
        assert time.monotonic() - started < 5
        for one in waiting:
            one.close()


def test_an_end_that_breaks_off_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(reason: str) -> None:
        raise SystemExit(1)

    with socket.create_server(("127.0.0.1", 0)) as server:
        head = HeadMonitor({"GCS": server.getsockname()}, broken)
    monkeypatch.setattr(threading, "excepthook", lambda *_: None)
    with head.watched():
        waiting = threading.Thread(target=head.await_end, daemon=True)
        waiting.start()
        waiting.join(20)
        assert not waiting.is_alive()
