"""One study -> one self-contained HTML page, beside its tables and figures.

The page asks nothing of anybody: pictures are inside it and its Content-Security-Policy forbids every request. What
comes from a study (names, tags, reasons) is escaped by jinja2, and absolute paths are cut to their last name.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Hashable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import ChainableUndefined, Environment

from analysis import findings, records, tables
from analysis.figures import FigureFiles
from analysis.gallery import write_gallery
from analysis.runs import StudyRuns

ANSWER = "answer.md"
LEADERBOARD_ROWS = 20
DIGEST_TAGS = {
    "data digest": records.TAG_DATA,
    "split digest": records.TAG_SPLIT,
    "commit": records.TAG_COMMIT,
    "versions": records.TAG_VERSIONS,
    "objective": records.TAG_OBJECTIVE,
    "chosen on": records.TAG_SELECTED_ON,
    "about the parts": records.TAG_PART_NOTE,
}

Row = Mapping[Hashable, Any]


def write_report(study: StudyRuns, folder: Path) -> Path:
    """Write report.html, its first sentences as answer.md, the tables and figures/; returns the path of the page."""
    board = tables.leaderboard(study)
    cells = tables.four_way(study, board=board)
    tables.write_whole(folder / ANSWER, "\n\n".join(findings.answer(study, board, cells)).encode())
    best = tables.best(study, board=board)
    tables.write_tables(study, folder, board=board)
    figures, _ = write_gallery(study, folder / "figures", cells)
    page = folder / "report.html"
    tables.write_whole(page, render(study, board, cells, best, figures).encode())
    return page


def render(
    study: StudyRuns, board: pd.DataFrame, cells: pd.DataFrame, best: pd.DataFrame, figures: list[FigureFiles]
) -> str:
    """The page as text, from the tables of analysis.tables and the figures as written."""
    # what study.json does not hold is not shown; it must not keep the rest of the page from being shown
    environment = Environment(autoescape=True, undefined=ChainableUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(files("analysis").joinpath("report.html.jinja").read_text("utf-8"))
    varied, fixed = _hyperparameters(study, board)
    described: dict[str, Any] = _shareable(study.study)
    trials = pd.concat([best[best["criterion"] == criterion].head(LEADERBOARD_ROWS) for criterion in tables.CRITERIA])
    return template.render(
        name=study.name,
        answer=findings.answer(study, board, cells),
        remarks=[*findings.remarks(study, board, cells), *described.get("notes", [])],
        reaching=findings.reaching(best, tables.THRESHOLD),
        part=tables.part(study),
        objective=tables.objective(study),
        majority=_number(board["majority"].max()),
        grades=list(zip(records.GRADES, records.GRADE_NAMES, strict=True)),
        cells=[_cell(row) for row in cells.to_dict("records")],
        pictures=[(one, _inline(one.svg)) for one in figures if len(board)],  # without a result they are empty
        varied=varied,
        fixed=fixed,
        board=[_trial(row, varied) for row in board.head(LEADERBOARD_ROWS).to_dict("records")],
        board_size=len(board),
        best=[_trial(row, varied) for row in trials.to_dict("records")],
        failures=findings.failures(study).to_dict("records"),
        tags={label: _tag(study.tags[tag]) for label, tag in DIGEST_TAGS.items() if study.tags.get(tag)},
        audit=described.get("audit", {}),
        weights=described.get("weights", {}),
        commands=described.get("commands", []),
        config=json.dumps(described.get("config", {}), indent=2, ensure_ascii=False),
        budget=[_budget(study, row) for row in cells.to_dict("records")],
        threshold=f"{100 * tables.THRESHOLD:g} %",
    )


def _hyperparameters(study: StudyRuns, board: pd.DataFrame) -> tuple[list[str], dict[str, str]]:
    """Names of those that differ between trials, and the others with their one value."""
    left_out = ("architecture", "pretrained", "seed")  # the cell says it, or it is the trial's own number
    names = [name for name in study.hyperparameters if name not in left_out] if len(board) else []
    varied = [name for name in names if board[name].nunique(dropna=False) > 1]
    return varied, {name: _plain(board[name].iloc[0]) for name in names if name not in varied}


def _cell(row: Row) -> dict[str, Any]:
    """A row of the four-way table as texts."""
    shown: dict[str, Any] = {key: row[key] for key in ("cell", "status", "reason")}
    shown["trials"] = f"{row['trials_ended']} of {row['trials']}"
    if row["status"] == tables.RUN:
        recalls = [_number(row[f"recall_{grade}"]) for grade in records.GRADES]
        shown |= _measured(row) | {"trial": row["trial"], "recalls": recalls}
        shown |= {name: _number(row[name]) for name in ("balanced_accuracy", "macro_f1", "auc")}
    return shown


def _trial(row: Row, varied: list[str]) -> dict[str, Any]:
    """A row of the leaderboard or of the best configurations as texts."""
    shown: dict[str, Any] = {key: row[key] for key in ("rank", "trial", "state")} | _measured(row)
    shown |= {"cell": records.ARM_LABELS[row["arm"]], "varied": [_plain(row[name]) for name in varied]}
    shown |= {"epochs": f"{_count(row['best_epoch'])} of {_count(row['epochs_run'])}", "time": _time(row["seconds"])}
    return shown | {"criterion": str(row.get("criterion", "")).replace("_", " ")}


def _measured(row: Row) -> dict[str, Any]:
    return {
        "n": _count(row["n"]),
        "patients": _count(row["patients"]),
        "kappa": tables.with_interval(row, "kappa"),
        "accuracy": tables.with_interval(row, "accuracy"),
        "majority": _number(row["majority"]),
        "degenerate": bool(row["degenerate"]) and not pd.isna(row["degenerate"]),
    }


def _budget(study: StudyRuns, row: Row) -> dict[str, Any]:
    """What a cell was given: trials, epochs of all its trials, images seen, time."""
    epochs = int(study.trials.loc[study.trials["arm"] == row["arm"], "epochs_run"].sum())
    spent = {"images": _count(row["images_seen"]), "time": _time(row["seconds"])}
    return {"cell": row["cell"], "trials": row["trials"], "epochs": f"{epochs:,}"} | spent


def _inline(picture: Path) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(picture.read_bytes()).decode()}"


def _shareable(value: Any) -> Any:
    """The same structure with absolute paths in its texts cut to their last name."""
    if isinstance(value, Mapping):
        return {str(key): _shareable(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_shareable(one) for one in value]
    return tables.without_folders(value) if isinstance(value, str) else value


def _tag(text: str) -> str:
    """A tag as it is read: versions are recorded as JSON, {"torch": "2.14.1", ...}."""
    if not text.startswith("{"):
        return tables.without_folders(text)
    return ", ".join(f"{name} {value}" for name, value in json.loads(text).items())


def _number(value: Any) -> str:
    return "–" if pd.isna(value) else f"{value:.3f}"


def _count(value: Any) -> str:
    return "–" if pd.isna(value) else f"{int(value):,}"


def _plain(value: Any) -> str:
    """A hyperparameter, numbers with three significant digits."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _time(seconds: float) -> str:
    if pd.isna(seconds):
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, hours = round(seconds / 60), seconds / 3600
    return f"{minutes} min" if minutes < 100 else f"{hours:.1f} h"
