"""What lets a study go on: its file, the arms it has, and what must not have changed since it began."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

import yaml

from retina_data.files import write_whole
from study.config.arms import ArmSpec, arm_name
from study.config.trial import TrialConfig
from study.errors import ConfigError
from study.planning.plan import Plan
from study.planning.pretrained_weights import Cause, NotRun
from study.storage.events import StudyStarted
from study.storage.state import StudyState
from study.storage.study_file import STUDY_FILE

CONSEQUENCES = ("weights", "arms", "data_digest", "split_digest")
"""What changes along with something else: another seed gives another split, and the seed is what has to be named."""

ADD_ARM = "--add-arm"

WARM_START, INSIDE = "--warm-start", "which takes the trials whose values lie inside the new axes"


def write_study_file(plan: Plan) -> None:
    """Keep configuration and place of the data, so that going on needs no flags. Local to the home: it holds paths."""
    content = {
        "data": str(plan.dataset.folder.resolve()),
        "layout": plan.dataset.layout,
        "config": plan.config.model_dump(mode="json"),
    }
    write_whole(plan.folder / STUDY_FILE, yaml.safe_dump(content, sort_keys=False).encode())


def arms_of(
    name: str,
    state: StudyState | None,
    arm_specs: list[ArmSpec],
    not_run: dict[str, NotRun],
    added: tuple[str, ...],
    joint: bool,
) -> tuple[list[ArmSpec], dict[str, NotRun]]:
    """Cells of this call: those that a study began with and those that are added now; a new study takes all."""
    able = [arm_name(arm_spec) for arm_spec in arm_specs]
    for arm in added:
        if state is None:
            raise ConfigError(f"--add-arm needs a study that exists, but {name} has not begun; drop --add-arm {arm}")
        if arm not in able:
            raise ConfigError(
                f"--add-arm must name an arm that can run ({', '.join(able)}), but got {arm}"
                + (f": {not_run[arm].reason}" if arm in not_run else "")
                + "; one whose network or pretraining the study left out when it began needs another study"
            )
        if joint:
            raise ConfigError(
                f"{arm} cannot be added where arms=joint: its sampler knows its arms; begin another study"
            )
    if state is None:
        return arm_specs, not_run
    wanted = {*state.study.arms, *added}
    for arm in state.study.arms:
        if arm in not_run:  # one that the configuration has no more is the configuration's change, named elsewhere
            raise ConfigError(f"arm {arm} of study {name} must be able to go on, but {not_run[arm].reason}")
    later = {
        arm: NotRun(f"not of this study; {ADD_ARM} {arm} adds it", Cause.NOT_IN_STUDY)
        for arm in able
        if arm not in wanted
    }
    return [arm_spec for arm_spec in arm_specs if arm_name(arm_spec) in wanted], not_run | later


def not_run_lines(plan: Plan, started: bool, rerun_flags: str) -> list[str]:
    """A line for each arm that does not run, with what brings it in; started: the study is there without it.

    rerun_flags: flags that each further command needs too.
    """
    kinds = {value["kind"] for value in plan.weights.values()}
    lines = reasons(plan.not_run, plan.config.weights, kinds, started=started, rerun_flags=rerun_flags)
    return [f"left out: {line}" for line in lines]


def reasons(
    not_run: dict[str, NotRun], sources: Mapping[Any, str], kinds: Collection[str], *, started: bool, rerun_flags: str
) -> list[str]:
    """Of each arm that does not run, why, and what brings it in.

    sources: architecture -> where its weights come from. kinds: of the weights that the study has: others must be of
    the same.
    """
    lines = []
    for arm, why in not_run.items():
        remedy = ""
        if why.cause is Cause.WEIGHTS_MISSING:
            architecture = arm.split("-")[0]
            remedy = f"; {_remedy(arm, sources.get(architecture, 'imagenet'), kinds, started, rerun_flags)}"
        lines.append(f"{arm}: {why.reason}{remedy}")
    return lines


def _remedy(arm: str, source: str, kinds: Collection[str], started: bool, rerun_flags: str) -> str:
    architecture = arm.split("-")[0]
    add = f" {ADD_ARM} {arm}" if started else ""
    go_on = f", and go on with{add}" if started else ""
    if source == "synthetic":
        return f"make them (retina pretrain --architecture {architecture}{rerun_flags}){go_on}"
    ways = []
    if not kinds or "imagenet" in kinds:
        ways.append(f"fetch them (retina weights {architecture}) or give --weights {architecture}=FILE{go_on}")
    if not kinds or "synthetic" in kinds:
        # Where the other network's are synthetic, these alone are missing, and the other's may lie elsewhere.
        only, which = (f" --architecture {architecture}", f"{architecture}=synthetic") if kinds else ("", "synthetic")
        then = f"go on with --weights {which}{add}" if started else f"give --weights {which}"
        ways.append(f"make synthetic ones (retina pretrain{only}{rerun_flags}) and {then}")
    return "; or ".join(ways) or f"give --weights {architecture}=FILE{go_on}"


def as_said_now(study: StudyStarted, now: dict[str, Any]) -> StudyStarted:
    """The event as if it said what `now` says of fields that only one of the two names, and sets to their default."""
    before = dict(study.identity)
    for name, field_info in TrialConfig.model_fields.items():
        key = f"fixed.{name}"
        if f"space.{name}" in before or f"space.{name}" in now or (key in before) == (key in now):
            continue
        if key not in now and before[key] == field_info.default:
            del before[key]
        elif key not in before and now[key] == field_info.default:
            before[key] = now[key]
    return replace(study, identity=before)


def check_room_for_arms(plan: Plan, state: StudyState) -> None:
    """Raise ConfigError where an arm is added to a study that has all its trials: there is none left for it."""
    before = state.study.arms
    added = [arm for arm_specs in plan.groups.values() for arm in map(arm_name, arm_specs) if arm not in before]
    if added:
        enough = plan.config.trials // len(before) * (len(before) + len(added))
        raise ConfigError(
            f"an arm that is added needs trials, but study {plan.parent_study} has all its {plan.config.trials}; for "
            f"{', '.join(added)} give as many as the others have had: --trials {enough}"
        )


def check_data(
    plan: Plan, study: StudyStarted, added: tuple[str, ...], started: int, another_fold: bool = False
) -> None:
    """Data, split, weights and arms must be those that the study began with; raises ConfigError naming what changed.

    Its settings are compared by `check_settings`, before any photograph is read.
    started: its trials so far; --trials may end a study with these, or make it larger.
    another_fold: `study` is the first fold of a whole and the plan a later one, which has its own split.
    """
    before, now = study.identity, json.loads(json.dumps(plan.identity()))
    if another_fold:
        before = {**before, "fold": now["fold"], "split_digest": now["split_digest"]}
    if added:  # an arm may come, with its weights; what was there, perhaps added by this same command, must stay
        now["arms"] = [arm for arm in now["arms"] if arm not in added or arm in before["arms"]]
        now["weights"] = {name: now["weights"].get(name) for name in before["weights"]}
    _check_layout(plan, study, before.get("data_digest") != now["data_digest"])
    _check_fields(plan.parent_study, before, now, CONSEQUENCES)
    least = study.config["trials"] if plan.config.fold else started
    if plan.config.trials < least:
        why = "a study of folds can grow, not shrink" if plan.config.fold else "so many have begun"
        raise ConfigError(
            f"`trials >= {least}` must hold for study {plan.parent_study}, but got trials={plan.config.trials}; {why}"
        )


def check_settings(parent_study: str, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Raise ConfigError where a setting changed between two identities of a study; needs no photograph."""
    now = json.loads(json.dumps(now))
    names = [name for name in dict.fromkeys([*now, *before]) if name not in CONSEQUENCES]
    _check_fields(parent_study, before, now, names)


def _check_fields(parent_study: str, before: dict[str, Any], now: dict[str, Any], names: Iterable[str]) -> None:
    for name in names:
        if before.get(name) != now.get(name):
            raise ConfigError(
                f"`{name}` must stay what study {parent_study} began with, but it was {_short(before.get(name))} "
                f"and is now {_short(now.get(name))}; give it as before, or start a study with another name"
                + (f" and {WARM_START} {parent_study}, {INSIDE}" if name.startswith("space.") else "")
            )


def _check_layout(plan: Plan, study: StudyStarted, other_data: bool) -> None:
    """Of other data say first that it is read as another layout, which tells more than two digests."""
    was, now = study.audit.get("layout"), plan.dataset.layout
    if other_data and was and was != now:
        raise ConfigError(
            f"`layout` must stay {was}, as {plan.parent_study} began with, but is now {now}; give --layout {was}, "
            "or start a study with another name"
        )


def _short(value: Any) -> str:
    if value is None:
        return "not given"
    text = value[:12] if isinstance(value, str) and len(value) == 64 else json.dumps(value)
    return text if len(text) <= 200 else text[:200] + "..."
