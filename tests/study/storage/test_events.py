"""Events as lines, and back."""

from dataclasses import FrozenInstanceError, replace

import pytest

from study.storage.events import Event, TestEvaluation, WarmStart, encode, make_event, parse
from tests.fixtures.study import (
    close_event,
    confirmation_event,
    end_event,
    epoch_event,
    evaluation_event,
    finalist_event,
    study_event,
    trial_event,
)

EVENTS: list[Event] = [
    study_event(),
    replace(study_event(), confirmations=3, ensemble=True),
    WarmStart(source_study=None, trials=[], enqueued=[{"group": "g", "params": {"lr": 0.1}}]),
    trial_event(0),
    finalist_event(0),
    confirmation_event(0),
    epoch_event(0, 1, None),
    TestEvaluation(),
    evaluation_event(scores={"test/kappa": 0.5}),
    end_event(0, "failed", "no memory"),
    close_event(),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_event_is_one_line_and_read_back_equal(event: Event) -> None:
    line = encode(event)
    assert line.count(b"\n") == 1 and line.endswith(b"\n")
    assert line.startswith(f'{{"event":"{event.kind}","time":'.encode())
    assert make_event(parse(line)) == event
    with pytest.raises((FrozenInstanceError, AttributeError)):
        event.time = 1.0  # type: ignore[misc]
    assert not hasattr(event, "__dict__"), "10,000 trials of 15 epochs are in memory"


def test_event_that_is_none_is_refused() -> None:
    for line in (
        b"[]",
        b"{}",
        b'{"event":"trial_begun"}',
        b'{"event":"study_closed"}',
        b'{"event":"study_closed","x":1}',
    ):
        with pytest.raises(ValueError, match="no "):
            make_event(parse(line))
