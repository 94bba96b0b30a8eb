"""Records what happens in a search: in the ledger first, then in Optuna, then on the progress bar and in MLflow.

One object in the driver; Ray's controller calls it from one thread, so there is one writer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from analysis import schema
from retina_data.gate import below
from study.config.study import StudyConfig
from study.storage.events import (
    EpochFinished,
    Event,
    RunStarted,
    StudyClosed,
    TestEvaluation,
    TrialFinished,
)  # fmt: skip
from study.storage.ledger import Ledger
from study.storage.ranking import finalists_of
from study.storage.state import StudyState, TrialRecord
from study.training.checkpoints import BEST, drop_last

N_BEST_WEIGHTS = 3
"""Best trials of an arm whose weights stay on the disk beside its first one's, at least as many as it has finalists;
the others' can be trained again from their configuration."""

NO_SCORE = "no trial has a score"
"""Why a study is FAILED whose trials have all ended."""

SAME_FAILURES = 3
"""A search whose first trials all fail for one reason is stopped: the reason is not in their configurations."""

SAME_FAILURES_IN_A_ROW = 6
"""So is one in which so many fail alike one after the other, however well it began: something around it has changed."""


def n_best_weights(config: StudyConfig) -> int:
    """Trials of an arm whose weights stay: the best, for any finalist may be the winner, and its first."""
    return max(N_BEST_WEIGHTS, finalists_of(config, config.trials)) + 1


class Failures:
    """Counts ended trials by what they failed of, so that no trial costs more because others came before.

    Reasons that differ in their numbers alone (memory that did not suffice) are one kind.
    """

    def __init__(self) -> None:
        self._ended = 0
        self._row: list[str] = []  # reasons of the last trials, all of one kind

    def add(self, record: TrialRecord) -> None:
        """One more trial has ended."""
        assert record.end is not None
        self._ended += 1
        reason = record.end.reason if record.end.state == schema.STATE_FAILED else ""
        if not reason or (self._row and _kind(self._row[-1]) != _kind(reason)):
            self._row = []
        if reason:
            self._row.append(reason)

    def common(self) -> str | None:
        """The reason of the last failures, if there are enough of them in a row."""
        first = SAME_FAILURES <= len(self._row) == self._ended
        return self._row[-1] if first or len(self._row) >= SAME_FAILURES_IN_A_ROW else None


def _kind(reason: str) -> str:
    return re.sub(r"\d+(\.\d+)?", "#", reason)[:80]


class TrialPolicy(Protocol):
    """What is run one after the other: the trials of a search (`ask_tell`), or confirmations (`confirmation`)."""

    @property
    def records(self) -> Mapping[str, TrialRecord]:
        """What has begun, in order."""

    def n_remaining(self) -> int:
        """How many have not begun."""

    def suggest(self) -> RunStarted:
        """The event that starts the next one."""

    def on_trial_result(self, record: TrialRecord, epoch: int, value: float | None) -> tuple[bool, dict[str, float]]:
        """An epoch is done with this score: (whether to stop now, what has to be remembered of that)."""

    def on_trial_complete(self, record: TrialRecord) -> None:
        """One has ended."""


def final_state(ended: Iterable[TrialRecord]) -> str:
    """The state in which a study closes whose trials (or confirmations) have all ended."""
    good = any(record.state != schema.STATE_FAILED for record in ended)
    return schema.STATE_COMPLETE if good else schema.STATE_FAILED


