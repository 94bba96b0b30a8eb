"""One call of `retina search`: lock, plan, ledger, then `study.workflows.running.run`; and the report of a study."""

from __future__ import annotations

import logging
from collections import ChainMap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from analysis import schema
from study.console import out
from study.planning.build_plan import make_plan
from study.planning.inputs import Inputs
from study.planning.plan import Plan
from study.planning.resume_checks import check_room_for_arms, not_run_lines, write_study_file
from study.storage.events import StudyClosed
from study.storage.ledger import Ledger, read_events
from study.storage.lock import LockedError, check_free, locked
from study.storage.progress import times
from study.storage.ranking import planned, search_ended
from study.storage.state import StudyState, TrialRecord, study_state
from study.tuning.ask_tell import Arms
from study.tuning.finalists import SearchPolicy
from study.tuning.progress_bar import Display, search_note
from study.tuning.recorder import NO_SCORE, final_state, n_best_weights
from study.workflows.running.compute import Compute, resources_here, settled_here
from study.workflows.running.run import EXIT_CODES, check_tracking, run
from study.workflows.running.run_spec import failure_hint

if TYPE_CHECKING:
    from study.cluster.resources import Resources
    from study.storage.home import Home

log = logging.getLogger(__name__)


def search(name: str, here: Home, inputs: Inputs, compute: Compute, *, dry: bool = False) -> int:
    """Begin a study or go on with it, or (`dry`) only say what would run; returns the exit code.

    Wrong input raises before anything but the cache is written.
    """
    folder = here.home / name
    check_free(folder)  # asked first, since reading the data may take long; held only once all input is right
    if compute.address is None:
        resources_here(compute)  # wrong numbers are refused before photographs are decoded
    events, _ = read_events(folder / "ledger.jsonl")
    state, planned = study_state(events) if events else None, len(events)
    tracking = (lambda: None) if dry else partial(check_tracking, here, name)
    plan = make_plan(name, here.home, state, inputs, tracking, dry=dry)
    if dry:
        _dry_run(plan, state, compute, here.rerun_flags)
        return 0
    del events, state  # of a long study they are many; the writer reads its own
    with writing(plan, planned) as ledger:
        return _search(plan, ledger, here, compute)


def _dry_run(plan: Plan, state: StudyState | None, compute: Compute, rerun_flags: str) -> None:
    from study.workflows.running.dry_run import dry_run

    plan, trial_resources = settled_here(plan, compute)
    dry_run(plan, state, trial_resources, out, rerun_flags)


@contextmanager
def writing(plan: Plan, events_planned: int) -> Iterator[Ledger]:
    """The study's ledger, its lock held. Raises LockedError where somebody else writes, or wrote since it was read."""
    with locked(plan.folder):
        ledger = Ledger(plan.folder / "ledger.jsonl")
        try:
            if len(ledger.events) != events_planned:
                raise LockedError(
                    f"study {plan.name} was written by another process a moment ago; type the command again"
                )
            if ledger.truncated:
                log.info("the ledger's last line was truncated, never counted, and is dropped")
            yield ledger
        finally:
            ledger.close()
            if not ledger.events:  # refused before its first event: nothing half-written
                (plan.folder / "ledger.jsonl").unlink()


