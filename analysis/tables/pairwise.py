"""The arms against each other, and the seeds of each beside one another."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from analysis import schema
from analysis.results.columns import (
    DIFFERENCES,
    NEW_PATIENTS,
    NO_RESULT,
    NOT_CONFIRMED,
    PAIRS,
    RUN,
    SEEDS,
    TEST,
    VALIDATION,
    split_text,
)
from analysis.results.labels import arm_label, arm_labels
from analysis.results.predictions import PredictionSet, every_confirmed, has_new_patients, primary_predictions
from analysis.results.study_runs import StudyRuns
from analysis.stats.bootstrap import Estimate, configuration_interval
from analysis.stats.metrics import accuracy_and_kappa, auc_ovr, scores_from_confusion
from analysis.stats.paired_tests import difference_by_group, has_repeats, holm, mcnemar_midp, paired_test
from analysis.tables.score_models import RESAMPLES, SEED, TEST_RESAMPLES, constant_predictor_seeds

WIDEST = {"accuracy": 1.0, "kappa": 2.0}
"""No difference of two scores is larger."""


def pairs(study: StudyRuns, board: pd.DataFrame) -> pd.DataFrame:
    """The six pairs of arms, the later of schema.ARM_LABELS minus the earlier, on the split of the primary endpoint.

    board: arm_comparison.leaderboard(study). Columns: columns.PAIRS. Images that only one of the two was measured on
    (folds that one has not confirmed yet) are left out. p tests accuracy alone; of models that were chosen on the
    images they are measured on it is only a description, and `split` says so.
    """
    measured_on, models = primary_predictions(study, board)
    labels = arm_labels(study)
    split = split_text(measured_on, study.selection_split)
    rows = []
    for arm_b, arm_a in combinations(schema.ARM_LABELS, 2):
        label_a, label_b = labels[arm_a], labels[arm_b]
        row: dict[str, Any] = {"pair": f"{label_a} − {label_b}", "measured_on": measured_on, "split": split}
        row |= {"arm_a": arm_a, "arm_b": arm_b, "label_a": label_a, "label_b": label_b}
        missing = [labels[arm] for arm in (arm_a, arm_b) if arm not in models]
        if missing:
            started = all((board["arm"] == arm).any() for arm in (arm_a, arm_b))
            status = NOT_CONFIRMED if started and measured_on != VALIDATION else NO_RESULT
            row |= {"status": status, "reason": f"no predictions of {' and '.join(missing)}"}
        else:
            resamples = RESAMPLES if measured_on == VALIDATION else TEST_RESAMPLES
            row |= {"status": RUN, "reason": ""} | difference(models[arm_a], models[arm_b], resamples)
            if not row["patients"]:
                row |= {"status": NO_RESULT, "reason": f"{label_a} and {label_b} were measured on no image both"}
        rows.append(row)
    table = pd.DataFrame(rows, columns=list(PAIRS))
    tested = table["p"].notna()
    table.loc[tested, "p_holm"] = holm(table.loc[tested, "p"])
    table.loc[tested, "tests"] = int(tested.sum())
    return table


def seed_values(study: StudyRuns, board: pd.DataFrame) -> pd.DataFrame:
    """Each seed of each confirmed configuration, an arm's best one first, on the test split, and on its images of new
    patients where they are fewer than all.

    board: arm_comparison.leaderboard(study). Columns: columns.SEEDS; empty where nothing was confirmed.
    """
    rows = []
    for arm, models in every_confirmed(study, board):
        splits = {TEST: models}
        if has_new_patients(models):
            splits[NEW_PATIENTS] = models.only(models.new_patients)
        for measured_on, one in splits.items():
            rows += [_seed(arm_label(study, arm), arm, measured_on, one, place) for place in range(len(one.seeds))]
    return pd.DataFrame(rows, columns=list(SEEDS))


def difference(a: PredictionSet, b: PredictionSet, resamples: int) -> dict[str, Any]:
    """Columns of columns.PAIRS that a pair has of two arms' models, on the images that both were measured on."""
    a, b = _on_shared_images(a, b)
    row: dict[str, Any] = {"n": int(np.unique(a.row).size), "seeds": min(len(a.seeds), len(b.seeds))}
    counts_a, counts_b = a.counts(), b.counts()
    row["patients"] = counts_a.shape[0]
    if not row["patients"]:
        return row
    rng = np.random.default_rng(SEED)
    found = difference_by_group(counts_a, counts_b, accuracy_and_kappa, rng, resamples=resamples)
    of_a, of_b = (accuracy_and_kappa(counts.sum(axis=0)) for counts in (counts_a, counts_b))
    for name in DIFFERENCES:
        row |= _named(f"{name}_difference", found[name])
        if found[name].low == found[name].high != 0:  # one patient, or each alike: the bootstrap knows no doubt
            row |= {f"{name}_difference_low": np.nan, f"{name}_difference_high": np.nan}
        if len(a.seeds) == len(b.seeds) and not np.isnan([of_a[name], of_b[name]]).any():
            configuration, widest = (
                configuration_interval(of_a[name] - of_b[name], float(found[name].variance)),
                WIDEST[name],
            )
            if configuration.low == configuration.high:  # as in measure: nothing was seen of how seeds may differ
                continue
            row |= {f"{name}_difference_configuration_low": float(np.clip(configuration.low, -widest, widest))}
            row |= {f"{name}_difference_configuration_high": float(np.clip(configuration.high, -widest, widest))}
    rng = np.random.default_rng(SEED)
    row["p"] = paired_test(a.correct(), b.correct(), a.patient, rng, resamples=TEST_RESAMPLES)
    if row["seeds"] == len(a.seeds) == len(b.seeds) == 1 and not has_repeats(a.patient):
        row["p_mcnemar"] = mcnemar_midp(a.correct() == 1, b.correct() == 1, a.patient)
    return row


def _on_shared_images(a: PredictionSet, b: PredictionSet) -> tuple[PredictionSet, PredictionSet]:
    """Both on the images that both have, in the same order."""
    keys = [pd.MultiIndex.from_arrays([one.fold, one.row]) for one in (a, b)]
    shared = [one.only(own.isin(other)) for one, own, other in zip((a, b), keys, reversed(keys), strict=True)]
    return shared[0], shared[1]


def _named(name: str, found: Estimate) -> dict[str, Any]:
    return {name: float(found.value), f"{name}_low": float(found.low), f"{name}_high": float(found.high)}


def _seed(label: str, arm: str, measured_on: str, models: PredictionSet, place: int) -> dict[str, Any]:
    counts = models.counts()
    total = counts[:, place].sum(axis=0)
    row: dict[str, Any] = {"arm": arm, "label": label, "trial": models.trial}
    row |= {"measured_on": measured_on, "split": split_text(measured_on), "seed_index": place}
    row |= {"seed": models.seeds[place], "confirm": models.runs[place]}
    row |= {
        "n": int(total.sum()),
        "patients": counts.shape[0],
        "constant_predictor": bool(constant_predictor_seeds(models)[place]),
    }
    row |= {name: float(value) for name, value in scores_from_confusion(total).items()}
    return row | {"auc": auc_ovr(models.grade, models.probabilities[place])}