class Recorder:
    """Writes each event to the ledger, passes it to the policy, and hands it on to `watch`."""

    def __init__(
        self, ledger: Ledger, state: StudyState, policy: TrialPolicy, checkpoints: Path, watch: Callable[[Event], None]
    ) -> None:
        self.state = state
        self._ledger, self._policy, self._checkpoints, self._watch = ledger, policy, checkpoints, watch
        self._kept: dict[str, list[tuple[float, str]]] = {}  # arm -> (score, trial) whose weights stay, best first
        self._failures = Failures()
        config = StudyConfig.model_validate(state.study.config)
        self._weights_kept = n_best_weights(config) - 1  # beside the first's
        self._stopped_early = config.early_stopping != "none"
        for record in self.records.values():
            if record.end:
                self._keep_best_weights(record)
                self._failures.add(record)
        ended = [event.trial for event in ledger.events if isinstance(event, TrialFinished)]
        if ended:  # killed between a trial's end and this
            drop_last(below(checkpoints, ended[-1]))

    @property
    def records(self) -> Mapping[str, TrialRecord]:
        """What has begun, in order."""
        return self._policy.records

    def n_remaining(self) -> int:
        """How many have not begun."""
        return self._policy.n_remaining()

    def left(self) -> bool:
        """Whether one is still to be begun or ended."""
        return self.n_remaining() > 0 or any(not record.end for record in self.records.values())

    def stops_early(self, record: TrialRecord) -> bool:
        """Whether an answer to `epoch` may stop this one before its last epoch."""
        return self._stopped_early and not (record.confirm or record.finalist)

    def start_next(self) -> TrialRecord:
        """Start the next one."""
        started = self._policy.suggest()
        self._write(started)
        return self.records[started.name]

    def epoch(self, trial: str, report: dict[str, Any]) -> bool:
        """An epoch was reported, perhaps again; returns whether the trial is to be stopped."""
        record, stop = self.records[trial], False
        if record.end:
            return True
        if report["epoch"] == len(record.epochs) + 1:
            stop, pruner_state = self._policy.on_trial_result(record, report["epoch"], report["best"])
            values = {key: value for key, value in report.items() if key not in ("best", "test")}
            self._write(EpochFinished(trial=trial, **values, stop=stop, pruner_state=pruner_state))
        if "test" in report and not record.test:
            earlier = len(self.state.test_evaluations)
            self._write(TestEvaluation(confirm=trial, **report["test"], earlier=earlier))
        return stop or record.finishing == schema.STATE_PRUNED

    def end(self, trial: str, state: str, reason: str = "") -> None:
        """A trial is over for good; a second end of the same trial does not count."""
        record = self.records[trial]
        if record.end:
            return
        if state == schema.STATE_COMPLETE and record.best() is None:
            state = schema.STATE_FAILED
            reason = f"{record.config['objective']} was never defined: validation holds a single grade"
        self._write(TrialFinished(trial=trial, state=state, reason=reason))
        self._policy.on_trial_complete(record)
        drop_last(below(self._checkpoints, trial))
        self._keep_best_weights(record)
        self._failures.add(record)

    def end_finished(self) -> None:
        """End the trials whose last epoch is in the ledger, but whose end is not."""
        for record in list(self.records.values()):
            if record.finishing:
                self.end(record.trial, record.finishing)

    def close(self, state: str, reason: str = "") -> None:
        """The search ends here, whatever became of it."""
        self._write(StudyClosed(state=state, reason=reason))

    def common_failure(self) -> str | None:
        """The reason for which the search has no point any more, if trials keep failing alike."""
        return self._failures.common()

    def _write(self, event: Event) -> None:
        written = self._ledger.append(event)
        self.state.apply(written)
        self._watch(written)

    def _keep_best_weights(self, record: TrialRecord) -> None:
        """Remove the weights of whoever is no longer among the best of its arm; only those few are looked at.

        A confirmation's stay: they are what the study has to show. So do those of the arm's first trial, which may be
        the winner whatever its score. A finalist has none.
        """
        if record.confirm:
            return
        if record.finalist:
            below(self._checkpoints, record.trial, BEST).unlink(missing_ok=True)
            return
        score = record.best_score() if record.state != schema.STATE_FAILED else None
        kept = self._kept.setdefault(record.arm, [])
        if score is None:
            below(self._checkpoints, record.trial, BEST).unlink(missing_ok=True)
            return
        if record.number == 0:
            return
        kept.append((score, record.trial))
        kept.sort(key=lambda entry: (-entry[0], entry[1]))  # of equals the first in number, as `ranked` has it
        while len(kept) > self._weights_kept:
            below(self._checkpoints, kept.pop()[1], BEST).unlink(missing_ok=True)
