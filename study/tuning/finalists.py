"""A search's second part: the best trials of each arm and its first one again, on other validation splits.

They run as trials do, in the same call, once all trials have ended; `study.storage.ranking` says what is made of them.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from typing import TYPE_CHECKING

from study.config.study import StudyConfig
from study.storage.events import FinalistStarted, TrialStarted
from study.storage.ranking import fresh_seed, missing
from study.storage.state import StudyState, TrialRecord

if TYPE_CHECKING:
    from study.tuning.ask_tell import Arms


class SearchPolicy:
    """The policy of a search (`study.tuning.recorder.TrialPolicy`): all trials, then the finalists."""

    def __init__(self, config: StudyConfig, arms: Arms, state: StudyState) -> None:
        self._config, self._arms, self._state = config, arms, state
        # A ChainMap lists its last map first: trials, then finalists.
        self._records: Mapping[str, TrialRecord] = ChainMap(state.finalists, state.trials)

    @property
    def records(self) -> Mapping[str, TrialRecord]:
        """Trials and finalists so far."""
        return self._records

    def n_remaining(self) -> int:
        """How many have not begun; finalists are known once all trials have ended."""
        return self._arms.n_remaining() if self._arms.n_remaining() > 0 else len(missing(self._config, self._state))

    def suggest(self) -> TrialStarted | FinalistStarted:
        """The event that starts the next one."""
        if self._arms.n_remaining() > 0:
            return self._arms.suggest()
        one = missing(self._config, self._state)[0]
        seed = fresh_seed(self._config.seed, "finalist", one.trial.trial, one.seed_index)
        return FinalistStarted(
            finalist=f"f{len(self._state.finalists):04d}",
            trial=one.trial.trial,
            seed_index=one.seed_index,
            rank=one.rank,
            config={**one.trial.config, "seed": seed},
            # One split for each repeat, the same for all finalists: they are compared on the same patients.
            split_seed=fresh_seed(self._config.seed, "split", one.seed_index),
            baseline=one.baseline,
        )

    def on_trial_result(self, record: TrialRecord, epoch: int, value: float | None) -> tuple[bool, dict[str, float]]:
        """A trial may be stopped early; a finalist runs its whole schedule."""
        return (False, {}) if record.finalist else self._arms.on_trial_result(record, epoch, value)

    def on_trial_complete(self, record: TrialRecord) -> None:
        """Samplers learn from trials, not from finalists."""
        if not record.finalist:
            self._arms.on_trial_complete(record)
