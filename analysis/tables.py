"""One study -> leaderboard, best configurations, four-way comparison; and their CSV files.

Every accuracy stands beside n, its interval, the majority class and the part it was measured on.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Hashable, Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np
import pandas as pd

from analysis import records
from analysis.intervals import Interval, bootstrap_by_group, confusion_by_group, wilson
from analysis.runs import ENDED, StudyRuns
from analysis.scores import Ints, auc_ovr, is_degenerate, majority_share, scores_from_confusion

THRESHOLD = 0.82
"""Accuracy from which a configuration is listed in best.csv."""

RESAMPLES = 2000
SEED = 0
"""Generator of the intervals: the same study gives the same tables."""

MODELS_AT_ONCE = 100
"""Trials bootstrapped together: 100 x 3,500 patients x 25 counts x 8 bytes = 70 MB."""

MEASURES = (
    "n",
    "patients",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "majority",
    "kappa",
    "kappa_low",
    "kappa_high",
    "balanced_accuracy",
    "macro_f1",
    "auc",
    *(f"recall_{grade}" for grade in records.GRADES),
    "degenerate",
    "interval_over",
)
"""Columns that say how good one model is: n images, intervals of 95 %, over patients or (counts only) over images."""

CRITERIA = ("lower_bound", "point_estimate")
RUN, NOT_RUN, NO_RESULT = "run", "not run", "no result yet"


def leaderboard(study: StudyRuns) -> pd.DataFrame:
    """All ended trials that have a best epoch, best objective first, each measured at its selected epoch.

    Columns: rank (from 1), trial, arm, state, objective_value, MEASURES, best_epoch, every hyperparameter, epochs_run,
    images_seen, seconds, part. A trial whose objective is undefined stands last.
    """
    score = objective(study)
    ended = study.trials[study.trials["state"].isin(ENDED) & study.trials["best_epoch"].notna()]
    ended = ended.assign(objective_value=ended[f"best_val_{score}"])
    ended = ended.sort_values(["objective_value", "trial"], ascending=[False, True], na_position="last")
    board = ended.merge(_measure(study, list(ended["trial"])), on="trial", how="left")
    board["rank"] = np.arange(1, len(board) + 1)
    board["part"] = part(study)
    columns = ["rank", "trial", "arm", "state", "objective_value", *MEASURES, "best_epoch"]
    return board[[*columns, *study.hyperparameters, "epochs_run", "images_seen", "seconds", "part"]]


def best(study: StudyRuns, threshold: float = THRESHOLD, *, board: pd.DataFrame | None = None) -> pd.DataFrame:
    """Trials with an accuracy of `threshold` or more at the selected epoch, by two criteria that are kept apart.

    First all rows with criterion=lower_bound (the interval's lower bound reaches the threshold), then all rows with
    criterion=point_estimate (only the estimate must reach it); a trial of the first list stands in the second too.
    `board`: leaderboard(study), where it is at hand.
    """
    board = leaderboard(study) if board is None else board
    by_accuracy = board.sort_values(["accuracy", "trial"], ascending=[False, True])
    lists = [
        by_accuracy[by_accuracy[column] >= threshold].assign(criterion=criterion)
        for criterion, column in zip(CRITERIA, ("accuracy_low", "accuracy"), strict=True)
    ]
    chosen = pd.concat(lists, ignore_index=True)
    return chosen[["criterion", *board.columns]]


def best_by_accuracy(study: StudyRuns, *, board: pd.DataFrame | None = None) -> pd.DataFrame:
    """The leaderboard's trials by accuracy alone, at the same selected epoch; `rank` stays that of the objective."""
    board = leaderboard(study) if board is None else board
    return board.sort_values(["accuracy", "trial"], ascending=[False, True], na_position="last", ignore_index=True)


def four_way(study: StudyRuns, *, board: pd.DataFrame | None = None) -> pd.DataFrame:
    """Always the four cells in the order of records.ARM_LABELS, each by its best trial (of the objective).

    Columns: cell, arm, status (run, not run, no result yet), reason, trial, trials, trials_ended, MEASURES, best_epoch,
    objective_value, images_seen and seconds (of the whole arm), part.
    """
    board = leaderboard(study) if board is None else board
    reasons = not_run(study)
    rows = []
    for arm, cell in records.ARM_LABELS.items():
        trials, ranked = study.trials[study.trials["arm"] == arm], board[board["arm"] == arm]
        row: dict[str, object] = {"cell": cell, "arm": arm, "trial": ""}
        row |= {"trials": len(trials), "trials_ended": len(ranked)}
        row |= {name: _spent(study, arm, name) for name in ("images_seen", "seconds")} | {"part": part(study)}
        if len(ranked):
            top = ranked.iloc[0]
            row |= {"status": RUN, "reason": "", "best_epoch": top["best_epoch"], "trial": top["trial"]}
            row |= {column: top[column] for column in ("objective_value", *MEASURES)}
        elif len(trials):
            states = trials["state"].value_counts().sort_index()
            counts = ", ".join(f"{count} {state}" for state, count in states.items())
            row |= {"status": NO_RESULT, "reason": f"no trial has ended with a score: {counts}"}
        else:
            row |= {"status": NOT_RUN, "reason": reasons.get(arm, "no trial of this cell has been started")}
        rows.append(row)
    columns = ["cell", "arm", "status", "reason", "trial", "trials", "trials_ended", *MEASURES]
    return pd.DataFrame(rows, columns=[*columns, "objective_value", "best_epoch", "images_seen", "seconds", "part"])


def write_tables(study: StudyRuns, folder: Path, *, board: pd.DataFrame | None = None) -> dict[str, Path]:
    """Write leaderboard.csv, best.csv, best_by_accuracy.csv and four_way.csv; returns name -> path."""
    board = leaderboard(study) if board is None else board
    tables = {
        "leaderboard": board,
        "best": best(study, board=board),
        "best_by_accuracy": best_by_accuracy(study, board=board),
        "four_way": four_way(study, board=board),
    }
    paths = {name: folder / f"{name}.csv" for name in tables}
    for name, table in tables.items():
        write_csv(paths[name], table)
    return paths


def objective(study: StudyRuns) -> str:
    """Score that selects epoch and trial: kappa or accuracy."""
    return study.tags.get(records.TAG_OBJECTIVE) or "kappa"


def part(study: StudyRuns) -> str:
    """What every score of the study was measured on, with the warning that belongs to it."""
    if study.tags.get(records.TAG_SELECTED_ON) == "test":
        return "test (chosen on test: optimistic)"
    return "validation (chosen on this part: optimistic)"


def not_run(study: StudyRuns) -> dict[str, str]:
    """Arm -> why it did not run, from the parent run's tag or its study.json."""
    tagged = json.loads(study.tags.get(records.TAG_ARMS_NOT_RUN) or "{}")
    return {arm: without_folders(str(why)) for arm, why in {**study.study.get("not_run", {}), **tagged}.items()}


def without_folders(text: str) -> str:
    """The same text with absolute paths cut to their last name: what is passed on names no user and no machine."""
    return re.sub(r"(?:file://)?(?<![\w.:/~-])(?:~|[A-Za-z]:)?(?:[/\\][\w.@+-]+)+", _last_name, text)


def _last_name(path: re.Match[str]) -> str:
    return re.split(r"[/\\]", path[0])[-1]


def with_interval(row: Mapping[Hashable, Any], score: str) -> str:
    """A row's score in words: `0.925 (0.875 to 0.967)`, with three decimals; `undefined` for NaN."""
    value, low, high = (float(row[f"{score}{end}"]) for end in ("", "_low", "_high"))
    if np.isnan(value):
        return "undefined"
    return f"{value:.3f}" if np.isnan(low) else f"{value:.3f} ({low:.3f} to {high:.3f})"


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table as UTF-8 CSV, whole or not at all."""
    write_whole(path, csv_text(table).encode())


def csv_text(table: pd.DataFrame) -> str:
    """A table as CSV, with text that a spreadsheet cannot take for a formula."""
    safe = table.rename(columns=_inert)
    for place, column in enumerate(safe.columns):
        if not pd.api.types.is_numeric_dtype(safe.dtypes.iloc[place]):
            safe[column] = safe[column].map(_inert)
    return safe.to_csv(index=False)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file through a temporary one in the same folder, so that nobody sees a half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.chmod(file.name, 0o644)  # a temporary file is closed to others, a report is not
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def _spent(study: StudyRuns, arm: str, name: str) -> float:
    """images_seen or seconds of an arm; trials that broke off stand only in the budget of study.json."""
    of_trials = float(study.trials.loc[study.trials["arm"] == arm, name].sum())
    return max(of_trials, float(study.study.get("budget", {}).get(arm, {}).get(name, 0)))


def _inert(value: object) -> object:
    """A text that begins like a formula gets an apostrophe in front, and is one line; everything else stays."""
    if not isinstance(value, str):
        return value
    mark = "'" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else ""
    return mark + value.replace("\r", " ").replace("\n", " ")


def _measure(study: StudyRuns, trials: list[str]) -> pd.DataFrame:
    """trial and MEASURES of each trial; NaN where neither predictions nor a confusion matrix were recorded."""
    rows: dict[str, dict[str, object]] = {}
    groups: dict[bytes, list[tuple[str, Ints]]] = {}  # trials that were measured on the same patients
    for trial in trials:
        if trial not in study.confusions:
            continue
        confusion = study.confusions[trial]
        rows[trial] = _scores(confusion)
        found = study.predictions.get(trial)
        if found is None:
            rows[trial] |= _bounds_by_image(confusion)
            continue
        chance = found[[f"p{grade}" for grade in records.GRADES]].to_numpy()
        counts = confusion_by_group(found["patient"], found["grade"], chance.argmax(axis=1))
        rows[trial] |= {"patients": counts.shape[0], "interval_over": "patients"}
        rows[trial] |= {"auc": auc_ovr(found["grade"], chance)}
        groups.setdefault(found["patient"].to_numpy().tobytes(), []).append((trial, counts))
    for group in groups.values():
        for start in range(0, len(group), MODELS_AT_ONCE):
            models = group[start : start + MODELS_AT_ONCE]
            stacked = np.stack([counts for _, counts in models], axis=1)  # (patients, models, 5, 5)
            bounds = bootstrap_by_group(stacked, np.random.default_rng(SEED), resamples=RESAMPLES)
            for place, (trial, _) in enumerate(models):
                for score in ("accuracy", "kappa"):
                    rows[trial] |= _bounds(score, bounds[score], place)
                rows[trial] |= _never_certain(rows[trial], stacked.shape[0])
    table = pd.DataFrame([{"trial": trial} | row for trial, row in rows.items()], columns=["trial", *MEASURES])
    return table.astype({"trial": study.trials["trial"].dtype})


def _scores(confusion: Ints) -> dict[str, object]:
    row: dict[str, object] = {name: float(value) for name, value in scores_from_confusion(confusion).items()}
    row |= {"n": int(confusion.sum()), "majority": float(majority_share(confusion))}
    return row | {"degenerate": bool(is_degenerate(confusion))}


def _bounds(score: str, interval: Interval, place: int) -> dict[str, object]:
    return {f"{score}_low": float(interval.low[place]), f"{score}_high": float(interval.high[place])}


def _never_certain(row: dict[str, object], patients: int) -> dict[str, object]:
    """Where every patient is right (or wrong) each resample is alike, and the bootstrap knows no doubt: Wilson does."""
    if row["accuracy_low"] != row["accuracy_high"]:
        return {}
    doubt = wilson(float(str(row["accuracy"])) * patients, patients)
    return {"accuracy_low": float(doubt.low), "accuracy_high": float(doubt.high)}


def _bounds_by_image(confusion: Ints) -> dict[str, object]:
    """Without predictions the patients are not known: Wilson's interval of the accuracy, none of kappa."""
    found = wilson(np.trace(confusion), confusion.sum())
    return {"accuracy_low": float(found.low), "accuracy_high": float(found.high), "interval_over": "images"}
