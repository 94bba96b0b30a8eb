"""Confirmations: the winners of each arm again with fresh seeds over the whole schedule, then the test split read once.

What is settled here is what runs; how it runs is the search's way (`study.workflows.running.run`,
`study.tuning.ray_tune`). Nothing is
selected any more: neither an epoch nor a trial, and nothing of a confirmation goes back into the search. The first
trial of the arm that validation chose is confirmed beside its winner: what the search gained is measured against it.
"""

from __future__ import annotations

from dataclasses import dataclass

from analysis import schema
from study.config.messages import not_searched
from study.config.study import StudyConfig
from study.errors import ConfigError
from study.storage.events import ConfirmationStarted
from study.storage.progress import epoch_seconds
from study.storage.ranking import chosen_arm, first_trial, fresh_seed, search_ended, winners
from study.storage.state import StudyState, TrialRecord


@dataclass(frozen=True)
class ConfirmationConfig:
    """What is to be confirmed. top: best configurations of each arm. seeds: fresh seeds of each.

    exclude_test_patients: patients who stand in the test split are taken out of training.
    """

    top: int = 1
    seeds: int = schema.FEW_SEEDS
    exclude_test_patients: bool = False


@dataclass(frozen=True)
class ConfirmationTrial:
    """One confirmation that is asked for: winner, its rank within its arm (from 1), number of its seed (from 0).

    baseline: it is no winner, but the first trial of its arm.
    """

    winner: TrialRecord
    rank: int
    seed_index: int
    baseline: bool = False

    @property
    def epochs(self) -> int:
        """Epochs that it is trained: the whole schedule. A constant one has no end, so there a chosen epoch stands."""
        config, best = self.winner.config, self.winner.best()
        full_schedule = config["select_epoch"] == "last" or config["schedule"] != "constant" or best is None
        return int(config["epochs"] if full_schedule or best is None else best.epoch)


class Confirmations:
    """The policy of a confirmation (`recorder.TrialPolicy`): each (winner, seed) once, all first seeds first."""

    def __init__(self, state: StudyState, request: ConfirmationConfig) -> None:
        self._state, self._request = state, request
        self._wanted = wanted(state, request)

    @property
    def records(self) -> dict[str, TrialRecord]:
        """The confirmations so far."""
        return self._state.confirmations

    def missing(self) -> list[ConfirmationTrial]:
        """What has not begun."""
        started = {(r.confirm.trial, r.confirm.seed_index) for r in self.records.values() if r.confirm}
        return [one for one in self._wanted if (one.winner.trial, one.seed_index) not in started]

    def n_remaining(self) -> int:
        """How many have not begun."""
        return len(self.missing())

    def suggest(self) -> ConfirmationStarted:
        """The event that starts the next one."""
        one = self.missing()[0]
        seed = fresh_seed(self._state.study.config["seed"], "confirm", one.winner.trial, one.seed_index)
        return ConfirmationStarted(
            confirm=f"c{len(self.records):04d}",
            trial=one.winner.trial,
            seed_index=one.seed_index,
            rank=one.rank,
            config={**one.winner.config, "seed": seed},
            epochs=one.epochs,
            baseline=one.baseline,
            exclude_test_patients=self._request.exclude_test_patients,
        )

    def on_trial_result(self, record: TrialRecord, epoch: int, value: float | None) -> tuple[bool, dict[str, float]]:
        """No confirmation is stopped early."""
        return False, {}

    def on_trial_complete(self, record: TrialRecord) -> None:
        """Nobody learns from a confirmation."""

    def seconds_left(self, max_concurrent: int) -> float | None:
        """Seconds until the last one's last epoch, by what epochs of its arm took so far; None where none is known."""
        known = epoch_seconds([*self._state.trials.values(), *self.records.values()])
        if not known:
            return None
        usual = sum(known.values()) / len(known)
        left = [(r.arm, r.last_epoch - len(r.epochs)) for r in self.records.values() if not r.end]
        left += [(one.winner.arm, one.epochs) for one in self.missing()]
        return sum(known.get(arm, usual) * epochs for arm, epochs in left) / max_concurrent


def wanted(state: StudyState, request: ConfirmationConfig) -> list[ConfirmationTrial]:
    """All that is asked for, in the order in which it is run."""
    found = []
    for arm in state.study.arms:
        best = winners(state, arm)[: request.top]
        found += [
            ConfirmationTrial(trial, rank, seed) for rank, trial in enumerate(best, 1) for seed in range(request.seeds)
        ]
        first = baseline(state, arm)
        if first and first.trial not in [trial.trial for trial in best]:
            found += [ConfirmationTrial(first, len(best) + 1, seed, baseline=True) for seed in range(request.seeds)]
    return sorted(found, key=lambda one: (one.seed_index, one.rank))  # stable: else in the order of the arms


def baseline(state: StudyState, arm: str) -> TrialRecord | None:
    """The trial that an arm began with, where it is the arm that validation chose; None elsewhere.

    It is what a user would have trained without a search, so it counts whatever its score.
    """
    if arm != chosen_arm(state):
        return None
    first = first_trial(state, arm)
    if first is None or first.state == schema.STATE_FAILED:
        return None
    return None if winners(state, arm)[0].duplicate_of == first.trial else first


def check_confirmable(name: str, state: StudyState | None, request: ConfirmationConfig, rerun_flags: str = "") -> None:
    """Raise ConfigError unless the study's choices are made, on validation, and the request fits its earlier readings.

    rerun_flags: Home.rerun_flags.
    """
    if state is None:
        raise not_searched(name)
    config = state.study.config
    if config["select_on"] == "test":
        raise ConfigError(
            f"study {name} chose its epochs and trials on the test split (select_on=test), so no part is left to "
            "confirm it on; search again with --select-on validation under another name"
        )
    waiting = config["trials"] - sum(1 for record in state.trials.values() if record.end)
    if waiting <= 0 and not search_ended(StudyConfig.model_validate(config), state):
        raise ConfigError(
            "a study's finalists must have ended before its winners meet the test split, "
            f"but those of {name} have not; finish it with: retina search {name}{rerun_flags}"
        )
    if waiting > 0:
        started = len(state.trials)
        sooner = f" (--trials {started} ends it with those that have begun)" if 0 < started < config["trials"] else ""
        raise ConfigError(
            f"a study must have ended before its winners meet the test split, but {waiting} of the {config['trials']} "
            f"trials of {name} have not; finish it with: retina search {name}{rerun_flags}{sooner}"
        )
    if not wanted(state, request):
        raise ConfigError(f"study {name} must have a trial with a score, but has none; search again under another name")
    for record in state.confirmations.values():
        if record.confirm and record.confirm.exclude_test_patients != request.exclude_test_patients:
            way = "with" if record.confirm.exclude_test_patients else "without"
            raise ConfigError(
                f"the confirmations of a study must all be trained alike, but those of {name} were {way} "
                f"--exclude-test-patients ({record.trial}); {'add' if way == 'with' else 'drop'} "
                "--exclude-test-patients"
            )


def arms_without_winner(state: StudyState) -> list[str]:
    """Arms that ran and have no trial with a score: they cannot be confirmed."""
    return [arm for arm in state.study.arms if not winners(state, arm)]


def counted(state: StudyState) -> dict[str, int]:
    """Confirmations that have ended, that there are to be, and readings of the test split."""
    asked = state.study.confirmations or 0
    ended = sum(1 for record in state.confirmations.values() if record.end)
    return {"ended": ended, "of": max(asked, len(state.confirmations)), "test_evaluations": len(state.test_evaluations)}
