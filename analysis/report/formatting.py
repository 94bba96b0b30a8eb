"""Tables as the page shows them: every number as text, every missing one as a dash."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from analysis import schema
from analysis.number_format import (
    count,
    difference,
    number,
    p_value,
    percent,
    plain,
    signed_bounds,
    time,
    with_interval,
)
from analysis.results.columns import MEASURES, RUN, TESTED, VALIDATION, primary_endpoint, split_text
from analysis.results.labels import RULES, arm_label
from analysis.results.study_runs import StudyRuns

Row = Mapping[Hashable, Any]

ENDS = ("_low", "_high")

DIGEST_TAGS = {
    "data digest": schema.TAG_DATA,
    "split digest": schema.TAG_SPLIT,
    "commit": schema.TAG_COMMIT,
    "versions": schema.TAG_VERSIONS,
    "objective": schema.TAG_OBJECTIVE,
    "chosen on": schema.TAG_SELECTION_SPLIT,
    "primary endpoint, fixed when it began": schema.TAG_PRIMARY_ENDPOINT,
    "a trial's score is that of its epoch": schema.TAG_SELECT_EPOCH,
    "grade that is called": schema.TAG_DECISION,
    "readings of the test split": schema.TAG_TEST_EVALUATIONS,
}


def primary_rows(primary: pd.DataFrame, four_way: pd.DataFrame) -> list[dict[str, Any]]:
    """The four arms by the primary endpoint; primary: columns.primary_endpoint(four_way)."""
    rows = []
    for row, arm in zip(primary.to_dict("records"), four_way.to_dict("records"), strict=True):
        displayed = {key: row[key] for key in ("label", "status", "reason")} | {"trial": row["trial"]}
        displayed["trials"] = f"{row['trials_ended']} of {row['trials']}"
        displayed["repeats"] = _validation_score(row)
        if row["status"] == RUN:
            displayed |= _measured(row) | {"seeds": seeds_text(row), "auc": with_interval(row, "auc")}
            displayed |= {"by_grade": images_by_grade(row), "largest": percent(row["largest_patient"])}
            displayed |= {name: number(row[name]) for name in ("balanced_accuracy", "macro_f1")}
            displayed["recalls"] = [with_interval(row, f"recall_{grade}") for grade in schema.GRADES]
        rows.append(displayed | {"fellow_copy": number(arm["fellow_copy"]), "fellow_n": count(arm["fellow_copy_n"])})
    return rows


def seeds_text(row: Row) -> str:
    """How many seeds were measured, and in brackets how many confirmations failed."""
    return count(row["seeds"]) + (f" ({count(row['seeds_failed'])})" if row["seeds_failed"] > 0 else "")


def images_by_grade(row: Row) -> str:
    """Images of the grades 0 to 4."""
    return " / ".join(count(row[f"n_grade_{grade}"]) for grade in schema.GRADES)


def beside_rows(four_way: pd.DataFrame) -> list[dict[str, Any]]:
    """What else was measured of each arm: every split but the primary one, and validation without its optimism."""
    primary = str(four_way["primary_endpoint"].iloc[0])
    rows = []
    for row in four_way.to_dict("records"):
        for prefix in (VALIDATION, *TESTED):
            own: Row = row
            if prefix != VALIDATION:
                own = {name: row[f"{prefix}_{name}"] for name in MEASURES}
            if prefix != primary and not pd.isna(own["n"]):
                split = row["split"] if prefix == VALIDATION else split_text(prefix)
                rows.append({"label": row["label"], "split": split} | _measured(own))
        if not pd.isna(row["kappa_corrected"]) and row["chosen_among"] > 1:
            among = f"validation, corrected for the choice among {count(row['chosen_among'])} trials"
            scores = {score: with_interval(row, f"{score}_corrected") for score in ("kappa", "accuracy")}
            scored = _measured(row) | scores
            rows.append({"label": row["label"], "split": among} | scored)
    return rows


def other_rule_rows(four_way: pd.DataFrame) -> list[dict[str, Any]]:
    """Each arm's primary endpoint had grades been called by the other rule; for the same table as beside_rows."""
    rows = []
    for row in primary_endpoint(four_way).to_dict("records"):
        if pd.isna(row["other_accuracy"]):
            continue
        displayed = {
            "label": row["label"],
            "split": f"{row['split']}, other rule ({RULES[row['other_rule']]})",
        } | _measured(row)
        displayed |= {score: number(row[f"other_{score}"]) for score in ("kappa", "accuracy")}
        rows.append(displayed | {"constant_predictor": False})
    return rows


