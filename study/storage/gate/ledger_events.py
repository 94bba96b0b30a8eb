"""Each event of a ledger is checked when it is read: types, names, digests, bounds and depth.

A ledger may have been written by anybody. What passes here may become a folder's name, a loop's end, or a number that
memory is taken for.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from analysis import schema
from retina_data.gate import shortened
from study.config.study import StudyConfig
from study.config.trial import TrialConfig
from study.storage.events import Event, make_event
from study.storage.gate.event_fields import CHECKS

MOST_DEPTH = 12

MOST_VALUES = 2_000_000  # in one event: what a study warm-starts from may be many trials

READ_OF_A_TRIAL = ("architecture", "pretrained", "epochs", "objective", "select_epoch", "seed", "precision", "lr")
"""Fields of a recorded configuration that are read as they stand."""


def checked_event(values: dict[str, Any]) -> Event:
    """The event with these values; raises ValueError, naming the field, where a rule is broken."""
    kind = values.get("event")
    check = CHECKS.get(kind) if isinstance(kind, str) else None
    if check is None:
        raise ValueError(f"no event is named {shortened(str(kind)[:80])}")
    if kind in ("study", "warm_start"):
        _check_size(values)
    try:
        check.validate_python(values)
        if kind == "study":
            _check_study(values["config"])
        elif "config" in values:
            _check_trial(values["config"])
    except ValidationError as error:
        raise ValueError(_first(error)) from None
    return make_event(values)


def _check_study(config: dict[str, Any]) -> None:
    StudyConfig.model_validate(config)
    missing = StudyConfig.model_fields.keys() - {"weights"} - config.keys()
    if missing:
        raise ValueError(f"config must have {sorted(missing)[0]}")
    schema.fold_of(config["fold"])
    decision = config["fixed"].get("decision")
    if decision not in ("most_probable", "median"):
        raise ValueError("config.fixed.decision must be most_probable or median")


def _check_trial(config: dict[str, Any]) -> None:
    missing = [name for name in READ_OF_A_TRIAL if name not in config]
    if missing:
        raise ValueError(f"config must have {missing[0]}")
    TrialConfig.model_validate(config, strict=True)


def _check_size(values: dict[str, Any]) -> None:
    """Depth and number of what an event holds, walked through without recursion."""
    left: list[tuple[Any, int]] = [(values, 0)]
    count = 0
    while left:
        value, depth = left.pop()
        count += 1
        if depth > MOST_DEPTH or count > MOST_VALUES:
            raise ValueError(f"at most {MOST_DEPTH} levels and {MOST_VALUES:,} values must be in it")
        if isinstance(value, dict | list):
            left += [(one, depth + 1) for one in (value.values() if isinstance(value, dict) else value)]


def _first(error: ValidationError) -> str:
    """What is wrong first, short and printable whatever it is."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(key) for key in first["loc"])[:80]
    return f"{shortened(place)[1:-1]}: {first['msg'][:160]}, but got {shortened(str(first['input'])[:200])}"
