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


class Recorder:
    """Writes each event to the ledger, tells the arms, and hands it on to `watch`."""

    def __init__(
        self, ledger: Ledger, state: StudyState, arms: Arms, checkpoints: Path, watch: Callable[[Event], None]
    ) -> None:
        self.state = state
        self._ledger, self._arms, self._checkpoints, self._watch = ledger, arms, checkpoints, watch

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
        self._keep_best_weights(record.arm)

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
        ends = [record.end for record in self.state.trials.values() if record.end]
        reasons = {end["reason"] for end in ends if end["state"] == records.STATE_FAILED}
        failed = len(ends) >= SAME_FAILURES and len(reasons) == 1 and all(end["reason"] in reasons for end in ends)
        return reasons.pop() if failed else None

    def _write(self, event: str, **values: Any) -> None:
        entry = self._ledger.append(event, **values)
        self.state.apply(entry)
        self._watch(entry)

    def _keep_best_weights(self, arm: str) -> None:
        ended = [r for r in self.state.trials.values() if r.arm == arm and r.end and r.best_score() is not None]
        ended.sort(key=lambda record: record.best_score() or 0.0, reverse=True)
        for record in ended[WEIGHTS_KEPT:]:
            (self._checkpoints / record.trial / BEST).unlink(missing_ok=True)
