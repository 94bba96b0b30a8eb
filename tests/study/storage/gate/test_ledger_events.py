"""Each field of an event is checked when it is read; what today's code writes passes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from study.storage.events import WarmStart, encode, parse
from study.storage.gate.ledger_events import checked_event
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

ORDINARY = [
    study_event(),
    replace(study_event(), confirmations=3, ensemble=True),
    study_event(fold="2/5"),
    replace(study_event(), splits={"train": 8, "val": 5, "test": 3, "excluded": 2}),
    WarmStart(source_study=None, trials=[], enqueued=[{"group": "g", "params": {"lr": 0.1}}]),
    WarmStart(
        source_study="s",
        enqueued=[],
        trials=[{"group": "g", "params": {}, "distributions": {"lr": "{}"}, "value": 0.5}],
    ),
    trial_event(0),
    finalist_event(0),
    confirmation_event(0),
    epoch_event(0, 1, None),
    epoch_event("c0000", 1, -0.1),
    evaluation_event(scores={"test/kappa": 0.5}, confusion=[[1] * 5] * 5),
    end_event(0, "failed", "no memory"),
    close_event(),
]


@pytest.mark.parametrize("event", ORDINARY, ids=lambda event: event.kind)
def test_what_is_written_passes(event: Any) -> None:
    assert checked_event(parse(encode(event))) == event


def put(*keys: Any) -> Callable[[dict[str, Any]], None]:
    """Set a field, deep in an event, to the last of the keys."""

    def change(values: dict[str, Any]) -> None:
        for key in keys[:-2]:
            values = values[key]
        values[keys[-2]] = keys[-1]

    return change


def deep(levels: int) -> Any:
    found: Any = 0
    for _ in range(levels):
        found = [found]
    return found


OUT = "../../../x"
WRONG = [
    *[(trial_event(0), put("trial", name)) for name in (OUT, "", "a" * 65, "a\0b", "a/b", "-x", ".x", "x\n", 3, None)],
    (trial_event(0), put("duplicate_of", OUT)),
    (trial_event(0), put("number", -1)),
    (trial_event(0), put("number", 2**53)),
    (trial_event(0), put("config", "epochs", 10**9)),
    (trial_event(0), put("config", "epochs", "9")),
    (trial_event(0), put("config", "architecture", "vgg")),
    (trial_event(0), put("config", {})),
    (trial_event(0), put("params", {"lr": [1]})),
    (trial_event(0), put("params", {"a b": 1})),
    (finalist_event(0), put("finalist", OUT)),
    (finalist_event(0), put("trial", OUT)),
    (confirmation_event(0), put("confirm", OUT)),
    (confirmation_event(0), put("epochs", 10**9)),
    (epoch_event(0, 1, 0.5), put("trial", OUT)),
    (epoch_event(0, 1, 0.5), put("epoch", 0)),
    (epoch_event(0, 1, 0.5), put("scores", "val/kappa", float("nan"))),
    (epoch_event(0, 1, 0.5), put("scores", "val/kappa", "1")),
    (epoch_event(0, 1, 0.5), put("scores", {f"s{n}": 1.0 for n in range(201)})),
    (epoch_event(0, 1, 0.5), put("confusion", [[0] * 5] * 4)),
    (epoch_event(0, 1, 0.5), put("confusion", [[-1] * 5] * 5)),
    (epoch_event(0, 1, 0.5), put("weights_digest", "f" * 63)),
    (epoch_event(0, 1, 0.5), put("time", 1e300)),
    (epoch_event(0, 1, 0.5), put("time", -1)),
    (epoch_event(0, 1, 0.5), put("device", "x" * 10_001)),
    (evaluation_event(), put("confirm", OUT)),
    (end_event(0), put("trial", OUT)),
    (end_event(0), put("state", "dead")),
    (close_event(), put("state", "")),
    (study_event(), put("id", OUT)),
    (study_event(), put("identity", "data_digest", f"{OUT}")),
    (study_event(), put("identity", "data_digest", "D" * 64)),
    (study_event(), put("identity", {})),
    (study_event(), put("config", "fold", "1/1000000000")),
    (study_event(), put("config", "fold", "3/2")),
    (study_event(), put("config", "trials", 10**12)),
    (study_event(), put("config", {})),
    (study_event(), put("arms", ["resnet18-scratch"] * 5)),
    (study_event(), put("arms", ["vgg"])),
    (study_event(), put("weights", {"resnet18": {"source": "x", "digest": OUT}})),
    (study_event(), put("commands", ["retina search s; rm -rf ~"])),
    (study_event(), put("commands", ["rm x"])),
    (study_event(), put("splits", {"train": -1})),
    (study_event(), put("threads", 0)),
    (study_event(), put("audit", {"x": deep(20)})),
    (study_event(), put("versions", {"python": "3"})),
    (WarmStart(trials=[], enqueued=[]), put("trials", [{"group": OUT, "params": {}}])),
    (close_event(), put("event", "trial_begun")),
    (close_event(), put("event", ["x"])),
    (close_event(), put("more", 1)),
]


@pytest.mark.parametrize(("event", "change"), WRONG)
def test_a_field_that_breaks_a_rule_is_named(event: Any, change: Callable[[dict[str, Any]], None]) -> None:
    values = json.loads(encode(event))
    change(values)
    with pytest.raises(ValueError) as caught:
        checked_event(values)
    assert len(str(caught.value)) < 700
