"""Where trials ran, and when, as a ledger tells it."""

from __future__ import annotations

from study.ledger import StudyState, TrialRecord


def place_of(record: TrialRecord) -> tuple[str, str]:
    """(node, GPU) of a trial that never moved."""
    places = {(epoch["node"], epoch["gpu"]) for epoch in record.epochs}
    assert len(places) == 1, f"trial {record.trial} ran at {places}"
    return places.pop()


def ran(record: TrialRecord) -> tuple[float, float]:
    """The time from a trial's first epoch to its last, seconds."""
    return record.epochs[0]["time"], record.epochs[-1]["time"]


def at_once(state: StudyState) -> int:
    """Most trials that were running at one moment."""
    times = [ran(record) for record in state.trials.values() if record.epochs]
    return max(sum(1 for begun, ended in times if begun <= moment < ended) for moment, _ in times)


def shared_gpus(state: StudyState) -> list[tuple[str, str]]:
    """Pairs of trials that were on one GPU of one node at the same time."""
    records = [record for record in state.trials.values() if record.epochs]
    return [
        (a.trial, b.trial)
        for number, a in enumerate(records)
        for b in records[number + 1 :]
        if place_of(a) == place_of(b) and max(ran(a)[0], ran(b)[0]) < min(ran(a)[1], ran(b)[1])
    ]
