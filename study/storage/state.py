"""The one source of truth of a study: an append-only file of events, and the study's state read from it.

An event counts once its line is on the disk. Everything else (Optuna's studies, MLflow's runs, Ray's own state) is a
projection that can be thrown away and made again from here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from analysis import schema
from study.storage.ledger import Event


@dataclass
class TrialRecord:
    """What the ledger knows of one trial, or of one confirmation; `epochs` holds each epoch once, in order.

    confirm, finalist: the event that began a confirmation or a finalist, None for others. test: the one reading of the
    test part by a confirmation.
    """

    trial: str
    group: str
    number: int
    config: dict[str, Any]
    params: dict[str, Any]
    distributions: dict[str, str]
    started: float
    duplicate_of: str = ""
    epochs: list[Event] = field(default_factory=list)
    end: Event | None = None
    confirm: Event | None = None
    finalist: Event | None = None
    test: Event | None = None

    @property
    def arm(self) -> str:
        """Arm of the comparison."""
        return f"{self.config['architecture']}-{'pretrained' if self.config['pretrained'] else 'scratch'}"

    @property
    def state(self) -> str:
        """One of records.STATE_*; a trial without an end is interrupted unless someone is running it."""
        return self.end["state"] if self.end else schema.STATE_INTERRUPTED

    @property
    def finishing(self) -> str | None:
        """State in which the trial must be ended without another epoch, if its last epoch was the last one."""
        if self.end or not self.epochs:
            return None
        if self.epochs[-1]["stop"]:
            return schema.STATE_PRUNED
        if self.confirm and not self.test:
            return None
        return schema.STATE_COMPLETE if len(self.epochs) >= self.last_epoch else None

    @property
    def select_epoch(self) -> str:
        """Whose score is the trial's: the "last" epoch, or the "best" one, as in an older ledger, which is silent."""
        return str(self.config.get("select_epoch", "best"))

    @property
    def last_epoch(self) -> int:
        """The epoch after which it ends: the schedule's last one, or the one that a confirmation was given."""
        return int(self.confirm["epochs"] if self.confirm else self.config["epochs"])

    def best(self) -> Event | None:
        """The epoch whose score is the trial's; None where there is none.

        select_epoch=last: the last epoch of the whole schedule, so a trial that was stopped early has none. best: the
        one with the highest score that the objective names, the first among equals. In a confirmation nothing is
        selected: its last epoch, once that is done.
        """
        score, done = f"val/{self.config['objective']}", len(self.epochs) >= self.last_epoch
        if self.confirm:
            return self.epochs[-1] if done else None
        if self.select_epoch == "last":
            return self.epochs[-1] if done and score in self.epochs[-1]["scores"] else None
        able = [epoch for epoch in self.epochs if score in epoch["scores"]]
        return max(able, key=lambda epoch: float(epoch["scores"][score]), default=None)

    def best_score(self) -> float | None:
        """The objective's score at that epoch."""
        best, score = self.best(), f"val/{self.config['objective']}"
        return None if best is None or score not in best["scores"] else float(best["scores"][score])


@dataclass
class StudyState:
    """A study as its events tell it.

    study: the event that began it, with the latest number of trials. trials: of the search; finalists: its best ones
    again on other validation splits; confirms: of its winners, which no search ever sees. warm: what samplers were told
    before the first suggestion, {"told": trials of another study, "tries": configurations wanted first}.
    """

    study: Event | None = None
    warm: Event | None = None
    trials: dict[str, TrialRecord] = field(default_factory=dict)
    finalists: dict[str, TrialRecord] = field(default_factory=dict)
    confirmations: dict[str, TrialRecord] = field(default_factory=dict)

    @property
    def test_evaluations(self) -> list[Event]:
        """The readings of the test part by confirmations."""
        return [record.test for record in self.confirmations.values() if record.test]

    def runs(self) -> dict[str, TrialRecord]:
        """Trials, finalists and confirmations by name."""
        return {**self.trials, **self.finalists, **self.confirmations}

    def record(self, name: str) -> TrialRecord:
        """The trial, finalist or confirmation of that name."""
        for runs in (self.trials, self.finalists):
            if name in runs:
                return runs[name]
        return self.confirmations[name]

    def apply(self, event: Event) -> bool:
        """Take in one event; False when it repeats what is known and must not count again."""
        kind = event["event"]
        if kind == "study":
            self.study = {**(self.study or {}), **event, **({"id": self.study["id"]} if self.study else {})}
        elif kind == "warm":
            self.warm = self.warm or event
        elif kind == "trial":
            if event["trial"] in self.trials:
                return False
            keys = ("trial", "group", "number", "config", "params", "distributions")
            values = {key: event[key] for key in keys}
            repeat = event.get("duplicate_of", "")
            self.trials[event["trial"]] = TrialRecord(**values, started=event["time"], duplicate_of=repeat)
        elif kind == "confirm":
            if event["confirm"] in self.confirmations:
                return False
            self.confirmations[event["confirm"]] = _trained_again(event, "confirm")
        elif kind == "finalist":
            if event["finalist"] in self.finalists:
                return False
            self.finalists[event["finalist"]] = _trained_again(event, "finalist")
        elif kind == "epoch":
            record = self.record(event["trial"])
            if record.end or event["epoch"] != len(record.epochs) + 1:
                return False
            record.epochs.append(event)
        elif kind == "test-read" and "confirm" in event:
            record = self.confirmations[event["confirm"]]
            if record.test:
                return False
            record.test = event
        elif kind == "end":
            record = self.record(event["trial"])
            if record.end:
                return False
            record.end = event
        return True


def _trained_again(event: Event, kind: str) -> TrialRecord:
    """The record of a confirmation or a finalist, from the event that began it."""
    return TrialRecord(
        trial=event[kind],
        group="",
        number=event["seed_index"],
        config=event["config"],
        params={},
        distributions={},
        started=event["time"],
        confirm=event if kind == "confirm" else None,
        finalist=event if kind == "finalist" else None,
    )


def ranked(records_of: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Trials that may be called best, best first by their own score: ended in order, with a score.

    `study.storage.ranking.winners` is the order in which a study names them, which knows of finalists.
    """
    able = [r for r in records_of if r.state in (schema.STATE_COMPLETE, schema.STATE_PRUNED)]
    scored = [(score, r) for r in able if (score := r.best_score()) is not None]
    return [r for _, r in sorted(scored, key=lambda pair: pair[0], reverse=True)]


def study_state(events: Iterable[Event]) -> StudyState:
    """State after all events."""
    state = StudyState()
    for event in events:
        state.apply(event)
    return state
