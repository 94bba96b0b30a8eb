"""The events of a study, one type for each kind; each is one JSON line of the ledger."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from sys import intern
from typing import Any, ClassVar

SCHEMA = 3
"""Version of the ledger: raised whenever a kind of event, or a field of one, changes."""

READABLE = (2, SCHEMA)
"""Versions that can be read: 2 lacks `trial_forgotten` and `primary_endpoint` alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """time: seconds since 1970 when the ledger wrote it, by the writer's clock. A field that is None is not written."""

    kind: ClassVar[str]
    time: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyStarted(Event):
    """A search or a confirmation was started or resumed; the first one makes the study.

    identity: what all trials of one study have in common (`Plan.identity`). weights: architecture -> source, kind,
    digest. splits: images of each split. confirmations: how many there are to be; ensemble: whether the mean of
    the seeds is evaluated too; both None before a study is confirmed. primary_endpoint: of schema.primary_endpoint.
    """

    kind = "study"
    schema: int = SCHEMA
    id: str
    config: dict[str, Any]
    objective: str
    identity: dict[str, Any]
    arms: list[str]
    not_run: dict[str, str]
    weights: dict[str, dict[str, str]]
    audit: dict[str, Any]
    splits: dict[str, int]
    versions: dict[str, str]
    threads: int
    max_concurrent: int = 1
    notes: list[str]
    commands: list[str]
    confirmations: int | None = None
    ensemble: bool | None = None
    primary_endpoint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmStart(Event):
    """What samplers know before their first suggestion.

    trials: of another study (group, params, distributions, value). enqueued: configurations to run first (group,
    params).
    """

    kind = "warm_start"
    source_study: str | None = None
    trials: list[dict[str, Any]]
    enqueued: list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialStarted(Event):
    """A trial of the search. duplicate_of: the first trial with its configuration but for the seed, "" if it is that.

    group: the sampler's. number: within that, from 0. params, distributions: as Optuna has them.
    """

    kind = "trial_started"
    trial: str
    group: str
    number: int
    config: dict[str, Any]
    params: dict[str, Any]
    distributions: dict[str, str]
    duplicate_of: str = ""

    @property
    def name(self) -> str:
        """Name of what was started."""
        return self.trial


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalistStarted(Event):
    """One of the best trials again. trial: which one; rank: within its arm, from 1; seed_index: from 0; baseline: it
    is its arm's first trial."""

    kind = "finalist_started"
    finalist: str
    trial: str
    seed_index: int
    rank: int
    config: dict[str, Any]
    split_seed: int
    baseline: bool = False

    @property
    def name(self) -> str:
        """Name of what was started."""
        return self.finalist


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationStarted(Event):
    """A winner again on all its epochs, for the test split. baseline: it is no winner, but its arm's first trial."""

    kind = "confirmation_started"
    confirm: str
    trial: str
    seed_index: int
    rank: int
    config: dict[str, Any]
    epochs: int
    baseline: bool
    exclude_test_patients: bool

    @property
    def name(self) -> str:
        """Name of what was started."""
        return self.confirm


RunStarted = TrialStarted | FinalistStarted | ConfirmationStarted


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochFinished(Event):
    """One epoch of a trial, finalist or confirmation, whose name is `trial`. epoch: from 1.

    stop: it was the last one, by early stopping. pruner_state: what the pruner remembers of it. confusion (5, 5): of
    validation. weights_digest: of the weights saved after it, if any were.
    """

    kind = "epoch"
    trial: str
    epoch: int
    scores: dict[str, float]
    confusion: list[list[int]]
    images_seen: int
    seconds: float
    device: str
    threads: int
    stop: bool = False
    pruner_state: dict[str, float] = field(default_factory=dict)
    weights_digest: str = ""
    node: str = ""
    gpu: str = ""
    peak_resident_bytes: int | None = None
    peak_memory_bytes: int | None = None
    cpu_utilisation: float | None = None
    utilisation: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TestEvaluation(Event):
    """The test split was evaluated once: by a confirmation, or ("") by a search whose every epoch is scored on it.

    n_new_patients, new_patients (confusion): of the images whose patient is not in training. earlier: how many
    evaluations came before.
    """

    __test__: ClassVar[bool] = False  # no class of tests
    kind = "test_evaluation"
    confirm: str = ""
    n: int = 0
    n_new_patients: int = 0
    scores: dict[str, float] = field(default_factory=dict)
    confusion: list[list[int]] = field(default_factory=list)
    new_patients: list[list[int]] = field(default_factory=list)
    earlier: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFinished(Event):
    """The end of a trial, finalist or confirmation, whose name is `trial`; state: one of schema.STATE_*."""

    kind = "trial_finished"
    trial: str
    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialForgotten(Event):
    """A user took a trial out of what is reported, before the test split was read; samplers and budget keep it."""

    kind = "trial_forgotten"
    trial: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyClosed(Event):
    """A search or a confirmation ended; state: one of schema.STATE_*."""

    kind = "study_closed"
    state: str
    reason: str = ""


_TYPES: dict[str, type[Event]] = {
    one.kind: one
    for one in (
        StudyStarted, WarmStart, TrialStarted, FinalistStarted, ConfirmationStarted, EpochFinished, TestEvaluation,
        TrialFinished, TrialForgotten, StudyClosed,
    )
}  # fmt: skip
_FIELDS = {one: [field.name for field in fields(one) if field.name != "time"] for one in _TYPES.values()}


def encode(event: Event) -> bytes:
    """One line of the ledger."""
    values = {name: value for name in _FIELDS[type(event)] if (value := getattr(event, name)) is not None}
    entry = {"event": event.kind, "time": event.time, **values}
    return json.dumps(entry, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def parse(line: bytes) -> dict[str, Any]:
    """The values of a line; raises ValueError where it is no JSON object."""
    try:
        values = _DECODER.decode(line.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(values, dict):
        raise ValueError("no object")
    return values


def make_event(values: dict[str, Any]) -> Event:
    """The event with these values, "event" is its kind; raises ValueError where there is none."""
    try:
        return _TYPES[values["event"]](**{name: value for name, value in values.items() if name != "event"})
    except (KeyError, TypeError) as error:
        raise ValueError(f"no event: {error}") from None


def _shared(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Each name and word once in memory, though each trial says it: a third of what 10,000 trials take."""
    return {intern(name): intern(value) if type(value) is str else value for name, value in pairs}


_DECODER = json.JSONDecoder(object_pairs_hook=_shared)  # json.loads would make one for each line: a tenth of the time
