"""What the leaderboard knows of each trial on validation: scores, intervals, and the optimism of the best of an arm."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.results.columns import BOARD, CLAIMED, CORRECTED
from analysis.results.study_runs import StudyRuns
from analysis.schema import PROBABILITIES
from analysis.stats.bootstrap import confusion_by_group
from analysis.stats.influence import by_patient, kappa_interval
from analysis.stats.metrics import (
    Floats,
    Ints,
    accuracy,
    accuracy_and_kappa,
    auc_ovr,
    called,
    is_constant_predictor,
    majority_share,
    quadratic_kappa,
    scores_from_confusion,
)
from analysis.stats.selection_bias import bbc_cv
from analysis.tables.score_models import SEED, claimed, counted, images_of, majority_gain, share_bounds

CORRECTION_RESAMPLES = 1_000

Row = dict[str, object]


def trial_scores(study: StudyRuns, ended: pd.DataFrame, score: str) -> pd.DataFrame:
    """trial, columns.BOARD, CLAIMED and CORRECTED of each trial; NaN where neither predictions nor counts are.

    ended: rows of study.trials, best first, so that the first of each arm and fold is what was chosen, by `score`.
    Where it has finalist_mean it was chosen by that, on other patients: CORRECTED is NaN there.
    """
    rows: dict[str, Row] = {}
    counts: dict[str, Ints] = {}  # trial -> (patients, 5, 5)
    patients: dict[str, bytes] = {}
    recorded_auc = dict(zip(ended["trial"], ended["best_val_auc"], strict=True))
    for trial in ended["trial"]:
        if trial not in study.confusions:
            continue
        found = study.predictions.get(trial)
        if found is None:
            rows[trial] = {name: value for name, value in counted([study.confusions[trial]]).items() if name in BOARD}
            continue
        counts[trial], rows[trial] = _from_predictions(found, recorded_auc[trial], study.decision)
        patients[trial] = found["patient"].to_numpy().tobytes()
    level = 1 - 0.05 / max(len(counts), 1)
    for trial, by_patient_counts in counts.items():
        rows[trial] |= _intervals(by_patient_counts[:, None], level)
    for _, own in ended.groupby(["arm", "fold"], sort=False):
        best = own["trial"].iloc[0]
        if best in counts and pd.isna(own["finalist_mean"].iloc[0]):  # its repeats say what is left, if it has some
            alike = next(group for group in _alike(list(own["trial"]), patients) if best in group)
            rows[best] |= _correction([counts[trial] for trial in alike], score)
    table = pd.DataFrame([{"trial": trial} | row for trial, row in rows.items()])
    return table.reindex(columns=["trial", *BOARD, *CLAIMED, *CORRECTED]).astype({"trial": study.trials["trial"].dtype})


def _alike(trials: list[str], patients: dict[str, bytes]) -> list[list[str]]:
    """Those trials that were measured on the same patients together, each group in the order given."""
    groups: dict[bytes, list[str]] = {}
    for trial in trials:
        if trial in patients:
            groups.setdefault(patients[trial], []).append(trial)
    return list(groups.values())


def _from_predictions(table: pd.DataFrame, auc: float, decision: str) -> tuple[Ints, Row]:
    """Counts (patients, 5, 5) and every score of a trial's predictions; auc: as recorded, or NaN."""
    probabilities = table[list(PROBABILITIES)].to_numpy()
    counts = confusion_by_group(table["patient"], table["grade"], called(probabilities, decision))
    total = counts.sum(axis=0)
    row: Row = {name: float(value) for name, value in scores_from_confusion(total).items()}
    row |= {
        "auc": auc_ovr(table["grade"], probabilities) if np.isnan(auc) else auc
    }  # ranks of all images take their time
    row |= {"n": int(total.sum()), "majority": float(majority_share(total))}
    row |= {"constant_predictor": bool(is_constant_predictor(total)), "interval_over": "patients"}
    row |= images_of(counts[:, None]) | majority_gain(counts[:, None])
    return counts.astype(np.int16), row  # a thousand trials fit into memory


def _intervals(counts: Ints, level: float) -> Row:
    """Bounds of accuracy and kappa, and columns.CLAIMED; counts (patients, 1, 5, 5)."""
    row: Row = {}
    for score, bounds in (
        ("accuracy", share_bounds(counts)["accuracy"]),
        ("kappa", kappa_interval(by_patient(counts, "kappa"))),
    ):
        row[f"{score}_low"], row[f"{score}_high"] = bounds
    return row | claimed(counts, level)


def _correction(counts: list[Ints], score: str) -> dict[str, Any]:
    """columns.CORRECTED of the best of trials, chosen by `score`; counts (patients, 5, 5) of each."""
    chosen_by = quadratic_kappa if score == "kappa" else accuracy

    def both(confusion: Floats) -> Floats:
        return np.stack([*accuracy_and_kappa(confusion).values()], axis=-1)

    found = bbc_cv(
        np.stack(counts), chosen_by, np.random.default_rng(SEED), evaluate=both, resamples=CORRECTION_RESAMPLES
    )
    row: dict[str, Any] = {"chosen_among": len(counts)}
    for place, name in enumerate(("accuracy", "kappa")):
        row |= {f"{name}_corrected": float(found.value[place])}
        row |= {f"{name}_corrected_low": float(found.low[place]), f"{name}_corrected_high": float(found.high[place])}
    return row
