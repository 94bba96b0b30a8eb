"""How far studies are: read from their ledgers alone, no Ray, no MLflow, no pickle."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from analysis import schema
from study.config.study import StudyConfig
from study.errors import ConfigError
from study.storage.events import StudyClosed
from study.storage.home import fold_studies
from study.storage.ledger import LedgerError, read_events
from study.storage.lock import is_locked
from study.storage.progress import duration_text, epochs_saved, seconds_left, sparkline, times
from study.storage.ranking import candidates, planned, search_ended, wanted, winners
from study.storage.state import StudyState, study_state
from study.tuning.confirmation import counted

WATCH_SECONDS = 2.0

DAMAGED = "damaged"

NO_BEST = {"best_trial": None, "best_score": None, "best_repeats": None, "best_curve": None}

NOTHING: dict[str, Any] = {
    "reason": "", "next": "", "trials": 0, "ended": 0, "states": {}, "best": None, **NO_BEST, "epochs_saved": 0,
    "confirmations": {"ended": 0, "of": 0, "test_evaluations": 0}, "finalists": {"ended": 0, "of": 0},
    "seconds_left": None, "arms": {}, "not_run": {}, "weights": {}, "failures": {},
}  # fmt: skip
"""What is said of a study whose ledger is empty."""

STATES = (
    schema.STATE_COMPLETE,
    schema.STATE_PRUNED,
    schema.STATE_RUNNING,
    schema.STATE_INTERRUPTED,
    schema.STATE_FAILED,
)


def print_status(console: Console, home: Path, name: str | None, as_json: bool, rerun_flags: str = "") -> bool:
    """All studies of a home, or one with its arms and failures; returns whether each ledger could be read.

    One that cannot is a line, and hides no other. A home without studies is not an error. rerun_flags: of Home.
    """
    folders = sorted(path.parent for path in home.glob("*/ledger.jsonl"))
    named = _named(home, name, folders)
    if name and not named:
        known = ", ".join(folder.name for folder in folders) or "none"
        raise ConfigError(f"study {name} must exist in {home}, but there is: {known}")
    summaries = [_told(folder) for folder in named]
    studies = [study for study in summaries if study["state"] != DAMAGED]
    if as_json:
        console.print_json(data=summaries)
    elif not summaries:
        console.print(f"no studies in {home}; begin one with: retina search NAME --data FOLDER", markup=False)
    else:
        if studies:
            _print_studies(console, studies)
        if name and len(summaries) == len(studies) == 1:
            _print_arms(console, studies[0])
            _print_rest(console, home / studies[0]["study"], studies[0], rerun_flags)
        for study in summaries:
            if study["state"] == DAMAGED:
                console.print(f"{study['study']} is {DAMAGED}: {study['error']}", markup=False)
    return len(summaries) == len(studies)


def _told(folder: Path) -> dict[str, Any]:
    """What one ledger says, or why it says nothing."""
    try:
        return summary(folder)
    except (LedgerError, OSError) as error:
        return {"study": folder.name, "state": DAMAGED, "error": str(error)}


def _print_studies(console: Console, studies: list[dict[str, Any]]) -> None:
    table = Table("study", "state", "ended", "trials", "best on validation", "confirmed")
    for study in studies:
        counts = ", ".join(f"{study['states'][state]} {state}" for state in STATES if state in study["states"])
        confirmed = study["confirmations"]
        table.add_row(
            study["study"],
            study["state"],
            f"{study['ended']}/{study['trials']}",
            counts,
            study["best"] or "",
            f"{confirmed['ended']}/{confirmed['of']}" if confirmed["of"] else "",
        )
    console.print(table)


def _named(home: Path, name: str | None, folders: list[Path]) -> list[Path]:
    """Folders of the study `name` (of its folds, where it has some), or of all."""
    if not name:
        return folders
    folds = [home / fold for fold in fold_studies(home, name)]
    return [folder for folder in folds if folder in folders]


def watch_status(console: Console, home: Path, name: str | None, rerun_flags: str = "") -> bool:
    """Print the status again every WATCH_SECONDS until no study is being written, or Ctrl-C; returns as it does."""
    while True:
        folders = [path.parent for path in home.glob("*/ledger.jsonl")]
        # Asked before the ledgers are read: what is printed last must be how it ended.
        written = any(is_locked(folder) for folder in _named(home, name, folders))
        with console.capture() as capture:
            parent_study = print_status(console, home, name, as_json=False, rerun_flags=rerun_flags)
        console.clear()
        console.print(capture.get(), markup=False, end="")
        if not written:
            return parent_study
        time.sleep(WATCH_SECONDS)


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


def _print_arms(console: Console, study: dict[str, Any]) -> None:
    table = Table("arm", "trials", "epochs", "best on validation", "its epochs")
    for arm, values in study["arms"].items():
        counts = str(values["trials"]), str(values["epochs"])
        table.add_row(schema.label(arm, study["weights"]), *counts, values["best"] or "", values["curve"])
    for arm, reason in study["not_run"].items():
        table.add_row(schema.ARM_LABELS[arm], "not run", "", reason)
    console.print(table)
    if study["finalists"]["of"]:
        console.print(f"{study['finalists']['ended']} of {study['finalists']['of']} finalists ended")
    confirmed = study["confirmations"]
    if confirmed["of"]:
        console.print(
            f"{confirmed['ended']} of {confirmed['of']} confirmations ended; the test part was read "
            f"{times(confirmed['test_evaluations'])}"
        )
    else:
        console.print("not confirmed; the test part was not read by any confirmation")
    if study["epochs_saved"]:
        console.print(f"early stopping saved {study['epochs_saved']} epochs")
    if study["seconds_left"] is not None:
        console.print(f"about {duration_text(study['seconds_left'])} left")


def _print_rest(console: Console, folder: Path, study: dict[str, Any], rerun_flags: str) -> None:
    """What failed, why it ended, and the command that comes next."""
    for trial, reason in study["failures"].items():
        file = folder / "checkpoints" / trial / "error.txt"
        more = f" ({file} tells more)" if file.exists() else ""
        console.print(f"failed: {trial}: {reason}{more}", markup=False)
    if study["reason"]:
        console.print(f"{study['state']}: {study['reason']}", markup=False)
    if study["next"]:
        console.print(f"next: {study['next']}{rerun_flags}", markup=False)
