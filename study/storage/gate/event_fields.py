"""The fields of each event of a ledger: types, names, digests and bounds.

Typed dictionaries and not models: these would keep a copy of each epoch.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter, with_config
from typing_extensions import TypedDict

from retina_data.gate import DIGEST, NAME
from study.config.trial import Architecture

Name = Annotated[str, StringConstraints(pattern=f"^{NAME}$")]
NameOrNone = Annotated[str, StringConstraints(pattern=f"^({NAME})?$")]
Digest = Annotated[str, StringConstraints(pattern=f"^{DIGEST}$")]
DigestOrNone = Annotated[str, StringConstraints(pattern=f"^({DIGEST})?$")]
Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_./-]{1,80}$")]  # of a score or a parameter
Command = Annotated[str, StringConstraints(pattern=r"^(retina [a-z]+( [A-Za-z0-9_./=-]+)*)?$", max_length=500)]
Text = Annotated[str, StringConstraints(max_length=10_000)]
Count = Annotated[int, Field(ge=0, lt=2**53)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, lt=1e11, allow_inf_nan=False)]
Value = Text | bool | int | Number | None
Arm = Literal["resnet18-scratch", "resnet18-pretrained", "resnet50-scratch", "resnet50-pretrained"]
State = Literal["complete", "pruned", "running", "interrupted", "failed"]
Split = Literal["train", "val", "test", "excluded"]
Row = Annotated[list[Count], Field(min_length=5, max_length=5)]
Confusion = Annotated[list[Row], Field(min_length=5, max_length=5)]
Scores = Annotated[dict[Key, Number], Field(max_length=200)]
Config = Annotated[dict[Key, Value], Field(max_length=200)]
Distributions = Annotated[dict[Key, Text], Field(max_length=200)]

_STRICT = ConfigDict(strict=True)
_OPEN = ConfigDict(strict=True, extra="allow")


@with_config(_OPEN)
class Identity(TypedDict):
    """What all trials have in common; the other entries are settings, which are compared and shown, no more."""

    data_digest: Digest
    split_digest: Digest


@with_config(_STRICT)
class Source(TypedDict):
    """Pretrained weights of an architecture."""

    source: Text
    digest: Digest
    kind: NotRequired[Text]


@with_config(_OPEN)
class Versions(TypedDict):
    """Versions of the libraries beside our own."""

    retina_commit: Text


@with_config(_STRICT)
class Timed(TypedDict):
    """What each event has."""

    event: str
    time: NotRequired[Seconds]


@with_config(_STRICT)
class Study(Timed):
    """study.storage.events.StudyStarted"""

    schema: int
    id: Name
    config: dict[str, Any]
    objective: Literal["kappa", "accuracy"]
    identity: Identity
    arms: Annotated[list[Arm], Field(max_length=4)]
    not_run: dict[Arm, Text]
    weights: dict[Architecture, Source]
    audit: dict[str, Any]
    splits: dict[Split, Count]
    versions: Versions
    threads: Annotated[int, Field(ge=1, le=100_000)]
    max_concurrent: NotRequired[Annotated[int, Field(ge=1, le=1_000_000)]]
    notes: list[Text]
    commands: Annotated[list[Command], Field(max_length=20)]
    confirmations: NotRequired[Count]
    ensemble: NotRequired[bool]
    primary_endpoint: NotRequired[Text]


@with_config(_STRICT)
class Known(TypedDict):
    """A trial that a sampler begins with; `value` only of one that has ended."""

    group: Name
    params: Config
    distributions: NotRequired[Distributions]
    value: NotRequired[Number]


@with_config(_STRICT)
class Warm(Timed):
    """WarmStart"""

    source_study: NotRequired[Text]
    trials: list[Known]
    enqueued: list[Known]


@with_config(_STRICT)
class Trial(Timed):
    """TrialStarted"""

    trial: Name
    group: Name
    number: Count
    config: Config
    params: Config
    distributions: Distributions
    duplicate_of: NotRequired[NameOrNone]


@with_config(_STRICT)
class Finalist(Timed):
    """FinalistStarted"""

    finalist: Name
    trial: Name
    seed_index: Count
    rank: Count
    config: Config
    split_seed: Count
    baseline: NotRequired[bool]


@with_config(_STRICT)
class Confirmation(Timed):
    """ConfirmationStarted"""

    confirm: Name
    trial: Name
    seed_index: Count
    rank: Count
    config: Config
    epochs: Annotated[int, Field(ge=1, le=10_000)]
    baseline: bool
    exclude_test_patients: bool


@with_config(_STRICT)
class Epoch(Timed):
    """EpochFinished"""

    trial: Name
    epoch: Annotated[int, Field(ge=1, le=10_000)]
    scores: Scores
    confusion: Confusion
    images_seen: Count
    seconds: Seconds
    device: Text
    threads: Count
    stop: NotRequired[bool]
    pruner_state: NotRequired[Scores]
    weights_digest: NotRequired[DigestOrNone]
    node: NotRequired[Text]
    gpu: NotRequired[Text]
    peak_resident_bytes: NotRequired[Count]
    peak_memory_bytes: NotRequired[Count]
    cpu_utilisation: NotRequired[Number]
    utilisation: NotRequired[Number]


@with_config(_STRICT)
class Tested(Timed):
    """TestEvaluation"""

    confirm: NotRequired[NameOrNone]
    n: NotRequired[Count]
    n_new_patients: NotRequired[Count]
    scores: NotRequired[Scores]
    confusion: NotRequired[Confusion | Annotated[list[Row], Field(max_length=0)]]
    new_patients: NotRequired[Confusion | Annotated[list[Row], Field(max_length=0)]]
    earlier: NotRequired[Count]


@with_config(_STRICT)
class Finished(Timed):
    """TrialFinished"""

    trial: Name
    state: State
    reason: NotRequired[Text]


@with_config(_STRICT)
class Forgotten(Timed):
    """TrialForgotten"""

    trial: Name


@with_config(_STRICT)
class Closed(Timed):
    """StudyClosed"""

    state: State
    reason: NotRequired[Text]


CHECKS: dict[str, TypeAdapter[Any]] = {
    "study": TypeAdapter(Study),
    "warm_start": TypeAdapter(Warm),
    "trial_started": TypeAdapter(Trial),
    "finalist_started": TypeAdapter(Finalist),
    "confirmation_started": TypeAdapter(Confirmation),
    "epoch": TypeAdapter(Epoch),
    "test_evaluation": TypeAdapter(Tested),
    "trial_finished": TypeAdapter(Finished),
    "trial_forgotten": TypeAdapter(Forgotten),
    "study_closed": TypeAdapter(Closed),
}
"""Validators of each kind of event."""