def _search(plan: Plan, ledger: Ledger, here: Home, compute: Compute) -> int:
    state = study_state(ledger.events) if ledger.events else None
    ended = [record for record in state.trials.values() if record.end] if state else []
    if state and len(ended) == plan.config.trials and search_ended(plan.config, state):
        check_room_for_arms(plan, state)
        write_study_file(plan)  # the data may have moved
        if plan.config.trials < state.study.config["trials"]:  # ended with what has begun
            ledger.append(plan.event(state.study.threads, state.study.max_concurrent))
        closed = final_state(ended)
        reason = "" if closed == schema.STATE_COMPLETE else NO_SCORE
        rest = (
            f", and {reason}: {failure_hint(plan.name, here.rerun_flags)}"
            if reason
            else "; a larger --trials extends it"
        )
        log.info(f"study {plan.name} has all its {len(ended)} trials{rest}")
        last = ledger.events[-1]  # no close, where it was killed between its last trial and that
        # The last close may be a confirmation's.
        said = isinstance(last, StudyClosed) and (state.confirmations or last.state == closed)
        if not said:
            ledger.append(StudyClosed(state=closed, reason=reason))
        return EXIT_CODES[closed]
    for line in plan.notes:
        log.info(f"note: {line}")
    for line in not_run_lines(plan, started=True, rerun_flags=here.rerun_flags):
        log.info(line)
    return run(plan, Search, ledger, here, compute)


def _all_failed(state: StudyState, trials: int) -> bool:
    ended = [record for record in state.trials.values() if record.end]
    return len(ended) >= trials and final_state(ended) == schema.STATE_FAILED


@dataclass(frozen=True)
class Search:
    """The RunSpec of a search: all trials of its plan."""

    plan: Plan

    @property
    def n_best_weights(self) -> int:
        """Those of the best trials of each arm."""
        return n_best_weights(self.plan.config)

    @property
    def command(self) -> str:
        """Type this to go on."""
        return f"retina search {self.plan.parent_study}"

    @property
    def next_command(self) -> str:
        """Type this when all is done; after a single fold nothing is."""
        if self.plan.config.fold:
            return ""
        confirmed = self.plan.config.select_on == "validation"
        return f"retina {'confirm' if confirmed else 'report'} {self.plan.name}"

    def failure_hint(self, state: StudyState, rerun_flags: str) -> str:
        """More trials, or another study."""
        return failure_hint(self.plan.name, rerun_flags) if _all_failed(state, self.plan.config.trials) else ""

    def event(self) -> dict[str, Any]:
        """The plan says all."""
        return {}

    def records(self, state: StudyState) -> Mapping[str, TrialRecord]:
        """The trials and finalists."""
        return ChainMap(state.finalists, state.trials)

    def policy(self, state: StudyState) -> SearchPolicy:
        """Each arm's sampler and pruner, then the finalists."""
        return SearchPolicy(self.plan.config, Arms(self.plan.config, self.plan.groups, state), state)

    def display(self, state: StudyState, trial_resources: Resources) -> Display:
        """The bar of trials and finalists, and the best so far."""
        config, of = self.plan.config, self.records(state)
        total = config.trials + planned(config, len(self.plan.arms))
        what = "trials" if total == config.trials else "runs"
        return Display(
            out,
            what,
            of,
            total,
            lambda: search_note(config, state, len(self.plan.arms), trial_resources.max_concurrent),
        )

    def opening(self, state: StudyState, trial_resources: Resources) -> str:
        """Trials, arms, parts, and what each trial gets."""
        plan, trials = self.plan, self.plan.config.trials
        done = sum(1 for record in state.trials.values() if record.end)
        splits = {split: plan.prepared.count(split) for split in ("train", "val", "test")}
        started = f"goes on with {done} of {trials} trials ended" if state.trials else f"{trials} trials"
        together = " in one search" if len(plan.groups) < len(plan.arms) else ""
        arms = f"{len(plan.arms)} arm{'s' * (len(plan.arms) != 1)}{together}{finalists_text(plan)}"
        return (
            f"study {plan.name}: {started} over {arms}; {splits['train']} training and {splits['val']} "
            f"validation images, {splits['test']} set aside for the test; {trial_resources}"
        )


def finalists_text(plan: Plan) -> str:
    """What follows the trials, before it begins; "" where nothing does."""
    count = planned(plan.config, len(plan.arms))
    if not count:
        return ""
    each = count // len(plan.arms) // plan.config.repeats
    return (
        f", then the best {each} of each arm again, {times(plan.config.repeats)} each on other validation splits "
        f"({count} finalists)"
    )
