"""What happens in a search, in order: ledger first, then Optuna, then whoever watches.

One object in the driver; Ray's controller calls it from one thread, so there is one writer.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from analysis import records
from study.arms import Arms, Asked
from study.checkpoints import BEST, drop_last
from study.ledger import Event, Ledger, StudyState, TrialRecord

WEIGHTS_KEPT = 3
"""Best trials of an arm whose weights stay on the disk; the others' can be trained again from their configuration."""

SAME_FAILURES = 3
"""A search whose first trials all fail for one reason is stopped: the reason is not in their configurations."""


class Failures:
    """Counts ended trials by what they failed of, so that no trial costs more because others came before."""

    def __init__(self) -> None:
        self._reasons: set[str] = set()
        self._ended = self._failed = 0

    def note(self, record: TrialRecord) -> None:
        """One more trial has ended."""
        assert record.end is not None
        self._ended += 1
        if record.end["state"] == records.STATE_FAILED:
            self._failed += 1
            self._reasons.add(record.end["reason"])

    def common(self) -> str | None:
        """The one reason for which all of them failed, if there are enough."""
        alike = self._ended >= SAME_FAILURES and self._failed == self._ended and len(self._reasons) == 1
        return next(iter(self._reasons)) if alike else None


class Recorder:
    """Writes each event to the ledger, tells the arms, and hands it on to `watch`."""

    def __init__(
        self, ledger: Ledger, state: StudyState, arms: Arms, checkpoints: Path, watch: Callable[[Event], None]
    ) -> None:
        self.state = state
        self._ledger, self._arms, self._checkpoints, self._watch = ledger, arms, checkpoints, watch
        self._kept: dict[str, list[tuple[float, str]]] = {}  # arm -> (score, trial) whose weights stay, best first
        self._failures = Failures()
        for record in state.trials.values():
            if record.end:
                self._keep_best_weights(record)
                self._failures.note(record)

    def begin(self, asked: Asked) -> TrialRecord:
        """A trial is going to run."""
        self._write(
            "trial",
            trial=asked.trial,
            group=asked.group,
            number=asked.number,
            config=asked.config.model_dump(mode="json"),
            params=asked.params,
            distributions=asked.distributions,
            repeat_of=asked.repeat_of,
        )
        return self.state.trials[asked.trial]

    def epoch(self, trial: str, report: Event) -> bool:
        """An epoch was reported, perhaps again; returns whether the trial is to be stopped."""
        record = self.state.trials[trial]
        if record.end or report["epoch"] != len(record.epochs) + 1:
            return bool(record.end) or record.finishing == records.STATE_STOPPED
        stop, rungs = self._arms.report(record, report["epoch"], report["best"])
        self._write("epoch", trial=trial, **{k: v for k, v in report.items() if k != "best"}, stop=stop, rungs=rungs)
        return stop

    def end(self, trial: str, state: str, reason: str = "") -> None:
        """A trial is over for good; a second end of the same trial does not count."""
        record = self.state.trials[trial]
        if record.end:
            return
        if state == records.STATE_COMPLETE and record.best() is None:
            state = records.STATE_FAILED
            reason = f"{record.config['objective']} was never defined: validation holds a single grade"
        self._write("end", trial=trial, state=state, reason=reason)
        self._arms.finish(record)
        if state != records.STATE_FAILED:
            drop_last(self._checkpoints / trial)
        self._keep_best_weights(record)
        self._failures.note(record)

    def end_finished(self) -> None:
        """End the trials whose last epoch is in the ledger, but whose end is not."""
        for record in list(self.state.trials.values()):
            if record.finishing:
                self.end(record.trial, record.finishing)

    def close(self, state: str, reason: str = "") -> None:
        """The search ends here, whatever became of it."""
        self._write("close", state=state, reason=reason)

    def common_failure(self) -> str | None:
        """The reason for which every ended trial failed, once there are enough of them."""
        return self._failures.common()

    def _write(self, event: str, **values: Any) -> None:
        entry = self._ledger.append(event, **values)
        self.state.apply(entry)
        self._watch(entry)

    def _keep_best_weights(self, record: TrialRecord) -> None:
        """Remove the weights of whoever is no longer among the best of its arm; only those few are looked at."""
        score = record.best_score()
        kept = self._kept.setdefault(record.arm, [])
        if score is not None:
            kept.append((score, record.trial))
            kept.sort(key=lambda entry: entry[0], reverse=True)
        while len(kept) > WEIGHTS_KEPT:
            (self._checkpoints / kept.pop()[1] / BEST).unlink(missing_ok=True)
