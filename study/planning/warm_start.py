"""What samplers are told before their first suggestion: another study's trials, and configurations wanted first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis import schema
from study.config.arms import ArmSpec, arm_name
from study.config.search_space import CONDITIONAL_ON, condition_holds, contains, distribution_json, drawn
from study.config.study import StudyConfig
from study.config.trial import AUTO, TrialConfig
from study.errors import ConfigError
from study.planning.enqueued_configs import Groups, read_enqueued, setting
from study.storage.events import WarmStart
from study.storage.state import StudyState, TrialRecord, read_state

if TYPE_CHECKING:
    from study.planning.inputs import Resolved
    from study.planning.plan import Plan


SAME_IN_ALL_TRIALS = ("objective", "decision", "select_epoch", "image_size", "crop", "epochs")
"""Fields that no study searches, and without which a score says something else."""

MEASURED_ALIKE = ("select_on", "val_fraction", *SAME_IN_ALL_TRIALS, "data_digest", "split_digest")
"""In this order: a cause is named before the digest that it changes."""


@dataclass(frozen=True)
class RequestedWarmStart:
    """What samplers shall be told: trials of another study, and configurations that come first.

    source_study: its name, "" for none; source: its state, if any.
    """

    source_study: str
    source: StudyState | None
    enqueued: list[dict[str, Any]]


def read_warm_start(
    resolved: Resolved, state: StudyState | None, source_study: str | None, enqueued: Path | None
) -> RequestedWarmStart | None:
    """Read what --warm-start and --enqueue name; None where there is nothing to tell, or the study knows it already.

    Raises ConfigError where a file or study cannot be used, or the study has begun without them.
    """
    known = state.warm_start if state else None
    if known and source_study == known.source_study:
        source_study = None  # the same command again; that study may have more trials by now
    first = read_enqueued(enqueued, resolved.config, resolved.groups) if enqueued else []
    if not source_study and (not first or (known and first == known.enqueued)):
        return None
    if known or (state and state.trials):
        raise ConfigError(
            f"--warm-start and --enqueue are for a study's beginning, but {resolved.name} has begun; leave them "
            "out, or begin another"
        )
    source = read_source(resolved.home, source_study) if source_study else None
    return RequestedWarmStart(source_study or "", source, first)


def make_warm_start(requested: RequestedWarmStart | None, plan: Plan) -> tuple[WarmStart | None, list[str]]:
    """The `warm_start` event of a new study, if it has one, and what to say of it."""
    if requested is None:
        return None, []
    name, trials, lines = requested.source_study, list[dict[str, Any]](), list[str]()
    if requested.source:
        trials, lines = trials_of(name, requested.source, plan.config, plan.groups, plan.identity())
    if name and not trials:
        why = "; ".join(lines[1:]) or "it is empty"
        raise ConfigError(
            f"--warm-start {name} must have a trial that fits here, but has none ({why}); search the same "
            "space, or drop --warm-start and give its best configurations to --enqueue"
        )
    return WarmStart(source_study=name or None, trials=trials, enqueued=requested.enqueued), lines


def trials_of(
    name: str, state: StudyState, config: StudyConfig, groups: Groups, identity: dict[str, Any]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Complete trials of another study that lie in this one's space, and lines that say what was left out and why.

    Scores can be told only where they were measured alike: on the same data, split and part, by the same objective over
    as many epochs; otherwise ConfigError names what differs. A trial fits when its arm is searched here from the same
    weights, each of its axes is one of the same range here, and what is fixed here has the same value in it.
    """
    before = state.study.identity
    _check_alike(name, before, identity)
    other_weights = {
        architecture for architecture, digest in before.get("weights", {}).items()
        if identity.get("weights", {}).get(architecture, digest) != digest
    }  # fmt: skip
    trials: list[dict[str, Any]] = []
    reasons: Counter[str] = Counter()
    for record in state.trials.values():
        group = "joint" if "joint" in groups else record.arm
        arm_specs = groups.get(group, [])
        reason = _unfit(record, config, arm_specs, other_weights)
        value = record.best_score()
        if reason or value is None:
            reasons[reason or "it has no score"] += 1
            continue
        # As the samplers here have them: an axis may have grown.
        axes = {axis: distribution_json(config, axis, arm_specs) for axis in record.distributions}
        trials.append({"group": group, "params": record.params, "distributions": axes, "value": value})
    lines = [f"{len(trials)} trials of study {name} are told to the samplers"]
    lines += [f"{count} trials of study {name} are left out: {reason}" for reason, count in reasons.items()]
    return trials, lines


def read_source(home: Path, name: str) -> StudyState:
    """The state of the study that --warm-start names; raises ConfigError where there is none."""
    state = read_state(home / name)
    if state is None:
        raise ConfigError(f"--warm-start must name a study of {home}, but {name!r} has no ledger there")
    return state


def _check_alike(name: str, before: dict[str, Any], identity: dict[str, Any]) -> None:
    """Raise ConfigError, naming what differs, unless scores of the one study mean the same in the other."""
    for key in MEASURED_ALIKE:
        there, here = (_value(study, key) for study in (before, identity))
        if there == here:
            continue
        if key == "split_digest":  # what made the split another one says more than its digest
            key = next((cause for cause in ("fold", "seed") if before.get(cause) != identity.get(cause)), key)
            there, here = before.get(key, "none"), identity.get(key, "none")
        raise ConfigError(
            f"--warm-start {name}: its `{key}` is {str(there)[:12]}, here it is {str(here)[:12]}; its scores were not "
            "measured as this study's are, and would mislead the samplers; drop --warm-start, or search as that study "
            "did"
        )


def _value(identity: dict[str, Any], key: str) -> Any:
    """What a study has, also where it did not say so because it is the default."""
    if key not in SAME_IN_ALL_TRIALS:
        return identity.get(key)
    return identity.get(f"fixed.{key}", TrialConfig.model_fields[key].default)


def _unfit(record: TrialRecord, config: StudyConfig, arm_specs: list[ArmSpec], other_weights: set[str]) -> str:
    """Why a trial cannot be told to the sampler that searches these arms; "" if it can."""
    if record.state != schema.STATE_COMPLETE:
        return f"it is {record.state}"
    if record.arm not in [arm_name(arm_spec) for arm_spec in arm_specs]:
        return f"its arm {record.arm} is not searched"
    if record.config["pretrained"] and record.config["architecture"] in other_weights:
        return f"its arm {record.arm} began from other weights"
    for name, text in record.distributions.items():
        here = distribution_json(config, name, arm_specs)
        if here is None:
            return f"its axis {name} is not searched here"
        if here != text and not contains(config, name, arm_specs, record.params[name]):
            return f"its {name} lies outside the axis of this study"
    for name, one in drawn(config).items():
        if name not in record.distributions and condition_holds(one.condition, record.config):
            return f"its {name} was not searched, and is here"
    if "arm" not in record.distributions and distribution_json(config, "arm", arm_specs) is not None:
        return "its arm was not searched, and is here"
    searched = {one.field for one in drawn(config).values()}
    for field in TrialConfig.model_fields:
        if field in searched or field in ("architecture", "pretrained", "seed"):
            continue
        if not condition_holds(CONDITIONAL_ON.get(field), record.config):
            continue  # nothing reads it
        if (there := setting(record.config, field)) != (here := setting(config.fixed, field)) and here != AUTO:
            return f"its {field} is {there}, here it is {here}"
    return ""
