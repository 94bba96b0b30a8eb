"""Finalists, the drop from validation to test, the search's gain and the ensembles as tables of texts."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from analysis import schema
from analysis.number_format import DASH, count, difference, number, signed_bounds, with_interval
from analysis.results.columns import DIFFERENCES, RUN

Row = Mapping[Hashable, Any]


def finalist_texts(finalists: pd.DataFrame, score: str) -> pd.DataFrame:
    """One row for each configuration that was trained again; finalists: finalists.finalists(study, board)."""
    rows = []
    for trial, own in finalists.groupby("trial", sort=False):
        done = own[(own["state"] == schema.STATE_COMPLETE) & own[score].notna()]
        row = {
            "Arm": own["label"].iloc[0],
            "Trial": str(trial),
            "Its own score": number(own["objective_value"].iloc[0]),
        }
        row |= {f"Mean {score} of its repeats": number(done[score].mean()), "SD": number(done[score].std())}
        row |= {"Each repeat": ", ".join(_repeat(one, score) for one in own.to_dict("records"))}
        rows.append(row | {"Images seen": count(own["images_seen"].sum())})
    columns = ["Arm", "Trial", "Its own score", f"Mean {score} of its repeats", "SD", "Each repeat", "Images seen"]
    return pd.DataFrame(rows, columns=columns)


def drop_texts(drop: pd.DataFrame) -> pd.DataFrame:
    """One row for each arm; drop: finalists.drop(...)."""
    names = {
        "own": "Winner's own score",
        "mean": "Mean of its repeats",
        "before": "Expected drop, by own score",
        "after": "Expected drop, by the mean",
        "test": "On test",
        "observed_before": "Drop from own score",
        "observed_after": "Drop from the mean",
    }
    table = drop[["label", *names]].rename(columns={"label": "Arm"} | names)
    return table.astype(object).map(lambda value: value if isinstance(value, str) else number(value))


def gain_texts(gain: pd.DataFrame) -> pd.DataFrame:
    """One row for each score; nothing where winner and first trial were not both measured. gain: gain.gain(...)."""
    row, rows = gain.to_dict("records")[0], []
    for score in reversed(DIFFERENCES) if row["status"] == RUN else ():
        displayed = {"Score": score, f"Winner ({row['trial']})": number(row[score])}
        displayed |= {f"First trial ({row['first_trial']})": number(row[f"first_{score}"])}
        displayed |= {"Gained (95 %)": difference(row, score)}
        displayed["Of the configurations"] = signed_bounds(row, f"{score}_difference_configuration") or DASH
        rows.append(
            displayed | {"n (patients)": f"{count(row['n'])} ({count(row['patients'])})", "Seeds": count(row["seeds"])}
        )
    return pd.DataFrame(rows)


def ensemble_texts(ensembles: pd.DataFrame) -> pd.DataFrame:
    """One row for each arm; ensembles: ensembles.ensembles(...)."""
    rows = [
        {
            "Arm": row["label"],
            "Seeds as one": count(row["seeds"]),
            "n (patients)": f"{count(row['n'])} ({count(row['patients'])})",
            "Kappa (95 %)": with_interval(row, "kappa"),
            "Accuracy (95 %)": with_interval(row, "accuracy"),
            "Majority": number(row["majority"]),
            "Balanced accuracy (95 %)": with_interval(row, "balanced_accuracy"),
            "AUC (95 %)": with_interval(row, "auc"),
            "Constant predictor": "yes" if row["constant_predictor"] else "no",
        }
        for row in ensembles.to_dict("records")
    ]
    return pd.DataFrame(rows)


def _repeat(one: Row, score: str) -> str:
    if one["state"] != schema.STATE_COMPLETE:
        return str(one["state"])
    return "undefined" if pd.isna(one[score]) else number(one[score])
