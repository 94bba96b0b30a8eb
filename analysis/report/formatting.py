"""Tables as the page shows them: every number as text, every missing one as a dash."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from analysis import schema
from analysis.redact import without_folders
from analysis.results.columns import MEASURES, RUN, TESTED, VALIDATION, headline, part_text
from analysis.results.labels import RULES, arm_label
from analysis.results.mlflow_reader import StudyRuns
from analysis.tables.arm_comparison import with_interval

Row = Mapping[Hashable, Any]

DASH = "–"

ENDS = ("_low", "_high")

DIGEST_TAGS = {
    "data digest": schema.TAG_DATA,
    "split digest": schema.TAG_SPLIT,
    "commit": schema.TAG_COMMIT,
    "versions": schema.TAG_VERSIONS,
    "objective": schema.TAG_OBJECTIVE,
    "chosen on": schema.TAG_SELECTION_SPLIT,
    "a trial's score is that of its epoch": schema.TAG_SELECT_EPOCH,
    "grade that is called": schema.TAG_DECISION,
    "readings of the test part": schema.TAG_TEST_EVALUATIONS,
}


def judged_rows(judged: pd.DataFrame, cells: pd.DataFrame) -> list[dict[str, Any]]:
    """The four cells by what the study is judged by; judged: columns.headline(cells)."""
    rows = []
    for row, cell in zip(judged.to_dict("records"), cells.to_dict("records"), strict=True):
        shown = {key: row[key] for key in ("cell", "status", "reason")} | {"trial": row["trial"]}
        shown["trials"] = f"{row['trials_ended']} of {row['trials']}"
        shown["repeats"] = _validation_score(row)
        if row["status"] == RUN:
            shown |= _measured(row) | {"seeds": count(row["seeds"]), "auc": with_interval(row, "auc")}
            shown |= {name: number(row[name]) for name in ("balanced_accuracy", "macro_f1")}
            shown["recalls"] = [with_interval(row, f"recall_{grade}") for grade in schema.GRADES]
        rows.append(shown | {"fellow_copy": number(cell["fellow_copy"]), "fellow_n": count(cell["fellow_copy_n"])})
    return rows


def beside_rows(cells: pd.DataFrame) -> list[dict[str, Any]]:
    """What else was measured of each cell: every part but the judged one, and validation without its optimism."""
    judged = str(cells["headline"].iloc[0])
    rows = []
    for cell in cells.to_dict("records"):
        for prefix in (VALIDATION, *TESTED):
            own: Row = cell
            if prefix != VALIDATION:
                own = {name: cell[f"{prefix}_{name}"] for name in MEASURES}
            if prefix != judged and not pd.isna(own["n"]):
                part = cell["split"] if prefix == VALIDATION else part_text(prefix)
                rows.append({"cell": cell["cell"], "split": part} | _measured(own))
        if not pd.isna(cell["kappa_corrected"]) and cell["chosen_among"] > 1:
            among = f"validation, corrected for the choice among {count(cell['chosen_among'])} trials"
            scores = {score: with_interval(cell, f"{score}_corrected") for score in ("kappa", "accuracy")}
            whole = _measured(cell) | scores
            rows.append({"cell": cell["cell"], "split": among} | whole)
    return rows


def other_rule_rows(cells: pd.DataFrame) -> list[dict[str, Any]]:
    """Each cell's headline had grades been called by the other rule; for the same table as beside_rows."""
    rows = []
    for row in headline(cells).to_dict("records"):
        if pd.isna(row["other_accuracy"]):
            continue
        shown = {"cell": row["cell"], "split": f"{row['split']}, other rule ({RULES[row['other_rule']]})"} | _measured(
            row
        )
        shown |= {score: number(row[f"other_{score}"]) for score in ("kappa", "accuracy")}
        rows.append(shown | {"degenerate": False})
    return rows


