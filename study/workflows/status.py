"""How far studies are, for a terminal: all of a home, or one with its arms and failures."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis import schema
from retina_data.errors import DataError
from retina_data.gate import below, plain
from study.errors import ConfigError
from study.storage.home import fold_studies, study_folders
from study.storage.ledger import LedgerError
from study.storage.lock import is_locked
from study.storage.progress import duration_text, times
from study.workflows.summary import summary

WATCH_SECONDS = 2.0

DAMAGED = "damaged"


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
    folders = study_folders(home)
    named = _named(home, name, folders)
    if name and not named:
        known = ", ".join(folder.name for folder in folders) or "none"
        raise ConfigError(f"study {name} must exist in {home}, but there is: {known}")
    summaries = [_told(folder) for folder in named]
    studies = [study for study in summaries if study["state"] != DAMAGED]
    if as_json:
        console.print_json(data=summaries, ensure_ascii=True)
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
    except (LedgerError, DataError, OSError) as error:
        return {"study": folder.name, "state": DAMAGED, "error": plain(str(error))}


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
        folders = study_folders(home)
        # Asked before the ledgers are read: what is printed last must be how it ended.
        written = any(is_locked(folder) for folder in _named(home, name, folders))
        with console.capture() as capture:
            parent_study = print_status(console, home, name, as_json=False, rerun_flags=rerun_flags)
        console.clear()
        console.print(Text.from_ansi(capture.get()), end="")
        if not written:
            return parent_study
        time.sleep(WATCH_SECONDS)


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
            f"{confirmed['ended']} of {confirmed['of']} confirmations ended; the test split was read "
            f"{times(confirmed['test_evaluations'])}"
        )
    else:
        console.print("not confirmed; the test split was not read by any confirmation")
    if study["epochs_saved"]:
        console.print(f"early stopping saved {study['epochs_saved']} epochs")
    if study["seconds_left"] is not None:
        console.print(f"about {duration_text(study['seconds_left'])} left")


def _print_rest(console: Console, folder: Path, study: dict[str, Any], rerun_flags: str) -> None:
    """What failed, why it ended, and the command that comes next."""
    for trial, reason in study["failures"].items():
        file = below(folder, "checkpoints", trial, "error.txt")
        more = f" ({file} tells more)" if file.exists() else ""
        console.print(f"failed: {trial}: {plain(reason)}{more}", markup=False)
    if study["forgotten"]:
        console.print(f"forgotten, and in no report: {', '.join(study['forgotten'])}", markup=False)
    if study["reason"]:
        console.print(f"{study['state']}: {plain(study['reason'])}", markup=False)
    if study["next"]:
        console.print(f"next: {study['next']}{rerun_flags}", markup=False)
