"""Outer folds: K studies, each with another K-th of the patients as its test split, that make one whole.

For sets so small that one test split says little. Each fold is an ordinary study of its own name, with its own ledger,
budget and confirmations; what marks it is the field `fold` of its configuration. The first fold is the model of the
others: they are searched as it was, on the same data.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from analysis.schema import fold_name
from study.console import out
from study.errors import ConfigError
from study.planning.build_plan import make_plan
from study.planning.inputs import Inputs
from study.planning.plan import Plan
from study.storage.home import Home, fold_studies, folds_of, study_name
from study.storage.progress import duration_text, epoch_seconds
from study.storage.ranking import planned, search_ended
from study.storage.state import StudyState, ranked, read_state
from study.workflows.running.compute import Compute
from study.workflows.running.run import check_tracking
from study.workflows.running.run_spec import failure_hint

log = logging.getLogger(__name__)


MOST_FOLDS = 100

EXIT_SIGNALLED = 128  # and above: a person wants it to stop


def settled_folds(home: Path, name: str, asked: int | None) -> int:
    """How many folds a search of `name` has, 0 for none; raises ConfigError where that is not what it began with."""
    known = folds_of(home, name)
    if asked is None or asked == known:
        return known
    if known:
        raise ConfigError(f"study {name} was begun with --folds {known}, but got --folds {asked}; choose another name")
    if (home / name / "ledger.jsonl").exists():
        raise ConfigError(f"study {name} was begun without --folds, but got --folds {asked}; choose another name")
    if not 2 <= asked <= MOST_FOLDS:
        raise ConfigError(f"`2 <= folds <= {MOST_FOLDS}` must hold, but got folds={asked}")
    study_name(fold_name(name, asked))
    return asked


def search_folds(
    name: str,
    folds: int,
    here: Home,
    inputs: Inputs,
    compute: Compute,
    search: Callable[..., int],
    *,
    dry: bool = False,
) -> int:
    """Search each fold in turn, or go on with that; returns the exit code of the first that does not end well.

    A fold that has begun grows as the first one did, by whichever command (`Inputs.template`).
    """
    names = [fold_name(name, fold) for fold in range(1, folds + 1)]

    def of(fold: str) -> Inputs:
        started = read_state(here.home / fold) is not None
        return replace(
            inputs,
            overrides={**inputs.overrides, "fold": f"{names.index(fold) + 1}/{folds}"},
            add_arms=inputs.add_arms if started else (),  # one that has not begun takes all that can run
            template="" if fold == names[0] else names[0],
        )

    first = read_state(here.home / names[0])
    asked = (lambda: None) if dry else partial(check_tracking, here, names[0])
    plan = make_plan(names[0], here.home, first, of(names[0]), asked, dry=dry)
    known = first or dry
    time_text = _time_known(name, folds, here.home, plan) if known else _time_measured(folds, plan, compute)
    final = planned(plan.config, len(plan.arms))
    runs = f"({plan.config.trials} trials + {final} finalists)" if final else f"{plan.config.trials} trials"
    epochs = f"{folds} folds x {runs} x at most {plan.epochs} epochs"
    log.info(f"{name}: {epochs} = {folds * _runs(plan) * plan.epochs} epochs{time_text}")
    if dry:
        return search(names[0], here, of(names[0]), compute, dry=True)

    def search_one(fold: str, rest: Compute) -> int:
        return search(fold, here, of(fold), rest)

    def ended(state: StudyState) -> bool:
        return search_ended(plan.config, state)

    def help_of(fold: str) -> str:
        return failure_hint(fold, here.rerun_flags)

    commands = (f"retina search {name}{here.resume_flags}", f"retina confirm {name}{here.rerun_flags}")
    return each_fold(names, here.home, compute, search_one, ended, commands, help_of)


def each_fold(
    folds: list[str],
    home: Path,
    compute: Compute,
    call: Callable[[str, Compute], int],
    ended: Callable[[StudyState], bool],
    commands: tuple[str, str],
    help_of: Callable[[str], str] | None = None,
) -> int:
    """Call for one fold after the other, all within one time budget, until one has not ended.

    commands: the one that goes on, and the one that comes next. Returns the exit code, which is not 0 either where a
    fold has ended without a score: the others are run all the same. help_of: what to do about that fold, where
    nothing comes next.
    """
    failed, scoreless = 0, ""
    for done, fold in enumerate(folds):
        left = compute.deadline - time.monotonic() if compute.deadline is not None else None
        out.rule(f"fold {done + 1} of {len(folds)}")
        code = call(fold, replace(compute, time_budget=left)) if left is None or left > 0 else 0
        state = read_state(home / fold)
        if code >= EXIT_SIGNALLED or state is None or not ended(state):
            log.info(f"{done} of {len(folds)} folds are done; go on with: {commands[0]}")
            return code
        failed = failed or code
        scoreless = scoreless or ("" if ranked(state.trials.values()) else fold)
    if scoreless and help_of:
        lack = f"all {len(folds)} folds have ended, but {scoreless} without a score"
        log.info(f"{lack}: {help_of(scoreless)}")
    else:
        log.info(f"all {len(folds)} folds are done; next: {commands[1]}")
    return failed


def _runs(plan: Plan) -> int:
    """Trials and finalists of one fold."""
    return plan.config.trials + planned(plan.config, len(plan.arms))


def _time_known(name: str, folds: int, home: Path, plan: Plan) -> str:
    """What an epoch took so far in any fold, and what is left by that."""
    states = [state for fold in fold_studies(home, name) if (state := read_state(home / fold))]
    known = [record for state in states for record in (*state.trials.values(), *state.finalists.values())]
    usual = epoch_seconds(known)
    if not usual:
        return "; how long one takes is measured by --dry-run"
    seconds = sum(usual.values()) / len(usual)
    all_epochs = folds * _runs(plan) * plan.epochs
    left = all_epochs - sum(len(r.epochs) if not r.end else plan.epochs for r in known)
    return f" x {seconds:.2g} s; about {duration_text(left * seconds)} left with one trial at a time"


def _time_measured(folds: int, plan: Plan, compute: Compute) -> str:
    """What an epoch takes, of a whole that has none yet."""
    from study.workflows.running.compute import settled_here
    from study.workflows.running.dry_run import measured_now

    seconds, how = measured_now(*settled_here(plan, compute))
    if not seconds:
        return f"; how long one takes is not known ({how})"
    parent_study = duration_text(folds * _runs(plan) * plan.epochs * seconds)
    return f" x {seconds:.2g} s ({how}); about {parent_study} with one trial at a time"
