"""How far a study is, as plain values: read from its ledger alone, no Ray, no MLflow, no pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from analysis import schema
from study.config.study import StudyConfig
from study.storage.events import StudyClosed
from study.storage.ledger import read_events
from study.storage.lock import is_locked
from study.storage.progress import epochs_saved, seconds_left, sparkline
from study.storage.ranking import candidates, planned, search_ended, wanted, winners
from study.storage.state import StudyState, study_state
from study.tuning.confirmation import counted

NO_BEST = {"best_trial": None, "best_score": None, "best_repeats": None, "best_curve": None}


NOTHING: dict[str, Any] = {
    "reason": "", "next": "", "trials": 0, "ended": 0, "states": {}, "best": None, **NO_BEST, "epochs_saved": 0,
    "confirmations": {"ended": 0, "of": 0, "test_evaluations": 0}, "finalists": {"ended": 0, "of": 0},
    "seconds_left": None, "arms": {}, "not_run": {}, "weights": {}, "failures": {}, "forgotten": [],
}  # fmt: skip
"""What is said of a study whose ledger is empty."""


def summary(folder: Path) -> dict[str, Any]:
    """What one ledger says, as plain values."""
    events, _ = read_events(folder / "ledger.jsonl")
    living = is_locked(folder)
    if not events:  # it is about to begin, or was killed before it did
        return {"study": folder.name, "state": schema.STATE_RUNNING if living else schema.STATE_INTERRUPTED, **NOTHING}
    state, states = study_state(events), dict[str, int]()
    for record in state.trials.values():
        now = schema.STATE_RUNNING if living and not record.end else record.state
        states[now] = states.get(now, 0) + 1
    last = events[-1] if isinstance(events[-1], StudyClosed) else None
    closed = last.state if last else schema.STATE_INTERRUPTED
    best = _best(state)
    config = StudyConfig.model_validate(state.study.config)
    searching, study = living and not search_ended(config, state), state.study
    left = seconds_left(config, state, len(study.arms), study.max_concurrent) if searching else None
    return {
        "study": folder.name,
        "state": schema.STATE_RUNNING if living else closed,
        "reason": last.reason if last and not living else "",
        "next": "" if living else _next(config, state, closed),
        "trials": config.trials,
        "ended": sum(1 for record in state.trials.values() if record.end),
        "states": states,
        "best": best,
        **_best_values(state),
        "epochs_saved": epochs_saved(state),
        "confirmations": counted(state),
        "finalists": {"ended": sum(1 for r in state.finalists.values() if r.end), "of": _finalists(config, state)},
        "seconds_left": left,
        "arms": {arm: _arm(state, arm) for arm in study.arms},
        "not_run": study.not_run,
        "weights": study.weights,
        "forgotten": sorted(state.forgotten),
        "failures": {
            record.trial: record.end.reason
            for record in state.runs().values()
            if record.end and record.state == schema.STATE_FAILED
        },
    }


def _finalists(config: StudyConfig, state: StudyState) -> int:
    """Finalists that there are to be."""
    ended = len(state.trials) >= config.trials and all(record.end for record in state.trials.values())
    count = len(wanted(config, state)) if ended else planned(config, len(state.study.arms))
    return max(count, len(state.finalists))


def _next(config: StudyConfig, state: StudyState, closed: str) -> str:
    """The command that comes next, without the flags that each command needs."""
    search, *later = map(str, state.study.commands or ("",))
    if not later or not search_ended(config, state) or not winners(state):
        return search
    confirmed = counted(state)
    done = closed == schema.STATE_COMPLETE and confirmed["of"] == confirmed["ended"] > 0
    return later[-1] if done else later[0]


def _arm(state: StudyState, arm: str) -> dict[str, Any]:
    mine = [record for record in state.trials.values() if record.arm == arm]
    return {
        "trials": len(mine),
        "epochs": sum(len(record.epochs) for record in mine),
        "best": _best(state, arm),
        "curve": "".join(sparkline(one.record) for one in candidates(state, arm)[:1]),
        **_best_values(state, arm),
    }


def _best_values(state: StudyState, arm: str | None = None) -> dict[str, Any]:
    """For programs: the best configuration, its score, and the objective over its epochs; None where there is none.

    The score is the mean over its finalists where it has some.
    """
    best = next(iter(candidates(state, arm)), None)
    if best is None:
        return NO_BEST
    curve = [epoch.scores.get(best.record.score_name) for epoch in best.record.epochs]
    return {
        "best_trial": best.record.trial, "best_score": best.score, "best_repeats": best.repeats, "best_curve": curve,
    }  # fmt: skip


def _best(state: StudyState, arm: str | None = None) -> str | None:
    best = next(iter(candidates(state, arm)), None)
    if best is None:
        return None
    many = "s" * (best.repeats > 1)
    how = f"mean of {best.repeats} finalist{many}" if best.repeats else f"n {state.study.splits['val']}"
    return f"{state.study.objective} {best.score:.3f} (trial {best.record.trial}, {how})"
