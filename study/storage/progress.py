"""How far a study is, from its state alone: time left, epochs saved, curves in one line."""

from __future__ import annotations

import re
from collections.abc import Iterable

from analysis import schema
from study.config.study import StudyConfig
from study.errors import ConfigError
from study.storage.ranking import planned
from study.storage.state import StudyState, TrialRecord

BARS = "▁▂▃▄▅▆▇█"

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def epoch_seconds(of: Iterable[TrialRecord]) -> dict[str, float]:
    """Mean seconds of an epoch so far, for each arm that has one."""
    spent: dict[str, list[float]] = {}
    for record in of:
        spent.setdefault(record.arm, []).extend(epoch.seconds for epoch in record.epochs)
    return {arm: sum(values) / len(values) for arm, values in spent.items() if values}


def seconds_left(config: StudyConfig, state: StudyState, arms: int, max_concurrent: int) -> float | None:
    """Seconds until the last epoch of the last trial and finalist, as if none were stopped early.

    Each arm's epochs are taken to last as long as they did so far, those of an arm without one as long as the mean.
    None before the first epoch.
    """
    runs = [*state.trials.values(), *state.finalists.values()]
    known = epoch_seconds(runs)
    if not known:
        return None
    usual = sum(known.values()) / len(known)
    started: float = sum(
        known.get(record.arm, usual) * (record.config["epochs"] - len(record.epochs))
        for record in runs
        if not record.end
    )
    later = config.trials + planned(config, arms) - len(runs)
    epochs: int = runs[0].config["epochs"]
    return (started + usual * epochs * max(0, later)) / max_concurrent


def epochs_saved(state: StudyState) -> int:
    """Epochs that early stopping did not have to run."""
    pruned = [record for record in state.trials.values() if record.state == schema.STATE_PRUNED]
    return sum(record.config["epochs"] - len(record.epochs) for record in pruned)


def sparkline(record: TrialRecord) -> str:
    """The objective over a trial's epochs, one bar each, from 0 (or the lowest below it) to the highest."""
    values = [epoch.scores.get(record.score_name) for epoch in record.epochs]
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, high = min(0.0, *known), max(*known, 0.0)
    span = (high - low) or 1.0
    steps = len(BARS) - 1
    return "".join(" " if value is None else BARS[round((value - low) / span * steps)] for value in values)


def times(count: int) -> str:
    """How often, in words."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def duration_text(seconds: float) -> str:
    """Hours, minutes and seconds, or days."""
    if seconds >= 86_400:
        return f"{seconds / 86_400:.1f} days"
    parent_study = round(seconds)
    return f"{parent_study // 3600:02d}:{parent_study // 60 % 60:02d}:{parent_study % 60:02d}"


def parse_duration(text: str) -> float:
    """Seconds of `90s`, `30m`, `2h`, `1d` or `1h30m`. Raises ConfigError for anything else."""
    if not re.fullmatch(r"(\d+(\.\d+)?[smhd])+", text) or not (
        total := sum(float(number) * _UNITS[unit] for number, _, unit in re.findall(r"(\d+(\.\d+)?)([smhd])", text))
    ):
        raise ConfigError(f"a time budget must be a duration above 0 such as 90s, 30m, 2h or 1h30m, but got {text!r}")
    return total