def seed_rows(judged: pd.DataFrame, seeds: pd.DataFrame) -> list[dict[str, Any]]:
    """Each cell's scores with the standard deviation over seeds, the recipe's interval and every seed's own value."""
    own = seeds[seeds["measured_on"] == judged["measured_on"].iloc[0]]
    rows = []
    for row in judged[judged["status"] == RUN].to_dict("records"):
        models = own[own["arm"] == row["arm"]]
        if len(models) < 2:
            continue
        for score in ("kappa", "accuracy"):
            recipe: Row = {score: row[score], **{f"{score}{end}": row[f"{score}_recipe{end}"] for end in ENDS}}
            each = [number(value) for value in models[score]]
            found = {"cell": row["cell"], "score": score, "sd": number(row[f"{score}_sd"]), "each": ", ".join(each)}
            rows.append(found | {"patients": with_interval(row, score), "recipe": with_interval(recipe, score)})
    return rows


def pair_rows(pairs: pd.DataFrame) -> list[dict[str, Any]]:
    """The six differences; pairs: comparison.pairs(study)."""
    rows = []
    for pair in pairs.to_dict("records"):
        shown = {key: pair[key] for key in ("cell_a", "cell_b", "status", "reason")}
        if pair["status"] == RUN:
            shown |= {"n": count(pair["n"]), "p": p_value(pair["p"]), "p_holm": p_value(pair["p_holm"])}
            shown |= {score: difference(pair, score) for score in ("kappa", "accuracy")}
            recipe = [pair[f"accuracy_difference_recipe{end}"] for end in ("_low", "_high")]
            shown["recipe"] = "" if pd.isna(recipe[0]) else f"{recipe[0]:+.3f} to {recipe[1]:+.3f}"
        rows.append(shown)
    return rows


def trial_rows(study: StudyRuns, board: pd.DataFrame, varied: list[str]) -> list[dict[str, Any]]:
    """Rows of the leaderboard or of the best configurations."""
    rows = []
    for row in board.to_dict("records"):
        tested = row.get("measured_on", VALIDATION) != VALIDATION
        shown: dict[str, Any] = {"trial": row["trial"]} | _measured(row)
        shown |= {"cell": arm_label(study, row["arm"]), "repeats": number(row["finalist_mean"])}
        shown |= {"varied": [plain(row[name]) for name in varied]}
        shown |= {"epochs": f"{count(row['best_epoch'])} of {count(row['epochs_run'])}", "time": time(row["seconds"])}
        shown |= {"criterion": str(row.get("criterion", "")).replace("_", " "), "split": row["split"]}
        rows.append(shown | {"rank": count(row["rank"]), "state": "confirmed" if tested else row["state"]})
    return rows


def budget_rows(study: StudyRuns, cells: pd.DataFrame) -> list[dict[str, Any]]:
    """What each cell was given: trials, epochs of all its trials, images seen, time; finalists, confirmations."""
    rows = []
    for row in cells.to_dict("records"):
        own = study.trials[study.trials["arm"] == row["arm"]]
        shown = {"cell": row["cell"], "trials": count(row["trials"]), "epochs": count(own["epochs_run"].sum())}
        shown |= {"images": count(row["images_seen"]), "time": time(row["seconds"])}
        repeats = study.finalists[study.finalists["arm"] == row["arm"]]
        shown |= {"finalists": count(len(repeats)), "finalist_epochs": count(repeats["epochs_run"].sum())}
        shown |= {"finalist_images": count(row["finalist_images_seen"]), "finalist_time": time(row["finalist_seconds"])}
        again = study.confirmations[study.confirmations["arm"] == row["arm"]]
        shown |= {"confirmations": count(len(again)), "confirm_epochs": count(again["epochs_run"].sum())}
        spent = {"images": count(row["confirm_images_seen"]), "time": time(row["confirm_seconds"])}
        rows.append(shown | {f"confirm_{name}": value for name, value in spent.items()})
    return rows


