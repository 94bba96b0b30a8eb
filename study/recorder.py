"""What happens in a search, in order: ledger first, then Optuna, then whoever watches.

One object in the driver; Ray's controller calls it from one thread, so there is one writer.
"""

from __future__ import annotations

import re
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

SAME_FAILURES_IN_A_ROW = 6
"""So is one in which so many fail alike one after the other, however well it began: something around it has changed."""


class Failures:
    """Counts ended trials by what they failed of, so that no trial costs more because others came before.

    Reasons that differ in their numbers alone (memory that did not suffice) are one kind.
    """

    def __init__(self) -> None:
        self._ended = 0
        self._row: list[str] = []  # reasons of the last trials, all of one kind

    def note(self, record: TrialRecord) -> None:
        """One more trial has ended."""
        assert record.end is not None
        self._ended += 1
        reason = record.end["reason"] if record.end["state"] == records.STATE_FAILED else ""
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
        """The reason for which the search has no point any more, if trials keep failing alike."""
        return self._failures.common()

    def _write(self, event: str, **values: Any) -> None:
        entry = self._ledger.append(event, **values)
        self.state.apply(entry)
        self._watch(entry)

    def _keep_best_weights(self, record: TrialRecord) -> None:
        """Remove the weights of whoever is no longer among the best of its arm; only those few are looked at."""
        score = record.best_score() if record.state != records.STATE_FAILED else None
        kept = self._kept.setdefault(record.arm, [])
        if score is None:
            (self._checkpoints / record.trial / BEST).unlink(missing_ok=True)
            return
        kept.append((score, record.trial))
        kept.sort(key=lambda entry: entry[0], reverse=True)
        while len(kept) > WEIGHTS_KEPT:
            (self._checkpoints / kept.pop()[1] / BEST).unlink(missing_ok=True)
