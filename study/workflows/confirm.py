"""One call of `retina confirm`: what is checked and said before it runs, and the run itself."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis import schema
from study.console import out
from study.errors import ConfigError
from study.planning.build_plan import make_plan
from study.planning.inputs import Inputs
from study.planning.plan import Plan
from study.storage.events import StudyClosed
from study.storage.home import fold_studies, folds_of, study_folders
from study.storage.ledger import Ledger, LedgerError, read_events
from study.storage.lock import check_free
from study.storage.progress import duration_text, times
from study.storage.state import StudyState, TrialRecord, read_state, study_state
from study.training.data import open_data, split_of
from study.tuning.confirmation import (
    ConfirmationConfig,
    Confirmations,
    arms_without_winner,
    check_confirmable,
    counted,
    wanted,
)
from study.tuning.progress_bar import Display, left_text
from study.tuning.recorder import NO_SCORE, final_state, n_best_weights
from study.workflows.running.compute import Compute
from study.workflows.running.nested_cv import each_fold
from study.workflows.running.run import EXIT_CODES, check_tracking, run
from study.workflows.search import writing

if TYPE_CHECKING:
    from study.cluster.resources import Resources
    from study.storage.home import Home

log = logging.getLogger(__name__)


def confirm(name: str, here: Home, config: ConfirmationConfig, compute: Compute, data: Path | None = None) -> int:
    """Confirm a study's winners or go on with that; returns the exit code. `data`: where the photographs are now.

    A study of folds is confirmed fold by fold. Raises ConfigError where one cannot be, before anything is written.
    """
    if not folds_of(here.home, name):
        return _one(name, here, config, compute, data)
    folds = fold_studies(here.home, name)
    for fold in folds:
        check_confirmable(fold, read_state(here.home / fold), config, here.rerun_flags)

    def one(fold: str, rest: Compute) -> int:
        return _one(fold, here, config, rest, data)

    def ended(state: StudyState) -> bool:
        return not Confirmations(state, config).n_remaining() and all(
            record.end for record in state.confirmations.values()
        )

    commands = (f"{_command(name, config)}{here.resume_flags}", f"retina report {name}{here.rerun_flags}")
    return each_fold(folds, here.home, compute, one, ended, commands)


def _one(name: str, here: Home, config: ConfirmationConfig, compute: Compute, data: Path | None) -> int:
    folder = here.home / name
    check_free(folder)
    events, _ = read_events(folder / "ledger.jsonl")
    state = study_state(events) if events else None
    check_confirmable(name, state, config, here.rerun_flags)
    plan = make_plan(name, here.home, state, Inputs(data=data), partial(check_tracking, here, name))
    if not plan.prepared.count("test"):
        raise ConfigError(f"a confirmation needs a test split, but the data of {name} leaves none; give more images")
    with writing(plan, len(events)) as ledger:
        return _confirm(plan, config, ledger, here, compute)


def _confirm(plan: Plan, config: ConfirmationConfig, ledger: Ledger, here: Home, compute: Compute) -> int:
    state = study_state(ledger.events)
    # Asked before anything begins: what is left of the training split may be too small.
    split = {**split_of(plan.config), "exclude_test_patients": config.exclude_test_patients}
    images = open_data(plan.prepared.cache.folder, **split).count("train")
    if config.seeds < schema.FEW_SEEDS:
        log.info(f"note: fewer than {schema.FEW_SEEDS} seeds do not tell a configuration from its luck; add --seeds 3")
    for arm in arms_without_winner(state):
        log.info(f"left out: {arm}: none of its trials has a score")
    policy = Confirmations(state, config)
    if not policy.n_remaining() and all(record.end for record in state.confirmations.values()):
        ends = Counter(record.state for record in state.confirmations.values())
        log.info(
            f"study {plan.name} has all confirmations that were asked for "
            f"({', '.join(f'{count} {kind}' for kind, count in sorted(ends.items()))}); the test split was read "
            f"{times(len(state.test_evaluations))}; more --seeds or --top add some"
        )
        closed = final_state(state.confirmations.values())
        if not isinstance(ledger.events[-1], StudyClosed):  # killed between its last confirmation and its close
            ledger.append(StudyClosed(state=closed, reason="" if closed == schema.STATE_COMPLETE else NO_SCORE))
        return EXIT_CODES[closed]
    for other, reads in _read_elsewhere(plan):
        log.info(
            f"note: study {other} read a test split of these photographs {times(reads)}; whoever saw its result and "
            "chose anything here by it makes this test split an optimistic one"
        )
    if state.test_evaluations:
        log.info(f"note: the test split of {plan.name} was read {times(len(state.test_evaluations))} before")
    return run(plan, lambda plan: Confirm(plan, config, state, images), ledger, here, compute)


def _read_elsewhere(plan: Plan) -> list[tuple[str, int]]:
    """Other studies of the home that have read a test split of the same data set, and how often."""
    mine, digest = fold_studies(plan.home, plan.parent_study), plan.prepared.cache.digest
    found = []
    for folder in study_folders(plan.home):
        if folder.name in mine:
            continue
        with suppress(LedgerError, OSError):  # `retina status` says what is wrong with one that cannot be read
            other = read_state(folder)
            if other and other.study.identity.get("data_digest") == digest and other.test_evaluations:
                found.append((folder.name, len(other.test_evaluations)))
    return found


def _command(name: str, config: ConfirmationConfig) -> str:
    flags = f"{' --exclude-test-patients' if config.exclude_test_patients else ''}"
    flags += f" --top {config.top}" if config.top > 1 else ""
    flags += f" --seeds {config.seeds}" if config.seeds != schema.FEW_SEEDS else ""
    return f"retina confirm {name}{flags}"


@dataclass(frozen=True)
class Confirm:
    """The RunSpec of a confirmation: each winner again with fresh seeds.

    state: before it began. images: in training.
    """

    plan: Plan
    config: ConfirmationConfig
    state: StudyState
    images: int

    @property
    def command(self) -> str:
        """Type this to go on."""
        return _command(self.plan.parent_study, self.config)

    @property
    def next_command(self) -> str:
        """Type this when all is done; after a single fold nothing is."""
        return "" if self.plan.config.fold else f"retina report {self.plan.name}"

    def failure_hint(self, state: StudyState, rerun_flags: str) -> str:
        """More seeds, where all confirmations have failed."""
        made = self.records(state).values()
        if Confirmations(state, self.config).n_remaining() or any(one.state != schema.STATE_FAILED for one in made):
            return ""
        return (
            f"`retina status {self.plan.name}{rerun_flags}` names the failures; mend their cause and give a larger "
            "--seeds"
        )

    @property
    def n_best_weights(self) -> int:
        """All of them, beside those that the search keeps."""
        return (
            n_best_weights(self.plan.config) + (self.config.top + 1) * self.config.seeds
        )  # the first trial's are beside

    def event(self) -> dict[str, Any]:
        """How many confirmations there are to be, and, before the test is read, whether their mean is measured."""
        policy = Confirmations(self.state, self.config)
        return {"confirmations": len(policy.records) + policy.n_remaining(), "ensemble": self.config.seeds > 1}

    def records(self, state: StudyState) -> Mapping[str, TrialRecord]:
        """The confirmations."""
        return state.confirmations

    def policy(self, state: StudyState) -> Confirmations:
        """What has not begun."""
        return Confirmations(state, self.config)

    def display(self, state: StudyState, trial_resources: Resources) -> Display:
        """The bar of confirmations."""
        policy = self.policy(state)

        def status_text() -> str:
            left = left_text(policy.seconds_left(trial_resources.max_concurrent))
            return f"test split read {times(len(state.test_evaluations))}{left}"

        return Display(out, "confirmations", state.confirmations, counted(state)["of"], status_text)

    def opening(self, state: StudyState, trial_resources: Resources) -> str:
        """Winners, seeds, parts, and the time that it will take."""
        plan, counts, policy = self.plan, counted(state), self.policy(state)
        best = [
            f"{one.winner.trial} {one.winner.arm}{', its first trial' * one.baseline}"
            for one in wanted(state, self.config)
            if one.seed_index == 0
        ]
        seconds = policy.seconds_left(trial_resources.max_concurrent)
        time = f"; about {duration_text(seconds)}" if seconds is not None else ""
        started = f"goes on with {counts['ended']} of {counts['of']}" if state.confirmations else str(counts["of"])
        excluded = ", without the patients of the test split" if self.config.exclude_test_patients else ""
        return (
            f"study {plan.name}: {started} confirmations ({', '.join(best)}; seeds: {self.config.seeds}), trained on "
            f"{self.images} images{excluded}; then {plan.prepared.count('test')} test images are read "
            f"once for each; {trial_resources}{time}"
        )