def seed_rows(primary: pd.DataFrame, seeds: pd.DataFrame) -> list[dict[str, Any]]:
    """Each arm's scores with the standard deviation over seeds, the configuration's interval and every seed's own
    value."""
    own = seeds[seeds["measured_on"] == primary["measured_on"].iloc[0]]
    rows = []
    for row in primary[primary["status"] == RUN].to_dict("records"):
        models = own[own["arm"] == row["arm"]]
        if len(models) < 2:
            continue
        for score in ("kappa", "accuracy"):
            configuration: Row = {
                score: row[score],
                **{f"{score}{end}": row[f"{score}_configuration{end}"] for end in ENDS},
            }
            each = [number(value) for value in models[score]]
            found = {"label": row["label"], "score": score, "sd": number(row[f"{score}_sd"]), "each": ", ".join(each)}
            rows.append(
                found | {"patients": with_interval(row, score), "configuration": with_interval(configuration, score)}
            )
    return rows


def pair_rows(pairs: pd.DataFrame) -> list[dict[str, Any]]:
    """The six differences; pairs: pairwise.pairs(study)."""
    rows = []
    for pair in pairs.to_dict("records"):
        displayed = {key: pair[key] for key in ("label_a", "label_b", "status", "reason")}
        if pair["status"] == RUN:
            displayed |= {"n": count(pair["n"]), "p_adjusted": p_value(pair["p_adjusted"])}
            displayed |= {score: difference(pair, score) for score in ("kappa", "accuracy")}
            displayed["configuration"] = signed_bounds(pair, f"{pair['score']}_difference_configuration")
        rows.append(displayed)
    return rows


def trial_rows(study: StudyRuns, board: pd.DataFrame, varied: list[str]) -> list[dict[str, Any]]:
    """Rows of the leaderboard or of the best configurations."""
    rows = []
    for row in board.to_dict("records"):
        tested = row.get("measured_on", VALIDATION) != VALIDATION
        displayed: dict[str, Any] = {"trial": row["trial"]} | _measured(row)
        displayed |= {"label": arm_label(study, row["arm"]), "repeats": number(row["finalist_mean"])}
        displayed |= {"varied": [plain(row[name]) for name in varied]}
        displayed |= {
            "epochs": f"{count(row['best_epoch'])} of {count(row['epochs_run'])}",
            "time": time(row["seconds"]),
        }
        displayed |= {"criterion": str(row.get("criterion", "")).replace("_", " "), "split": row["split"]}
        rows.append(displayed | {"rank": count(row["rank"]), "state": "confirmed" if tested else row["state"]})
    return rows


def budget_rows(study: StudyRuns, four_way: pd.DataFrame) -> list[dict[str, Any]]:
    """What each arm was given: trials, epochs of all its trials, images seen, time; finalists, confirmations."""
    rows = []
    for row in four_way.to_dict("records"):
        own = study.trials[study.trials["arm"] == row["arm"]]
        displayed = {"label": row["label"], "trials": count(row["trials"]), "epochs": count(own["epochs_run"].sum())}
        displayed |= {"images": count(row["images_seen"]), "time": time(row["seconds"])}
        repeats = study.finalists[study.finalists["arm"] == row["arm"]]
        displayed |= {"finalists": count(len(repeats)), "finalist_epochs": count(repeats["epochs_run"].sum())}
        displayed |= {
            "finalist_images": count(row["finalist_images_seen"]),
            "finalist_time": time(row["finalist_seconds"]),
        }
        confirmations = study.confirmations[study.confirmations["arm"] == row["arm"]]
        displayed |= {"confirmations": count(len(confirmations))}
        displayed |= {"confirm_epochs": count(confirmations["epochs_run"].sum())}
        spent = {"images": count(row["confirm_images_seen"]), "time": time(row["confirm_seconds"])}
        rows.append(displayed | {f"confirm_{name}": value for name, value in spent.items()})
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
    excluded = ("architecture", "pretrained", "seed")  # the arm says it, or it is the trial's own number
    names = [name for name in study.hyperparameters if name not in excluded] if len(board) else []
    varied = [name for name in names if board[name].nunique(dropna=False) > 1]
    return varied, {name: plain(board[name].iloc[0]) for name in names if name not in varied}


def tags(study: StudyRuns) -> dict[str, str]:
    """Digests and versions as they are read."""
    return {label: _tag(study.tags[tag]) for label, tag in DIGEST_TAGS.items() if study.tags.get(tag)}


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
        "constant_predictor": not pd.isna(row["constant_predictor"]) and bool(row["constant_predictor"]),
    }


def _tag(text: str) -> str:
    """A tag as it is read: versions are recorded as JSON, {"torch": "2.14.1", ...}."""
    if not text.startswith("{"):
        return text
    return ", ".join(f"{name} {value}" for name, value in json.loads(text).items())