def space_rows(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(hyperparameter, what was drawn) of a study's configuration, as the ledger writes it."""
    rows = []
    for name, axis in (config.get("space") or {}).items():
        if isinstance(axis, Mapping) and "low" not in axis:  # a range for each optimizer
            text = "; ".join(f"{key}: {_range(one)}" for key, one in axis.items())
        elif isinstance(axis, Mapping):
            text = _range(axis)
        else:
            text = ", ".join(plain(value) for value in axis) if isinstance(axis, list) else plain(axis)
        rows.append((str(name).replace("_", " "), text.replace("_", " ")))
    return rows


def hyperparameters(study: StudyRuns, board: pd.DataFrame) -> tuple[list[str], dict[str, str]]:
    """Names of those that differ between trials, and the others with their one value."""
    left_out = ("architecture", "pretrained", "seed")  # the cell says it, or it is the trial's own number
    names = [name for name in study.hyperparameters if name not in left_out] if len(board) else []
    varied = [name for name in names if board[name].nunique(dropna=False) > 1]
    return varied, {name: plain(board[name].iloc[0]) for name in names if name not in varied}


def tags(study: StudyRuns) -> dict[str, str]:
    """Digests and versions as they are read."""
    return {label: _tag(study.tags[tag]) for label, tag in DIGEST_TAGS.items() if study.tags.get(tag)}


def shareable(value: Any) -> Any:
    """The same structure with absolute paths in its texts cut to their last name."""
    if isinstance(value, Mapping):
        return {str(key): shareable(one) for key, one in value.items()}
    if isinstance(value, list):
        return [shareable(one) for one in value]
    return without_folders(value) if isinstance(value, str) else value


def difference(pair: Row, score: str) -> str:
    """A difference in words: `+0.123 (+0.010 to +0.236)`."""
    value, low, high = (pair[f"{score}_difference{end}"] for end in ("", "_low", "_high"))
    if pd.isna(value) or pd.isna(low):
        return DASH if pd.isna(value) else f"{value:+.3f}"
    return f"{value:+.3f} ({low:+.3f} to {high:+.3f})"


def number(value: Any) -> str:
    """A score with three decimals."""
    return DASH if pd.isna(value) else f"{value:.3f}"


def count(value: Any) -> str:
    """A whole number with commas."""
    return DASH if pd.isna(value) else f"{int(value):,}"


def p_value(value: Any) -> str:
    """A p-value with three decimals, never 0."""
    return DASH if pd.isna(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"


def plain(value: Any) -> str:
    """A hyperparameter, numbers with three significant digits."""
    if isinstance(value, float):
        return DASH if pd.isna(value) else f"{value:.3g}"
    return str(value)


def time(seconds: float) -> str:
    """A time as a person says it."""
    if pd.isna(seconds):
        return DASH
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, hours = round(seconds / 60), seconds / 3600
    return f"{minutes} min" if minutes < 100 else f"{hours:.1f} h"


def _range(axis: Mapping[str, Any]) -> str:
    return f"{plain(axis.get('low'))} to {plain(axis.get('high'))}{', logarithmic' if axis.get('log') else ''}"


def _validation_score(row: Row) -> str:
    """Mean of a winner's repeats, how many and their standard deviation; "" without any."""
    if pd.isna(row["finalist_mean"]):
        return ""
    return f"{number(row['finalist_mean'])} ({count(row['finalist_repeats'])} repeats, sd {number(row['finalist_sd'])})"


def _measured(row: Row) -> dict[str, Any]:
    return {
        "n": count(row["n"]),
        "patients": count(row["patients"]),
        "kappa": with_interval(row, "kappa"),
        "accuracy": with_interval(row, "accuracy"),
        "majority": number(row["majority"]),
        "degenerate": not pd.isna(row["degenerate"]) and bool(row["degenerate"]),
    }


def _tag(text: str) -> str:
    """A tag as it is read: versions are recorded as JSON, {"torch": "2.14.1", ...}."""
    if not text.startswith("{"):
        return without_folders(text)
    return ", ".join(f"{name} {value}" for name, value in json.loads(text).items())
