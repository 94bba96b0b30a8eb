"""Tables for a paper: Markdown and LaTeX, with what a reader needs of them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from analysis import schema
from analysis.report import text_tables
from analysis.results.columns import DIFFERENCES, NEW_PATIENTS, RUN, TEST, VALIDATION, headline
from analysis.results.labels import RULES, arm_label
from analysis.results.mlflow_reader import StudyRuns
from analysis.table_files import latex, markdown, write_csv
from analysis.tables import arm_comparison, best, finalists
from analysis.tables.all_tables import TableSet
from analysis.tables.arm_comparison import with_interval
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


def write_tables(study: StudyRuns, made: TableSet, folder: Path) -> dict[str, Path]:
    """Write NAME.csv into the folder, NAME.md and NAME.tex into its subfolder tables/; returns name -> CSV.

    The CSV files hold every column and row. The others hold what a page can show: scores with their intervals in one
    cell, the first LEADERBOARD_ROWS rows of a list.
    """
    full = {
        "leaderboard": made.board,
        "best": made.best,
        "best_by_accuracy": made.best_by_accuracy,
        "four_way": made.cells,
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
    for name, (table, caption) in shown(study, made).items():
        write_whole(folder / "tables" / f"{name}.md", markdown(table, caption).encode())
        write_whole(folder / "tables" / f"{name}.tex", latex(table, caption, f"{study.name}-{name}").encode())
    return paths


def shown(study: StudyRuns, made: TableSet) -> dict[str, tuple[pd.DataFrame, str]]:
    """Name -> table of texts as a page shows it, and its caption."""
    judged = headline(made.cells)
    given = "Intervals are 95 %, over patients, given the trained models"
    several = judged["seeds"].max() > 1
    cells = f"The four cells of study {study.name}. {given}{'; scores are means over seeds' if several else ''}."
    ranked = (
        f"Trials of study {study.name} by {arm_comparison.objective(study)}, on {arm_comparison.part(study)}. {given}."
    )
    reaching = f"Configurations of study {study.name} with an accuracy of {100 * best.THRESHOLD:g} % or more, by two "
    reaching += f"criteria that are kept apart. {given}."
    against = f"Differences between cells of study {study.name}, on {made.pairs['split'].iloc[0]}. {given}; p of the "
    against += "paired permutation test of accuracy by patient, adjusted by Holm over all pairs that could be tested."
    seeds = f"Each seed of the confirmed cells of study {study.name}."
    return {
        "four_way": (_four_way(made.cells, judged), cells),
        "leaderboard": (_trials(study, made.board), ranked),
        "best": (_trials(study, made.best), reaching),
        "pairs": (_pairs(made.pairs), against),
        "seeds": (_seeds(made.seeds), seeds),
        **_of_choice(study, made),
        "failures": (made.failures.astype(str), f"What did not end in order in study {study.name}."),
    }


def _of_choice(study: StudyRuns, made: TableSet) -> dict[str, tuple[pd.DataFrame, str]]:
    """What was trained again before a winner was named, what the search gained, and the seeds as one model."""
    score = arm_comparison.objective(study)
    again = f"Configurations of study {study.name} that were trained again with fresh seeds on other divisions of the "
    again += f"training list; the mean {score} of the repeats is a configuration's validation score."
    won = f"What the search of study {study.name} gained over its first trial, by patient, the same seeds of both."
    one = (
        f"The mean of the seeds' probabilities as one model, study {study.name}; not to be compared with single models."
    )
    found = {
        "finalists": (text_tables.finalist_texts(made.finalists, score), again),
        "drop": (text_tables.drop_texts(made.drop), f"{finalists.drop_sentence(made.drop)}"),
        "gain": (text_tables.gain_texts(made.gain), won),
        "ensembles": (text_tables.ensemble_texts(made.ensembles), one),
    }
    return {name: (table, caption) for name, (table, caption) in found.items() if len(table)}


def _four_way(cells: pd.DataFrame, judged: pd.DataFrame) -> pd.DataFrame:
    """Cells as columns, what was measured as rows."""
    columns = {}
    for cell, row in zip(cells.to_dict("records"), judged.to_dict("records"), strict=True):
        columns[str(cell["cell"])] = _cell(cell, row)
    table = pd.DataFrame(columns)
    table.insert(0, "", table.index)
    return table.reset_index(drop=True).fillna("–")


def _cell(cell: Row, judged: Row) -> dict[str, str]:
    """One cell's column; cell: of four_way, judged: of its headline."""
    found = {"Measured on": str(judged["split"]), "Trial": str(judged["trial"]) or "–"}
    found["Trials ended"] = f"{cell['trials_ended']} of {cell['trials']}"
    if cell["trials_stopped"]:
        found["Trials ended"] += f", {cell['trials_stopped']} early, without a score"
    found |= {"Images seen": _count(cell["images_seen"]), "Seconds": _count(cell["seconds"])}
    if judged["status"] != RUN:
        return found | {"Result": f"{judged['status']}: {judged['reason']}"}
    found["Grades called"] = RULES[str(judged["decision"])]
    if not pd.isna(judged["finalist_mean"]):
        repeats, spread = _count(judged["finalist_repeats"]), _number(judged["finalist_sd"])
        found["Validation score"] = f"{_number(judged['finalist_mean'])} (mean of {repeats} repeats, sd {spread})"
    if judged["measured_on"] != VALIDATION:
        found["Seeds"] = f"{judged['seeds']} ({judged['seed_numbers']})"
    found |= {"Images (patients)": f"{_count(judged['n'])} ({_count(judged['patients'])})"}
    found["Majority class"] = _number(judged["majority"])
    found["Accuracy beyond it"] = with_interval(judged, "gain_over_majority")
    if not pd.isna(cell["fellow_copy"]):
        found["Fellow-eye copy"] = f"{cell['fellow_copy']:.5f} (n = {_count(cell['fellow_copy_n'])})"
    for score, name in SCORE_NAMES.items():
        found[name] = with_interval(judged, score)
        if not pd.isna(judged[f"{score}_sd"]) and score in DIFFERENCES:
            found[f"{name}, sd over seeds"] = _number(judged[f"{score}_sd"])
            found[f"{name}, of the recipe"] = (
                f"{_number(judged[f'{score}_recipe_low'])} to {_number(judged[f'{score}_recipe_high'])}"
            )
        if judged["measured_on"] == VALIDATION and score in DIFFERENCES and cell["chosen_among"] >= 1:
            corrected = with_interval(cell, f"{score}_corrected")
            found[f"{name}, corrected for the choice"] = f"{corrected}, best of {_count(cell['chosen_among'])}"
        if judged["measured_on"] == NEW_PATIENTS and score in DIFFERENCES:
            found[f"{name}, all test images"] = with_interval(cell, f"{TEST}_{score}")
    if not pd.isna(judged["other_accuracy"]):
        rule = f"Accuracy; kappa, other rule ({RULES[str(judged['other_rule'])]})"
        found[rule] = f"{_number(judged['other_accuracy'])}; {_number(judged['other_kappa'])}"
    found["Degenerate"] = _yes(judged["degenerate"])
    return found


