"""A search without Ray, one run after another: the program's own ledger, recorder, samplers, pruners and finalists.

What trains is a function that is handed in: `quality` trains, `bench_sampler` replays recorded curves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from study.config.study import StudyConfig
from study.storage.events import StudyStarted
from study.storage.ledger import Ledger
from study.storage.state import StudyState, TrialRecord, study_state
from study.tuning.ask_tell import Arms
from study.tuning.finalists import SearchPolicy
from study.tuning.recorder import Recorder, TrialPolicy

ARM = "resnet18-scratch"
GROUPS = {ARM: [("resnet18", False)]}
Runs = Callable[[TrialRecord], Iterator[dict[str, Any]]]
"""The reports of a run's epochs, from the first one on: epoch, scores, seconds, and best (what is told of it)."""


class WithoutKnownGood(Arms):
    """Arms as they were before each began with a known-good configuration."""

    def _enqueued(self, group: str) -> list[dict[str, Any]]:
        return []


def policy_of(config: StudyConfig, state: StudyState, arms: type[Arms] = Arms) -> TrialPolicy:
    """All trials of the one arm, then its finalists."""
    return SearchPolicy(config, arms(config, GROUPS, state), state)


def started(folder: Path, config: StudyConfig) -> Ledger:
    """The ledger of a study in a folder, with the event that begins it."""
    folder.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(folder / "ledger.jsonl")
    if not ledger.events:
        ledger.append(
            StudyStarted(
                id="0" * 32, config=config.model_dump(mode="json"), objective=config.objective, arms=[ARM],
                identity={"data_digest": "0" * 64, "split_digest": "0" * 64},
                not_run={}, weights={}, audit={}, splits={}, versions={"retina_commit": ""}, threads=1, notes=[],
                commands=[],
            )
        )  # fmt: skip
    return ledger


def search(folder: Path, config: StudyConfig, runs: Runs, arms: type[Arms] = Arms) -> StudyState:
    """Run what is left of a search and return its state."""
    ledger = started(folder, config)
    state = study_state(ledger.events)
    try:
        drive(Recorder(ledger, state, policy_of(config, state, arms), folder / "checkpoints", lambda event: None), runs)
    finally:
        ledger.close()
    return state


def drive(recorder: Recorder, runs: Runs) -> None:
    """Run all that a course has left; a run that was cut off begins again, and its epochs count once."""
    recorder.end_finished()
    waiting = [record for record in recorder.records.values() if not record.end]
    while recorder.left():
        record = waiting.pop(0) if waiting else recorder.start_next()
        for report in runs(record):
            if recorder.epoch(record.trial, report):
                break
        assert record.finishing is not None, f"{record.trial} has ended before its last epoch"
        recorder.end(record.trial, record.finishing)


def report_of(epoch: int, scores: dict[str, float], before: float | None, config: dict[str, Any]) -> dict[str, Any]:
    """What a trial's process would report; before: the highest score so far, which counts where that is selected."""
    value = scores.get(f"val/{config['objective']}")
    known = [one for one in (value, before if config["select_epoch"] == "best" else None) if one is not None]
    run = {"confusion": [[0] * 5] * 5, "images_seen": 0, "seconds": 0.0, "device": "cpu", "threads": 1}
    return {"epoch": epoch, "scores": scores, "best": max(known, default=None), **run}
