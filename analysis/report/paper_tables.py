"""Tables for a paper: Markdown and LaTeX, with what a reader needs of them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from analysis import schema
from analysis.number_format import count, number, p_value, percent, plain, signed_bounds, with_interval, yes
from analysis.report import text_tables
from analysis.report.formatting import images_by_grade
from analysis.results.columns import DIFFERENCES, NEW_PATIENTS, RUN, TEST, VALIDATION, primary_endpoint
from analysis.results.labels import RULES, arm_label
from analysis.results.study_runs import StudyRuns, objective
from analysis.table_files import latex, markdown, write_csv
from analysis.tables import arm_comparison, best, finalists
from analysis.tables.all_tables import TableSet
from retina_data.files import write_whole

Row = Mapping[Hashable, Any]


SCORE_NAMES = {
    "accuracy": "Accuracy",
    "kappa": "Quadratic weighted kappa",
    "balanced_accuracy": "Balanced accuracy",
    "macro_f1": "Macro F1",
    "auc": "AUC",
    **{f"recall_{grade}": f"Recall {grade} ({schema.GRADE_NAMES[grade]})" for grade in schema.GRADES},
}


LEADERBOARD_ROWS = 20


def write_tables(study: StudyRuns, made: TableSet, folder: Path, threshold: float = best.THRESHOLD) -> dict[str, Path]:
    """Write NAME.csv into the folder, NAME.md and NAME.tex into its subfolder tables/; returns name -> CSV.

    The CSV files hold every column and row. The others hold what a page can show: scores with their intervals in one
    cell, the first LEADERBOARD_ROWS rows of a list.
    """
    full = {
        "endpoint": made.endpoint,
        "leaderboard": made.board,
        "best": made.best,
        "best_by_accuracy": made.best_by_accuracy,
        "four_way": made.four_way,
        "pairs": made.pairs,
        "seeds": made.seeds,
        "finalists": made.finalists,
        "drop": made.drop,
        "gain": made.gain,
        "ensembles": made.ensembles,
        "failures": made.failures,
    }
    paths = {name: folder / f"{name}.csv" for name in full}
    for name, table in full.items():
        write_csv(paths[name], table)
    for name, (table, caption) in tables_with_captions(study, made, threshold).items():
        write_whole(folder / "tables" / f"{name}.md", markdown(table, caption).encode())
        write_whole(folder / "tables" / f"{name}.tex", latex(table, caption, f"{study.name}-{name}").encode())
    return paths


def tables_with_captions(
    study: StudyRuns, made: TableSet, threshold: float = best.THRESHOLD
) -> dict[str, tuple[pd.DataFrame, str]]:
    """Name -> table of texts as a page shows it, and its caption."""
    primary = primary_endpoint(made.four_way)
    intervals = "Intervals are 95 %, over patients, given the trained models"
    several = primary["seeds"].max() > 1
    four_way = f"The four arms of study {study.name}. {intervals}{'; scores are means over seeds' if several else ''}."
    ranked = f"Trials of study {study.name} by {objective(study)}, on "
    ranked += f"{arm_comparison.selection_split_text(study)}. {intervals}."
    reaching = f"Configurations of study {study.name} with an accuracy of {100 * threshold:g} % or more, by two "
    reaching += f"criteria that are kept apart. {intervals}."
    against = f"Differences between arms of study {study.name}, on {made.pairs['split'].iloc[0]}. {intervals}"
    against += "."
    if made.pairs["tests"].max() > 0:
        against = f"{against[:-1]}; those of {objective(study)}, and p, hold for all pairs together."
    seeds = f"Each seed of the confirmed arms of study {study.name}."
    return {
        "four_way": (_four_way(made.four_way, primary), four_way),
        "leaderboard": (_trials(study, made.board), ranked),
        "best": (_trials(study, made.best), reaching),
        "pairs": (_pairs(made.pairs), against),
        "seeds": (_seeds(made.seeds), seeds),
        **_of_choice(study, made),
        "failures": (made.failures.astype(str), f"What did not end in order in study {study.name}."),
    }


def _of_choice(study: StudyRuns, made: TableSet) -> dict[str, tuple[pd.DataFrame, str]]:
    """What was trained again before a winner was named, what the search gained, and the seeds as one model."""
    score = objective(study)
    finalists_caption = (
        f"Configurations of study {study.name} that were trained again with fresh seeds on other divisions of the "
    )
    finalists_caption += f"training list; the mean {score} of the repeats is a configuration's validation score."
    if in_doubt := finalists.in_doubt_sentence(study, made.board):
        finalists_caption += f" {in_doubt}"
    won = f"What the search of study {study.name} gained over its first trial, by patient, the same seeds of both."
    one = (
        f"The mean of the seeds' probabilities as one model, study {study.name}; not to be compared with single models."
    )
    found = {
        "finalists": (text_tables.finalist_texts(made.finalists, score), finalists_caption),
        "drop": (text_tables.drop_texts(made.drop), f"{finalists.drop_sentence(made.drop)}"),
        "gain": (text_tables.gain_texts(made.gain), won),
        "ensembles": (text_tables.ensemble_texts(made.ensembles), one),
    }
    return {name: (table, caption) for name, (table, caption) in found.items() if len(table)}


def _four_way(four_way: pd.DataFrame, primary: pd.DataFrame) -> pd.DataFrame:
    """Arms as columns, what was measured as rows."""
    columns = {}
    for row, own in zip(four_way.to_dict("records"), primary.to_dict("records"), strict=True):
        columns[str(row["label"])] = _arm_column(row, own)
    table = pd.DataFrame(columns)
    table.insert(0, "", table.index)
    return table.reset_index(drop=True).fillna("–")


def _arm_column(row: Row, primary: Row) -> dict[str, str]:
    """One arm's column; row: of four_way, primary: of its primary endpoint."""
    found = {"Measured on": str(primary["split"]), "Trial": str(primary["trial"]) or "–"}
    found["Trials ended"] = f"{row['trials_ended']} of {row['trials']}"
    if row["trials_pruned"]:
        found["Trials ended"] += f", {row['trials_pruned']} early, without a score"
    found |= {"Images seen": count(row["images_seen"]), "Seconds": count(row["seconds"])}
    if primary["status"] != RUN:
        return found | {"Result": f"{primary['status']}: {primary['reason']}"}
    found["Grades called"] = RULES[str(primary["decision"])]
    if not pd.isna(primary["finalist_mean"]):
        repeats, spread = count(primary["finalist_repeats"]), number(primary["finalist_sd"])
        found["Validation score"] = f"{number(primary['finalist_mean'])} (mean of {repeats} repeats, sd {spread})"
    if primary["measured_on"] != VALIDATION:
        found["Seeds"] = f"{primary['seeds']} ({primary['seed_numbers']})"
        if primary["seeds_failed"] > 0:
            found["Seeds"] += f", {count(primary['seeds_failed'])} failed"
    found |= {"Images (patients)": f"{count(primary['n'])} ({count(primary['patients'])})"}
    found["Images of grade 0 / 1 / 2 / 3 / 4"] = images_by_grade(primary)
    found["Most of one patient"] = percent(primary["largest_patient"])
    found["Majority class"] = number(primary["majority"])
    found["Accuracy beyond it"] = with_interval(primary, "gain_over_majority")
    if not pd.isna(row["fellow_copy"]):
        found["Fellow-eye copy"] = f"{row['fellow_copy']:.5f} (n = {count(row['fellow_copy_n'])})"
    for score, name in SCORE_NAMES.items():
        found[name] = with_interval(primary, score)
        if not pd.isna(primary[f"{score}_sd"]) and score in DIFFERENCES:
            found[f"{name}, sd over seeds"] = number(primary[f"{score}_sd"])
            found[f"{name}, of the configuration"] = (
                f"{number(primary[f'{score}_configuration_low'])} to {number(primary[f'{score}_configuration_high'])}"
            )
        if primary["measured_on"] == VALIDATION and score in DIFFERENCES and row["chosen_among"] >= 1:
            corrected = with_interval(row, f"{score}_corrected")
            found[f"{name}, corrected for the choice"] = f"{corrected}, best of {count(row['chosen_among'])}"
        if primary["measured_on"] == NEW_PATIENTS and score in DIFFERENCES:
            found[f"{name}, all test images"] = with_interval(row, f"{TEST}_{score}")
    if not pd.isna(primary["other_accuracy"]):
        rule = f"Accuracy; kappa, other rule ({RULES[str(primary['other_rule'])]})"
        found[rule] = f"{number(primary['other_accuracy'])}; {number(primary['other_kappa'])}"
    found["Constant predictor"] = yes(primary["constant_predictor"])
    return found