def _trials(study: StudyRuns, board: pd.DataFrame) -> pd.DataFrame:
    """Rows of the leaderboard or of best.best, with the hyperparameters that differ between trials."""
    names = [name for name in study.hyperparameters if name not in ("architecture", "pretrained", "seed")]
    varied = [name for name in names if study.trials[name].nunique(dropna=False) > 1]
    rows = []
    for row in board.head(LEADERBOARD_ROWS).to_dict("records"):
        found = {"Criterion": str(row["criterion"]).replace("_", " ")} if "criterion" in row else {}
        found |= {"Rank": _count(row["rank"]), "Trial": row["trial"], "Arm": arm_label(study, row["arm"])}
        if board["finalist_mean"].notna().any():
            found["Mean of repeats"] = _number(row["finalist_mean"])
        found |= {"Kappa": with_interval(row, "kappa"), "Accuracy": with_interval(row, "accuracy")}
        found |= {"Majority": _number(row["majority"]), "n": _count(row["n"])}
        found |= {name.replace("_", " "): _value(row[name]) for name in varied}
        found |= {"Epoch": _count(row["best_epoch"]), "Degenerate": _yes(row["degenerate"])}
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
                "Accuracy, of the recipes": _recipe(row),
                "Kappa": with_interval(row, "kappa_difference") if known else "–",
                "p": _p(row["p"]),
                "p (Holm)": _p(row["p_holm"]),
                "n (patients)": f"{_count(row['n'])} ({_count(row['patients'])})",
                "Seeds": _count(row["seeds"]),
            }
        )
    return pd.DataFrame(rows)


def _recipe(pair: Row) -> str:
    """Bounds of a difference in accuracy with any seed."""
    low, high = (pair[f"accuracy_difference_recipe{end}"] for end in ("_low", "_high"))
    return "–" if pd.isna(low) else f"{low:.3f} to {high:.3f}"


def _seeds(seeds: pd.DataFrame) -> pd.DataFrame:
    names = {"cell": "Arm", "split": "Measured on", "seed": "Seed", "n": "n"}
    table = seeds[[*names, *DIFFERENCES, "balanced_accuracy", "auc"]].rename(columns=names | SCORE_NAMES)
    return table.map(lambda value: _number(value) if isinstance(value, float) else str(value))


def _p(value: Any) -> str:
    """A p-value; the permutation test does not tell smaller ones apart."""
    return "–" if pd.isna(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _yes(value: Any) -> str:
    return "–" if pd.isna(value) else "yes" if value else "no"


def _number(value: Any) -> str:
    return "–" if pd.isna(value) else f"{value:.3f}"


def _count(value: Any) -> str:
    return "–" if pd.isna(value) else f"{int(value):,}"


def _value(value: Any) -> str:
    """A hyperparameter, numbers with three significant digits."""
    return "–" if pd.isna(value) else f"{value:.3g}" if isinstance(value, float) else str(value)