def _trials(study: StudyRuns, board: pd.DataFrame) -> pd.DataFrame:
    """Rows of the leaderboard or of best.best, with the hyperparameters that differ between trials."""
    names = [name for name in study.hyperparameters if name not in ("architecture", "pretrained", "seed")]
    varied = [name for name in names if study.trials[name].nunique(dropna=False) > 1]
    rows = []
    for row in board.head(LEADERBOARD_ROWS).to_dict("records"):
        found = {"Criterion": str(row["criterion"]).replace("_", " ")} if "criterion" in row else {}
        found |= {"Rank": count(row["rank"]), "Trial": row["trial"], "Arm": arm_label(study, row["arm"])}
        if board["finalist_mean"].notna().any():
            found["Mean of repeats"] = number(row["finalist_mean"])
        found |= {"Kappa": with_interval(row, "kappa"), "Accuracy": with_interval(row, "accuracy")}
        found |= {"Majority": number(row["majority"]), "n": count(row["n"])}
        found |= {name.replace("_", " "): plain(row[name]) for name in varied}
        found |= {"Epoch": count(row["best_epoch"]), "Constant predictor": yes(row["constant_predictor"])}
        rows.append(found | ({"Measured on": row["split"]} if "criterion" in row else {}))
    columns = [*(["Criterion"] if "criterion" in board else []), "Rank", "Trial", "Arm", "Kappa", "Accuracy"]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=columns)


def _pairs(pairs: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for row in pairs.to_dict("records"):
        known = row["status"] == RUN
        rows.append(
            {
                "Pair": row["pair"],
                "Accuracy": with_interval(row, "accuracy_difference") if known else row["status"],
                f"{str(row['score']).capitalize()}, of the configurations": _configuration(row),
                "Kappa": with_interval(row, "kappa_difference") if known else "–",
                "p (adjusted)": p_value(row["p_adjusted"]),
                "n (patients)": f"{count(row['n'])} ({count(row['patients'])})",
                "Seeds": count(row["seeds"]),
            }
        )
    return pd.DataFrame(rows)


def _configuration(pair: Row) -> str:
    """Bounds of a difference in the objective for one more seed."""
    return signed_bounds(pair, f"{pair['score']}_difference_configuration") or "–"


def _seeds(seeds: pd.DataFrame) -> pd.DataFrame:
    names = {"label": "Arm", "split": "Measured on", "seed": "Seed", "n": "n"}
    table = seeds[[*names, *DIFFERENCES, "balanced_accuracy", "auc"]].rename(columns=names | SCORE_NAMES)
    return table.map(lambda value: number(value) if isinstance(value, float) else str(value))
